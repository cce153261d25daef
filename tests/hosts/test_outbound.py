"""Requests to the world outside, against servers on loopback: a resolver of the test's own leads every name there, and nothing leaves this machine."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.hosts.servers import answering, dripping, made_certificate, silent, tcp_server

from dddoctor.hosts.base import Unavailable
from dddoctor.hosts.outbound import Net, Outgoing, Reached, go, reach
from dddoctor.hosts.root import RootHost

OK = b'HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{"valid": true}'
NAME = "api.example.test"


def net(port: int, trusted: Path | None = None, resolve: Callable[[str, int], list[str]] | None = None) -> Net:
    """Everything leads to a port of loopback; `trusted` alone is believed."""

    def context(is_verified: bool) -> ssl.SSLContext:
        made = ssl.create_default_context(cafile=str(trusted) if trusted else None)
        if not is_verified:
            made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
        return made

    def connect(address: str, wanted: int, seconds: float) -> socket.socket:
        assert address == "127.0.0.1"
        return socket.create_connection((address, port), seconds)

    return Net(resolve or (lambda name, wanted: ["127.0.0.1"]), connect, context)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    made = made_certificate(tmp_path, NAME)
    if made is None:
        pytest.skip("there is no openssl here to make a certificate with")
    return made


def server_context(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@contextlib.contextmanager
def proxy(to: int, answer: bytes, heads: list[bytes]) -> Iterator[int]:
    """A proxy that says `answer` to CONNECT and, where that is 200, passes bytes on to a port."""

    def speak(connection: socket.socket, over: threading.Event) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += connection.recv(4096)
        heads.append(head)
        connection.sendall(answer)
        if b" 200 " not in answer:
            return
        with socket.create_connection(("127.0.0.1", to)) as onward:
            back = threading.Thread(target=pump, args=(onward, connection), daemon=True)
            back.start()
            pump(connection, onward)
            back.join(5)

    def pump(one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := one.recv(4096):
                other.sendall(piece)
            other.shutdown(socket.SHUT_WR)

    with tcp_server(speak) as port:
        yield port


def test_an_answer_with_its_headers(certificate: Path) -> None:
    """TLS with the name checked; the key goes in a header, never in the address."""
    requests: list[bytes] = []
    with tcp_server(answering(OK, requests), server_context(certificate)) as port:
        found = go(Outgoing(f"https://{NAME}/api/v1/validate", {"DD-API-KEY": "k"}), net(port, certificate))

    assert found == Reached(None, "", "127.0.0.1", 200, b'{"valid": true}')
    head = requests[0].decode().split("\r\n")
    assert head[0] == "GET /api/v1/validate HTTP/1.1" and f"Host: {NAME}" in head and "DD-API-KEY: k" in head


def test_a_name_that_does_not_resolve() -> None:
    def nobody(name: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    found = go(Outgoing(f"https://{NAME}/"), net(1, resolve=nobody))

    assert found == Reached("name", "Name or service not known")


def test_a_resolver_that_hangs_is_left() -> None:
    """getaddrinfo knows no time limit."""
    over = threading.Event()

    def hangs(name: str, port: int) -> list[str]:
        over.wait(30)
        return []

    started = time.monotonic()
    found = go(Outgoing(f"https://{NAME}/", timeout_seconds=0.3), net(1, resolve=hangs))
    over.set()

    assert found == Reached("name", "no answer in time") and time.monotonic() - started < 3


def test_a_port_that_refuses() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    found = go(Outgoing(f"https://{NAME}/"), net(port))

    assert (found.failed, found.why, found.address) == ("connection", "Connection refused", "127.0.0.1")


def test_a_certificate_of_somebody_else(certificate: Path) -> None:
    """Not trusted, unless the settings say that it is not looked at."""
    with tcp_server(answering(OK), server_context(certificate)) as port:
        strict = go(Outgoing(f"https://{NAME}/"), net(port))
    with tcp_server(answering(OK), server_context(certificate)) as port:
        loose = go(Outgoing(f"https://{NAME}/", is_verified=False), net(port))

    assert strict.failed == "tls" and strict.why.startswith("certificate verify failed")
    assert loose.status == 200


def test_a_certificate_of_another_name(certificate: Path) -> None:
    with tcp_server(answering(OK), server_context(certificate)) as port:
        found = go(Outgoing("https://other.example.test/"), net(port, certificate))

    assert found.failed == "tls" and "ostname mismatch" in found.why


@pytest.mark.parametrize("speak", [answering(b"220 mail\r\n"), answering(b"")])
def test_what_is_no_tls(speak: Callable[[socket.socket, threading.Event], None]) -> None:
    with tcp_server(speak) as port:
        found = go(Outgoing(f"https://{NAME}/", timeout_seconds=2), net(port))

    assert found.failed == "tls"


@pytest.mark.parametrize("speak", [silent, answering(b"220 mail\r\n\r\n")])
def test_what_is_no_http(speak: Callable[[socket.socket, threading.Event], None]) -> None:
    with tcp_server(speak) as port:
        found = go(Outgoing(f"http://{NAME}/", timeout_seconds=0.5), net(port))

    assert found.failed == "answer"


def test_a_dripping_answer_is_cut() -> None:
    """No single read takes long; the whole has one deadline."""
    started = time.monotonic()
    with tcp_server(dripping) as port:
        found = go(Outgoing(f"http://{NAME}/", timeout_seconds=0.6), net(port))

    assert (found.failed, found.why) == ("answer", "no answer in time") and time.monotonic() - started < 4


def test_through_a_proxy(certificate: Path) -> None:
    """CONNECT with the account in a header; the name is the proxy's to resolve."""
    heads: list[bytes] = []
    asked: list[str] = []

    def resolve(name: str, port: int) -> list[str]:
        asked.append(name)
        return ["127.0.0.1"]

    with (
        tcp_server(answering(OK), server_context(certificate)) as port,
        proxy(port, b"HTTP/1.1 200 Connection established\r\n\r\n", heads) as through,
    ):
        found = go(
            Outgoing(f"https://{NAME}/", proxy="http://me:s%40x@proxy.example.test:3128"),
            net(through, certificate, resolve),
        )

    assert found.status == 200 and asked == ["proxy.example.test"]
    assert heads[0].decode().split("\r\n")[:3] == [
        f"CONNECT {NAME}:443 HTTP/1.1", f"Host: {NAME}:443", "Proxy-Authorization: Basic bWU6c0B4",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "407 Proxy Authentication Required"),
        (b"HTTP/1.1 403 Forbidden\r\nX: y\r\n\r\n", "403 Forbidden"),
        (b"", "it closes the connection"),
        (b"SSH-2.0-x\r\n\r\n", "it answers no HTTP"),
    ],
)
def test_a_proxy_that_refuses(answer: bytes, why: str) -> None:
    with proxy(1, answer, []) as through:
        found = go(Outgoing(f"https://{NAME}/", proxy="http://proxy.example.test:3128"), net(through))

    assert (found.failed, found.why) == ("proxy", why)


@pytest.mark.parametrize("url", ["ftp://x/", "https:///", "app.example.test", "https://a b/"])
def test_other_addresses_are_no_question(url: str) -> None:
    with pytest.raises(ValueError, match="only http"):
        go(Outgoing(url), net(1))


def test_a_folder_reaches_nothing(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="only a running host"):
        reach(RootHost(tmp_path), Outgoing(f"https://{NAME}/"))
