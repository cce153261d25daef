"""Configuration files as people leave them: valid ones, and the same with one or two accidents. Everything is seeded."""

from __future__ import annotations

import random
from collections.abc import Callable

from tests import agent_files


def generate(count: int, seed: int) -> dict[str, str]:
    """Texts by a check's name (`gen000` …, so that each file stands alone); about a third are valid."""
    rng = random.Random(seed)
    checks = agent_files.integrations()
    texts = {}
    for n in range(count):
        emitter = rng.choice(agent_files.EMITTERS)
        text = emitter(rng, agent_files.check_data(rng, rng.choice(checks), most=4))
        for _ in range(rng.choice([0, 1, 1, 2])):
            text = rng.choice(ACCIDENTS)(rng, text)
        texts[f"gen{n:03}"] = text
    return texts


def _line(rng: random.Random, text: str, change: Callable[[str], str]) -> str:
    lines = text.split("\n")
    places = [i for i, line in enumerate(lines) if line.strip() and not line.lstrip().startswith("#")] or [0]
    at = rng.choice(places)
    lines[at] = change(lines[at])
    return "\n".join(lines)


def _backtick(rng: random.Random, text: str) -> str:
    return _line(rng, text, lambda line: line + "`")


def _tab(rng: random.Random, text: str) -> str:
    return _line(rng, text, lambda line: "\t" + line.lstrip(" "))


def _shift(rng: random.Random, text: str) -> str:
    return _line(rng, text, lambda line: line[1:] if line.startswith(" ") and rng.random() < 0.5 else " " + line)


def _dash(rng: random.Random, text: str) -> str:
    return text.replace("- ", "-", rng.choice([1, 2, -1]))


def _colon(rng: random.Random, text: str) -> str:
    return _line(rng, text, lambda line: line.replace(": ", ":", 1))


def _quote(rng: random.Random, text: str) -> str:
    return _line(rng, text, lambda line: line + rng.choice(["'", '"']))


def _twice(rng: random.Random, text: str) -> str:
    return _line(rng, text, lambda line: line + "\n" + line)


def _dropped(rng: random.Random, text: str) -> str:
    return _line(rng, text, lambda line: "# " + line)


def _pasted(rng: random.Random, text: str) -> str:
    head = rng.choice(
        [
            "```yaml\n",
            "conf.yaml\n",
            "---\ntitle: my check\n---\n",
            "$ cat conf.yaml\n",
            "{\\rtf1\\ansi\n",
            "---\n",
            "\ufeff",
        ]
    )
    return head + text


def _cut(rng: random.Random, text: str) -> str:
    return text[: rng.randrange(len(text))]


def _instances(rng: random.Random, text: str) -> str:
    return text.replace(
        "instances:",
        rng.choice(["instance:", "Instances:", "instances :", "instances:\n", " instances:", "instances: null #"]),
    )


ACCIDENTS = (_backtick, _tab, _shift, _dash, _colon, _quote, _twice, _dropped, _pasted, _cut, _instances)
