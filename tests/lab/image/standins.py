#!/usr/bin/python3
"""What an Agent talks to, inside the VM and nowhere else: a name server, a clock and an intake, all on loopback.

Names below the sites' domains and the pool of clocks are 127.0.0.1; others do not exist. The intake takes one key and says 403 to every other.
"""

import http.server
import os
import socketserver
import ssl
import struct
import sys
import threading
import time

KNOWN_KEYS = set(sys.argv[1:])
DOMAINS = (b"\x09datadoghq\x02eu\0", b"\x09datadoghq\x03com\0", b"\x04pool\x03ntp\x03org\0")
EPOCH_1900 = 2208988800
OFFSET_SECONDS = float(os.environ.get("LAB_CLOCK_OFFSET", "0"))


class Names(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        query, socket = self.request
        end = query.index(b"\0", 12) + 1
        name, kind = query[12:end].lower(), query[end : end + 2]
        known = name.endswith(DOMAINS)
        answer = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x7f\0\0\1" if known and kind == b"\0\1" else b""
        flags = b"\x81\x80" if known else b"\x81\x83"
        socket.sendto(
            query[:2] + flags + b"\0\1" + struct.pack("!H", bool(answer)) + b"\0\0\0\0" + query[12 : end + 4] + answer,
            self.client_address,
        )


class Clock(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        query, socket = self.request
        now = time.time() + EPOCH_1900 + OFFSET_SECONDS
        stamp = struct.pack("!II", int(now), int(now % 1 * 2**32))
        # Leap 0, version 4, server; stratum 2; the client's transmit time comes back as origin.
        socket.sendto(
            b"\x24\x02\x06\xec" + b"\0" * 8 + b"\x7f\0\0\1" + stamp + query[40:48] + stamp + stamp, self.client_address
        )


class Intake(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        _, _, query = self.path.partition("api_key=")
        keys = {self.headers.get("DD-Api-Key"), query.partition("&")[0]}
        code = 202 if keys & KNOWN_KEYS or self.path == "/support/flare" else 403
        if code == 202 and self.command in {"GET", "HEAD"}:
            code = 200
        body = (
            b'{"valid": true}'
            if code == 200 and "validate" in self.path
            else b"{}"
            if code != 403
            else b'{"errors":["Forbidden"]}'
        )
        if self.path.startswith("/api/v0.1/"):  # remote configuration speaks protobuf: an empty message
            body = b""
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_POST = do_HEAD = do_PUT = answer

    def log_message(self, format: str, *arguments: object) -> None:
        sys.stderr.write(f"{self.headers.get('Host')} {format % arguments}\n")


def main() -> None:
    intake = http.server.ThreadingHTTPServer(("127.0.0.1", 443), Intake)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("/opt/lab/intake.pem")
    intake.socket = context.wrap_socket(intake.socket, server_side=True, do_handshake_on_connect=False)
    servers = [
        socketserver.UDPServer(("127.0.0.1", 53), Names),
        socketserver.UDPServer(("127.0.0.1", 123), Clock),
        intake,
    ]
    for server in servers[1:]:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    servers[0].serve_forever()


main()
