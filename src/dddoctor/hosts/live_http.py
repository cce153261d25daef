"""GET of a URL on this machine's loopback, with one deadline for the whole of it: a server that sends a byte a second does not keep the doctor.

Written on sockets, because http.client limits each read only and follows no deadline. No proxy, no redirect, no cookie, no other host.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from dddoctor.hosts.base import READ_LIMIT_BYTES, Answer, Unavailable
from dddoctor.lazyre import lazy
from dddoctor.model import Kind

if TYPE_CHECKING:
    import ssl

_HEAD_LIMIT_BYTES = 64 * 1024
_CHUNK_BYTES = 64 * 1024
_CERTIFICATE = lazy(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", 16)  # re.DOTALL
_STATUS = lazy(rb"HTTP/1\.[01] (\d{3})(?: [^\r\n]*)?\r?\n")
_TOKEN = lazy(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def get(url: str, headers: Mapping[str, str], timeout_seconds: float, authority: str | None) -> Answer:
    """The answer of a server on loopback. `authority` is PEM text: only a server that shows one of its certificates, or one that it signed, is believed.

    ConnectionRefusedError where nobody listens, Unavailable(timeout), Unavailable(tool) for what is no HTTP or TLS, ValueError for another host.
    """
    scheme, host, port, target = _parts(url)
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name) or any(ord(c) < 32 or ord(c) > 126 for c in value):
            raise ValueError(f"the header {name!r} cannot be sent")
    context = _context(authority) if scheme == "https" else None
    deadline = time.monotonic() + timeout_seconds
    shown_host = f"[{host}]" if ":" in host else host
    lines = [f"GET {target} HTTP/1.1", f"Host: {shown_host}:{port}", "Connection: close", "Accept: */*"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    request = ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")
    where = f"{scheme}://{shown_host}:{port}"
    try:
        with _connected(host, port, deadline) as plain, _secured(plain, host, context) as connection:
            connection.settimeout(_left(deadline))
            connection.sendall(request)
            return _answer(_received(connection, deadline))
    except TimeoutError:
        raise Unavailable(Kind.TIMEOUT, f"{where} did not answer within {timeout_seconds:g} s", "--timeout") from None
    except ConnectionRefusedError:
        raise ConnectionRefusedError(f"nobody listens at {where}") from None
    except _NoHttp as error:
        raise Unavailable(Kind.TOOL, f"{where} {error}") from None
    except OSError as error:  # ssl.SSLError is one
        words = getattr(error, "verify_message", None) or getattr(error, "reason", None) or error.strerror or error
        raise Unavailable(Kind.TOOL, f"{where} cannot be asked: {words}") from None


class _NoHttp(Exception):
    """What the server does instead of answering, as the end of a sentence."""


def _parts(url: str) -> tuple[str, str, int, str]:
    """(scheme, host, port, path and query); ValueError for what is not http or https on loopback."""
    if not url.isascii() or any(c <= " " or c == "\x7f" for c in url):
        raise ValueError("a URL holds printable ASCII only")
    split = urlsplit(url)
    host = (split.hostname or "").lower()
    if split.scheme not in {"http", "https"} or split.username is not None or not _is_loopback(host):
        raise ValueError(f"only http and https on loopback are asked, not {split.scheme}://{host}")
    target = (split.path or "/") + (f"?{split.query}" if split.query else "")
    return split.scheme, host, split.port or (443 if split.scheme == "https" else 80), target


def _is_loopback(host: str) -> bool:
    """Whether a name or address is this machine itself, whatever a name server says."""
    if host in {"localhost", "::1"}:
        return True
    try:
        return socket.inet_aton(host)[0] == 127 and host.count(".") == 3
    except OSError:
        return False


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _connected(host: str, port: int, deadline: float) -> socket.socket:
    """A connection. `localhost` is 127.0.0.1, then ::1; no resolver is asked. A machine without that address refuses."""
    error: OSError = ConnectionRefusedError()
    for address in ("127.0.0.1", "::1") if host == "localhost" else (host,):
        try:
            connection = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
        except OSError as unknown:  # no IPv6 in this kernel
            error = ConnectionRefusedError(str(unknown))
            continue
        try:
            connection.settimeout(_left(deadline))
            connection.connect((address, port))
            return connection
        except OSError as refused:
            connection.close()
            if isinstance(refused, TimeoutError):
                raise
            error = refused
    raise error if error.errno not in _NO_ADDRESS else ConnectionRefusedError() from None


def _no_address() -> frozenset[int | None]:
    import errno

    return frozenset({errno.EADDRNOTAVAIL, errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EAFNOSUPPORT})


_NO_ADDRESS = _no_address()


def _context(authority: str | None) -> ssl.SSLContext:
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = (
        False  # one certificate is trusted, and the address is loopback: the name in it adds nothing
    )
    if authority is None:
        context.verify_mode = ssl.CERT_NONE
        return context
    certificates = _CERTIFICATE.findall(authority)  # the file may hold a private key beside it, which stays here
    if not certificates:
        raise Unavailable(Kind.TOOL, "the file of the trusted certificate holds none")
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # it is the server's own, whether or not it is an authority
    try:
        context.load_verify_locations(cadata="\n".join(certificates) + "\n")
    except (ssl.SSLError, ValueError) as error:
        raise Unavailable(Kind.TOOL, f"the trusted certificate cannot be read: {error}") from None
    return context


def _secured(plain: socket.socket, host: str, context: ssl.SSLContext | None) -> socket.socket:
    """Its handshake counts against the timeout that the connection was made with."""
    return context.wrap_socket(plain, server_hostname=host) if context is not None else plain


def _received(connection: socket.socket, deadline: float) -> Iterator[bytes]:
    """What comes, piece by piece, until the server closes."""
    while True:
        connection.settimeout(_left(deadline))
        piece = connection.recv(_CHUNK_BYTES)
        if not piece:
            return
        yield piece


def _answer(pieces: Iterator[bytes]) -> Answer:
    """The answer in a stream of bytes. A body is cut at READ_LIMIT_BYTES; one that ends early is what came of it."""
    buffer = b""
    while True:
        while b"\r\n\r\n" not in buffer and b"\n\n" not in buffer:
            piece = next(pieces, None)
            if piece is None:
                raise _NoHttp("closes the connection without an HTTP answer" if not buffer else "answers no HTTP")
            buffer += piece
            if not buffer.startswith(b"HTTP/"[: len(buffer)]):
                raise _NoHttp("answers no HTTP")
            if len(buffer) > _HEAD_LIMIT_BYTES:
                raise _NoHttp("answers with endless headers")
        end = min((at, size) for at, size in ((buffer.find(b"\r\n\r\n"), 4), (buffer.find(b"\n\n"), 2)) if at >= 0)
        head, buffer = buffer[: end[0]] + b"\n", buffer[sum(end) :]
        status = _STATUS.match(head.replace(b"\r\n", b"\n"))
        if status is None:
            raise _NoHttp("answers no HTTP")
        if not status[1].startswith(b"1"):  # an interim answer comes before the real one
            break
    fields = dict(_field(line) for line in head.decode("latin-1").splitlines()[1:])
    code = int(status[1])
    if code in {204, 304}:
        return Answer(code, b"")
    if "chunked" in fields.get("transfer-encoding", "").lower():
        return Answer(code, _unchunked(buffer, pieces))
    length = fields.get("content-length", "")
    limit = min(int(length), READ_LIMIT_BYTES) if length.isdecimal() and len(length) < 20 else READ_LIMIT_BYTES
    parts, size = [buffer], len(buffer)
    while size < limit and (piece := next(pieces, None)) is not None:
        parts.append(piece)
        size += len(piece)
    return Answer(code, b"".join(parts)[:limit])


def _field(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.strip().lower(), value.strip()


def _unchunked(buffer: bytes, pieces: Iterator[bytes]) -> bytes:
    """The body of chunks: a size in hexadecimal, a line end, as many bytes, a line end; size 0 ends it."""
    body: list[bytes] = []
    size = 0
    while size < READ_LIMIT_BYTES:
        while b"\n" not in buffer:
            piece = next(pieces, None)
            if piece is None or len(buffer) > 1024:
                return b"".join(body)
            buffer += piece
        line, _, buffer = buffer.partition(b"\n")
        try:
            left = int(line.split(b";")[0].strip(), 16)
        except ValueError:
            raise _NoHttp("answers with broken chunks") from None
        if left <= 0:
            break
        while left > 0:
            if not buffer:
                piece = next(pieces, None)
                if piece is None:
                    return b"".join(body)
                buffer = piece
            taken = buffer[: min(left, READ_LIMIT_BYTES - size)]
            if not taken:
                return b"".join(body)
            body.append(taken)
            size, left, buffer = size + len(taken), left - len(taken), buffer[len(taken) :]
        while len(buffer) < 2 and (piece := next(pieces, None)) is not None:
            buffer += piece
        buffer = buffer.removeprefix(b"\r").removeprefix(b"\n")
    return b"".join(body)
