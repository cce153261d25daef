"""Packages into a venv, and the flag of pyvenv.cfg: planned, never done."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from dddoctor.actions import ACTIONS, Refused, load_all
from dddoctor.hosts.root import RootHost
from dddoctor.model import Edit, Install, Span

load_all()
VENV = "/srv/app/venv"
CFG = f"{VENV}/pyvenv.cfg"


def host(root: Path, text: bytes = b"home = /usr/bin\n", packages: tuple[str, ...] = ()) -> RootHost:
    """A tree with one venv."""
    venv = root / VENV.lstrip("/")
    (venv / "bin").mkdir(parents=True)
    (venv / "bin/python").write_text("")
    (venv / "pyvenv.cfg").write_bytes(text)
    for name in packages:
        (venv / "lib/python3.11/site-packages" / name).mkdir(parents=True)
    (venv / "lib").mkdir(exist_ok=True)
    return RootHost(root)


def test_what_is_missing_is_installed_and_nothing_twice(tmp_path: Path) -> None:
    """An empty plan means: already right."""
    here = host(tmp_path, packages=("Flask-3.1.3.dist-info",))

    assert ACTIONS["install_packages"](VENV, ["flask", "ddtrace"]).plan(here) == [Install(VENV, ("ddtrace",))]
    assert ACTIONS["install_packages"](VENV, ["flask"]).plan(here) == []


@pytest.mark.parametrize(
    "name", ["--index-url=http://x", "random", "flaks", "ddtrace==1", "git+https://x/y", "", "apm"]
)
def test_only_known_names_are_installed(tmp_path: Path, name: str) -> None:
    """A name from a file could be anything; an index holds traps beside every well-known name."""
    with pytest.raises(Refused, match="not among the packages"):
        ACTIONS["install_packages"](VENV, [name]).plan(host(tmp_path))


def test_an_installed_python_is_not_changed(tmp_path: Path) -> None:
    """PEP 668, and sudo pip is what caused this."""
    (tmp_path / "usr/bin").mkdir(parents=True)
    (tmp_path / "usr/bin/python3.11").write_text("")

    with pytest.raises(Refused, match="no virtual environment"):
        ACTIONS["install_packages"]("/usr/bin/python3.11", ["ddtrace"]).plan(RootHost(tmp_path))
    with pytest.raises(Refused, match="no virtual environment"):
        ACTIONS["install_packages"]("/usr", ["ddtrace"]).plan(RootHost(tmp_path))


def test_a_venv_without_its_python_is_refused(tmp_path: Path) -> None:
    """pip could not run."""
    here = host(tmp_path)
    (tmp_path / VENV.lstrip("/") / "bin/python").unlink()

    with pytest.raises(Refused, match="made anew"):
        ACTIONS["install_packages"](VENV, ["ddtrace"]).plan(here)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            b"home = /usr/bin\ninclude-system-site-packages = true\nversion = 3.11.2\n",
            b"home = /usr/bin\ninclude-system-site-packages = false\nversion = 3.11.2\n",
        ),
        (b"include-system-site-packages=True", b"include-system-site-packages=false"),
        (
            b"# x\r\nInclude-System-Site-Packages =  true  \r\nuv = 1\r\n",
            b"# x\r\nInclude-System-Site-Packages =  false  \r\nuv = 1\r\n",
        ),
        (
            b"include-system-site-packages = false\ninclude-system-site-packages = true\n",
            b"include-system-site-packages = false\ninclude-system-site-packages = false\n",
        ),
    ],
)
def test_the_flag_alone_changes(tmp_path: Path, before: bytes, after: bytes) -> None:
    """Blanks, line ends, case and a missing last newline stay."""
    (edit,) = ACTIONS["set_venv_flag"](CFG, False).plan(host(tmp_path, before))

    assert isinstance(edit, Edit)
    assert edit.base_sha == hashlib.sha256(before).hexdigest()
    text = before
    for span in reversed(edit.spans):
        text = text[: span.start] + span.new + text[span.end :]
    assert text == after


def test_an_empty_value_is_filled(tmp_path: Path) -> None:
    """site.py takes it as not true."""
    (edit,) = ACTIONS["set_venv_flag"](CFG, True).plan(host(tmp_path, b"include-system-site-packages =\n"))

    assert isinstance(edit, Edit)
    assert edit.spans == (Span(30, 30, b"true"),)


def test_a_flag_that_is_right_needs_nothing_and_one_that_is_absent_is_refused(tmp_path: Path) -> None:
    """The file is not given a new line: its maker decides what stands in it."""
    assert ACTIONS["set_venv_flag"](CFG, False).plan(host(tmp_path, b"include-system-site-packages = false\n")) == []
    (tmp_path / CFG.lstrip("/")).write_bytes(b"home = /usr/bin\n")
    with pytest.raises(Refused, match="does not set"):
        ACTIONS["set_venv_flag"](CFG, False).plan(RootHost(tmp_path))


def test_only_a_pyvenv_cfg_is_touched(tmp_path: Path) -> None:
    """The parameter comes from a row."""
    with pytest.raises(Refused, match="no pyvenv.cfg"):
        ACTIONS["set_venv_flag"]("/etc/passwd", True).plan(host(tmp_path))
