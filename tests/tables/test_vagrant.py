"""Vagrantfiles, what their provisioners run, install commands and the addresses of apps: from trees on disk."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from dddoctor.hosts.example import ExampleHost
from dddoctor.model import Gap, Kind
from dddoctor.secrets import Vault
from dddoctor.tables import RunOptions, app_addresses, install_commands, vagrant
from dddoctor.tables.app_addresses import AppAddress, in_code, in_commands
from dddoctor.tables.install_commands import InstallCommand
from dddoctor.tables.python_apps import App
from dddoctor.tables.vagrant import (
    ProvisionCommand,
    VagrantDefect,
    Vagrantfile,
    VagrantFolder,
    VagrantLoad,
    VagrantMachine,
    VagrantPort,
    VagrantProvisioner,
)

KEY = "0badc0de" * 4
HEAD = 'Vagrant.configure("2") do |config|\n'


def write(root: Path, files: Mapping[str, str]) -> None:
    for path, text in files.items():
        place = root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(text.encode())


def rows(
    root: Path,
    files: Mapping[str, str],
    unreadable: set[str] | None = None,
    vault: Vault | None = None,
    apps: tuple[str, ...] = (),
) -> list[Any]:
    write(root, files)
    return list(
        vagrant.collect(ExampleHost(root, unreadable=unreadable or set()), vault or Vault(), RunOptions(apps=apps))
    )


def of(kind: type[Any], found: list[Any]) -> list[Any]:
    return [r for r in found if type(r) is kind]


def test_a_whole_file_becomes_rows_and_its_key_is_nowhere(tmp_path: Path) -> None:
    text = (
        HEAD
        + '  config.vm.box = "ubuntu/jammy64"\n  config.vm.network "forwarded_port", guest: 80, host: 8080\n  config.vm.synced_folder "./dd", "/etc/datadog-agent/"\n'
        '  config.vm.provider("virtualbox") { |v| v.memory = 1024 }\n  config.vm.provision "docker"\n  config.vm.provision "agent", type: "shell", run: "always" do |s|\n'
        f'    s.inline = "docker pull x"\n    s.inline = "docker run -d --name dd-agent -e DD_API_KEY={KEY} datadog/agent:7"\n  end\nend\n'
    )
    found = rows(tmp_path, {"/vagrant/Vagrantfile": text})
    file = "/vagrant/Vagrantfile"

    assert of(VagrantDefect, found)[0][:5] == (file, 9, 5, "inline-set-twice", "s.inline")
    assert KEY not in repr(found)
    assert [r for r in found if type(r) is not VagrantDefect] == [
        Vagrantfile(file, "/vagrant", 1, 1, 1, 1, 0, 1, 0, 0, 1),
        VagrantMachine(file, None, 1, "ubuntu/jammy64", 2, "ubuntu", "22.04", 64, 1024, 5),
        VagrantProvisioner(file, None, 6, "docker", None, "once", None, 0),
        VagrantProvisioner(file, None, 7, "shell", "agent", "always", None, 0),
        VagrantPort(file, None, 3, 80, 8080, 0, "tcp", 0),
        VagrantFolder(file, None, 4, "./dd", "/etc/datadog-agent", None, 1),
        ProvisionCommand(file, 8, file, None, 7, "always", "docker", "docker", None, None, 0, 0, 0, 0, 0, 0),
        ProvisionCommand(
            file, 9, file, None, 7, "always", "docker-run", "docker", "dd-agent", "datadog/agent:7", 1, 1, 0, 0, 0, 0
        ),
        VagrantLoad(file, "Docker"),
        VagrantLoad(file, "an Agent in a container"),
    ]


def test_where_vagrantfiles_are_looked_for(tmp_path: Path) -> None:
    places = ["/vagrant", "/root", "/home/me", "/home/me/exercise", "/home/me/a/b", "/srv/x", "/opt/app"]
    hidden = ["/home/me/.vagrant.d/x", "/home/me/node_modules/x", "/home/me/a/b/c", "/usr/share/x"]
    found = rows(tmp_path, {f"{p}/Vagrantfile": HEAD + "end\n" for p in places + hidden}, apps=("/usr/share",))

    assert sorted(r.folder for r in of(Vagrantfile, found)) == sorted([*places, "/usr/share/x"])


def test_the_name_that_vagrant_looks_for(tmp_path: Path) -> None:
    """`vagrantfile` counts where there is no `Vagrantfile`; one with an ending has a row only where there is neither."""
    files = {
        "/home/a/vagrantfile": "",
        "/home/b/Vagrantfile": "",
        "/home/b/vagrantfile": "",
        "/home/b/Vagrantfile.txt": "",
        "/home/c/Vagrantfile.rtf": "",
        "/home/c/Vagrantfile.bak": "",
    }

    assert [(r.file, r.is_loaded) for r in of(Vagrantfile, rows(tmp_path, files))] == [
        ("/home/a/vagrantfile", 1),
        ("/home/b/Vagrantfile", 1),
        ("/home/c/Vagrantfile.rtf", 0),
    ]


def test_an_unreadable_file_keeps_its_row_and_leaves_gaps(tmp_path: Path) -> None:
    file = "/vagrant/Vagrantfile"
    found = rows(tmp_path, {file: HEAD + "end\n"}, unreadable={file})

    assert of(Vagrantfile, found) == [Vagrantfile(file, "/vagrant", 1, None, None, 1, None, None, None, None, None)]
    gaps = [g for g in of(Gap, found) if g.table]  # (the search for folders has one of its own)
    assert {g.table for g in gaps} == {
        "vagrantfiles",
        "vagrant_defects",
        "vagrant_machines",
        "vagrant_provisioners",
        "vagrant_ports",
        "vagrant_folders",
        "provision_commands",
        "vagrant_loads",
    }
    assert all(g.where == file and g.kind is Kind.DENIED for g in gaps)
    assert {type(r) for r in found} == {Gap, Vagrantfile}


def test_what_a_broken_file_sets_up_is_known_where_it_can_be_corrected(tmp_path: Path) -> None:
    port = '  config.vm.network "forwarded_port", guest: 1, host: 2\n'
    found = rows(
        tmp_path,
        {"/home/a/Vagrantfile": HEAD + port, "/home/b/Vagrantfile": HEAD + port + '  config.vm.box == = "x"\nend\n'},
    )

    assert [(r.file, r.parses, r.is_known) for r in of(Vagrantfile, found)] == [
        ("/home/a/Vagrantfile", 0, 1),
        ("/home/b/Vagrantfile", 0, 0),
    ]
    assert [r.file for r in of(VagrantPort, found)] == ["/home/a/Vagrantfile"]
    assert {(g.where, g.table) for g in of(Gap, found)} >= {
        ("/home/b/Vagrantfile", "vagrant_ports"),
        ("/home/b/Vagrantfile", "provision_commands"),
    }


def test_scripts_are_read_beside_the_vagrantfile(tmp_path: Path) -> None:
    files = {
        "/home/me/x/Vagrantfile": HEAD
        + '  config.vm.provision "shell", path: "./sh/up.sh"\n  config.vm.provision "shell", path: "https://example.org/up.sh"\nend\n',
        "/home/me/x/sh/up.sh": "#!/bin/sh\r\nsudo docker run -d --restart always redis\r\npython3 app.py &\r\n",
    }
    found = rows(tmp_path, files)

    assert [(c.file, c.line, c.kind, c.program, c.image, c.has_restart, c.provisioner_line) for c in of(ProvisionCommand, found)] == [
        ("/home/me/x/sh/up.sh", 2, "docker-run", "docker", "redis", 1, 2), ("/home/me/x/sh/up.sh", 3, "background", "python3", None, 0, 2),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("script", "is_handled"),
    [
        ("docker rm -f web\ndocker run --name web nginx", 1),
        ("docker run --name web nginx\ndocker start web", 1),
        ("docker rm -f $(docker ps -aq)\ndocker run --name web nginx", 1),
        ("docker container prune -f\ndocker run --name web nginx", 1),
        ("docker ps -a | grep web\ndocker run --name web nginx", 1),
        ("docker pull web\ndocker run --name web nginx", 0),
        ("docker rm -f web2\ndocker run --name web nginx\ndocker ps\ndocker logs web", 0),
        ("docker run --name web nginx\ndocker exec web true", 0),
    ],
)
def test_whether_another_command_takes_care_of_the_name(tmp_path: Path, script: str, is_handled: int) -> None:
    found = rows(
        tmp_path,
        {"/vagrant/Vagrantfile": HEAD + '  config.vm.provision "shell", path: "a.sh"\nend\n', "/vagrant/a.sh": script},
    )

    assert [c.is_name_handled for c in of(ProvisionCommand, found) if c.kind == "docker-run"] == [is_handled]


@pytest.mark.parametrize(
    ("body", "has_docker"),
    [
        ('config.vm.box = "ubuntu/jammy64"', 0),
        ('config.vm.box = "me/everything"', None),
        ('config.vm.provision "shell", inline: "true"', None),
        ('config.vm.box = "ubuntu/jammy64"\nconfig.vm.provision "chef_solo"', None),
        ('config.vm.box = "ubuntu/jammy64"\nconfig.vm.provision "shell", inline: SCRIPT', None),
        ('config.vm.box = "ubuntu/jammy64"\nconfig.vm.provision "shell", path: "not-here.sh"', None),
        ('config.vm.box = "me/x"\nconfig.vm.provision :docker', 1),
        (
            'config.vm.box = "me/x"\nconfig.vm.provision "shell", inline: "sudo apt-get -y install docker-ce docker-ce-cli"',
            1,
        ),
        ('config.vm.box = "me/x"\nconfig.vm.provision "shell", inline: "curl -sSL https://get.docker.com/ | sh"', 1),
    ],
)
def test_whether_docker_is_installed(tmp_path: Path, body: str, has_docker: int | None) -> None:
    found = rows(tmp_path, {"/home/me/Vagrantfile": f"{HEAD}{body}\nend\n"})

    assert [r.has_docker for r in of(Vagrantfile, found)] == [has_docker]


def test_no_vagrantfile_no_parser() -> None:
    """The grammar is 2 MB; a host without a Vagrantfile does not load it, nor our own reader of Ruby."""
    code = (
        "import sys, pathlib\nfrom dddoctor import actions, tables\ntables.load_all(); actions.load_all()\n"
        "from dddoctor.hosts.root import RootHost\nfrom dddoctor.secrets import Vault\nfrom dddoctor.tables import vagrant\n"
        "assert list(vagrant.collect(RootHost(pathlib.Path(sys.argv[1])), Vault(), tables.RunOptions())) == []\n"
        "print([m for m in sys.modules if 'tree_sitter' in m or 'rubytext' in m])\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(Path(__file__).parent)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (run.stdout, run.stderr) == ("[]\n", "")


# --- install commands -------------------------------------------------------------------------------------------------


def test_install_commands_of_a_history(tmp_path: Path) -> None:
    raw = "https://raw.githubusercontent.com/DataDog/datadog-agent/master/cmd/agent/install_script.sh"
    own = "https://install.datadoghq.com/scripts/install_script_agent7.sh"
    write(
        tmp_path,
        {
            "/home/me/.bash_history": f'DD_API_KEY={KEY} bash -c "$(curl -L {raw})"\n# bash -c "$(curl -L {raw})"\ncurl -fsSL {own} | sudo DD_API_KEY=x bash\ncurl -L {own} -o x.sh\n'
            f'bash -c \\\n  "$(curl --fail -L {own})"\nsh -c "$(wget -qO- {own})"\nbash -c "$(curl -L https://example.org/master/install_script.sh)"\n'
        },
    )
    found = list(install_commands.collect(ExampleHost(tmp_path, unreadable=set()), Vault(), RunOptions()))

    assert found == [
        InstallCommand("/home/me/.bash_history", 1, 64, "history", raw, 1, 0),
        InstallCommand("/home/me/.bash_history", 3, 12, "history", own, 0, 1),
        InstallCommand("/home/me/.bash_history", 6, 21, "history", own, 0, 1),
        InstallCommand("/home/me/.bash_history", 7, 20, "history", own, 0, 1),
    ]


# --- addresses of apps ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "address"),
    [
        ("app.run()", (2, "127.0.0.1", 5000)),
        ("app.run(debug=True, host='0.0.0.0', port=5050)", (2, "*", 5050)),
        ('app.run("localhost", "8000")', (2, "localhost", 8000)),
        ("app.run(host=HOST, port=int(os.environ.get('PORT', 5000)))", (2, None, None)),
        ("app.run(**options)", (2, None, None)),
        ("app.run(\n    host='::',\n    port=80,\n)", (2, "*", 80)),
    ],
)
def test_where_app_run_listens(call: str, address: tuple[int, str | None, int | None]) -> None:
    assert in_code(f"app = Flask(__name__)\n{call}\nsubprocess.run(['x'])\n") == [address]


@pytest.mark.parametrize(
    ("line", "address"),
    [
        ("FLASK_APP=app.py ddtrace-run flask run --host=0.0.0.0 --port 5050", ("*", 5050)),
        ("python3 -m flask --app app run -h 0.0.0.0 -p 80", ("*", 80)),
        ("flask run -p $PORT", ("127.0.0.1", None)),
        ("exec gunicorn -w 4 -b 0.0.0.0:80 app:app", ("*", 80)),
        ("gunicorn app:app", ("127.0.0.1", 8000)),
        ("uwsgi --http :9090 --wsgi-file app.py", ("*", 9090)),
        ("FLASK_RUN_PORT=5050\nFLASK_RUN_HOST=0.0.0.0\nflask run", ("*", 5050)),
        ("export FLASK_RUN_HOST=0.0.0.0", ("*", 5000)),
    ],
)
def test_where_a_command_line_listens(line: str, address: tuple[str | None, int | None]) -> None:
    assert [found[1:] for found in in_commands(line + "\n# flask run -p 1\npip install flask\n")] == [address]


def test_an_app_that_says_nothing_has_flasks_own_address(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "/home/me/x/app.py": "from flask import Flask\n",
            "/home/me/y/app.py": "from flask import Flask\n",
            "/home/me/y/run.sh": "flask run -p 5050\n",
        },
    )
    apps = [App(f"/home/me/{n}", f"/home/me/{n}/app.py", 1, "flask", "/home/me", None, 0, None, None) for n in "xy"]

    assert list(app_addresses.collect(ExampleHost(tmp_path, unreadable=set()), apps)) == [
        AppAddress("/home/me/x", "/home/me/x/app.py", 1, "default", "127.0.0.1", 5000, 1), AppAddress("/home/me/y", "/home/me/y/run.sh", 1, "command", "127.0.0.1", 5050, 1),
    ]  # fmt: skip
