"""Judges the texts of check files: here, and from some hundred files on in a second process, so that a large host's files are read and judged at once.

The second process gets texts and gives rows. It knows no secrets: a file in which it finds one, and a file that holds a secret known already, is judged
here, where its token is made.
"""

from __future__ import annotations

import marshal
import os
import sys
import threading
from collections.abc import Iterator
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, BinaryIO

from dddoctor.light import NamedTuple
from dddoctor.tables._config_text import TextRows, YamlDefect, YamlKey
from dddoctor.tables._places import Place
from dddoctor.tables.instances import Instance, InstanceOption, LogSource, Regex, UnknownKey

if TYPE_CHECKING:
    import subprocess

ALONE = 400  # so many files are judged before a second process is worth its start
_BATCH = 50
_AHEAD = 3  # batches that are under way
_CLASSES: tuple[Any, ...] = (YamlKey, YamlDefect, Instance, InstanceOption, LogSource, Regex, UnknownKey)
_NUMBER = {row_class: number for number, row_class in enumerate(_CLASSES)}


class Judged(NamedTuple):
    """What a check file says. `place` may have become another kind of file by its text. `rows` are those of the tables made from texts."""

    place: Place
    data: bytes
    top_keys: frozenset[str]
    is_yaml: bool
    has_shape: bool
    rows: list[Any]


def judge(text: TextRows, place: Place, data: bytes) -> Judged:
    from dddoctor.yamltext import read

    document = read(data, "check")
    root = document.root
    top_keys = (
        frozenset(str(key.value) for key, _ in root.pairs)
        if root is not None and root.kind == "map"
        else frozenset[str]()
    )
    if place.file_kind == "metrics":
        place = place._replace(file_kind="check" if "instances" in top_keys else "other")
    rows = text.keys(place, document)
    rows += text.defects(place, document)
    found = Judged(place, data, top_keys, document.is_yaml, document.has_shape, rows)
    document.forget()
    return found


class Judging:
    """Takes files, gives them back judged, in their order."""

    def __init__(self, text: TextRows) -> None:
        self.text = text
        self._count = 0
        self._batch: list[tuple[Place, bytes]] = []
        self._sent: list[list[tuple[Place, bytes]]] = []
        self._helper: _Helper | None = None

    def give(self, place: Place, data: bytes) -> Iterator[Judged]:
        """Whatever is judged by now."""
        self._count += 1
        if self._count <= ALONE:
            yield judge(self.text, place, data)
            return
        self._batch.append((place, data))
        if len(self._batch) == _BATCH:
            self._send()
            if len(self._sent) > _AHEAD:
                yield from self._receive()

    def end(self) -> Iterator[Judged]:
        """The rest."""
        if self._batch:
            self._send()
        while self._sent:
            yield from self._receive()
        if self._helper is not None:
            self._helper.end()

    def _send(self) -> None:
        batch, self._batch = self._batch, []
        if self._count == ALONE + len(batch) or self._helper is not None:
            try:
                self._helper = self._helper or _Helper()
                self._helper.ask([(self.text.agent, *place[:6], data) for place, data in batch])
            except OSError:  # no second process can be started here, or it has ended
                self._helper = None
        self._sent.append(batch)

    def _receive(self) -> Iterator[Judged]:
        batch = self._sent.pop(0)
        answers = self._helper.answer() if self._helper is not None else None
        if answers is None:
            self._helper, answers = None, [None] * len(batch)
        vault = self.text.vault
        for (place, data), answer in zip(batch, answers, strict=True):
            if answer is None or (not vault.is_empty and vault.knows(data.decode("utf-8", "replace"))):
                yield judge(self.text, place, data)
                continue
            file_kind, top_keys, is_yaml, has_shape, rows = answer
            made = [tuple.__new__(_CLASSES[number], row) for number, row in rows]
            yield Judged(place._replace(file_kind=file_kind), data, frozenset(top_keys), is_yaml, has_shape, made)


class _Helper:
    """The second process. What it says is read by a thread, so that neither side waits for the other to read."""

    def __init__(self) -> None:
        import subprocess

        code = f"import sys; sys.path[:] = {sys.path!r}; from dddoctor.tables import _config_judging as j; j.serve()"
        self._process: subprocess.Popen[bytes] = subprocess.Popen(
            [sys.executable, "-I", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._answers: SimpleQueue[list[Any] | None] = SimpleQueue()
        threading.Thread(
            target=self._listen, args=(self._process.stdout,), name="dddoctor-judging", daemon=True
        ).start()

    def ask(self, batch: list[Any]) -> None:
        """Raises OSError where it has ended."""
        assert self._process.stdin is not None
        _write(self._process.stdin, batch)

    def answer(self) -> list[Any] | None:
        """One answer for each file of the oldest batch, None where it found a secret; None in all where it has ended."""
        return self._answers.get()

    def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()

    def _listen(self, pipe: BinaryIO) -> None:
        try:
            while True:
                self._answers.put(_read(pipe))
        except (EOFError, ValueError, TypeError, OSError):
            self._answers.put(None)
            self._process.wait()


def _write(pipe: Any, value: Any) -> None:
    """A value with its length in front: reading straight from a pipe asks it for every number and text."""
    data = marshal.dumps(value)
    pipe.write(len(data).to_bytes(8, "big") + data)
    pipe.flush()


def _read(pipe: BinaryIO) -> Any:
    head = pipe.read(8)
    data = pipe.read(int.from_bytes(head, "big")) if len(head) == 8 else b""
    if not data:
        raise EOFError
    return marshal.loads(data)


def serve() -> None:
    """The second process: batches from standard input, answers to standard output, until the input ends."""
    import gc

    from dddoctor.secrets import Vault

    gc.set_threshold(50_000, 20, 20)
    source, sink = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    vault = Vault()
    while True:
        try:
            batch = _read(source)
        except EOFError:
            return
        answers: list[Any] = []
        for agent, file, file_kind, check_name, reads, is_in_place, because, data in batch:
            place = Place(file, file_kind, check_name, reads, is_in_place, because, None)
            found = judge(TextRows(vault, agent), place, data)
            if vault.is_empty:
                rows = [(_NUMBER[row.__class__], tuple(row)) for row in found.rows]
                answers.append((found.place.file_kind, list(found.top_keys), found.is_yaml, found.has_shape, rows))
            else:
                answers.append(None)
                vault = Vault()
        _write(sink, answers)
