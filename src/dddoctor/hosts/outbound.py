"""A request to the world outside, step by step: name, connection, proxy, TLS, answer. Made under --network alone, and by a running host alone.

Each step has a share of one deadline. Nothing is followed, nothing is sent but what the caller gives; the standard trusted authorities judge the certificate.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from dddoctor.hosts.base import Host, Unavailable
from dddoctor.light import NamedTuple
from dddoctor.model import Kind

if TYPE_CHECKING:
    import ssl

BODY_LIMIT_BYTES = 64 * 1024
REACH_TIMEOUT_SECONDS = 6.0
STEPS = ("name", "connection", "proxy", "tls", "answer")


class Outgoing(NamedTuple):
    """A GET. `proxy`: `http://[user:password@]host:port` or None. `is_verified`: the certificate is checked."""

    url: str
    headers: Mapping[str, str] = {}
    proxy: str | None = None
    is_verified: bool = True
    timeout_seconds: float = REACH_TIMEOUT_SECONDS


class Reached(NamedTuple):
    """How far it came. `failed` is the step of STEPS that failed, None where an answer came; `why` says how, in words of the system. `address` is the one that was connected to (the
    proxy's, where one is used); `status` and `body` of the answer (an HTTP error is an answer)."""

    failed: str | None
    why: str
    address: str | None = None
    status: int | None = None
    body: bytes = b""


class Net(NamedTuple):
    """What the steps are made with; tests put others in. `resolve` gives addresses or raises OSError; `connect` a socket; `context` what TLS trusts."""

    resolve: Callable[[str, int], list[str]]
    connect: Callable[[str, int, float], socket.socket]
    context: Callable[[bool], ssl.SSLContext]


class Reaching(Protocol):
    """A host that can go out."""

    def reach(self, request: Outgoing) -> Reached: ...


def reach(host: Host, request: Outgoing) -> Reached:
    """What the request met. Unavailable(target) for a host that does not run."""
    own = getattr(host, "reach", None)
    if own is None:
        raise Unavailable(Kind.TARGET, "only a running host can be asked what it reaches")
    found: Reached = own(request)
    return found


def standard_net() -> Net:
    """This machine's own resolver, sockets and trusted authorities."""
    return Net(_resolve, _connect, _context)


def go(request: Outgoing, net: Net) -> Reached:
    """Make the request. Never raises for what the network does; ValueError for what is no http or https URL."""
    target, through = _place(request.url), _place(request.proxy) if request.proxy else None
    deadline = time.monotonic() + request.timeout_seconds
    name, port = (through or target)[1:3]
    addresses = _within(deadline, lambda: net.resolve(name, port))
    if not isinstance(addresses, list) or not addresses:
        return Reached("name", _words(addresses) if isinstance(addresses, BaseException) else "no such name")
    connection: socket.socket | None = None
    why, address = "", addresses[0]
    for address in addresses[:4]:
        try:
            connection = net.connect(address, port, max(0.2, (deadline - time.monotonic()) / 2))
            break
        except OSError as error:
            why = _words(error)
    if connection is None:
        return Reached("connection", why, address)
    connection.settimeout(max(0.2, deadline - time.monotonic()))
    return _talk(request, net, _Line(connection, deadline), address, target, through)


class _Refused(Exception):
    """The proxy does not let it through."""


_Place = tuple[str, str, int, str, str]  # scheme, host, port, path and query, `user:password` of it


def _place(url: str) -> _Place:
    split = urlsplit(url)
    if split.scheme not in ("http", "https") or not split.hostname or not url.isascii() or any(c <= " " for c in url):
        raise ValueError("only http and https are asked")
    target = (split.path or "/") + (f"?{split.query}" if split.query else "")
    own = split.netloc.rpartition("@")[0]
    return split.scheme, split.hostname, split.port or (443 if split.scheme == "https" else 80), target, own


class _Line:
    """The connection, with whatever is wrapped around it, and the moment at which it is cut: a server that sends a byte a second does not keep the doctor."""

    def __init__(self, connection: socket.socket, deadline: float) -> None:
        import threading

        self.socket, self.is_cut = connection, False
        self._timer = threading.Timer(max(0.2, deadline - time.monotonic()), self._cut)
        self._timer.daemon = True
        self._timer.start()

    def secure(self, context: ssl.SSLContext, name: str) -> None:
        self.socket = context.wrap_socket(self.socket, server_hostname=name)

    def close(self) -> None:
        self._timer.cancel()
        self.socket.close()

    def _cut(self) -> None:
        self.is_cut = True
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)


def _talk(request: Outgoing, net: Net, line: _Line, address: str, target: _Place, through: _Place | None) -> Reached:
    import http.client
    import ssl

    step = "proxy" if through else "tls"
    try:
        if through is not None and through[0] == "https":
            line.secure(net.context(request.is_verified), through[1])
        if through is not None and target[0] == "https":
            _tunnel(line.socket, target, through)
        step = "tls"
        if target[0] == "https":
            line.secure(net.context(request.is_verified), target[1])
        step = "answer"
        status, body = _get(line.socket, request, target, through)
        if line.is_cut:
            raise TimeoutError
        return Reached(None, "", address, status, body)
    except _Refused as error:
        return Reached("proxy", "no answer in time" if line.is_cut else str(error), address)
    except (OSError, http.client.HTTPException, ValueError) as error:
        if step == "answer" and isinstance(error, ssl.SSLError):
            step = "tls"  # TLS 1.3 refuses a client after the handshake
        return Reached(step, "no answer in time" if line.is_cut else _words(error), address)
    finally:
        line.close()


def _tunnel(connection: socket.socket, target: _Place, through: _Place) -> None:
    """CONNECT through a proxy. _Refused where it says no."""
    import base64
    from urllib.parse import unquote

    where = f"[{target[1]}]" if ":" in target[1] else target[1]
    lines = [f"CONNECT {where}:{target[2]} HTTP/1.1", f"Host: {where}:{target[2]}"]
    if through[4]:
        lines.append(f"Proxy-Authorization: Basic {base64.b64encode(unquote(through[4]).encode()).decode()}")
    connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("ascii"))
    head = b""
    while b"\r\n\r\n" not in head:
        piece = connection.recv(1)  # not a byte more: what follows belongs to TLS
        if not piece:
            raise _Refused("it closes the connection")
        head += piece
        if len(head) > 16_384:
            raise _Refused("it answers no HTTP")
    words = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)
    if len(words) < 2 or not words[0].startswith("HTTP/") or not words[1].isdigit():
        raise _Refused("it answers no HTTP")
    if not words[1].startswith("2"):
        raise _Refused(" ".join(words[1:]))


def _get(connection: socket.socket, request: Outgoing, target: _Place, through: _Place | None) -> tuple[int, bytes]:
    import http.client

    asked = request.url if through is not None and target[0] == "http" else target[3]
    name = f"[{target[1]}]" if ":" in target[1] else target[1]
    where = name if target[2] == (443 if target[0] == "https" else 80) else f"{name}:{target[2]}"
    client = http.client.HTTPConnection(target[1], target[2])
    client.sock = connection
    client.request("GET", asked, headers={"Host": where, "Connection": "close", "Accept": "*/*", **request.headers})
    answer = client.getresponse()
    return answer.status, answer.read(BODY_LIMIT_BYTES)


def _words(error: BaseException) -> str:
    """What went wrong, in a few words: those of the certificate check, of the resolver, of the system."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    verify = getattr(error, "verify_message", None)
    if verify:
        return f"certificate verify failed: {verify}"
    if isinstance(error, socket.gaierror):
        return str(error.strerror or error)
    return str(getattr(error, "strerror", None) or getattr(error, "reason", None) or error or type(error).__name__)


def _within(deadline: float, ask: Callable[[], list[str]]) -> list[str] | BaseException:
    """The answer of a question that knows no deadline of its own (getaddrinfo), or what it raised."""
    import threading

    found: list[list[str] | BaseException] = []

    def work() -> None:
        try:
            found.append(ask())
        except OSError as error:
            found.append(error)

    thread = threading.Thread(target=work, name="dddoctor-resolver", daemon=True)
    thread.start()
    thread.join(max(0.2, deadline - time.monotonic()))
    return found[0] if found else TimeoutError()


def _resolve(name: str, port: int) -> list[str]:
    entries = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in entries))


def _connect(address: str, port: int, timeout_seconds: float) -> socket.socket:
    return socket.create_connection((address, port), timeout_seconds)


def _context(is_verified: bool) -> ssl.SSLContext:
    import ssl

    context = ssl.create_default_context()
    if not is_verified:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
