"""Each `end` and each `do` of sound Vagrantfiles dropped in turn: the block is named at its line, and no correction is another program than the original."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from dddoctor.hosts.spans import apply_spans
from dddoctor.rubytext import analyse, correct
from dddoctor.rubytext.lexer import Lines, tokens
from dddoctor.rubytext.reading import read
from dddoctor.rubytext.structure import events

SAMPLES = sorted((Path(__file__).parent / "samples").glob("*.rb"))


def program(text: str) -> list[str]:
    """What Ruby reads of a text: its tokens, without the ends of lines."""
    return [t.text for t in tokens(text) if t.kind != "newline"]


def mutants(text: str) -> Iterator[tuple[str, str, int]]:
    """(what was dropped, the text without it, the line of the block it belonged to)."""
    found, lines = tokens(text), Lines(text)
    stack = []
    for event in events(text, found, lines):
        if event.kind == "open":
            stack.append(event)
        elif event.kind == "close":
            opener = stack.pop()
            if event.text != "end":
                continue
            end, do = found[event.token], found[opener.token]
            start, after = lines.start(end.line), lines.start(end.line + 1)
            is_alone = text[start:after].strip() == "end"
            yield "end", text[:start] + text[after:] if is_alone else text[: end.start] + text[end.end :], opener.line
            if opener.text == "do":
                yield "do", text[: do.start].rstrip(" ") + text[do.end :], do.line


@pytest.mark.parametrize("path", SAMPLES, ids=lambda p: p.stem)
def test_sound_vagrantfiles_have_no_defect(path: Path) -> None:
    """Here-documents, modifiers, lambdas, comments and texts full of block words."""
    vagrant = analyse(path.read_bytes())

    assert (vagrant.reading.parses, vagrant.defects) == (True, ())


@pytest.mark.parametrize("path", SAMPLES, ids=lambda p: p.stem)
def test_a_dropped_end_or_do_is_named_at_its_line_and_never_mended_wrongly(path: Path) -> None:
    """All are located; a correction is made only where it gives the original program back."""
    text = path.read_bytes().decode("latin-1")
    for what, mutant, line in mutants(text):
        reading = read(mutant.encode("latin-1"))
        named = [Lines(mutant).of(f.start) for f in reading.faults]

        assert not reading.parses, (what, line)
        assert named == [line], (what, line, reading.faults)
        assert reading.root is None or program(reading.text) == program(text), (what, line, reading.faults)


def test_nearly_all_are_mended() -> None:
    """What is left are blocks in one line, and those whose line could have been something else."""
    results = [
        (read(m.encode("latin-1")).root is not None)
        for p in SAMPLES
        for _, m, _ in mutants(p.read_bytes().decode("latin-1"))
    ]

    assert sum(results) / len(results) >= 0.95


def test_an_end_too_many_is_taken_out_again() -> None:
    """Anywhere between the lines of code."""
    rng = random.Random(3)
    wrong = []
    for path in SAMPLES:
        text = path.read_bytes().decode("latin-1")
        lines = text.split("\n")
        for _ in range(6):
            at = rng.randrange(len(lines))
            reading = read("\n".join([*lines[:at], "  end", *lines[at:]]).encode("latin-1"))
            if not reading.parses and reading.root is not None and program(reading.text) != program(text):
                wrong.append((path.stem, at, reading.faults))
    assert wrong == []


def test_no_text_makes_it_fail() -> None:
    """Whatever is cut, doubled or put in: places lie in the file, and spans fit."""
    rng = random.Random(5)
    pieces = [
        b"end\n",
        b"do |x|",
        b'"',
        b"#{",
        b"}",
        b"<<-X\n",
        b"=begin\n",
        b"\xe2\x80\x9c",
        b"\xc2\xa0",
        b"|",
        b"\0",
        b"%w[",
        b"\\",
        b"\xff",
        b"~\n",
        b"__END__\n",
        b"```\n",
        b"vm.box = 1\n",
    ]
    texts = [p.read_bytes() for p in SAMPLES]
    for _ in range(250):
        data = bytearray(rng.choice(texts))
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(len(data) + 1)
            if rng.random() < 0.5:
                data[at:at] = rng.choice(pieces)
            else:
                del data[at : at + rng.randint(1, 20)]
        for defect in analyse(bytes(data)).defects:
            assert 1 <= defect.line <= data.count(b"\n") + 1
            assert defect.column >= 1
            if defect.spans:
                spans = correct(bytes(data), "Vagrantfile", defect.line, defect.kind)
                assert spans is not None
                apply_spans(bytes(data), spans)
