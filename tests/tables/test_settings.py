"""Settings as the Agent has them: file, environment and defaults, and the keys that it does not know."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dddoctor.hosts.root import RootHost
from dddoctor.model import Gap, Kind
from dddoctor.secrets import Vault
from dddoctor.tables import agents, settings
from dddoctor.tables._environment import assignments, directives, environment_file
from dddoctor.tables._near import nearest
from dddoctor.tables.settings import Setting, UnknownSetting, ini_settings

HostOf = Callable[..., RootHost]
MAIN, ENVIRONMENT = "/etc/datadog-agent/datadog.yaml", "/etc/datadog-agent/environment"


def collected(host: RootHost, vault: Vault | None = None) -> list[Any]:
    found = [a for a in agents.collect(host) if isinstance(a, agents.Agent)]
    return list(settings.collect(host, vault or Vault(), found))


def effective(host: RootHost) -> dict[str, Setting]:
    return {row.key: row for row in collected(host) if isinstance(row, Setting)}


def of_file(host: RootHost) -> dict[str, tuple[str | None, str | None, int | None]]:
    return {k: (s.value, s.type, s.line) for k, s in effective(host).items() if s.origin == "file"}


def unknown(host: RootHost) -> list[tuple[str, str | None]]:
    return [(row.key, row.nearest) for row in collected(host) if isinstance(row, UnknownSetting)]


def test_keys_are_lower_case_and_dots_are_levels(host_of: HostOf) -> None:
    """Measured: dd-uppercase-keys, dd-dotted-key."""
    text = "Site: datadoghq.eu\nAPM_config:\n  Enabled: off\nlogs_config.open_files_limit: 77\n"

    assert of_file(host_of({MAIN: text})) == {
        "site": ("datadoghq.eu", "str", 1),
        "apm_config": (None, "map", 2),
        "apm_config.enabled": ("false", "bool", 3),
        "logs_config.open_files_limit": ("77", "int", 4),
    }


def test_of_equal_keys_the_last_one_replaces_the_others_whole(host_of: HostOf) -> None:
    text = "apm_config:\n  enabled: false\n  env: a\nsite: a\nAPM_CONFIG:\n  env: b\nsite: b\n"

    assert of_file(host_of({MAIN: text})) == {
        "apm_config": (None, "map", 5),
        "apm_config.env": ("b", "str", 6),
        "site": ("b", "str", 7),
    }


def test_null_keeps_the_default(host_of: HostOf) -> None:
    found = effective(host_of({MAIN: "apm_config:\nlog_level:\n"}))

    assert {k: found[k] for k in ("apm_config.enabled", "log_level")} == {
        "apm_config.enabled": Setting(
            "package", "apm_config.enabled", "true", "bool", "default", None, None, "bool", None, None, None, None
        ),
        "log_level": Setting(
            "package", "log_level", "info", "str", "default", None, None, "str", None, None, None, None
        ),
    }


def test_a_scalar_in_place_of_a_section_takes_its_defaults_away(host_of: HostOf) -> None:
    """7.52: the debug port is then 0, while APM stays on."""
    found = effective(host_of({MAIN: "apm_config: true\n"}))

    assert "apm_config.debug.port" not in found
    assert found["apm_config.enabled"].value == "true"


def test_a_list_is_json(host_of: HostOf) -> None:
    assert of_file(host_of({MAIN: "tags: [a:b, 1, yes, {c: d}, ~]\n"})) == {
        "tags": ('["a:b", "1", "true", null, null]', "list", 1)
    }


def test_the_environment_file_wins_over_the_main_file(host_of: HostOf) -> None:
    """An empty variable is not set, a line with export is dropped by systemd (7.52, 7.72.4)."""
    host = host_of(
        {
            MAIN: "site: a\nlog_level: warn\n",
            ENVIRONMENT: 'DD_SITE="datadoghq.eu"\nexport DD_LOG_LEVEL=debug\nDD_HOSTNAME=\nDD_TAGS=a:b c:d\nPATH=/x\n',
        }
    )
    found = effective(host)

    assert [found[k][2:7] for k in ("site", "tags", "log_level")] == [
        ("datadoghq.eu", "str", "env", ENVIRONMENT, 1),
        ('["a:b", "c:d"]', "list", "env", ENVIRONMENT, 4),
        ("warn", "str", "file", MAIN, 2),
    ]
    assert "hostname" not in found


def test_a_unit_of_its_own_speaks_for_the_trace_agent_only(host_of: HostOf) -> None:
    drop_in = "/etc/systemd/system/datadog-agent{}.service.d/override.conf"
    host = host_of(
        {
            MAIN: "",
            drop_in.format("-trace"): "[Service]\nEnvironment=DD_APM_ENABLED=false DD_SITE=a\n",
            drop_in.format(""): "[Service]\nEnvironment=DD_SITE=b DD_APM_RECEIVER_PORT=1\n",
        }
    )
    found = effective(host)

    assert [(found[k].value, found[k].origin) for k in ("apm_config.enabled", "site", "apm_config.receiver_port")] == [
        ("false", "unit"),
        ("b", "unit"),
        ("8126", "default"),
    ]


def test_an_empty_assignment_in_a_later_drop_in_takes_the_earlier_ones_back(host_of: HostOf) -> None:
    folder = "/etc/systemd/system/datadog-agent.service.d"
    host = host_of(
        {
            MAIN: "",
            f"{folder}/1.conf": "[Service]\nEnvironment=DD_LOG_LEVEL=debug\n",
            f"{folder}/2.conf": "[Service]\nEnvironment=\n",
        }
    )

    assert effective(host)["log_level"].origin == "default"


@pytest.mark.parametrize("text", ["site: a\n\ttags: b\n", "- a\n", "a: [\n"])
def test_a_main_file_that_does_not_load_gives_no_settings_and_no_defaults(host_of: HostOf, text: str) -> None:
    host = host_of({MAIN: text, ENVIRONMENT: "DD_SITE=datadoghq.eu\n"})
    rows = collected(host)

    assert {r.origin for r in rows if isinstance(r, Setting)} == {"env"}
    assert [(g.where, g.kind) for g in rows if isinstance(g, Gap)] == [("package", Kind.TOOL)]


def test_a_main_file_that_cannot_be_read_is_a_gap(host_of: HostOf) -> None:
    rows = collected(host_of({MAIN: "site: a\n"}, unreadable=(MAIN,)))

    assert [(type(r), r.kind, r.remedy) for r in rows] == [(Gap, Kind.DENIED, "sudo")]


def test_an_unreadable_environment_file_is_a_gap_beside_the_rest(host_of: HostOf) -> None:
    rows = collected(host_of({MAIN: "site: a\n", ENVIRONMENT: "DD_SITE=b\n"}, unreadable=(ENVIRONMENT,)))

    assert [r.where for r in rows if isinstance(r, Gap)] == ["package", "package"]
    assert [r.value for r in rows if isinstance(r, Setting) and r.key == "site"] == ["a"]


def test_without_a_main_file_the_defaults_are_in_force(host_of: HostOf) -> None:
    assert effective(host_of({"/etc/datadog-agent/conf.d/a.yaml": ""}))["cmd_port"].value == "5001"


def test_apm_is_off_by_default_on_the_macos_builds_of_agent_6_only(host_of: HostOf) -> None:
    mac, version = "/opt/datadog-agent/etc/datadog.yaml", "/opt/datadog-agent/version-manifest.txt"

    assert effective(host_of({mac: "", version: "agent 6.5.2\n"}))["apm_config.enabled"].value == "false"
    found = effective(host_of({mac: "", version: "agent 7.52.0\n"}))
    assert [found[k].value for k in ("apm_config.enabled", "gui_port", "confd_path")] == [
        "true",
        "5002",
        "/opt/datadog-agent/etc/conf.d",
    ]


def test_secrets_become_tokens(host_of: HostOf) -> None:
    key = "0badc0de0badc0de0badc0de0badc0de"
    host = host_of(
        {
            MAIN: f"api_key: {key}\nproxy:\n  https: http://u:hunter2secret@p:3128\nadditional_endpoints:\n  https://a: [{key}]\n",
            ENVIRONMENT: f"DD_APP_KEY={key}0badc0de\n",
        }
    )
    shown = repr(collected(host))

    assert key not in shown
    assert "hunter2secret" not in shown


@pytest.mark.parametrize(
    ("written", "length", "is_hex", "is_placeholder"),
    [
        ("0badc0de0badc0de0badc0de0badc0de", 32, 1, 0),
        ("' 0badc0de0badc0de0badc0de0badc0de '", 32, 1, 0),
        ("<YOUR_API_KEY>", 14, 0, 1),
        ("not-a-key-at-all", 16, 0, 0),
        ("ENC[k]", None, None, None),
    ],
)
def test_of_a_hidden_key_only_its_shape_is_told(
    host_of: HostOf, written: str, length: int | None, is_hex: int | None, is_placeholder: int | None
) -> None:
    found = effective(host_of({MAIN: f"api_key: {written}\n"}))["api_key"]

    assert (found.length, found.is_hex, found.is_placeholder) == (length, is_hex, is_placeholder)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("datadoghq.comm", "datadoghq.com"),
        ("https://app.datadoghq.eu/", "datadoghq.eu"),
        ("app.us3.datadoghq.com", "us3.datadoghq.com"),
        ("DATADOGHQ.EU", "datadoghq.eu"),
        ("datadoghq.eu", None),
        ("ap3.datadoghq.com", None),
        ("intake.example.test", None),
    ],
)
def test_a_site_is_compared_with_those_that_there_are(value: str, expected: str | None) -> None:
    """An unknown one that lies near none may be new, or somebody's own."""
    assert settings.meant_site(value) == expected


def test_datadog_conf_of_agent_5_is_read_by_section(host_of: HostOf) -> None:
    host = host_of(
        {
            "/etc/dd-agent/datadog.conf": "[Main]\n# comment\nTags: a, b\nnon_local_traffic = yes\n[trace.config]\nenv: lab\n"
        }
    )

    assert [(s.key, s.value, s.origin, s.line) for s in collected(host)] == [
        ("tags", "a, b", "file", 3),
        ("non_local_traffic", "yes", "file", 4),
        ("trace.config.env", "lab", "file", 6),
    ]


# --- unknown settings ------------------------------------------------------------------------------------------------


def test_unknown_keys_come_with_the_nearest_known_name(host_of: HostOf) -> None:
    text = "api_kye: x\nlogs_enable: true\nenabled: true\napm_config:\n  enable: true\n  zzz: 1\nmine:\n  enabled: 1\napm_enabled: true\n"

    assert unknown(host_of({MAIN: text})) == [
        ("api_kye", "api_key"),
        ("logs_enable", "logs_enabled"),
        ("enabled", None),
        ("apm_config.enable", "apm_config.enabled"),
        ("apm_config.zzz", None),
        ("mine", None),
        ("apm_enabled", "apm_config.enabled"),
    ]


def test_free_sections_mappings_and_keys_of_other_releases_are_not_judged(host_of: HostOf) -> None:
    text = "proxy: {foo: 1}\nlisteners: [{nam: x}]\nlogs_config:\n  processing_rules: [{x: 1}]\n  use_http: true\nadditional_endpoints: {https://a: [b]}\nkubernetes_pod_labels_as_tags: {a: b}\ndata_plane: {enabled: true}\n"

    assert unknown(host_of({MAIN: text})) == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("min_interval_collection", "min_collection_interval"),
        ("collection_min_interval", "min_collection_interval"),
        ("min-collection-interval", "min_collection_interval"),
        ("Min_Collection_Interval", "min_collection_interval"),
        ("min_colection_intervall", "min_collection_interval"),
        ("mni_collection_interval", "min_collection_interval"),
        ("tagz", "tags"),
        ("min_collection_interval", None),
        ("interval", None),
        ("xy", None),
        ("", None),
        ("usrname", "username"),
        ("pots", None),
    ],
)
def test_the_nearest_name_is_found_by_letters_and_by_words(name: str, expected: str | None) -> None:
    assert nearest(name, ["min_collection_interval", "tags", "host", "username"]) == expected


def test_between_two_names_equally_near_none_is_chosen() -> None:
    assert nearest("abd_timeout", ["abc_timeout", "abe_timeout"]) is None


# --- the parsers -----------------------------------------------------------------------------------------------------


def test_an_environment_file_is_read_as_systemd_does() -> None:
    assert list(environment_file("A=1\n#B=2\n export C=3\n  D='x y'\r\nE=\nF = 1\n")) == [
        ("A", "1", 1),
        ("D", "x y", 4),
        ("E", "", 5),
        ("F", "1", 6),
    ]


def test_a_unit_file_is_read_by_section_with_continued_lines() -> None:
    assert list(directives('[Unit]\nA=1\n[Service]\n# B=2\nEnvironment="A=1" \\\n  B=2\nExecStart=/x\n')) == [
        (5, "Environment", '"A=1"    B=2'),
        (7, "ExecStart", "/x"),
    ]
    assert list(assignments("\"A=1\" B='x y' C")) == [("A", "1"), ("B", "x y")]
    assert list(assignments('A="1')) == [("A", '"1')]


def test_an_ini_file_takes_both_separators() -> None:
    assert list(ini_settings("[Main]\na: b=c\nd=e:f\n ; x: y\n[S]\ng: h\nrest\n")) == [
        ("a", "b=c", 2),
        ("d", "e:f", 3),
        ("s.g", "h", 6),
    ]
