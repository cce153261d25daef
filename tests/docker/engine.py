"""A Docker engine of the tests' own: its data, its socket and its network are in namespaces and a folder that end with it; no image is fetched."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).resolve().parents[2] / "src"
START_SECONDS = 60
KEY = "0badc0de0badc0de0badc0de0badc0de"
# /run is a tmpfs of this engine alone, so that its socket is where every engine's is, and the machine's own is not touched.
_SCRIPT = """
set -e
mount --make-rprivate /
mount -t tmpfs -o mode=0755 tmpfs /run
mkdir -p /run/lock
ip link set lo up
exec dockerd --data-root "$1/data" --exec-root /run/docker --pidfile "$1/pid" -H unix:///run/docker.sock --storage-driver vfs --iptables=false --ip6tables=false
"""


class NoEngine(Exception):
    """Why there can be no engine here, in words."""


class Engine:
    """A running engine. `docker` and `doctor` run inside of its namespaces."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "dockerd.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                ["unshare", "--net", "--mount", "sh", "-c", _SCRIPT, "sh", str(folder)],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip

    def inside(self, argv: list[str], seconds: float = 60, **values: Any) -> subprocess.CompletedProcess[str]:
        """Run a command in the engine's network and mounts."""
        return subprocess.run(
            ["nsenter", "--target", str(self.process.pid), "--net", "--mount", "--", *argv],
            capture_output=True, text=True, timeout=seconds, check=False, **values,
        )  # fmt: skip

    def docker(self, *words: str) -> str:
        """The output of a docker command that has to succeed."""
        ran = self.inside(["docker", *words])
        assert ran.returncode == 0, f"docker {' '.join(words)}: {ran.stderr}"
        return ran.stdout.strip()

    def inspect(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.docker("inspect", name))[0]
        return found

    def doctor(self, *words: str) -> subprocess.CompletedProcess[str]:
        """dddoctor as root on the host that this engine runs on."""
        environment = {**os.environ, "DDDOCTOR_STATE": str(self.folder / "state"), "PYTHONPATH": str(SOURCE)}
        environment.pop("DOCKER_HOST", None)
        ran = self.inside([sys.executable, "-m", "dddoctor", *words], env=environment, cwd="/")
        assert KEY not in ran.stdout + ran.stderr, "the key of a container's variable was shown"
        return ran

    def rows(self, sql: str) -> list[dict[str, Any]]:
        ran = self.doctor("query", "--format", "json", sql)
        assert ran.returncode == 0 and not ran.stderr, ran.stderr
        found: list[dict[str, Any]] = json.loads(ran.stdout)
        return found

    def report(self, *words: str) -> dict[str, Any]:
        ran = self.doctor("check", "--select", "docker", "--format", "json", *words)
        assert ran.returncode in (0, 1, 3), ran.stderr
        found: dict[str, Any] = json.loads(ran.stdout)
        return found

    def end(self) -> None:
        """Remove the containers, end the engine, and wait for it."""
        with contextlib.suppress(subprocess.TimeoutExpired, AssertionError):
            names = self.docker("ps", "-aq").split()
            if names:
                self.docker("rm", "-f", *names)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 30) -> None:
    """Ask again until it holds; the assertion says what was waited for."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds:g} s for {what}"
        time.sleep(0.05)


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Engine]:
    """An engine with one image, `datadog/agent:7.52.0`, made of a shell and `sleep`. Raises NoEngine."""
    if os.geteuid() != 0:
        raise NoEngine("only root can start a Docker engine")
    missing = [name for name in ("dockerd", "docker", "unshare", "nsenter", "ip") if shutil.which(name) is None]
    if missing:
        raise NoEngine(f"not installed: {', '.join(missing)}")
    engine = Engine(folder)
    try:
        deadline = time.monotonic() + START_SECONDS
        while engine.inside(["docker", "version"]).returncode:
            if engine.process.poll() is not None or time.monotonic() > deadline:
                last = engine.log.read_text(errors="replace").splitlines()[-1:]
                raise NoEngine(f"the Docker engine does not start here: {' '.join(last)}")
            time.sleep(0.1)
        image = folder / "image.tar"
        image.write_bytes(_image())
        engine.docker("import", str(image), "datadog/agent:7.52.0")
        yield engine
    finally:
        engine.end()


def _image() -> bytes:
    """A root of /bin/sh and /bin/sleep with the libraries that they name."""
    files = {"bin/sh": "/bin/sh", "bin/sleep": shutil.which("sleep") or "/bin/sleep"}
    for program in list(files.values()):
        listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
        for word in listed.split():
            if word.startswith("/"):
                files[word.lstrip("/")] = word
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        for name, source in files.items():
            data = Path(source).resolve().read_bytes()
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o755
            archive.addfile(entry, io.BytesIO(data))
    return written.getvalue()
