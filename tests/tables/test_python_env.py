"""Interpreters, venvs, packages, commands and apps, read from trees on disk."""

from __future__ import annotations

import sys
import venv as venv_module
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dddoctor.collecting import Tables
from dddoctor.hosts.cache import CachedHost
from dddoctor.hosts.example import ExampleHost
from dddoctor.hosts.root import RootHost
from dddoctor.model import Gap
from dddoctor.secrets import Vault
from dddoctor.tables import RunOptions, load_all
from dddoctor.tables._python_places import USUAL_PATH, Folder, search, search_path
from dddoctor.tables.app_environments import AppEnvironment
from dddoctor.tables.python_apps import Import, imports_of
from dddoctor.tables.python_env import Interpreter, Venv, parse_pyvenv
from dddoctor.tables.python_packages import Package, Script, parse_dist, parse_shebang

load_all()


def tree(root: Path, files: dict[str, str], links: dict[str, str] | None = None) -> Path:
    """Write files and links below a folder."""
    for path, text in files.items():
        (root / path.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
        (root / path.lstrip("/")).write_text(text, encoding="utf-8")
    for path, to in (links or {}).items():
        (root / path.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
        (root / path.lstrip("/")).symlink_to(to)
    return root


def rows(root: Path, table: str, *, apps: tuple[str, ...] = (), **how: Any) -> list[dict[str, Any]]:
    """A table of the tree, as dictionaries; a collector that fails is an error of the test."""
    store = Tables(CachedHost(ExampleHost(root, **how)), Vault(), RunOptions(apps))
    store.ensure([table])
    assert store.failures == {}
    names, found = store.database.select(f"SELECT * FROM {table}")
    return [dict(zip(names, row, strict=True)) for row in found]


def gaps(root: Path, table: str, **how: Any) -> list[Gap]:
    store = Tables(CachedHost(ExampleHost(root, **how)), Vault(), RunOptions())
    store.ensure([table])
    return store.gaps.get(table, [])


# --- interpreters -----------------------------------------------------------------------------------------------------


def test_one_interpreter_has_one_row_whatever_its_names(tmp_path: Path) -> None:
    """python3 and python3.11 are one program; the name to type is the first on PATH."""
    tree(
        tmp_path,
        {"/usr/bin/python3.11": "", "/usr/bin/python3-config": "", "/usr/lib/python3.11/ensurepip/__init__.py": ""},
        {"/usr/bin/python3": "python3.11", "/usr/bin/python": "python3"},
    )

    assert rows(tmp_path, "interpreters") == [
        Interpreter(
            "/usr/bin/python3.11", "/usr/bin/python3", "3.11", "3.11", "cpython", "system", "/usr", 1, 1
        )._asdict()
    ]


@pytest.mark.parametrize(
    ("path", "owner", "version"),
    [
        ("/usr/local/bin/python3.12", "local", "3.12"),
        ("/root/.pyenv/versions/3.9.18/bin/python3.9", "pyenv", "3.9.18"),
        ("/home/ada/.pyenv/versions/3.9.18/bin/python3.9", "pyenv", "3.9.18"),
        ("/Library/Frameworks/Python.framework/Versions/3.12/bin/python3.12", "python.org", "3.12"),
        ("/System/Library/Frameworks/Python.framework/Versions/2.7/bin/python2.7", "system", "2.7"),
        ("/opt/datadog-agent/embedded/bin/python3.12", "agent", "3.12"),
        ("/home/ada/miniconda3/envs/web/bin/python3.10", "conda", "3.10"),
    ],
)
def test_where_an_interpreter_lies_says_whose_it_is(tmp_path: Path, path: str, owner: str, version: str) -> None:
    """Each maker has its own folder."""
    tree(tmp_path, {path: ""})

    assert [(r["environment"], r["owner"], r["version"]) for r in rows(tmp_path, "interpreters")] == [
        (path, owner, version)
    ]


def test_a_dangling_name_and_a_shim_are_no_interpreters(tmp_path: Path) -> None:
    """pyenv's shims are scripts that pick a Python when they run."""
    tree(tmp_path, {"/root/.pyenv/shims/python3": "#!/usr/bin/env bash\n"}, {"/usr/bin/python3": "python3.5"})

    assert rows(tmp_path, "interpreters", env={"PATH": "/root/.pyenv/shims:/usr/bin"}) == []


def test_the_path_of_a_folder_host_is_the_one_that_etc_environment_sets(tmp_path: Path) -> None:
    """Else the usual one; a live host has the person's own."""
    assert search_path(RootHost(tmp_path)) == (USUAL_PATH.split(":"), None)

    tree(tmp_path, {"/etc/environment": 'LANG=C\nPATH="/opt/x/bin:/usr/bin:/usr/bin/"\n'})
    assert search_path(RootHost(tmp_path)) == (["/opt/x/bin", "/usr/bin"], None)
    assert search_path(ExampleHost(tmp_path, env={"PATH": "/a:b::/c"})) == (["/a", "/c"], None)


# --- venvs ------------------------------------------------------------------------------------------------------------


def test_a_venv_made_by_this_python_is_described_as_it_is(tmp_path: Path) -> None:
    """Against the real thing, not a drawing of it."""
    made = tmp_path / "home" / "ada" / "app" / "venv"
    venv_module.create(made, symlinks=True, with_pip=False)
    minor = f"{sys.version_info.major}.{sys.version_info.minor}"
    store = Tables(CachedHost(RootHost(Path("/"))), Vault(), RunOptions((str(made.parent),)))
    store.ensure(["venvs"])
    found = next(v for v in store.database.select("SELECT * FROM venvs")[1] if v[0] == str(made))

    row = Venv(*found)
    assert row._replace(interpreter=None, home=None, owner=None) == Venv(
        str(made),
        f"{made}/pyvenv.cfg",
        f"{made}/bin/python",
        None,
        None,
        ".".join(map(str, sys.version_info[:3])),
        minor,
        minor,
        0,
        2,
        1,
        0,
        None,
        None,
        "venv",
        1,
    )
    assert row.interpreter == str(Path(sys.executable).resolve())


def test_an_old_virtualenv_has_no_pyvenv_cfg(tmp_path: Path) -> None:
    """Before virtualenv 20 a file in lib said whether the system's packages are hidden."""
    parts = {
        "/home/ada/env/bin/activate": "VIRTUAL_ENV='/home/ada/env'\n",
        "/home/ada/env/bin/pip": "",
        "/home/ada/env/lib/python2.7/orig-prefix.txt": "/usr",
    }
    tree(tmp_path, {"/usr/bin/python2.7": "", **parts}, {"/home/ada/env/bin/python": "/usr/bin/python2.7"})

    assert rows(tmp_path, "venvs", owners={"/home/ada/env": "ada:ada"}) == [
        Venv(
            "/home/ada/env",
            None,
            "/home/ada/env/bin/python",
            "/usr/bin/python2.7",
            None,
            None,
            "2.7",
            "2.7",
            1,
            None,
            1,
            1,
            None,
            "ada",
            "virtualenv",
            1,
        )._asdict()
    ]


def test_a_venv_on_a_synced_folder_without_links_has_no_interpreter(tmp_path: Path) -> None:
    """vboxsf on a Windows host cannot hold the link bin/python."""
    tree(
        tmp_path,
        {
            "/vagrant/venv/pyvenv.cfg": "home = /usr/bin\nversion = 3.11.2\n",
            "/vagrant/venv/bin/activate": "",
            "/vagrant/venv/lib/python3.11/x": "",
        },
    )

    assert [(r["has_interpreter"], r["interpreter"], r["minor"]) for r in rows(tmp_path, "venvs")] == [
        (0, None, "3.11")
    ]


def test_a_copied_binary_stands_for_the_interpreter_in_home(tmp_path: Path) -> None:
    """--copies: the standard library still comes from there."""
    tree(
        tmp_path,
        {
            "/usr/bin/python3.11": "",
            "/srv/app/venv/pyvenv.cfg": "home = /usr/bin\n",
            "/srv/app/venv/bin/python3.11": "",
        },
        {"/srv/app/venv/bin/python": "python3.11"},
    )

    assert [(r["has_interpreter"], r["interpreter"]) for r in rows(tmp_path, "venvs")] == [(1, "/usr/bin/python3.11")]


@pytest.mark.parametrize(
    ("text", "flag", "line"),
    [
        ("home = /usr/bin\ninclude-system-site-packages = false\n", "false", 2),
        ("include-system-site-packages=TRUE\r\nInclude-System-Site-Packages = True\r\n", "True", 2),
        ("home = /usr/bin\n", None, None),
        ("no equals sign\n", None, None),
    ],
)
def test_pyvenv_cfg_is_read_as_site_py_reads_it(text: str, flag: str | None, line: int | None) -> None:
    """Keys in any case, the last one counts."""
    settings, found = parse_pyvenv(text)

    assert (settings.get("include-system-site-packages"), found) == (flag, line)


def test_the_makers_name_their_version_keys_differently() -> None:
    """venv: version; virtualenv and uv: version_info."""
    assert parse_pyvenv("version_info = 3.11.4.final.0\nvirtualenv = 20.24\n")[0]["version"] == "3.11.4"
    assert parse_pyvenv("uv = 0.5.1\nversion_info = 3.12.1\n")[0]["maker"] == "uv"


def test_a_closed_pyvenv_cfg_leaves_the_row_and_says_what_is_unknown(tmp_path: Path) -> None:
    """The venv is known from the listing."""
    tree(
        tmp_path,
        {"/usr/bin/python3.11": "", "/srv/app/venv/pyvenv.cfg": "home = /usr/bin\n"},
        {"/srv/app/venv/bin/python": "/usr/bin/python3.11"},
    )
    how: dict[str, Any] = {"unreadable": ["/srv/app/venv/pyvenv.cfg"]}

    assert [
        (r["environment"], r["includes_system_site"], r["maker"], r["has_interpreter"])
        for r in rows(tmp_path, "venvs", **how)
    ] == [("/srv/app/venv", None, None, 1)]
    assert [(g.where, g.remedy) for g in gaps(tmp_path, "venvs", **how)] == [("/srv/app/venv", "sudo")]


def test_a_home_that_may_not_be_entered_is_a_gap(tmp_path: Path) -> None:
    """Never "there is no venv"."""
    tree(tmp_path, {"/home/ada/app/venv/pyvenv.cfg": ""})

    assert [(g.where, g.columns) for g in gaps(tmp_path, "venvs", unreadable=["/home/ada"])] == [("/home/ada", None)]


@pytest.mark.parametrize("table", ["interpreters", "venvs", "packages", "apps"])
def test_a_closed_home_is_named_once(tmp_path: Path, table: str) -> None:
    """Without sudo each foreign home is one line of the report, not one for every place in it."""
    tree(tmp_path, {"/usr/bin/python3.11": "", "/usr/bin/python3.12": "", "/root/app.py": "import flask\n"})

    assert [g.where for g in gaps(tmp_path, table, unreadable=["/root"])] == ["/root"]


def test_the_search_goes_two_levels_down_and_one_more_for_environments(tmp_path: Path) -> None:
    """A tree of dependencies is not walked."""
    tree(
        tmp_path,
        {
            "/home/ada/a/b/c/d.py": "",
            "/home/ada/a/b/venv/pyvenv.cfg": "",
            "/home/ada/a/node_modules/x/y.py": "",
            "/home/ada/.virtualenvs/w/pyvenv.cfg": "",
            "/home/ada/.cache/q/z.py": "",
        },
    )

    found = {f.path: f.is_venv for f in search(RootHost(tmp_path), RunOptions()) if isinstance(f, Folder)}
    assert found == {
        "/home/ada": False,
        "/home/ada/.virtualenvs": False,
        "/home/ada/.virtualenvs/w": True,
        "/home/ada/a": False,
        "/home/ada/a/b": False,
        "/home/ada/a/b/venv": True,
    }


# --- packages and commands --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "parsed"),
    [
        ("Flask-3.0.3.dist-info", ("flask", "3.0.3")),
        ("ddtrace-0.12.0-py2.7.egg-info", ("ddtrace", "0.12.0")),
        ("ddtrace-4.16.0rc1.dist-info", ("ddtrace", "4.16.0rc1")),
        ("zope.interface-5.0.dist-info", ("zope-interface", "5.0")),
        ("python_dateutil-2.9.0.post0.dist-info", ("python-dateutil", "2.9.0.post0")),
        ("typing_extensions-4.1-1-py3-none.egg", None),
        ("my-app.egg-link", ("my-app", None)),
        ("lsb_release.egg-info", ("lsb-release", None)),
        ("flask", None),
        ("-4.0.dist-info", None),
    ],
)
def test_a_metadata_folder_names_a_distribution(name: str, parsed: tuple[str, str | None] | None) -> None:
    """By its name alone: nothing in it needs to be readable."""
    assert parse_dist(name) == parsed


def test_packages_are_listed_where_each_python_looks(tmp_path: Path) -> None:
    """Debian's dist-packages, a user's own ones with that home, a venv's; the other version's are not."""
    tree(
        tmp_path,
        {
            "/usr/bin/python3.11": "",
            "/usr/lib/python3/dist-packages/Flask-2.2.2.egg-info/PKG-INFO": "",
            "/usr/local/lib/python3.11/dist-packages/ddtrace-4.16.0.dist-info/METADATA": "",
            "/usr/local/lib/python3.9/dist-packages/ddtrace-2.0.0.dist-info/METADATA": "",
            "/home/ada/.local/lib/python3.11/site-packages/requests-2.0.dist-info/METADATA": "",
            "/home/ada/venv/pyvenv.cfg": "home = /usr/bin\n",
            "/home/ada/venv/lib/python3.11/site-packages/pip-23.0.dist-info/METADATA": "",
        },
        {"/home/ada/venv/bin/python": "/usr/bin/python3.11", "/home/ada/venv/lib64": "lib"},
    )

    assert rows(tmp_path, "packages") == [
        Package("/usr/bin/python3.11", "ddtrace", "4.16.0", "/usr/local/lib/python3.11/dist-packages", None)._asdict(),
        Package("/usr/bin/python3.11", "flask", "2.2.2", "/usr/lib/python3/dist-packages", None)._asdict(),
        Package(
            "/usr/bin/python3.11", "requests", "2.0", "/home/ada/.local/lib/python3.11/site-packages", "/home/ada"
        )._asdict(),
        Package("/home/ada/venv", "pip", "23.0", "/home/ada/venv/lib/python3.11/site-packages", None)._asdict(),
    ]


@pytest.mark.parametrize(
    ("head", "program"),
    [
        ("#!/usr/bin/python3\nimport sys\n", "/usr/bin/python3"),
        ("#! /usr/bin/python3 -E\n", "/usr/bin/python3"),
        ("#!/usr/bin/env python3\n", "python3"),
        ("#!/usr/bin/env -S python3 -I\n", "python3"),
        (
            "#!/bin/sh\n'''exec' \"/home/ada/my app/venv/bin/python\" \"$0\" \"$@\"\n' '''\n",
            "/home/ada/my app/venv/bin/python",
        ),
        ("#!/bin/sh\n'''exec' /a/very/long/bin/python \"$0\" \"$@\"\n", "/a/very/long/bin/python"),
        ("#!/bin/bash\necho\n", None),
        ("\x7fELF", None),
        ("#!\n", None),
    ],
)
def test_the_first_line_of_a_script_names_its_python(head: str, program: str | None) -> None:
    """Also behind env, and in pip's form for long paths and blanks."""
    assert parse_shebang(head) == program


def test_a_shell_gets_the_first_command_of_path(tmp_path: Path) -> None:
    """The second of that name is there, and is not what runs."""
    tree(
        tmp_path,
        {
            "/usr/bin/python3.11": "",
            "/usr/local/bin/python3.9": "",
            "/usr/local/bin/pip": "#!/usr/local/bin/python3.9\n",
            "/usr/bin/pip": "#!/usr/bin/python3\n",
            "/usr/bin/flask": "#!/gone/python\n",
        },
        {"/usr/bin/python3": "python3.11"},
    )

    assert rows(tmp_path, "scripts", env={"PATH": "/usr/local/bin:/usr/bin"}) == [
        Script("/usr/local/bin/pip", "pip", 0, 1, "/usr/local/bin/python3.9", "/usr/local/bin/python3.9", 0)._asdict(),
        Script("/usr/local/bin/python3.9", "python3.9", 0, 1, None, "/usr/local/bin/python3.9", 0)._asdict(),
        Script("/usr/bin/flask", "flask", 1, 1, "/gone/python", None, 1)._asdict(),
        Script("/usr/bin/pip", "pip", 1, 0, "/usr/bin/python3", "/usr/bin/python3.11", 0)._asdict(),
        Script("/usr/bin/python3", "python3", 1, 1, None, "/usr/bin/python3.11", 0)._asdict(),
        Script("/usr/bin/python3.11", "python3.11", 1, 1, None, "/usr/bin/python3.11", 0)._asdict(),
    ]


# --- apps -------------------------------------------------------------------------------------------------------------


def test_imports_are_found_in_any_python_and_in_files_with_errors() -> None:
    """Strings are no imports, blocks are conditional, Python 2 is no obstacle."""
    text = (
        '"""Doc.\nimport not_me\n"""\nimport os, json as j, xml.dom; import flask\nfrom ddtrace import tracer\nfrom . import mine\nfrom .x import y\n'
        'try:\n    import a\nexcept ImportError:\n    import b\nif True: import c\nprint "python 2"\nfrom d import (\n    e,\n    f,\n)\nimport g\ndef h(:\n'
    )

    assert imports_of(text) == [
        Import("os", 4, False), Import("json", 4, False), Import("xml", 4, False), Import("flask", 4, False), Import("ddtrace", 5, False), Import("a", 9, True), Import("b", 11, True),
        Import("c", 12, True), Import("d", 14, False), Import("g", 18, False),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\x00import flask",
        "if x:\n\timport a\n        import b\n",
        "import",
        "import a as",
        "from",
        "(" * 5000,
        "'''",
    ],
)
def test_odd_sources_do_not_break_the_scan(text: str) -> None:
    """Whatever a .py file holds, there is an answer."""
    assert all(i.module.isidentifier() for i in imports_of(text))


def test_a_package_s_app_is_the_folder_above_it_and_the_likely_entry_is_chosen(tmp_path: Path) -> None:
    """Tests and helpers are not what is started."""
    tree(
        tmp_path,
        {
            "/home/ada/shop/shop/__init__.py": "from flask import Flask\napp = Flask(__name__)\n",
            "/home/ada/shop/shop/views.py": "from flask import request\n",
            "/home/ada/shop/wsgi.py": "import flask\nfrom shop import app\n",
            "/home/ada/shop/test_app.py": "import flask, ddtrace\n",
            "/home/ada/other/tool.py": "import yaml\n",
        },
    )

    assert [(r["app"], r["file"], r["wanted_file"]) for r in rows(tmp_path, "apps")] == [
        ("/home/ada/shop", "/home/ada/shop/wsgi.py", None)
    ]


def test_a_source_that_may_not_be_read_is_a_gap_not_a_missing_app(tmp_path: Path) -> None:
    """It may be the app."""
    tree(tmp_path, {"/srv/app/app.py": "import flask\n"})

    assert [(g.where, g.columns) for g in gaps(tmp_path, "apps", unreadable=["/srv/app/app.py"])] == [
        ("/srv/app/app.py", None)
    ]


def test_only_the_named_app_is_judged_when_one_is_named(tmp_path: Path) -> None:
    """--app with or without a slash at the end."""
    tree(tmp_path, {"/home/ada/one/app.py": "import flask\n", "/data/two/app.py": "import flask\n"})

    assert [(r["app"], r["is_named"]) for r in rows(tmp_path, "apps", apps=("/data/two/",))] == [("/data/two", 1)]


UNITS = {
    "python": "ExecStart=/srv/app/venv/bin/python app.py\n",
    "gunicorn": "ExecStart=/srv/app/venv/bin/gunicorn -w 2 app:app\n",
    "flask": "Environment=FLASK_APP=app.py\nExecStart=-/srv/app/venv/bin/flask run\n",
    "traced": "ExecStart=/usr/local/bin/ddtrace-run --debug /srv/app/venv/bin/python app.py\n",
    "shell": "ExecStart=/bin/bash -c 'cd /srv/app && source venv/bin/activate && exec ddtrace-run python app.py'\n",
}


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_says_which_environment_runs_the_app(tmp_path: Path, unit: str) -> None:
    """Also through gunicorn, flask, ddtrace-run and a shell that activates the venv."""
    tree(
        tmp_path,
        {
            "/usr/bin/python3.11": "",
            "/usr/local/bin/ddtrace-run": "#!/usr/bin/python3.11\n",
            "/srv/app/app.py": "import flask\n",
            "/srv/app/venv/pyvenv.cfg": "home = /usr/bin\n",
            "/srv/app/venv/bin/gunicorn": "#!/srv/app/venv/bin/python\n",
            "/srv/app/venv/bin/flask": "#!/srv/app/venv/bin/python\n",
            "/srv/app/env2/pyvenv.cfg": "home = /usr/bin\n",
            "/srv/app/env2/lib/python3.11/site-packages/flask/__init__.py": "",
            "/etc/systemd/system/shop.service": "[Unit]\nDescription=x\n[Service]\nWorkingDirectory=/srv/app\n"
            + UNITS[unit],
            "/etc/systemd/system/other.service": "[Service]\nExecStart=/usr/bin/python3.11 /opt/tool/tool.py\n",
        },
        {"/srv/app/venv/bin/python": "/usr/bin/python3.11", "/srv/app/env2/bin/python": "/usr/bin/python3.11"},
    )

    assert [(r["environment"], r["chosen_by"]) for r in rows(tmp_path, "app_environments")] == [
        ("/srv/app/venv", "unit")
    ]
    assert [
        (r["origin"], r["environment"], r["is_traced"]) for r in rows(tmp_path, "launches") if r["origin"] != "shell"
    ] == [("unit", "/srv/app/venv", int(unit in {"traced", "shell"}))]


@pytest.mark.parametrize(
    ("folder", "is_venv"),
    [
        ("/home/ada/.cache/pypoetry/virtualenvs/shop-Xk3-py3.11", True),
        ("/home/ada/.local/share/virtualenvs/shop-aBc", True),
        ("/home/ada/.pyenv/versions/shop", True),
        ("/home/ada/.virtualenvs/shop", True),
        ("/home/ada/shop/conda-env", False),
        ("/home/ada/miniconda3/envs/shop", False),
    ],
)
def test_environments_of_project_tools_are_found_for_their_app(tmp_path: Path, folder: str, is_venv: bool) -> None:
    """An app without a venv in its folder is not one without packages."""
    parts = (
        {f"{folder}/pyvenv.cfg": "home = /usr/bin\n"}
        if is_venv
        else {f"{folder}/bin/python3.11": "", f"{folder}/conda-meta/history": ""}
    )
    links = {f"{folder}/bin/python": "/usr/bin/python3.11" if is_venv else "python3.11"}
    tree(
        tmp_path,
        {
            "/usr/bin/python3.11": "",
            "/home/ada/shop/app.py": "import flask\n",
            **parts,
            f"{folder}/lib/python3.11/site-packages/flask/__init__.py": "",
        },
        links,
    )

    found = [(r["environment"], r["has_flask"]) for r in rows(tmp_path, "app_environments", apps=("/home/ada/shop",))]
    assert found == [(folder if is_venv else f"{folder}/bin/python3.11", 1)]


def test_an_app_environment_row_is_whole(tmp_path: Path) -> None:
    """The joined row that the rules read."""
    tree(
        tmp_path,
        {
            "/usr/bin/python3.11": "",
            "/usr/local/lib/python3.11/dist-packages/ddtrace/__init__.py": "",
            "/home/ada/app/app.py": "import flask\n",
            "/home/ada/app/venv/pyvenv.cfg": "home = /usr/bin\ninclude-system-site-packages = false\n",
            "/home/ada/app/venv/lib/python3.11/site-packages/flask/__init__.py": "",
        },
        {"/home/ada/app/venv/bin/python": "/usr/bin/python3.11"},
    )

    assert rows(tmp_path, "app_environments") == [
        AppEnvironment(
            "/home/ada/app", "/home/ada/app/app.py", "/home/ada/app/venv", "/home/ada/app/venv/bin/python", "beside", 1, 1, 1, 0, None, "/usr/bin/python3.11", None, 0, 0, 0, None, None,
            "/home/ada/app/venv", 0, 1,
        )._asdict()
    ]  # fmt: skip


def test_packages_of_one_person_are_seen_by_that_person_s_apps_only(tmp_path: Path) -> None:
    """pip install --user."""
    files = {
        "/usr/bin/python3.11": "",
        "/home/ada/.local/lib/python3.11/site-packages/flask/__init__.py": "",
        "/home/ada/a/app.py": "import flask\n",
        "/home/bob/b/app.py": "import flask\n",
    }
    tree(tmp_path, files)

    assert [(r["app"], r["has_flask"]) for r in rows(tmp_path, "app_environments")] == [
        ("/home/ada/a", 1),
        ("/home/bob/b", 0),
    ]


def test_secrets_in_a_path_do_not_reach_the_rows(tmp_path: Path) -> None:
    """Text of a user's file is redacted, also where it is a path."""
    key = "0123456789abcdef" * 2
    tree(
        tmp_path,
        {
            "/srv/a/venv/pyvenv.cfg": f"home = /x/api_key={key}/bin\n",
            "/srv/a/venv/bin/pip": f"#!/x/api_key={key}/bin/python\n",
            "/srv/a/app.py": "import flask\n",
        },
    )

    assert not any(
        key in str(value)
        for table in ("venvs", "scripts", "launches", "app_environments")
        for row in rows(tmp_path, table)
        for value in row.values()
    )


def _every_table(root: Path, **how: Any) -> Iterator[dict[str, Any]]:
    for table in (
        "interpreters",
        "venvs",
        "packages",
        "scripts",
        "apps",
        "launches",
        "app_environments",
        "app_imports",
    ):
        yield from rows(root, table, **how)


def test_an_empty_host_gives_empty_tables(tmp_path: Path) -> None:
    """Subject absent is no gap."""
    assert list(_every_table(tmp_path)) == []
    assert gaps(tmp_path, "app_environments") == []


def test_odd_things_where_files_are_expected_break_nothing(tmp_path: Path) -> None:
    """Folders named like programs, loops of links, binary files, files named like folders."""
    tree(
        tmp_path,
        {"/usr/bin/python3/x": "", "/srv/a/app.py/x": "", "/srv/b/venv": "", "/srv/c/pyvenv.cfg/x": ""},
        {"/usr/bin/python": "python", "/srv/d": "d"},
    )
    (tmp_path / "srv/e").mkdir()
    (tmp_path / "srv/e/app.py").write_bytes(b"import flask\n\xff\xfe\x00")

    assert [r["app"] for r in _every_table(tmp_path) if "is_named" in r] == ["/srv/e"]
