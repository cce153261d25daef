"""One input at a time is made unreadable, for the whole product: what cannot be seen makes nothing healthy, and makes no rule speak."""

from __future__ import annotations

import os
import posixpath
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from dddoctor import session as the_session
from dddoctor.demo import MANIFEST, make_vm
from dddoctor.examples import build
from dddoctor.hosts.base import READ_LIMIT_BYTES, Stat
from dddoctor.hosts.root import RootHost
from dddoctor.model import Kind, Report
from dddoctor.rules import load
from dddoctor.session import CheckOptions, Session

# The demo's VM after somebody took its lessons to heart, and with more on it.
SOUND: dict[str, str | None] = {
    "/etc/os-release": 'NAME="Ubuntu"\nVERSION="22.04.5 LTS (Jammy Jellyfish)"\nID=ubuntu\nVERSION_ID="22.04"\nVERSION_CODENAME=jammy\n',
    "/etc/passwd": f"dd-agent:x:{os.geteuid()}:{os.getegid()}::/opt/datadog-agent:/usr/sbin/nologin\nvagrant:x:1000:1000::/home/vagrant:/bin/bash\n",
    "/etc/group": f"dd-agent:x:{os.getegid()}:\nvagrant:x:1000:\n",
    "/proc/mounts": "/dev/sda1 / ext4 rw,relatime 0 0\nvagrant /vagrant vboxsf rw,nodev,relatime 0 0\n",
    "/etc/datadog-agent/datadog.yaml": "api_key: 0123deadbeef4567deadbeef89abcdef\nsite: datadoghq.com\ntags:\n  - team:weekend\n  - role:training\nlogs_enabled: true\napm_config:\n  enabled: true\n",
    "/etc/datadog-agent/system-probe.yaml": "network_config:\n  enabled: true\n",
    "/etc/datadog-agent/environment": "DD_LOG_LEVEL=info\n",
    "/etc/datadog-agent/conf.d/my_metric.yaml": "init_config:\n\ninstances:\n  - min_collection_interval: 45\n",
    "/etc/datadog-agent/conf.d/http_check.d/conf.yaml": "init_config:\n\ninstances:\n  - name: web\n    url: http://localhost\n",
    "/etc/datadog-agent/conf.d/nginx.d/conf.yaml.default": "instances:\n  - nginx_status_url: http://localhost:81/nginx_status/\n",
    "/etc/datadog-agent/conf.d/mysql.d/conf.yaml": "init_config:\n\ninstances:\n  - host: 127.0.0.1\n    username: datadog\n    password: datadog-s3cret\n",
    "/etc/datadog-agent/conf.d/logs.d/conf.yaml": "logs:\n  - type: file\n    path: /var/log/app.log\n    service: app\n    source: python\n",
    "/etc/datadog-agent/conf.d/disk.d/conf.yaml.example": "instances: []\n",
    "/etc/datadog-agent/checks.d/my_metric.py": (
        "import random\n\nfrom datadog_checks.base import AgentCheck\n\n\nclass MyMetric(AgentCheck):\n    def check(self, instance):\n        self.gauge('my_metric', random.randint(0, 1000))\n"
    ),
    "/lib/systemd/system/datadog-agent.service": "[Service]\nUser=dd-agent\nEnvironmentFile=-/etc/datadog-agent/environment\nExecStart=/opt/datadog-agent/bin/agent/agent run\n",
    "/etc/systemd/system/datadog-agent.service.d/10-log.conf": "[Service]\nEnvironment=DD_LOG_TO_CONSOLE=false\n",
    "/etc/mysql/mysql.cnf": "[mysqld]\nbind-address = 127.0.0.1\n\n!includedir /etc/mysql/conf.d/\n",
    "/root/.my.cnf": "[client]\nuser = root\n",
    "/vagrant/Vagrantfile": 'Vagrant.configure("2") do |config|\n  config.vm.box = "ubuntu/jammy64"\nend\n',
    "/vagrant/README.md": "# Notes\n\n`vagrant up`, then look at the dashboard.\n",
    "/home/vagrant/.bash_history": "cd app\n. venv/bin/activate\npip install flask ddtrace\n",
    "/home/vagrant/.bashrc": "alias ll='ls -l'\n",
    "/etc/profile.d/path.sh": "export PATH=$PATH:/opt/bin\n",
    "/etc/cron.d/backup": "5 3 * * * root /usr/bin/true\n",
    "/home/vagrant/app/app.py": (
        "import logging\n\nfrom flask import Flask\n\nimport helpers\n\napp = Flask(__name__)\n\n\n@app.route('/')\ndef entry():\n    logging.info(helpers.greet())\n"
        "    return 'Entrypoint to the Application'\n\n\nif __name__ == '__main__':\n    app.run(port=5050)\n"
    ),
    "/home/vagrant/app/helpers.py": "def greet():\n    return 'hello'\n",
    "/home/vagrant/app/requirements.txt": "flask\nddtrace\n",
    "/home/vagrant/app/run.sh": "#!/bin/sh\n/home/vagrant/app/venv/bin/ddtrace-run /home/vagrant/app/venv/bin/python app.py\n",
    "/home/vagrant/app/.git/HEAD": "ref: refs/heads/main\n",
    "/home/vagrant/app/venv/pyvenv.cfg": "home = /usr/bin\ninclude-system-site-packages = false\nversion = 3.10.12\n",
    "/home/vagrant/app/venv/bin/ddtrace-run": "#!/home/vagrant/app/venv/bin/python3\nfrom ddtrace.commands.ddtrace_run import main\nmain()\n",
    "/home/vagrant/app/venv/lib/python3.10/site-packages/flask/__init__.py": "",
    "/home/vagrant/app/venv/lib/python3.10/site-packages/Flask-2.3.3.dist-info/METADATA": "Metadata-Version: 2.1\nName: Flask\nVersion: 2.3.3\n",
    "/home/vagrant/app/venv/lib/python3.10/site-packages/ddtrace/__init__.py": "",
    "/home/vagrant/app/venv/lib/python3.10/site-packages/ddtrace-2.14.1.dist-info/METADATA": "Metadata-Version: 2.1\nName: ddtrace\nVersion: 2.14.1\n",
    "/home/vagrant/app/venv/lib/python3.10/site-packages/pip/__init__.py": "",
    "/etc/datadog-agent/security-agent.yaml": "runtime_security_config:\n  enabled: false\n",
    "/etc/datadog-agent/conf.d/other.d/conf.yaml": "instances:\n  - {}\n",
    "/etc/datadog-agent/checks.d/other/__init__.py": "import rare_module\nimport requests\n\nfrom datadog_checks.base import AgentCheck\n\n\nclass Other(AgentCheck):\n    def check(self, instance):\n        self.gauge('other', rare_module.value(requests))\n",
    "/etc/datadog-agent/conf.d/from_a_wheel.d/conf.yaml": "instances:\n  - {}\n",
    "/opt/datadog-agent/embedded/lib/python3.11/site-packages/datadog_checks/from_a_wheel/__init__.py": "",
    "/opt/datadog-agent/embedded/lib/python3.11/site-packages/datadog_checks/base/__init__.py": "",
    "/opt/datadog-agent/embedded/lib/python3.11/site-packages/rare_module/__init__.py": "",
    "/etc/datadog-agent/checks.d/helper_of_other.py": "VALUE = 1\n",
    "/srv/shared/redisdb.yaml": "init_config:\n\ninstances:\n  - host: localhost\n    port: 6379\n",
    "/opt/datadog-agent/version-manifest.txt": "agent 7.52.1\n",
    "/opt/datadog-agent/version-manifest.json": '{"build_version": "7.52.1"}\n',
    "/opt/datadog-agent/bin/agent/agent": "\x7fELF (the Agent)\n",
    "/opt/datadog-agent/embedded/bin/python3.11": "\x7fELF (the Agent's Python)\n",
    "/opt/datadog-agent/embedded/lib/python3.11/site-packages/datadog_checks/redisdb/__init__.py": "",
    "/opt/datadog-agent/embedded/lib/python3.11/site-packages/requests/__init__.py": "",
    "/opt/datadog-agent/run/checks/x": "",
    "/var/log/datadog/agent.log": "2026-11-24 10:00:00 UTC | CORE | INFO | started\n",
    "/vagrant/.env": "DD_SITE=datadoghq.com\n",
    "/vagrant/docker-compose.yml": "services:\n  db:\n    image: mysql:8.0\n",
    "/vagrant/.git/config": "[core]\n\tbare = false\n",
    "/vagrant/.git/HEAD": "ref: refs/heads/main\n",
    "/etc/environment": "PATH=/usr/local/bin:/usr/bin:/bin\n",
    "/etc/default/other": "LEVEL=1\n",
    "/usr/bin/python3.10": "\x7fELF (a Python)\n",
    "/usr/lib/python3.10/os.py": "",
}
GONE = ("/usr/bin/python3.5", "/usr/bin/python2.7", "/usr/local/", "/home/vagrant/app/venv/lib/python3.5")


def make_sound(root: Path) -> None:
    """A healthy host: nothing to find, everything to be seen."""
    broken: dict[str, Any] = yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))
    files = {p: t for p, t in {**broken["files"], **SOUND}.items() if not p.startswith(GONE)}
    links = {**broken["links"], "/usr/bin/python3": "python3.10", "/home/vagrant/app/venv/bin/python": "python3"}
    links |= {
        "/opt/datadog-agent/embedded/bin/python": "python3.11",
        "/etc/datadog-agent/conf.d/redisdb.yaml": "/srv/shared/redisdb.yaml",
    }
    del links["/usr/bin/python"]
    modes = {p: "0640" for p in files if p.startswith("/etc/datadog-agent/") and "checks.d" not in p}
    modes |= {
        "/etc/datadog-agent/auth_token": "0600",
        "/etc/datadog-agent/conf.d": "0755",
        "/etc/datadog-agent/checks.d": "0755",
        "/etc/datadog-agent": "0755",
    }
    modes |= {p: "0755" for p in files if "/bin/" in p or p.endswith(".sh")}
    build(root, {"files": files, "links": links, "modes": modes})


class Tracing(RootHost):
    """Notes what was read and listed, by the places where links end."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.used: set[str] = set()
        self._plain = RootHost(folder)  # asking itself would be noted

    def read(self, path: str, limit_bytes: int = READ_LIMIT_BYTES) -> bytes:
        content = super().read(path, limit_bytes)
        self.used.add(self._plain.stat(path).target)
        return content

    def stat(self, path: str, *, follow: bool = True) -> Stat:
        found = super().stat(path, follow=follow)
        while follow and self._plain.stat(path, follow=False).kind == "link":  # the folders on the way are needed, too
            self.used.add(posixpath.dirname(path))
            path = posixpath.normpath(posixpath.join(posixpath.dirname(path), self._plain.readlink(path)))
        return found

    def listdir(self, path: str) -> list[str]:
        names = super().listdir(path)
        self.used.add(self._plain.stat(path).target)
        return names

    def glob(self, pattern: str) -> list[str]:
        found = super().glob(pattern)
        folder = pattern.partition("*")[0].rpartition("/")[0] or "/"
        if "*" in pattern and self._plain.exists(folder):
            self.used.add(self._plain.stat(folder).target)
        return found


class Whole(NamedTuple):
    """A host, what the doctor says of it when it sees all, and the inputs that it used: files, folders, and the folders above them."""

    root: Path
    report: Report
    inputs: frozenset[str]


@pytest.fixture(scope="module", autouse=True)
def _rules_are_read_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        rules = load()
        patch.setattr(the_session, "load", lambda **_: rules)
        yield


def _check(host: RootHost, root: Path) -> Report:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(the_session, "open_host", lambda _: host)
        return Session(CheckOptions(root)).check()


def _whole(root: Path) -> Whole:
    host = Tracing(root)
    report = _check(host, root)
    above = {str(p) for used in host.used for p in Path(used).parents}
    return Whole(root, report, frozenset((host.used | above) - {"/"}))


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    root = tmp_path_factory.mktemp("sound") / "vm"
    make_sound(root)
    return _whole(root)


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    root = tmp_path_factory.mktemp("broken") / "vm"
    make_vm(root)
    return _whole(root)


def _paths(make: Callable[[Path], None]) -> list[str]:
    """All files and folders of a host; links are other names of these."""
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder) / "vm")
        root = Path(folder) / "vm"
        return sorted(f"/{p.relative_to(root)}" for p in root.rglob("*") if not p.is_symlink())


def _places(host: RootHost, path: str) -> Iterator[str]:
    """A path, and what it leads to, link by link."""
    yield path
    while host.exists(path) and host.stat(path, follow=False).kind == "link":
        path = posixpath.normpath(posixpath.join(posixpath.dirname(path), host.readlink(path)))
        yield path


def _is_named(path: str, root: Path, report: Report) -> bool:
    """Whether the report says that `path`, its folder, what is in it, or a link to it could not be looked at, and that sudo would help."""
    host = RootHost(root)
    for unread in report.unread:
        if unread.kind is not Kind.DENIED or unread.remedy != "sudo":
            continue
        words = [w.strip(":,;") for w in f"{unread.what} {unread.reason}".split() if w.startswith("/")]
        for word in words:
            for place in _places(host, word):
                if place == path or path.startswith(f"{place}/") or place.startswith(f"{path}/"):
                    return True
    return False


def _problems(path: str, whole: Whole) -> list[str]:
    """What is wrong with the report of a run that could not see `path`."""
    report = _check(RootHost(whole.root, {path}), whole.root)
    known, now = {f.id for f in whole.report.findings}, {f.id for f in report.findings}
    found = [f"a new finding: {f.rule} {f.file}:{f.line} {f.message}" for f in report.findings if f.id not in known]
    found += [f"a rule is broken: {b.rule} {b.error}" for b in report.broken]
    if path in whole.inputs:
        if report.healthy is True:
            found.append("the host is called healthy")
        if not report.partial:
            found.append("the report is not partial")
        if not _is_named(path, whole.root, report):
            found.append(f"it is not named: {[(u.what, u.reason, u.remedy) for u in report.unread]}")
    elif (report.healthy is not whole.report.healthy or known != now) and not _is_named(path, whole.root, report):
        found.append(
            "nothing of it was used, and yet the report is another one"
        )  # unless what was asked for in it is absent
    if known - now and not report.partial:
        found.append(f"findings are lost, and the report is not partial: {sorted(known - now)}")
    return found


def test_the_sound_host_is_healthy_when_all_is_seen(sound: Whole) -> None:
    """Else hiding would prove nothing about health."""
    report = sound.report
    unread = [u for u in report.unread if u.kind is not Kind.TARGET]  # nothing runs in a folder

    assert (report.healthy, report.findings, unread, report.skipped, report.broken) == (True, [], [], [], [])
    assert len(sound.inputs) > 60


def test_the_broken_host_has_findings_to_lose(broken: Whole) -> None:
    """In each of the areas that need only files."""
    assert {f.area for f in broken.report.findings} >= {
        "config",
        "conf-d",
        "checks-d",
        "mysql",
        "permissions",
        "python",
        "secrets",
    }


@pytest.mark.parametrize("path", _paths(make_sound))
def test_a_sound_host_is_not_healthy_where_it_cannot_be_seen(sound: Whole, path: str) -> None:
    """A permission that is missing is neither health nor a defect; the report says what it is, and `sudo`."""
    assert _problems(path, sound) == []


@pytest.mark.parametrize("path", _paths(make_vm))
def test_what_is_hidden_of_a_broken_host_brings_no_new_finding(broken: Whole, path: str) -> None:
    """A finding that is lost leaves the report partial."""
    assert _problems(path, broken) == []
