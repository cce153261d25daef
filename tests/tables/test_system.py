"""Which operating system a host has, from its files."""

from __future__ import annotations

from pathlib import Path

import pytest

from dddoctor.hosts.root import RootHost
from dddoctor.model import Gap
from dddoctor.tables import system
from dddoctor.tables.system import OperatingSystem

XENIAL = 'NAME="Ubuntu"\nVERSION="16.04.7 LTS (Xenial Xerus)"\nID=ubuntu\nVERSION_ID="16.04"\nVERSION_CODENAME=xenial\n'
LSB = 'DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE=12.04\nDISTRIB_CODENAME=precise\nDISTRIB_DESCRIPTION="Ubuntu 12.04.5 LTS"\n'


def write(root: Path, path: str, content: str | bytes) -> None:
    place = root / path.lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content.encode() if isinstance(content, str) else content)


def elf(machine: int, bits: int = 2) -> bytes:
    return (
        b"\x7fELF"
        + bytes([bits, 1])
        + bytes(10)
        + (2).to_bytes(2, "little")
        + machine.to_bytes(2, "little")
        + bytes(40)
    )


def rows(root: Path) -> list[OperatingSystem]:
    return [r for r in system.collect(RootHost(root)) if isinstance(r, OperatingSystem)]


def test_a_virtual_machine_is_named_with_its_architecture(tmp_path: Path) -> None:
    write(tmp_path, "/etc/os-release", XENIAL)
    write(tmp_path, "/usr/bin/true", elf(3, 1))
    write(tmp_path, "/sys/class/dmi/id/product_name", "VirtualBox\n")

    assert rows(tmp_path) == [OperatingSystem("ubuntu", "16.04", "xenial", "i386", 1, "/etc/os-release")]


def test_lsb_release_alone_is_enough(tmp_path: Path) -> None:
    write(tmp_path, "/etc/lsb-release", LSB)

    assert rows(tmp_path) == [OperatingSystem("ubuntu", "12.04", "precise", None, None, "/etc/lsb-release")]


def test_a_mounted_disk_does_not_tell_whether_it_is_virtual(tmp_path: Path) -> None:
    write(tmp_path, "/usr/lib/os-release", 'ID=debian\nVERSION_ID="8"\nVERSION="8 (jessie)"\n')
    write(tmp_path, "/usr/bin/true", elf(183))

    assert rows(tmp_path) == [OperatingSystem("debian", "8", "jessie", "aarch64", None, "/usr/lib/os-release")]


def test_hardware_is_told_by_its_vendor_and_a_plain_processor(tmp_path: Path) -> None:
    write(tmp_path, "/etc/os-release", "ID=arch\n")
    write(tmp_path, "/usr/bin/true", elf(62))
    write(tmp_path, "/sys/class/dmi/id/sys_vendor", "LENOVO\n")
    write(tmp_path, "/proc/cpuinfo", "flags\t\t: fpu vme sse2\n")

    assert rows(tmp_path) == [OperatingSystem("arch", "", None, "x86_64", 0, "/etc/os-release")]


def test_macos_is_read_from_its_property_list(tmp_path: Path) -> None:
    plist = "<plist><dict><key>ProductName</key><string>macOS</string><key>ProductVersion</key>\n<string>14.2.1</string></dict></plist>"
    write(tmp_path, "/System/Library/CoreServices/SystemVersion.plist", plist)

    assert rows(tmp_path)[0][:3] == ("macos", "14.2.1", None)


def test_a_folder_without_a_system_has_no_row_and_no_gap(tmp_path: Path) -> None:
    assert list(system.collect(RootHost(tmp_path))) == []


def test_an_unreadable_release_file_is_a_gap(tmp_path: Path) -> None:
    write(tmp_path, "/etc/os-release", XENIAL)

    found = list(system.collect(RootHost(tmp_path, unreadable={"/etc/os-release"})))

    assert [(type(f), f.where) for f in found if isinstance(f, Gap)] == [(Gap, "/etc/os-release")]
    assert len(found) == 1


@pytest.mark.parametrize(
    ("header", "name"),
    [(elf(62), "x86_64"), (elf(40, 1), "arm"), (b"#!/bin/sh\n", None), (b"", None), (elf(9999), None)],
)
def test_the_architecture_stands_in_the_header_of_a_program(header: bytes, name: str | None) -> None:
    assert system.architecture_of(header) == name
