"""The command line as people and scripts use it: exit codes, formats, what is imported, and that nothing is half done."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import jsonschema
import pytest

from dddoctor.demo import make_vm, tree_hash

SOURCE = Path(__file__).parents[1] / "src"
SCHEMA = json.loads((Path(__file__).parents[1] / "docs" / "schema" / "report.schema.json").read_text(encoding="utf-8"))


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """The demo's VM."""
    make_vm(tmp_path / "vm")
    return tmp_path / "vm"


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    """A small healthy host."""
    root = tmp_path / "sound"
    (root / "etc/datadog-agent/conf.d/http_check.d").mkdir(parents=True)
    (root / "etc/datadog-agent/checks.d").mkdir()
    (root / "etc/passwd").write_text(f"dd-agent:x:{os.getuid()}:{os.getgid()}::/:/bin/false\n", encoding="utf-8")
    (root / "etc/group").write_text(f"dd-agent:x:{os.getgid()}:\n", encoding="utf-8")
    (root / "etc/datadog-agent/datadog.yaml").write_text(
        "api_key: 0badc0de0badc0de0badc0de0badc0de\nsite: datadoghq.eu\ntags: [env:lab]\n", encoding="utf-8"
    )
    (root / "etc/datadog-agent/datadog.yaml").chmod(0o640)
    (root / "etc/datadog-agent/conf.d/http_check.d/conf.yaml").write_text(
        "instances:\n  - name: web\n    url: http://localhost\n", encoding="utf-8"
    )
    status = root / "var/lib/dpkg/status"
    status.parent.mkdir(parents=True)
    status.write_text("Package: datadog-agent\nStatus: install ok installed\nVersion: 1:7.72.4-1\n", encoding="utf-8")
    return root


def _doctor(
    tmp_path: Path, *arguments: str, stdin: str | None = None, code: str | None = None
) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "DDDOCTOR_STATE": str(tmp_path / "state"), "PYTHONPATH": str(SOURCE), "COLUMNS": "100"}
    start = ["-c", code] if code else ["-m", "dddoctor"]
    return subprocess.run(
        [sys.executable, *start, *arguments],
        capture_output=True,
        text=True,
        env=environment,
        input=stdin,
        timeout=120,
        check=False,
    )


def test_a_sound_host_is_healthy_and_exits_0(sound: Path, tmp_path: Path) -> None:
    """Nothing found, everything looked at that a folder has: nothing runs in it."""
    done = _doctor(tmp_path, "check", "--root", str(sound), "--format", "json")
    report = json.loads(done.stdout)

    assert (done.returncode, report["healthy"], report["findings"]) == (0, True, [])
    assert {u["kind"] for u in report["unread"]} <= {"target"}


def test_the_report_of_a_broken_host_fits_the_schema_and_exits_1(broken: Path, tmp_path: Path) -> None:
    """JSON is a public interface."""
    done = _doctor(tmp_path, "check", "--root", str(broken), "--format", "json")
    report = json.loads(done.stdout)
    jsonschema.validate(report, SCHEMA)

    assert (done.returncode, report["healthy"], done.stderr) == (1, False, "")
    assert report["causes"]
    assert "deadbeef" not in done.stdout


def test_two_runs_give_equal_json_but_for_the_times(broken: Path, tmp_path: Path) -> None:
    """So that reports can be compared."""
    first, second = (
        json.loads(_doctor(tmp_path, "check", "--root", str(broken), "--format", "json").stdout) for _ in range(2)
    )
    for report in (first, second):
        del report["started_at"], report["duration_seconds"]

    assert first == second


def test_findings_keep_their_ids_when_lines_are_inserted(sound: Path, tmp_path: Path) -> None:
    """An id names the defect, not its line."""
    path = sound / "etc/datadog-agent/conf.d/http_check.d/conf.yaml"
    text = "min_collection_interval: 45\n" + path.read_text(encoding="utf-8")
    ids = []
    for prefix in ("", "# a comment\n\n"):
        path.write_text(prefix + text, encoding="utf-8")
        ids.append(
            [
                f["id"]
                for f in json.loads(_doctor(tmp_path, "check", "--root", str(sound), "--format", "json").stdout)[
                    "findings"
                ]
            ]
        )

    assert ids[0] == ids[1]
    assert len(ids[0]) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["check", "--root", "/no/such/folder"], "no such folder"),
        (["check", "--select", "config-d"], "did you mean config?"),
        (["check", "--format", "yaml"], "console or json"),
        (["check", "--yes"], "--yes goes with --fix"),
        (["check", "--fail-on", "bad"], "error, warning or info"),
        (["query", "SELECT x FROM agents", "--root", "/"], "no such column"),
        (["query", "DELETE FROM agents", "--root", "/"], ""),
        (["tables", "agent"], "no table is called agent"),
        (["rules", "new", "nowhere/x"], "AREA/ID"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_2(arguments: list[str], words: str, tmp_path: Path) -> None:
    """Said on standard error; standard output stays empty."""
    done = _doctor(tmp_path, *arguments)

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
    assert words in done.stderr


def test_a_broken_user_rule_is_one_line_and_exit_2(sound: Path, tmp_path: Path) -> None:
    """It says what to write."""
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "mine.yaml").write_text("id: mine\ntitel: x\n", encoding="utf-8")
    done = _doctor(tmp_path, "check", "--root", str(sound), "--rules", str(folder))

    assert (done.returncode, done.stdout) == (2, "")
    assert "mine.yaml:2: unknown key 'titel'; did you mean title?" in done.stderr


def test_a_new_rule_loads_and_is_tested(tmp_path: Path) -> None:
    """`rules new` writes a skeleton that only lacks its meaning."""
    done = _doctor(tmp_path, "rules", "new", "conf-d/my-rule", "--rules", str(tmp_path / "rules"))
    tested = _doctor(tmp_path, "rules", "test", str(tmp_path / "rules" / "conf-d" / "my-rule.yaml"))

    assert done.returncode == 0, done.stderr
    assert (tested.returncode, "FAILED my-rule / the defect" in tested.stdout) == (1, True), (
        tested.stdout + tested.stderr
    )


def test_without_a_terminal_fix_changes_nothing_and_says_so(broken: Path, tmp_path: Path) -> None:
    """Consent is never assumed."""
    before = tree_hash(broken)
    done = _doctor(tmp_path, "check", "--root", str(broken), "--fix")

    assert done.returncode == 1
    assert "Nothing was changed" in done.stderr
    assert tree_hash(broken) == before


def test_diff_prints_a_patch_that_patch_accepts_and_changes_nothing(broken: Path, tmp_path: Path) -> None:
    """`patch -p1` in a copy gives what `--fix` writes."""
    before = tree_hash(broken)
    done = _doctor(tmp_path, "check", "--root", str(broken), "--fix", "--diff")
    assert tree_hash(broken) == before
    assert "deadbeef" not in done.stdout
    (tmp_path / "x.patch").write_text(done.stdout, encoding="utf-8")
    subprocess.run(["cp", "-a", str(broken), str(tmp_path / "copy")], check=True)
    subprocess.run(["patch", "-p1", "--silent", "-i", str(tmp_path / "x.patch")], cwd=tmp_path / "copy", check=True)
    _doctor(tmp_path, "check", "--root", str(broken), "--fix", "--yes")

    for name in ("etc/datadog-agent/conf.d/my_metric.yaml", "etc/datadog-agent/checks.d/my_metric.py"):
        assert (tmp_path / "copy" / name).read_bytes() == (broken / name).read_bytes()


def test_fix_and_undo_give_the_old_tree_and_history_tells(broken: Path, tmp_path: Path) -> None:
    """What it has written, it can take back."""
    before = tree_hash(broken)
    fixed = _doctor(tmp_path, "check", "--root", str(broken), "--fix", "--yes")
    assert tree_hash(broken) != before, fixed.stderr
    history = _doctor(tmp_path, "history")
    undone = _doctor(tmp_path, "undo", "--root", str(broken), "--yes")

    assert str(broken) in history.stdout
    assert "deadbeef" not in history.stdout
    assert undone.returncode == 0, undone.stdout + undone.stderr
    assert tree_hash(broken) == before


def test_fixing_twice_changes_nothing_the_second_time(broken: Path, tmp_path: Path) -> None:
    """A repair is done when it is done."""
    _doctor(tmp_path, "check", "--root", str(broken), "--fix", "--yes")
    between = tree_hash(broken)
    _doctor(tmp_path, "check", "--root", str(broken), "--fix", "--yes")

    assert tree_hash(broken) == between


def test_undo_refuses_another_target(broken: Path, sound: Path, tmp_path: Path) -> None:
    """The journal remembers which target a run belongs to."""
    _doctor(tmp_path, "check", "--root", str(broken), "--fix", "--yes")
    done = _doctor(tmp_path, "undo", "--root", str(sound), "--yes")

    assert (done.returncode, done.stdout) == (2, "")


@pytest.mark.parametrize(("what", "expected"), [("interval-outside-instance", "interval-outside-instance (warning"), ("World-writable config file '/etc/mysql/my.cnf' is ignored", "option-file-world-writable")])  # fmt: skip
def test_explain_knows_rules_and_pasted_errors(what: str, expected: str, tmp_path: Path) -> None:
    """A rule by its id, or the best three for words that somebody saw."""
    done = _doctor(tmp_path, "explain", what)

    assert (done.returncode, expected in done.stdout) == (0, True), done.stdout


def test_query_answers_in_three_formats_and_names_its_gaps(broken: Path, tmp_path: Path) -> None:
    """The same tables answer questions nobody wrote a rule for."""
    sql = "SELECT file, is_world_writable FROM files WHERE is_world_writable = 1"
    table, csv, rows = (
        _doctor(tmp_path, "query", sql, "--root", str(broken), "--format", f) for f in ("table", "csv", "json")
    )

    assert [table.returncode, csv.returncode, rows.returncode] == [0, 0, 0]
    assert csv.stdout.splitlines()[0] == "file,is_world_writable"
    assert len(json.loads(rows.stdout)) == len(csv.stdout.splitlines()) - 1
    assert "/etc/datadog-agent/datadog.yaml" in table.stdout


def test_query_shows_no_secret(broken: Path, tmp_path: Path) -> None:
    """Not even when asked for everything."""
    for name in ("yaml_keys", "secrets", "files"):
        done = _doctor(tmp_path, "query", f"SELECT * FROM {name}", "--root", str(broken), "--format", "json")
        assert done.returncode == 0, done.stderr
        assert "deadbeef" not in done.stdout


def test_what_is_not_needed_is_not_imported(sound: Path, tmp_path: Path) -> None:
    """Start-up time is the product's latency."""
    code = "import sys, atexit; from dddoctor.__main__ import main; atexit.register(lambda: print(' '.join(sorted(sys.modules)), file=sys.stderr)); main()"
    done = _doctor(tmp_path, "check", "--root", str(sound), "--format", "json", code=code)
    loaded = set(done.stderr.split())

    assert done.returncode == 0, done.stderr
    assert not loaded & {
        "docker",
        "pymysql",
        "psutil",
        "pyflakes",
        "tree_sitter",
        "rich",
        "requests",
        "dddoctor.journal",
        "dddoctor.repair",
    }


def test_the_version_needs_no_command_line_library(tmp_path: Path) -> None:
    """--version is asked by scripts, often."""
    done = _doctor(
        tmp_path,
        "--version",
        code="import sys; from dddoctor.__main__ import main; main(); print(' '.join(sys.modules), file=sys.stderr)",
    )

    assert done.stdout.startswith("dddoctor ")
    assert not set(done.stderr.split()) & {"typer", "yaml", "sqlite3"}


def test_a_closed_pipe_is_no_error(broken: Path, tmp_path: Path) -> None:
    """`dddoctor check | head -1`."""
    environment = {**os.environ, "DDDOCTOR_STATE": str(tmp_path / "state"), "PYTHONPATH": str(SOURCE)}
    command = f"{sys.executable} -m dddoctor check --root {broken} | head -1"
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, env=environment, timeout=60, check=False
    )

    assert done.stderr == ""


def test_ctrl_c_ends_at_once_and_leaves_nothing(tmp_path: Path, broken: Path) -> None:
    """No traceback, exit 130, the tree untouched."""
    before = tree_hash(broken)
    code = "import time; from dddoctor.hosts.root import RootHost; RootHost.listdir = lambda *a: time.sleep(60); from dddoctor.__main__ import main; main()"
    environment = {**os.environ, "DDDOCTOR_STATE": str(tmp_path / "state"), "PYTHONPATH": str(SOURCE)}
    process = subprocess.Popen([sys.executable, "-c", code, "check", "--root", str(broken), "--fix", "--yes"], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)  # fmt: skip
    time.sleep(1.0)  # long enough for the first probe to hang
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=10)

    assert (process.returncode, "Traceback" in errors) == (130, False), errors
    assert tree_hash(broken) == before


def test_completion_answers_without_the_command_line_library(tmp_path: Path) -> None:
    """The words come from a table made from the commands."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(SOURCE),
        "_DDDOCTOR_COMPLETE": "1",
        "COMP_LINE_WORDS": "dddoctor\ncheck\n--fi",
    }
    done = subprocess.run(
        [sys.executable, "-m", "dddoctor"], capture_output=True, text=True, env=environment, timeout=60, check=False
    )

    assert done.stdout.split() == ["--fix"]


def test_the_demo_ends_well(tmp_path: Path) -> None:
    """Broken, diagnosed, repaired, proved, undone."""
    done = _doctor(tmp_path, "demo")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "old hash again" in done.stdout


def test_the_demo_keeps_its_vm_to_play_with(tmp_path: Path) -> None:
    """--keep DIR refuses a folder that holds something."""
    kept = _doctor(tmp_path, "demo", "--keep", str(tmp_path / "mine"))
    again = _doctor(tmp_path, "demo", "--keep", str(tmp_path / "mine"))

    assert (kept.returncode, again.returncode) == (0, 2)
    assert (tmp_path / "mine/etc/datadog-agent/datadog.yaml").exists()
