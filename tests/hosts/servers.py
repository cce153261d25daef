"""Small servers on loopback for the tests of what asks them; each ends with its block."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path


@contextlib.contextmanager
def tcp_server(
    speak: Callable[[socket.socket, threading.Event], None], context: ssl.SSLContext | None = None
) -> Iterator[int]:
    """The port of a server that says whatever `speak` does to one connection at a time; the event is set when the test is over."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)

        def serve() -> None:
            while not over.is_set():
                with contextlib.suppress(OSError):
                    connection, _ = server.accept()
                    connection.settimeout(5)
                    with connection, context.wrap_socket(connection, server_side=True) if context else connection as c:
                        speak(c, over)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        over.set()
        thread.join(5)


def answering(answer: bytes, requests: list[bytes] | None = None) -> Callable[[socket.socket, threading.Event], None]:
    """Read one request, send these bytes, close."""

    def speak(connection: socket.socket, over: threading.Event) -> None:
        received = b""
        while b"\r\n\r\n" not in received:
            piece = connection.recv(4096)
            if not piece:
                break
            received += piece
        if requests is not None:
            requests.append(received)
        connection.sendall(answer)

    return speak


def silent(connection: socket.socket, over: threading.Event) -> None:
    """Take the connection and never say a word."""
    over.wait(30)


def dripping(connection: socket.socket, over: threading.Event) -> None:
    """A byte of an endless header now and then: no single read takes long."""
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    while not over.wait(0.05):
        connection.sendall(b"x")


def made_certificate(folder: Path, name: str = "localhost") -> Path | None:
    """A PEM file with a certificate and its private key, as an Agent's ipc_cert.pem; None where this machine cannot make one."""
    import shutil
    import subprocess

    openssl = shutil.which("openssl")
    if openssl is None:
        return None
    key, certificate, both = (folder / f"{name}.{end}" for end in ("key", "crt", "pem"))
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", f"/CN={name}", "-keyout", str(key), "-out", str(certificate)],
        check=True,
        capture_output=True,
        timeout=30,
    )  # fmt: skip
    both.write_bytes(certificate.read_bytes() + key.read_bytes())
    return both
