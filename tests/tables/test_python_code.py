"""The code of custom checks as tables: a row for every file that is there, whatever can be read of it."""

from __future__ import annotations

from pathlib import Path

from dddoctor.hosts.root import RootHost
from dddoctor.model import Gap, Kind
from dddoctor.secrets import Vault
from dddoctor.tables import agents, configuration, python_code
from dddoctor.tables.python_code import CustomCheck, LoadableCheck, MisplacedFile, PythonDefect

CHECK = "from datadog_checks.base import AgentCheck\n\nclass M(AgentCheck):\n    def check(self, instance):\n        self.gauge('m', 1)\n"
CHECKS_D = "/etc/datadog-agent/checks.d"


def _rows(
    root: Path, files: dict[str, str], unreadable: tuple[str, ...] = (), vault: Vault | None = None
) -> list[object]:
    for path, text in {"/etc/datadog-agent/datadog.yaml": "", **files}.items():
        target = root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    host, vault = RootHost(root, unreadable), vault or Vault()
    found = [a for a in agents.collect(host) if isinstance(a, agents.Agent)]
    configs = [c for c in configuration.collect(host, vault, found) if isinstance(c, configuration.ConfigFile)]
    return [r for r in python_code.collect(host, vault, found, configs, []) if not isinstance(r, LoadableCheck)]


def test_a_check_and_its_helper_have_rows(tmp_path: Path) -> None:
    """The helper has no class, is imported, and is nobody's check."""
    rows = _rows(
        tmp_path,
        {
            f"{CHECKS_D}/m.py": "import helper\n" + CHECK,
            f"{CHECKS_D}/helper.py": "x = 1\n",
            "/etc/datadog-agent/conf.d/m.yaml": "instances: [{}]\n",
        },
    )

    assert rows == [
        CustomCheck("package", "helper", f"{CHECKS_D}/helper.py", 1, None, None, 0, None, None, 1, 0, None, None),
        CustomCheck("package", "m", f"{CHECKS_D}/m.py", 1, 4, "M", 1, 1, None, 0, 1, None, None),
    ]


def test_an_unreadable_file_has_its_row_and_two_gaps(tmp_path: Path) -> None:
    """Its name is known; what it holds is not, and neither is what it derives from."""
    rows = _rows(tmp_path, {f"{CHECKS_D}/m.py": CHECK}, (f"{CHECKS_D}/m.py",))

    assert rows[0] == CustomCheck(
        "package", "m", f"{CHECKS_D}/m.py", None, None, None, None, None, None, 1, 0, None, None
    )
    gaps = [r for r in rows[1:] if isinstance(r, Gap)]
    assert [(g.where, g.kind, g.table) for g in gaps] == [
        (f"{CHECKS_D}/m.py", Kind.DENIED, "custom_checks"),
        (f"{CHECKS_D}/m.py", Kind.DENIED, "python_defects"),
    ]
    assert gaps[0].columns is not None and gaps[1].columns is None


def test_an_unreadable_folder_is_one_gap(tmp_path: Path) -> None:
    """Nothing is said of files that may be in it."""
    rows = _rows(tmp_path, {f"{CHECKS_D}/m.py": CHECK, "/etc/datadog-agent/conf.d/m.py": CHECK}, (CHECKS_D,))

    assert [type(r) for r in rows] == [Gap]


def test_no_folder_is_no_row_and_no_gap(tmp_path: Path) -> None:
    """An absent subject is an empty table."""
    assert _rows(tmp_path, {}) == []


def test_a_link_to_nothing_and_a_file_too_large_are_gaps(tmp_path: Path) -> None:
    """Of both the name is known."""
    folder = tmp_path / CHECKS_D.lstrip("/")
    folder.mkdir(parents=True)
    (folder / "gone.py").symlink_to("/nowhere.py")
    rows = _rows(tmp_path, {f"{CHECKS_D}/large.py": "x = 1\n" * 200_000})

    assert [r.check_name for r in rows if isinstance(r, CustomCheck)] == ["gone", "large"]
    assert [r.where for r in rows if isinstance(r, Gap) and r.table == "python_defects"] == [
        f"{CHECKS_D}/gone.py",
        f"{CHECKS_D}/large.py",
    ]


def test_code_too_deep_to_parse_is_a_gap_and_no_defect(tmp_path: Path) -> None:
    """`parses` is unknown."""
    rows = _rows(tmp_path, {f"{CHECKS_D}/m.py": "x = " + "-" * 200_000 + "1\n"})

    assert not [r for r in rows if isinstance(r, PythonDefect)]
    assert [r.parses for r in rows if isinstance(r, CustomCheck)] == [None]
    assert {r.table for r in rows if isinstance(r, Gap)} == {"custom_checks", "python_defects"}


def test_secrets_in_shown_code_are_tokens(tmp_path: Path) -> None:
    """A corrected line may hold a key."""
    key = "abcdefabcdefabcdefabcdefabcdef99"
    vault = Vault()
    rows = _rows(tmp_path, {f"{CHECKS_D}/m.py": f"api_key = '{key}'`\n"}, vault=vault)
    defects = [r for r in rows if isinstance(r, PythonDefect)]

    assert len(defects) == 1
    assert key not in str(defects)
    assert vault.has_token(defects[0].correction or "")


def test_module_names_hide_a_check_by_what_the_agents_folder_holds(tmp_path: Path) -> None:
    """Seen site-packages decide; without them only what every Agent has."""
    site = "/opt/datadog-agent/embedded/lib/python3.11/site-packages"
    files = {f"{CHECKS_D}/{n}.py": CHECK for n in ("json", "requests", "flask", "mysql", "imp")}
    unseen = {r.check_name: r.hides_module for r in _rows(tmp_path / "a", files) if isinstance(r, CustomCheck)}
    seen_files = {
        **files,
        f"{site}/flask/__init__.py": "",
        f"{site}/datadog_checks/base/__init__.py": "",
        f"{site}/flask-1.dist-info/RECORD": "",
    }
    seen = {r.check_name: r.hides_module for r in _rows(tmp_path / "b", seen_files) if isinstance(r, CustomCheck)}

    assert unseen == {
        "json": "json",
        "requests": "requests",
        "flask": None,
        "mysql": "datadog_checks.mysql",
        "imp": None,
    }
    assert seen == {"json": "json", "requests": None, "flask": "flask", "mysql": None, "imp": "imp"}


def test_a_file_in_the_wrong_folder_is_told_with_the_right_one(tmp_path: Path) -> None:
    """Only where the right place is empty."""
    rows = _rows(
        tmp_path, {"/etc/datadog-agent/conf.d/m.yaml": "instances: [{}]\n", "/etc/datadog-agent/conf.d/m.py": CHECK}
    )

    assert rows == [
        MisplacedFile(
            "package",
            "m",
            "/etc/datadog-agent/conf.d/m.py",
            f"{CHECKS_D}/m.py",
            "the Agent looks for code in checks.d only",
        )
    ]
