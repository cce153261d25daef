"""A host with a real Datadog Agent, up in half a second: systemd-nspawn over the cached root (root.py), copy-on-write, in a network namespace of its own.

The Agent reaches nobody: the namespace has only its loopback. Everything written inside is gone when the VM stops.
"""

from __future__ import annotations

import io
import itertools
import json
import os
import shlex
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from tests.lab import root

T = TypeVar("T")
CGROUPS = Path("/sys/fs/cgroup")
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8",
}  # fmt: skip
POLL_SECONDS = 0.02
_numbers = itertools.count(1)


class Ran(NamedTuple):
    """A command's end."""

    returncode: int
    stdout: str
    stderr: str


class Doctor(NamedTuple):
    """A run of the doctor: its exit code, its JSON report (empty where there is none) and what it said beside it."""

    returncode: int
    report: dict[str, Any]
    stderr: str


class VM:
    """One running host. `source` is what of the doctor is in it: the repository's working tree, or the folder that `wheel` made.

    Use as a context manager, or end it with `stop`; unless it `outlives` the thread that started it, it ends with that, however that ends.
    Raises root.CannotBuild where this machine cannot have one.
    """

    def __init__(self, source: Path = root.REPOSITORY, name: str = "", *, outlives: bool = False) -> None:
        self.name = name or f"dddoctor-lab-{os.getpid()}-{next(_numbers)}"
        self.folder = root.build()
        self.outlives = outlives
        self.source = source
        self.log = root.cache() / f"{self.name}.log"
        self.note = root.cache() / f"{self.name}.leader"
        self.leader = 0
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> VM:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @classmethod
    def attach(cls, name: str) -> VM:
        """One that another process started with `start` and left running. Raises FileNotFoundError."""
        vm = cls(name=name)
        vm.leader = int(vm.note.read_text())
        return vm

    # --- up and down ------------------------------------------------------------------------------------------------

    def start(self) -> VM:
        """Boot; returns when systemd has started what it was to start (the Agent's process is then there, its API not yet)."""
        sweep()
        pycache = root.cache() / f"pycache-{self.folder.name[-8:]}"
        pycache.mkdir(exist_ok=True)
        binds = [f"--bind-ro={self.source / 'src'}:/opt/doctor/src", f"--bind={pycache}:/opt/doctor/pycache"]
        if (self.source / "rules").is_dir():
            binds.append(f"--bind-ro={self.source / 'rules'}:/opt/doctor/rules")
        nspawn = [
            "systemd-nspawn", "--quiet", "--boot", "--keep-unit", "--register=no", f"--machine={self.name}", f"--directory={self.folder}",
            "--volatile=overlay", "--private-network", "--hostname=lab", "--resolv-conf=off", "--timezone=off", "--link-journal=no", *binds,
        ]  # fmt: skip
        if _is_cgroup_v1():  # systemd 257 refuses to boot on it unless told
            nspawn.append("SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1")
        # A VM needs a cgroup of its own in each hierarchy that systemd uses: a second one in ours cannot attach.
        enter = "".join(f"mkdir -p {g} && echo $$ > {g}/cgroup.procs; " for g in self._cgroups())
        with self.log.open("wb") as log:
            self._child = subprocess.Popen(
                [*([] if self.outlives else ["setpriv", "--pdeathsig=TERM", "--"]), "sh", "-c", f"{enter}exec {shlex.join(nspawn)}"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                env={**os.environ, "SYSTEMD_NSPAWN_LOCK": "0"},  # many VMs over one root, which is only read
            )  # fmt: skip
        try:
            self.leader = self.wait_for(self._find_leader, "the VM's first process", 20)
            self.wait_for(self._is_up, "the VM's systemd", 30)
        except BaseException:
            self.stop()
            raise
        self.note.write_text(f"{self.leader}\n")
        return self

    def stop(self) -> None:
        """End it at once, as by pulling the plug: nothing of it is kept."""
        if self.leader and self._is_ours():
            with suppress(ProcessLookupError):
                os.kill(self.leader, signal.SIGKILL)
        if self._child is not None:
            if not self.leader:
                self._child.terminate()
            try:
                self._child.wait(10)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()
            self._child = None
        self.wait_for(lambda: not self._is_ours(), "the VM's end", 10)
        with suppress(AssertionError):  # what is left of it in the kernel may take a moment
            self.wait_for(lambda: remove_cgroups(self.name), "the end of its control groups", 3)
        self.log.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)

    def _is_ours(self) -> bool:
        """Whether the leader still is this VM's first process: numbers are given again."""
        with suppress(OSError):
            return self.name in Path(f"/proc/{self.leader}/cgroup").read_text()
        return False

    def _cgroups(self) -> list[Path]:
        hierarchies = [CGROUPS / h for h in ("systemd", "unified") if (CGROUPS / h).is_dir()] or [CGROUPS]
        return [h / self.name for h in hierarchies]

    def _find_leader(self) -> int:
        assert self._child is not None
        if self._child.poll() is not None:
            raise AssertionError(f"the VM did not start: {self.log.read_text(errors='replace')[-800:]}")
        for child in _children(self._child.pid):
            with suppress(OSError):
                status = Path(f"/proc/{child}/status").read_text()
                numbers = next(line for line in status.splitlines() if line.startswith("NSpid:")).split()
                if numbers[-1] == "1" and os.readlink(f"/proc/{child}/exe").endswith("/systemd/systemd"):
                    return child
        return 0

    def _is_up(self) -> bool:
        return self.run(["systemctl", "is-system-running"]).stdout.strip() in {"running", "degraded"}

    # --- inside -----------------------------------------------------------------------------------------------------

    def argv(self, argv: Sequence[str], user: str = "") -> list[str]:
        """The command of this machine that runs `argv` inside."""
        become = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--"] if user else []
        return [
            "nsenter", f"--target={self.leader}", "--mount", "--uts", "--ipc", "--net", "--pid", "--root", "--wd", "--", *become, *argv,
        ]  # fmt: skip

    def run(self, argv: Sequence[str], *, user: str = "", stdin: str = "", seconds: float = 60) -> Ran:
        """Run a command inside, as root or as one of its users. Raises subprocess.TimeoutExpired."""
        home = {"HOME": f"/home/{user}"} if user else {}
        done = subprocess.run(
            self.argv(argv, user), input=stdin.encode(), capture_output=True, timeout=seconds, env={**ENVIRONMENT, **home}, check=False,
        )  # fmt: skip
        return Ran(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))

    def sh(self, text: str, *, user: str = "", seconds: float = 60) -> str:
        """A shell line that must succeed; its standard output."""
        done = self.run(["sh", "-ec", text], user=user, seconds=seconds)
        assert done.returncode == 0, f"{text}: {done.returncode} {done.stdout[-400:]} {done.stderr[-400:]}"
        return done.stdout

    def read(self, path: str) -> str:
        done = self.run(["cat", path])
        if done.returncode != 0:
            raise FileNotFoundError(path)
        return done.stdout

    def write(self, path: str, text: str | bytes, *, owner: str = "dd-agent:dd-agent", mode: str = "0644") -> None:
        """A whole file, its folder made; a file that is there keeps its mode and owner."""
        content = text.encode() if isinstance(text, str) else text
        line = f'd=$(dirname "$1"); [ -d "$d" ] || install -d -o {owner.partition(":")[0]} "$d"; [ -e "$1" ] || install -m {mode} -o {owner.partition(":")[0]} -g {owner.partition(":")[2]} /dev/null "$1"; cat > "$1"'
        done = subprocess.run(
            self.argv(["sh", "-ec", line, "sh", path]),
            input=content,
            capture_output=True,
            timeout=30,
            env=ENVIRONMENT,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode(errors="replace")

    def write_many(self, files: Mapping[str, str | bytes], *, owner: str = "dd-agent:dd-agent") -> None:
        """Many files at once, 0644, their folders made; all of them belong to `owner`."""
        archive = io.BytesIO()
        user, _, group = owner.partition(":")
        with tarfile.open(fileobj=archive, mode="w") as tar:
            for path, text in files.items():
                content = text.encode() if isinstance(text, str) else text
                parents = [str(p).lstrip("/") for p in reversed(Path(path).parents) if str(p) != "/"]
                for name, kind in [(parents[-1], tarfile.DIRTYPE), (path.lstrip("/"), tarfile.REGTYPE)]:
                    entry = tarfile.TarInfo(name)
                    entry.type, entry.mode = kind, 0o755 if kind == tarfile.DIRTYPE else 0o644
                    entry.uname, entry.gname, entry.mtime = user, group, int(time.time())
                    entry.size = len(content) if kind == tarfile.REGTYPE else 0
                    tar.addfile(entry, io.BytesIO(content) if kind == tarfile.REGTYPE else None)
        done = subprocess.run(
            self.argv(["tar", "--extract", "--directory=/"]), input=archive.getvalue(), capture_output=True, timeout=60, env=ENVIRONMENT, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr.decode(errors="replace")

    def wait_for(self, condition: Callable[[], T], what: str, seconds: float = 20) -> T:
        """Ask until the answer is true; it is returned. Fails with `what` after so many seconds."""
        end = time.monotonic() + seconds
        while True:
            if answer := condition():
                return answer
            if time.monotonic() > end:
                raise AssertionError(f"{what}: not within {seconds} s")
            time.sleep(POLL_SECONDS)

    # --- the Agent --------------------------------------------------------------------------------------------------

    def agent(self, *arguments: str, seconds: float = 60) -> Ran:
        return self.run(["datadog-agent", *arguments], user="dd-agent", seconds=seconds)

    def unit(self, *properties: str, unit: str = "datadog-agent") -> dict[str, str]:
        """What systemd says of a unit."""
        text = self.run(["systemctl", "show", unit, *(f"--property={p}" for p in properties)]).stdout
        return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)

    def agent_answers(self) -> bool:
        """Whether the Agent's API answers; it says FAIL for its first 15 seconds, which is no fault."""
        return "Agent health" in self.agent("health").stdout

    def agent_age(self) -> float:
        """For how many seconds the Agent's process has run; 1000 where none does: nothing is to be waited for.

        A file that is written within 2 s of a process's start cannot be told from one that it has read.
        """
        pid = self.unit("MainPID")["MainPID"]
        return float(self.run(["ps", "-o", "etimes=", "-p", pid]).stdout or 1000)

    def journal(self) -> str:
        """What the Agent has logged since its last start."""
        start = self.unit("InvocationID")["InvocationID"]
        return self.run(["journalctl", "--quiet", "--output=cat", f"_SYSTEMD_INVOCATION_ID={start}"]).stdout

    def has_scheduled(self) -> bool:
        """Whether this start of the Agent has read its checks' files: at once, or after a random wait of 10 seconds."""
        return "scheduler controller started" in self.journal()

    def wait_for_agent(self, seconds: float = 40, *, checks: bool = False) -> None:
        self.wait_for(self.agent_answers, "the Agent's answer", seconds)
        if checks:
            self.wait_for(self.has_scheduled, "the Agent's checks", seconds)

    def restart_agent(self, *, wait: bool = True, checks: bool = False) -> None:
        self.run(["systemctl", "reset-failed", "datadog-agent"])
        self.run(["systemctl", "restart", "datadog-agent"])
        if wait:
            self.wait_for_agent(checks=checks)

    def ports(self) -> set[int]:
        """TCP ports that something listens on."""
        lines = self.run(["ss", "--no-header", "--tcp", "--listening", "--numeric"]).stdout.splitlines()
        return {int(line.split()[3].rpartition(":")[2]) for line in lines}

    # --- the doctor -------------------------------------------------------------------------------------------------

    def dddoctor(self, *arguments: str, user: str = "", seconds: float = 120) -> Ran:
        return self.run(["dddoctor", *arguments], user=user, seconds=seconds)

    def check(self, *arguments: str, user: str = "", seconds: float = 120) -> Doctor:
        """`dddoctor check --format json …` inside."""
        ran = self.dddoctor("check", "--format", "json", *arguments, user=user, seconds=seconds)
        assert ran.returncode in {0, 1, 3}, f"{ran.returncode}: {ran.stdout[-600:]} {ran.stderr[-2000:]}"
        return Doctor(ran.returncode, json.loads(ran.stdout), ran.stderr)

    @property
    def mounted(self) -> Path:
        """The VM's whole tree as this machine sees it, as a disk mounted elsewhere would be."""
        return Path(f"/proc/{self.leader}/root")


def wheel(folder: Path) -> Path:
    """A source for VMs made from the wheel of the working tree as it is now: compiled rules, none of the repository's folders."""
    built = folder / "wheels"
    root.run(
        sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", f"--wheel-dir={built}", str(root.REPOSITORY),
    )  # fmt: skip
    target = folder / "installed"
    with zipfile.ZipFile(next(built.glob("dddoctor-*.whl"))) as archive:
        archive.extractall(target / "src")
    return target


def sweep() -> None:
    """Clear what VMs left behind whose owner was killed."""
    for note in root.cache().glob("*.leader"):
        with suppress(OSError, ValueError):
            leader = int(note.read_text())
            if not Path(f"/proc/{leader}").exists():
                remove_cgroups(note.stem)
                note.with_suffix(".log").unlink(missing_ok=True)
                note.unlink(missing_ok=True)


def remove_cgroups(name: str) -> bool:
    """Remove the groups that a VM left behind, the deepest first; whether all are gone. One that is still in use stays."""
    tops = [hierarchy / name for hierarchy in (CGROUPS / "systemd", CGROUPS / "unified", CGROUPS)]
    for top in tops:
        for folder, _, _ in os.walk(top, topdown=False):  # what goes away meanwhile is passed over
            with suppress(OSError):
                os.rmdir(folder)  # noqa: PTH106
    return not any(top.is_dir() for top in tops)


def _is_cgroup_v1() -> bool:
    return not (CGROUPS / "cgroup.controllers").exists()


def _children(pid: int) -> list[int]:
    with suppress(OSError):
        return [int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []
