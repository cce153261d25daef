"""Option files as the mysql check's own reader takes them."""

from __future__ import annotations

import pytest

from dddoctor.tables.mysql_defaults_files import read_groups


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[client]\nuser=a\n", (None, None, 1)),
        ("# x\n; y\n\n[CLIENT] # z\nuser=a\n!includedir /etc/mysql/conf.d/\n", (6, None, 1)),
        ("!include /a\n[mysqld]\nport=1\n", (1, None, 0)),
        ("user=a\n[client]\n", (None, 1, 1)),
        ("", (None, None, 0)),
    ],
)
def test_groups_and_directives(text: str, expected: tuple[int | None, int | None, int]) -> None:
    assert read_groups(text) == expected
