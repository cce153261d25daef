"""What is mounted where, and whether chmod works there."""

from __future__ import annotations

from pathlib import Path

import pytest

from dddoctor.hosts.root import RootHost
from dddoctor.model import Gap, Kind
from dddoctor.tables import mounts
from dddoctor.tables.mounts import Mount


@pytest.mark.parametrize(
    ("line", "keeps_modes"),
    [
        ("/dev/sda1 / ext4 rw 0 0", 1),
        ("vagrant /vagrant vboxsf rw,nodev 0 0", 0),
        ("C:\\134 /mnt/c 9p rw,dirsync,aname=drvfs;path=C:\\134;uid=1000 0 0", 0),
        ("C:\\134 /mnt/c 9p rw,dirsync,aname=drvfs;path=C:\\134;metadata;uid=1000 0 0", 1),
        ("//nas/share /mnt/nas cifs rw,vers=3.0 0 0", 0),
        ("//nas/share /mnt/nas cifs rw,vers=3.0,modefromsid 0 0", 1),
        ("/dev/sdb1 /mnt/usb fuseblk rw 0 0", 0),
        ("me@host:/ /mnt/h fuse.sshfs rw 0 0", 1),
        ("vmhgfs-fuse /mnt/hgfs fuse.vmhgfs-fuse rw 0 0", 0),
        ("overlay / overlay rw 0 0", 1),
    ],
)
def test_synced_folders_and_foreign_disks_keep_no_modes(line: str, keeps_modes: int) -> None:
    assert [m.keeps_modes for m in mounts.parse_mounts(line + "\n")] == [keeps_modes]


def test_a_mount_point_with_a_blank_is_decoded_and_sources_are_left_out() -> None:
    found = mounts.parse_mounts("//u:pw@nas/x /mnt/my\\040disk cifs ro,relatime 0 0\nnonsense\n")

    assert found == [Mount("/mnt/my disk", "cifs", 1, 0)]


def test_the_deepest_and_latest_mount_counts() -> None:
    table = mounts.parse_mounts("a / ext4 rw 0 0\nb /etc vboxsf rw 0 0\nc /etc ext4 ro 0 0\nd /etcetera xfs rw 0 0\n")

    assert mounts.mount_of("/etc/mysql/my.cnf", table) == Mount("/etc", "ext4", 1, 1)
    assert mounts.mount_of("/home/x", table) == Mount("/", "ext4", 0, 1)
    assert mounts.mount_of("/home/x", []) is None


def test_why_a_mode_cannot_be_set_is_said_as_a_noun() -> None:
    assert mounts.keeper_of(Mount("/vagrant", "vboxsf", 0, 0)) == "the vboxsf mount at /vagrant"
    assert mounts.keeper_of(Mount("/etc", "ext4", 1, 1)) == "the mount at /etc, which is read-only"
    assert mounts.keeper_of(Mount("/", "ext4", 0, 1)) is None
    assert mounts.keeper_of(None) is None


def test_a_folder_without_proc_has_no_rows_and_no_gap(tmp_path: Path) -> None:
    assert list(mounts.collect(RootHost(tmp_path))) == []


def test_mounts_that_may_not_be_read_are_a_gap(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/mounts").write_text("a / ext4 rw 0 0\n")

    [gap] = mounts.collect(RootHost(tmp_path, unreadable={"/proc/mounts"}))

    assert isinstance(gap, Gap)
    assert (gap.where, gap.kind, gap.remedy) == ("/proc/mounts", Kind.DENIED, "sudo")
