"""The environment file as systemd reads it."""

from __future__ import annotations

from dddoctor.tables.environment_lines import dd_lines


def test_only_lines_that_name_a_variable_of_datadog_are_looked_at() -> None:
    text = "DD_A=1\r\n export\tDD_B=2\nDD_C : 3\nDD_D\n# DD_E=1\nPATH=/DD_F=1\nX=a\\\nDD_G=1\nDD_H = 1\nexport DD_I\n"

    assert list(dd_lines(text)) == [
        (1, "DD_A", None),
        (2, "DD_B", "export"),
        (3, "DD_C", "no-equals"),
        (9, "DD_H", None),
    ]
