"""uWSGI's .ini files."""

from __future__ import annotations

from dddoctor.tables.tracer_uses import uses, variables
from dddoctor.tables.uwsgi_files import options


def test_only_its_own_section_counts_and_the_last_of_equal_options() -> None:
    text = (
        "[other]\nmaster = true\n\n[uwsgi]\n; c\nenable_threads\nprocesses = 2\nprocesses = 4 ; now\n[x]\nthreads=1\n"
    )

    assert options(text) == (4, {"enable-threads": "", "processes": "4"})
    assert options("[app]\na=1\n") is None


def test_code_that_does_not_parse_tells_nothing() -> None:
    assert uses("import ddtrace\nfrom (\n") == []


def test_variables_are_told_where_they_are_set() -> None:
    text = "# DD_SERVICE_NAME=a\nexport DD_SERVICE_NAME=a DD_ENV=b\n  DATADOG_TRACE_DEBUG: 'x'\necho $DD_SERVICE_NAME\n"

    assert list(variables(text)) == [(2, "DD_SERVICE_NAME"), (3, "DATADOG_TRACE_DEBUG")]
