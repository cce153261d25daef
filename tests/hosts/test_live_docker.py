"""The Docker engine's socket: an engine of the tests behind it, one that hangs, one that others could have put there."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import socketserver
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from dddoctor.hosts import live_docker
from dddoctor.hosts.base import Unavailable
from dddoctor.hosts.live import LiveHost
from dddoctor.model import Kind

Block = Callable[[], AbstractContextManager[None]]
INSPECTED = {
    "b2": {"Id": "b2", "Name": "/web", "State": {"Running": True}},
    "a1": {"Id": "a1", "Name": "/dd-agent", "State": {"Running": False}},
}
ANSWERS: dict[str, object] = {
    "/version": {"ApiVersion": "1.44", "Version": "27.0"},
    "/containers/json": [{"Id": "b2"}, {"Id": "gone"}, {"Id": "a1"}],
    **{f"/containers/{name}/json": inspected for name, inspected in INSPECTED.items()},
    "/images/json": [{"Id": "sha256:1", "RepoTags": ["datadog/agent:7"]}],
}


@contextlib.contextmanager
def engine(path: Path, answers: dict[str, object]) -> Iterator[None]:
    class Engine(http.server.BaseHTTPRequestHandler):
        def address_string(self) -> str:
            return "local"

        def do_GET(self) -> None:
            asked = self.path.partition("?")[0]
            known = next((a for name, a in answers.items() if asked.endswith(name)), None)
            body = json.dumps(known if known is not None else {"message": f"no such thing: {asked}"}).encode()
            self.send_response(200 if known is not None else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    class Server(socketserver.ThreadingUnixStreamServer):
        daemon_threads = True

    with Server(str(path), Engine) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield
        server.shutdown()


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the socket goes: DOCKER_HOST names it. In a folder that nobody but root can write, if root runs the tests."""
    base = "/run" if os.geteuid() == 0 and Path("/run").is_dir() else str(Path.home())
    with tempfile.TemporaryDirectory(prefix="dddoctor-", dir=base) as folder:
        try:
            LiveHost()._require_trust(folder, os.path.realpath(folder), os.geteuid())
        except Unavailable as error:
            pytest.skip(f"no folder here is safe from others: {error}")
        monkeypatch.setenv("DOCKER_HOST", f"unix://{folder}/docker.sock")
        yield Path(folder) / "docker.sock"


def refused(ask: Callable[[], object]) -> tuple[Kind, str, str]:
    with pytest.raises(Unavailable) as caught:
        ask()
    return caught.value.kind, caught.value.reason, caught.value.remedy


def test_every_container_is_inspected_and_one_that_goes_away_is_left_out(place: Path) -> None:
    with engine(place, ANSWERS):
        assert LiveHost().containers() == [INSPECTED["a1"], INSPECTED["b2"]]
        assert LiveHost().images() == [{"Id": "sha256:1", "RepoTags": ["datadog/agent:7"]}]


def test_an_engine_that_answers_nonsense_is_said(place: Path) -> None:
    with engine(place, {**ANSWERS, "/containers/json": [{"Number": 1}]}):
        assert refused(LiveHost().containers)[0] is Kind.TOOL
    place.unlink()
    with engine(place, {"/version": "?"}):
        assert refused(LiveHost().images)[0] is Kind.TOOL


def test_an_engine_that_hangs_costs_the_limit(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    monkeypatch.setattr(live_docker, "TIMEOUT_SECONDS", 0.3)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(place))
        server.listen()

        assert refused(LiveHost().containers) == (
            Kind.TIMEOUT,
            f"the Docker engine at {place} did not answer within 0.3 s",
            "--timeout",
        )


def test_a_socket_that_nobody_listens_at_is_an_engine_that_does_not_run(place: Path) -> None:
    import socket

    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(place))
    assert refused(LiveHost().containers) == (Kind.TOOL, "the Docker engine does not run", "")


def test_who_may_not_ask_is_told_what_would_help(place: Path, unprivileged: Block) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make a socket that is closed to the one who asks")
    place.parent.chmod(0o755)
    with engine(place, ANSWERS):
        place.chmod(0o600)
        with unprivileged():
            assert refused(LiveHost().containers) == (Kind.DENIED, f"permission denied: {place}", "sudo")


def test_a_socket_that_others_could_have_put_there_is_not_asked(place: Path) -> None:
    with engine(place, ANSWERS):
        place.chmod(0o666)  # everybody may ask this engine, which harms nobody who asks
        assert len(LiveHost().containers()) == 2
        place.parent.chmod(0o777)
        kind, reason, _ = refused(LiveHost().containers)

    assert (kind, reason) == (Kind.TOOL, f"{place} is not asked, because every user can write {place.parent}")


def test_an_engine_of_another_machine_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://192.0.2.1:2375")

    assert refused(LiveHost().containers)[1].startswith("DOCKER_HOST names an engine that is not on this machine")


def test_a_folder_where_the_socket_should_be_is_no_engine(place: Path) -> None:
    """`docker run -v /var/run/docker.sock:…` makes one where the engine is elsewhere."""
    place.mkdir()

    with pytest.raises(FileNotFoundError):
        LiveHost().containers()


def test_a_file_where_the_socket_should_be_is_said(place: Path) -> None:
    place.write_text("")

    assert refused(LiveHost().containers)[1] == f"{place} is a file, not the Docker engine's socket"
