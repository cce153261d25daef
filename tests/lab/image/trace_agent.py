#!/usr/bin/python3
"""A stand-in for the trace-agent, which the package of the binary lacks: the receiver on 8126, and what `status` asks on 5012.

Its certificate is the Agent's own ipc_cert.pem, which the core Agent writes at its first start; until then it waits.
"""

import http.server
import json
import os
import ssl
import threading
import time
from pathlib import Path

CERTIFICATE, TOKEN = "/etc/datadog-agent/ipc_cert.pem", "/etc/datadog-agent/auth_token"
STARTED = time.time()
received = {"traces": 0, "spans": 0}


class Receiver(http.server.BaseHTTPRequestHandler):
    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if "/traces" in self.path:
            received["traces"] += int(self.headers.get("X-Datadog-Trace-Count") or 0)
        reply(
            self,
            {
                "version": "7.72.4",
                "endpoints": ["/v0.4/traces", "/v0.5/traces", "/v0.6/stats", "/v0.7/config"],
                "client_drop_p0s": True,
                "config": {"receiver_port": 8126},
            }
            if self.path == "/info"
            else {"rate_by_service": {"service:,env:": 1}},
        )

    do_GET = do_POST = do_PUT = answer

    def log_message(self, format: str, *arguments: object) -> None:
        pass


class Numbers(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.headers.get("Authorization") != "Bearer " + Path(TOKEN).read_text().strip():
            reply(self, {"error": "invalid session token"}, 403)
            return
        reply(
            self,
            {
                "pid": os.getpid(),
                "uptime": int(time.time() - STARTED),
                "memstats": {"Alloc": 9000000},
                "config": {
                    "Hostname": "lab.example.test",
                    "ReceiverHost": "localhost",
                    "ReceiverPort": 8126,
                    "DefaultEnv": "none",
                    "Endpoints": [{"Host": "https://trace.agent.datadoghq.eu."}],
                },
                "receiver": [
                    {
                        "Lang": "python",
                        "LangVersion": "3.13",
                        "TracerVersion": "4.16.0",
                        "TracesReceived": received["traces"],
                        "TracesBytes": 0,
                        "SpansReceived": 0,
                    }
                ]
                if received["traces"]
                else [],
                "ratebyservice": {"service:,env:": 1},
                "ratebyservice_filtered": {},
                "trace_writer": {
                    "Payloads": 0,
                    "Traces": 0,
                    "Events": 0,
                    "Spans": 0,
                    "Errors": 0,
                    "Retries": 0,
                    "Bytes": 0,
                },
                "stats_writer": {"Payloads": 0, "StatsBuckets": 0, "Errors": 0, "Retries": 0, "Bytes": 0},
                "watchdog": {"CPU": {"UserAvg": 0.01}, "Mem": {"Alloc": 9000000}},
            },
        )

    def log_message(self, format: str, *arguments: object) -> None:
        pass


def reply(handler: http.server.BaseHTTPRequestHandler, data: object, code: int = 200) -> None:
    body = json.dumps(data).encode()
    handler.send_response(code)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def serve(server: http.server.HTTPServer) -> None:
    threading.Thread(target=server.serve_forever, daemon=True).start()


def main() -> None:
    serve(http.server.ThreadingHTTPServer(("127.0.0.1", 8126), Receiver))
    while not (os.path.exists(CERTIFICATE) and os.path.getsize(CERTIFICATE)):
        time.sleep(0.05)
    numbers = http.server.ThreadingHTTPServer(("127.0.0.1", 5012), Numbers)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    numbers.socket = context.wrap_socket(numbers.socket, server_side=True, do_handshake_on_connect=False)
    numbers.serve_forever()


main()
