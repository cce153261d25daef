"""Which operating system this is, from files alone: the doctor must be able to judge a host that it cannot run on."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dddoctor.hosts.base import Host, InputError, Unavailable
from dddoctor.lazyre import lazy
from dddoctor.light import NamedTuple
from dddoctor.model import Gap, Kind
from dddoctor.tables import table
from dddoctor.tables.mounts import gap_of

_OS_RELEASE = (
    "/etc/os-release",
    "/usr/lib/os-release",
)  # os-release(5): the second is read only where the first is missing
_LSB_RELEASE = "/etc/lsb-release"
_MAC_VERSION = "/System/Library/CoreServices/SystemVersion.plist"
# A small program of every distribution; its ELF header names the architecture of what is installed, whatever the kernel is.
_PROGRAMS = ("/usr/bin/true", "/bin/true", "/bin/sh")
_PROGRAM_LIMIT_BYTES = 4 * 1024 * 1024
# e_machine of elf(5) → the name that `uname -m` prints.
_MACHINES = {
    3: "i386",
    8: "mips",
    20: "ppc",
    21: "ppc64le",
    22: "s390x",
    40: "arm",
    62: "x86_64",
    183: "aarch64",
    243: "riscv64",
    258: "loongarch64",
}
_VIRTUAL = lazy(
    r"virtualbox|innotek|vmware|qemu|kvm|xen|bochs|parallels|virtual machine|amazon ec2|google compute|openstack|bhyve|droplet",
    re.I,
)
_DMI = ("/sys/class/dmi/id/sys_vendor", "/sys/class/dmi/id/product_name")


class OperatingSystem(NamedTuple):
    """The operating system: one row, or none where no file names it.

    `name` is the short name (`ubuntu`, `debian`, `rhel`, `macos`), `version` such as `16.04` (empty for a rolling release), `codename` such as
    `xenial`. `arch` is that of the installed programs, as `uname -m` names it (`x86_64`, `i386`, `aarch64`). `is_virtual` is 1 in a virtual machine,
    0 on hardware, NULL where neither /sys nor /proc tells (a mounted disk). `file` is where name and version were read.

    Source: os-release(5), /etc/lsb-release, the ELF header of /usr/bin/true, /sys/class/dmi/id, the flag `hypervisor` in /proc/cpuinfo.
    """

    name: str
    version: str
    codename: str | None
    arch: str | None
    is_virtual: int | None
    file: str


@table("os", OperatingSystem)
def collect(host: Host) -> Iterator[OperatingSystem | Gap]:
    """The one row of this host. /etc/os-release wins over /etc/lsb-release, which very old systems have alone."""
    for path in (*_OS_RELEASE, _LSB_RELEASE, _MAC_VERSION):
        try:
            text = host.read(path).decode("utf-8", "replace")
        except FileNotFoundError:
            continue
        except (Unavailable, InputError) as error:
            yield gap_of(path, error)
            continue
        named = parse_release(text) if not path.endswith(".plist") else parse_mac(text)
        if named is not None:
            arch, obstacle = _architecture(host)
            if obstacle is not None:
                yield obstacle
            yield OperatingSystem(
                *named, "arm64" if arch == "aarch64" and named[0] == "macos" else arch, _is_virtual(host), path
            )
            return


def parse_release(text: str) -> tuple[str, str, str | None] | None:
    """(name, version, codename) of os-release or lsb-release text; None where it names no system."""
    values = {}
    for line in text.splitlines():
        key, equals, value = line.strip().partition("=")
        if equals and not key.startswith("#"):
            values[key] = value.strip().strip("\"'")
    name = values.get("ID") or values.get("DISTRIB_ID", "").lower()
    if not name:
        return None
    version = values.get("VERSION_ID") or values.get("DISTRIB_RELEASE", "")
    named_in_words = re.search(
        r"\(([A-Za-z]+)", values.get("VERSION", "")
    )  # Debian 8: VERSION="8 (jessie)" and no codename
    codename = values.get("VERSION_CODENAME") or values.get("DISTRIB_CODENAME") or values.get("UBUNTU_CODENAME")
    return name, version, (codename or (named_in_words[1] if named_in_words else "")).lower() or None


def parse_mac(text: str) -> tuple[str, str, str | None] | None:
    """("macos", version, None) of a SystemVersion.plist."""
    version = re.search(r"<key>ProductVersion</key>\s*<string>([0-9.]+)</string>", text)
    return ("macos", version[1], None) if version else None


def architecture_of(header: bytes) -> str | None:
    """The machine that an ELF program is for; None for another format or an unknown machine."""
    if header[:4] != b"\x7fELF" or len(header) < 20:
        return None
    machine = int.from_bytes(header[18:20], "little" if header[5] == 1 else "big")
    return "ppc64" if machine == 21 and header[5] == 2 else _MACHINES.get(machine)


def _architecture(host: Host) -> tuple[str | None, Gap | None]:
    for path in _PROGRAMS:
        try:
            return architecture_of(host.read(path, _PROGRAM_LIMIT_BYTES)), None
        except (FileNotFoundError, InputError):
            continue
        except Unavailable as error:
            return None, gap_of(path, error, ("arch",))
    return None, Gap(_PROGRAMS[0], Kind.TARGET, "no program here tells the architecture", "", ("arch",))


def _is_virtual(host: Host) -> int | None:
    """1, 0 or None. A host of which neither file can be read stays unknown: many mounted disks, and containers."""
    known = False
    for path in _DMI:
        text = _text(host, path)
        if text and _VIRTUAL.search(text):
            return 1
        known = known or bool(text)
    cpu = _text(host, "/proc/cpuinfo")
    if cpu and re.search(r"^flags\s*:.*\bhypervisor\b", cpu, re.M):
        return 1
    return 0 if known and cpu else None


def _text(host: Host, path: str) -> str | None:
    try:
        return host.read(path, 1024 * 1024).decode("utf-8", "replace")
    except (FileNotFoundError, Unavailable, InputError):
        return None
