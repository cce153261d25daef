"""Questions to servers on loopback: what they answer, and that none of them can keep or fool the doctor."""

from __future__ import annotations

import contextlib
import http.server
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.hosts.servers import answering, dripping, made_certificate, silent, tcp_server

from dddoctor.hosts.base import READ_LIMIT_BYTES, Answer, Unavailable
from dddoctor.hosts.live import LiveHost
from dddoctor.model import Kind


def answer_to(raw: bytes) -> Answer:
    with tcp_server(answering(raw)) as port:
        return LiveHost().request(f"http://127.0.0.1:{port}/")


def refused(url: str, timeout_seconds: float = 3.0, authority: str | None = None) -> tuple[Kind, str, str]:
    with pytest.raises(Unavailable) as caught:
        LiveHost().request(url, timeout_seconds=timeout_seconds, authority=authority)
    return caught.value.kind, caught.value.reason, caught.value.remedy


@contextlib.contextmanager
def web_server(folder: Path) -> Iterator[int]:
    """Python's own server, which speaks HTTP as most do."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: object, **kwargs: object) -> None:
            super().__init__(*args, directory=str(folder), **kwargs)  # type: ignore[arg-type]

        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def test_a_real_server_answers(tmp_path: Path) -> None:
    (tmp_path / "info").write_text('{"version": "7.72.4"}')
    with web_server(tmp_path) as port:
        assert LiveHost().request(f"http://localhost:{port}/info") == Answer(200, b'{"version": "7.72.4"}')
        assert LiveHost().request(f"http://127.0.0.1:{port}/nothing").status == 404


def test_the_request_is_what_was_asked_and_no_more() -> None:
    requests: list[bytes] = []
    with tcp_server(answering(b"HTTP/1.1 204 No Content\r\n\r\n", requests)) as port:
        LiveHost().request(f"http://127.0.0.1:{port}/agent/status?format=json", {"Authorization": "Bearer abc"})

    assert requests == [
        f"GET /agent/status?format=json HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\nAccept: */*\r\n"
        "Authorization: Bearer abc\r\n\r\n".encode()
    ]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and more", Answer(200, b"ok")),
        (b"HTTP/1.0 200 OK\r\n\r\nuntil the end", Answer(200, b"until the end")),
        (b"HTTP/1.1 200\n\nbare line ends", Answer(200, b"bare line ends")),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", Answer(403, b"")),
        (b"HTTP/1.1 302 Found\r\nLocation: http://example.com/\r\nContent-Length: 0\r\n\r\n", Answer(302, b"")),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nWiki\r\n5;x=y\r\npedia\r\n0\r\n\r\n",
            Answer(200, b"Wikipedia"),
        ),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40\r\ncut off", Answer(200, b"cut off")),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\ncut off", Answer(200, b"cut off")),
        (b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\nx", Answer(200, b"x")),
    ],
)
def test_answers_are_read_as_they_are_meant(raw: bytes, expected: Answer) -> None:
    assert answer_to(raw) == expected


def test_an_endless_body_is_cut() -> None:
    raw = b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (READ_LIMIT_BYTES + 4096)

    assert len(answer_to(raw).body) == READ_LIMIT_BYTES


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "closes the connection without an HTTP answer"),
        (b"5.7.42-log\x00\x08\x00\r\n\r\n", "answers no HTTP"),
        (b"HTTP/9 nonsense\r\n\r\n", "answers no HTTP"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000, "answers with endless headers"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "answers with broken chunks"),
    ],
)
def test_what_is_no_http_is_said(raw: bytes, words: str) -> None:
    with tcp_server(answering(raw)) as port:
        url = f"http://127.0.0.1:{port}"

        assert refused(f"{url}/") == (Kind.TOOL, f"{url} {words}", "")


@pytest.mark.parametrize("speak", [silent, dripping])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_server_that_keeps_one_waiting_costs_the_limit_and_no_more(speak: object, scheme: str) -> None:
    with tcp_server(speak) as port:  # type: ignore[arg-type]
        start = time.monotonic()
        kind, reason, remedy = refused(f"{scheme}://127.0.0.1:{port}/", 0.3)
        took = time.monotonic() - start

    if kind is Kind.TIMEOUT:
        assert (reason, remedy) == (f"{scheme}://127.0.0.1:{port} did not answer within 0.3 s", "--timeout")
    else:
        assert (speak, scheme) == (dripping, "https")  # its bytes are no TLS, which is seen at once
    assert took < 1.5


def test_nobody_there_is_refused_by_both_loopbacks() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    for host in ("127.0.0.1", "localhost", "[::1]"):
        with pytest.raises(ConnectionRefusedError):
            LiveHost().request(f"http://{host}:{port}/")


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "http://10.0.0.1/",
        "http://127.0.0.1.example.com/",
        "http://localhost@example.com/",
        "http://user@localhost/",
        "ftp://localhost/",
        "file:///etc/passwd",
        "http://localhost/\r\nX: y",
        "http://2130706433/",
        "http://127.1/",
    ],
)
def test_nobody_but_this_machine_is_asked(url: str) -> None:
    with pytest.raises(ValueError, match="loopback|printable"):
        LiveHost().request(url)


def test_a_header_cannot_smuggle_another() -> None:
    with pytest.raises(ValueError, match="cannot be sent") as caught:
        LiveHost().request("http://localhost:1/", {"Authorization": "Bearer abc\r\nX: y"})
    assert "abc" not in str(caught.value)


# --- TLS --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def pem(tmp_path: Path) -> Path:
    made = made_certificate(tmp_path)
    if made is None:
        pytest.skip("there is no openssl here to make a certificate with")
    return made


def tls_context(pem: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


def test_the_trusted_certificate_is_believed_and_no_other(pem: Path, tmp_path: Path) -> None:
    other = made_certificate(tmp_path, "other")
    assert other is not None
    with tcp_server(answering(b"HTTP/1.1 200 OK\r\n\r\nyes"), tls_context(pem)) as port:
        url = f"https://127.0.0.1:{port}/"

        assert LiveHost().request(url, authority=str(pem)) == Answer(200, b"yes")
        assert LiveHost().request(url) == Answer(200, b"yes")
        kind, reason, _ = refused(url, authority=str(other))
    assert kind is Kind.TOOL
    assert "certificate" in reason.lower() or "self-signed" in reason.lower()


def test_without_the_trusted_certificate_nothing_is_asked(pem: Path, tmp_path: Path) -> None:
    key = tmp_path / "localhost.key"
    requests: list[bytes] = []
    with tcp_server(answering(b"HTTP/1.1 200 OK\r\n\r\nyes", requests), tls_context(pem)) as port:
        url = f"https://127.0.0.1:{port}/"

        assert refused(url, authority=f"{tmp_path}/nothing")[1].endswith("is not there")
        assert refused(url, authority=str(key))[1] == "the file of the trusted certificate holds none"
    assert requests == []


def test_plain_http_behind_https_is_said() -> None:
    def speak(connection: socket.socket, over: threading.Event) -> None:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with tcp_server(speak) as port:
        assert refused(f"https://127.0.0.1:{port}/")[0] is Kind.TOOL
