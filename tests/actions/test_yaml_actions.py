"""Repairs of YAML files as actions: what they plan against a real folder."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from dddoctor import actions
from dddoctor.actions import Refused
from dddoctor.hosts.overlay import OverlayHost
from dddoctor.hosts.root import RootHost
from dddoctor.hosts.spans import apply_spans
from dddoctor.model import Change, Edit
from dddoctor.repair import proves
from dddoctor.yamltext import defects, read

CHECK = "/etc/datadog-agent/conf.d/my_metric.yaml"
MAIN = "/etc/datadog-agent/datadog.yaml"


def host_with(folder: Path, files: dict[str, str]) -> RootHost:
    for path, text in files.items():
        place = folder / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(text.encode())
    return RootHost(folder)


def plan(folder: Path, file: str, text: str, name: str, **parameters: Any) -> list[Change]:
    actions.load_all()
    return actions.ACTIONS[name](file=file, **parameters).plan(host_with(folder, {file: text}))  # type: ignore[no-any-return]


def repaired(folder: Path, file: str, text: str, name: str, **parameters: Any) -> str:
    """The text after the planned edit, which the repair loop's own proof must accept as well."""
    (edit,) = plan(folder, file, text, name, **parameters)
    assert isinstance(edit, Edit)
    assert (edit.file, edit.base_sha, edit.kind) == (file, hashlib.sha256(text.encode()).hexdigest(), "yaml")
    after = apply_spans(text.encode(), edit.spans)
    assert proves(text.encode(), after, edit)
    overlay = OverlayHost(RootHost(folder))
    overlay.apply(edit)
    assert overlay.read(file) == after
    return after.decode()


def test_the_interval_moves_into_each_instance(tmp_path: Path) -> None:
    """Its value is read from the file, never from a row."""
    text = "min_collection_interval: 45\n\ninstances: [{}]\n"

    after = repaired(
        tmp_path,
        CHECK,
        text,
        "move_yaml_key",
        from_="min_collection_interval",
        to="instances[*].min_collection_interval",
    )

    assert after == "\ninstances: [{min_collection_interval: 45}]\n"


def test_a_check_file_without_instances_gets_one(tmp_path: Path) -> None:
    """The file did not load before, so it is no reason to refuse."""
    assert repaired(tmp_path, CHECK, "init_config:\n# instances:\n", "set_yaml", key="instances", value=[{}]) == (
        "init_config:\ninstances: [{}]\n# instances:\n"
    )


def test_a_section_of_datadog_yaml_comes_into_being(tmp_path: Path) -> None:
    assert repaired(
        tmp_path, MAIN, "site: datadoghq.eu  # ours\r\n", "set_yaml", key="apm_config.enabled", value=True
    ) == ("site: datadoghq.eu  # ours\r\napm_config:\r\n  enabled: true\r\n")


def test_a_tag_is_added(tmp_path: Path) -> None:
    assert (
        repaired(tmp_path, MAIN, "tags: [env:dev]\n", "add_yaml_item", path="tags", value="team:a")
        == "tags: [env:dev, team:a]\n"
    )


def test_a_key_is_renamed_where_it_stands(tmp_path: Path) -> None:
    text = "instances:\n- min_interval_collection: 45  # s\n"

    after = repaired(
        tmp_path,
        CHECK,
        text,
        "rename_yaml_key",
        path="instances[0].min_interval_collection",
        to="min_collection_interval",
    )

    assert after == "instances:\n- min_collection_interval: 45  # s\n"


def test_a_key_is_removed_and_its_comment_stays(tmp_path: Path) -> None:
    assert (
        repaired(tmp_path, MAIN, "api_key: x\nenabled: true  # APM?\n", "remove_yaml_key", path="enabled")
        == "api_key: x\n# APM?\n"
    )


def test_the_removal_of_an_item_may_move_the_others_up(tmp_path: Path) -> None:
    assert repaired(tmp_path, MAIN, "tags:\n- a\n- b\n- c\n", "remove_yaml_key", path="tags[0]") == "tags:\n- b\n- c\n"


def test_a_text_is_repaired_by_line_and_kind(tmp_path: Path) -> None:
    """The correction is computed again from the file."""
    text = "init_config:\ninstances:\n-min_collection_interval: 45\n"
    defect = next(d for d in defects(read(text.encode(), "check")) if d.correction is not None)

    after = repaired(tmp_path, CHECK, text, "repair_yaml_text", line=defect.line, kind=defect.kind)

    assert read(after.encode(), "check").value() == {
        "init_config": None,
        "instances": [{"min_collection_interval": 45}],
    }


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("set_yaml", {"key": "instances[*].host", "value": "a"}),
        ("add_yaml_item", {"path": "instances[0].tags", "value": "t"}),
        ("move_yaml_key", {"from_": "min_collection_interval", "to": "instances[*].min_collection_interval"}),
        ("remove_yaml_key", {"path": "init_config"}),
        ("rename_yaml_key", {"path": "instances[0].hots", "to": "host"}),
        ("repair_yaml_text", {"line": 1, "kind": "stray-backtick"}),
    ],
)
def test_what_is_right_already_needs_no_change(tmp_path: Path, name: str, parameters: dict[str, Any]) -> None:
    assert plan(tmp_path, CHECK, "instances:\n- host: a\n  tags: [t]\n", name, **parameters) == []


@pytest.mark.parametrize(
    ("text", "name", "parameters", "words"),
    [
        ("instances: {", "set_yaml", {"key": "a", "value": 1}, "no YAML"),
        ("instances: [{}]\n", "set_yaml", {"key": "instances", "value": []}, "would not load"),
        ("instances: [{}]\n", "remove_yaml_key", {"path": "instances"}, "would not load"),
        ("instances: [{}]\n", "set_yaml", {"key": "a", "value": {1: 2}}, "is no text"),
        ("a: &x {b: 1}\ninstances: [*x]\n", "remove_yaml_key", {"path": "a.b"}, "other data"),
        ("instances: [{}]\na: 1\nb: 2\n", "rename_yaml_key", {"path": "a", "to": "b"}, "there already"),
    ],
)
def test_what_would_do_harm_is_refused_in_words(
    tmp_path: Path, text: str, name: str, parameters: dict[str, Any], words: str
) -> None:
    with pytest.raises(Refused, match=words):
        plan(tmp_path, CHECK, text, name, **parameters)


def test_a_file_that_is_gone_or_unreadable_is_refused(tmp_path: Path) -> None:
    actions.load_all()
    action = actions.ACTIONS["set_yaml"](file=MAIN, key="a", value=1)
    host_with(tmp_path, {MAIN: "b: 1\n"})

    with pytest.raises(Refused, match="there is no"):
        actions.ACTIONS["set_yaml"](file=CHECK, key="a", value=1).plan(RootHost(tmp_path))
    with pytest.raises(Refused, match="could not be read"):
        action.plan(RootHost(tmp_path, unreadable=[MAIN]))


def test_a_file_nested_without_end_is_refused_and_does_not_crash(tmp_path: Path) -> None:
    text = (
        "a: "
        + "[" * 9000
        + "]" * 9000
        + "\nb:\n"
        + "".join(" " * n + "- \n" for n in range(1, 3))
        + "instances: [{}]\n"
    )

    with pytest.raises(Refused):
        plan(tmp_path, CHECK, text, "move_yaml_key", from_="a", to="instances[*]" + ".a" * 5000)


def test_parameters_are_as_the_rules_write_them() -> None:
    actions.load_all()

    assert actions.params("move_yaml_key") == {"file": ("str", True), "from": ("str", True), "to": ("str", True)}
    assert actions.params("set_yaml") == {"file": ("str", True), "key": ("str", True), "value": ("object", True)}
    assert {name: actions.STAGES[name] for name in ("repair_yaml_text", "set_yaml", "move_yaml_key")} == {
        "repair_yaml_text": 0,
        "set_yaml": 1,
        "move_yaml_key": 1,
    }
