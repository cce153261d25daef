"""What apps say of their tracing in the logs beside them."""

from __future__ import annotations

from collections.abc import Callable

from dddoctor.hosts.root import RootHost
from dddoctor.model import Gap, Kind
from dddoctor.secrets import Vault
from dddoctor.tables.app_messages import AppMessage, collect
from dddoctor.tables.python_apps import App

APP = App("/srv/shop", "/srv/shop/app.py", 1, "flask", None, None, 0, None, None)
HostOf = Callable[..., RootHost]
DROPPED = "2024-05-06 07:36:30,123 ERROR [ddtrace] - failed to send, dropping 1 traces to intake at http://localhost:8126/v0.5/traces after 3 retries"


def test_a_message_of_a_dated_log(host_of: HostOf) -> None:
    host = host_of({"/srv/shop/app.log": f"x\n{DROPPED}\n{DROPPED}\n"})

    assert list(collect(host, Vault(), [APP])) == [
        AppMessage(
            "/srv/shop",
            "/srv/shop/app.log",
            3,
            "app-traces-not-sent",
            DROPPED,
            None,
            "http://localhost:8126/v0.5/traces",
            2,
            1714980990.0,
            None,
        )  # fmt: skip
    ]


def test_what_stands_before_the_last_start_is_history(host_of: HostOf) -> None:
    host = host_of({"/srv/shop/logs/a.err": f"{DROPPED}\n[2024-05-06 07:40:00 +0000] [7] [INFO] Starting gunicorn 22.0.0\nerror configuring Datadog tracing\n"})  # fmt: skip

    rows = [r for r in collect(host, Vault(), [APP]) if isinstance(r, AppMessage)]
    assert [(r.pattern, r.line, r.is_since_start) for r in rows] == [
        ("app-traces-not-sent", 1, 0),
        ("app-tracing-failed", 3, 1),
    ]


def test_logs_of_a_server_belong_to_the_only_app(host_of: HostOf) -> None:
    host = host_of({"/var/log/gunicorn/error.log": "error configuring Datadog tracing\n"})
    other = APP._replace(app="/srv/other", file="/srv/other/app.py")

    assert [r.app for r in collect(host, Vault(), [APP]) if isinstance(r, AppMessage)] == ["/srv/shop"]
    assert list(collect(host, Vault(), [APP, other])) == []


def test_a_log_that_may_not_be_read_is_a_gap(host_of: HostOf) -> None:
    host = host_of({"/srv/shop/app.log": DROPPED}, unreadable=("/srv/shop/app.log",))

    assert list(collect(host, Vault(), [APP])) == [
        Gap("/srv/shop/app.log", Kind.DENIED, "permission denied: /srv/shop/app.log", "sudo")
    ]


def test_secrets_become_tokens(host_of: HostOf) -> None:
    vault = Vault()
    host = host_of({"/srv/shop/app.log": "failed to send traces to Datadog Agent at http://me:blue-Kettle-91@agent:8126: timed out\n"})  # fmt: skip

    [row] = list(collect(host, vault, [APP]))

    assert isinstance(row, AppMessage) and "blue-Kettle-91" not in repr(row)
    assert vault.has_token(row.reported) and row.name == "timed out"
