"""Memory and file systems, from what the kernel and `df` print."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dddoctor.hosts.base import Ran, Unavailable
from dddoctor.hosts.example import ExampleHost
from dddoctor.hosts.live import LiveHost
from dddoctor.hosts.root import RootHost
from dddoctor.model import Gap, Kind
from dddoctor.tables import resources
from dddoctor.tables.resources import DF, PATHS, Filesystem, Memory

Hosts = Callable[..., RootHost]
VAGRANT_BOX = """\
MemTotal:        1014652 kB
MemFree:           91232 kB
MemAvailable:     402112 kB
SwapTotal:             0 kB
SwapFree:              0 kB
HugePages_Total:       0
"""
MOUNTS = "/dev/sda1 / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n/dev/sdb1 /var/lib/mysql xfs ro 0 0\nnas:/logs /var/log nfs4 rw 0 0\n"
LOCAL = [p for p in PATHS if not p.startswith("/var/log")]
DF_SAYS = """\
File                 Type        1B-blocks       Avail    Inodes     IFree Mounted on
/                    ext4      10340831232           0   1280000         0 /
/tmp                 tmpfs       519532544   519532544    126839    126800 /tmp
/var/tmp             ext4      10340831232           0   1280000         0 /
/opt/datadog-agent   btrfs    270553174016 79867662336         0         0 /opt/my disk
/var/lib/mysql       xfs        1073741824           -         -         - /var/lib/mysql
df: nonsense
"""


def test_memory_is_read_from_meminfo(host_of: Hosts) -> None:
    host = host_of({"/proc/meminfo": VAGRANT_BOX, "/sys/fs/cgroup/memory.max": "536870912\n"})

    assert list(resources.collect_memory(host)) == [Memory(1014652 * 1024, 402112 * 1024, 0, 0, 536870912)]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/sys/fs/cgroup/memory.max", "max\n"),
        ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
        ("/sys/fs/cgroup/memory.max", "?"),
    ],
)
def test_no_limit_is_null(host_of: Hosts, path: str, text: str) -> None:
    rows = list(resources.collect_memory(host_of({"/proc/meminfo": VAGRANT_BOX, path: text})))

    assert [r.limit_bytes for r in rows if isinstance(r, Memory)] == [None]


def test_an_old_kernel_does_not_tell_what_is_available() -> None:
    assert resources.parse_meminfo("MemTotal: 1 kB\nSwapTotal: 4 kB\nSwapFree: 2 kB\n") == Memory(
        1024, None, 4096, 2048, None
    )
    assert resources.parse_meminfo("MemTotal: lots\n") is None


def test_a_mounted_disk_has_no_memory(host_of: Hosts) -> None:
    assert [g.kind for g in resources.collect_memory(host_of({})) if isinstance(g, Gap)] == [Kind.TARGET]


def example(tmp_path: Path, answers: dict[tuple[str, ...], Ran | Unavailable]) -> ExampleHost:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/mounts").write_text(MOUNTS)
    return ExampleHost(tmp_path, commands=answers)


def test_each_path_gets_its_file_system_and_a_network_disk_is_not_asked(tmp_path: Path) -> None:
    rows = list(
        resources.collect_filesystems(example(tmp_path, {(*DF, *LOCAL): Ran(1, DF_SAYS, "df: x: No such file\n")}))
    )

    sizes = ("size_bytes", "free_bytes", "inodes", "free_inodes")
    assert [(g.where, g.kind, g.columns) for g in rows if isinstance(g, Gap)] == [
        ("/var/log", Kind.TARGET, sizes),
        ("/var/log/datadog", Kind.TARGET, sizes),
    ]
    assert [r for r in rows if isinstance(r, Filesystem)] == [
        Filesystem("/", "/", "ext4", 10340831232, 0, 1280000, 0, 0),
        Filesystem("/tmp", "/tmp", "tmpfs", 519532544, 519532544, 126839, 126800, 0),
        Filesystem("/var/tmp", "/", "ext4", 10340831232, 0, 1280000, 0, 0),
        Filesystem("/var/log", "/var/log", "nfs4", None, None, None, None, 0),
        Filesystem("/var/log/datadog", "/var/log", "nfs4", None, None, None, None, 0),
        Filesystem("/opt/datadog-agent", "/opt/my disk", "btrfs", 270553174016, 79867662336, None, None, None),
        Filesystem("/var/lib/mysql", "/var/lib/mysql", "xfs", 1073741824, None, None, None, 1),
    ]  # fmt: skip


def test_without_the_list_of_mounts_nobody_knows_what_is_read_only(tmp_path: Path) -> None:
    host = ExampleHost(tmp_path, commands={(*DF, *PATHS): Ran(0, DF_SAYS, "")})

    rows = list(resources.collect_filesystems(host))

    assert [(g.where, g.kind, g.columns) for g in rows if isinstance(g, Gap)] == [("*", Kind.TARGET, ("is_readonly",))]
    assert {r.is_readonly for r in rows if isinstance(r, Filesystem)} == {None}


def test_a_disk_that_hangs_costs_its_own_rows_and_not_those_of_the_root(tmp_path: Path) -> None:
    slow = Unavailable(Kind.TIMEOUT, "df did not end within 3 s", "--timeout")
    root_only = "\n".join(DF_SAYS.splitlines()[:2]) + "\n"
    host = example(tmp_path, {(*DF, *LOCAL): slow, (*DF, "/"): Ran(0, root_only, "")})

    rows = list(resources.collect_filesystems(host))

    assert Gap("*", Kind.TIMEOUT, slow.reason, "--timeout") in rows
    assert [r.path for r in rows if isinstance(r, Filesystem)] == ["/", "/var/log", "/var/log/datadog"]


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("df: unrecognized option '--output=file'\nBusyBox v1.35.0", Kind.TARGET),
        ("df: illegal option -- -\nusage: df", Kind.TARGET),
        ("df: cannot read table of mounted file systems", Kind.TOOL),
    ],
)
def test_another_df_is_not_asked_again(tmp_path: Path, said: str, kind: Kind) -> None:
    with pytest.raises(Unavailable) as caught:
        list(resources.collect_filesystems(example(tmp_path, {(*DF, *LOCAL): Ran(1, "", said)})))
    assert caught.value.kind is kind


def test_this_machine_answers() -> None:
    try:
        rows = [r for r in resources.collect_filesystems(LiveHost()) if isinstance(r, Filesystem)]
    except Unavailable as error:
        assert error.kind is Kind.TARGET
        pytest.skip("no df of GNU's here")

    assert rows[0].path == "/"
    assert (rows[0].size_bytes or 0) >= (rows[0].free_bytes or 0) > 0
