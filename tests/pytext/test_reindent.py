"""Lost indentation: the one structure that a text still tells is found, and nothing is guessed."""

from __future__ import annotations

import ast
import random

import pytest

from dddoctor.pytext.reindent import reindent
from dddoctor.pytext.scan import logical_lines

HEAD = "from datadog_checks.base import AgentCheck\n\nclass M(AgentCheck):\n"

REPAIRED = {
    "everything at column 0": (
        "import random\n\nclass M(AgentCheck):\ndef check(self, instance):\nself.gauge('m', random.randint(0, 1000))\n",
        "import random\n\nclass M(AgentCheck):\n    def check(self, instance):\n        self.gauge('m', random.randint(0, 1000))\n",
    ),
    "two methods, an empty line in one, the guard at the end": (
        "class M(AgentCheck):\ndef one(self):\nvalue = 1\n\nself.gauge('m', value)\n\ndef check(self, instance):\nself.one()\n\nif __name__ == '__main__':\nM()\n",
        "class M(AgentCheck):\n    def one(self):\n        value = 1\n\n        self.gauge('m', value)\n\n    def check(self, instance):\n        self.one()\n\nif __name__ == '__main__':\n    M()\n",
    ),
    "the class's body alone": (
        "class M(AgentCheck):\ndef check(self, instance):\n    # why\n    self.gauge('m', 1)\n",
        "class M(AgentCheck):\n    def check(self, instance):\n        # why\n        self.gauge('m', 1)\n",
    ),
    "a method's body alone": (
        HEAD + "    def check(self, instance):\n    self.gauge('m', 1)\n",
        HEAD + "    def check(self, instance):\n        self.gauge('m', 1)\n",
    ),
    "inner blocks whose end a clause tells": (
        "class M(AgentCheck):\ndef check(self, instance):\ntry:\nvalue = 1\nself.gauge('m', value)\nexcept Exception:\nself.log.error('no')\n",
        "class M(AgentCheck):\n    def check(self, instance):\n        try:\n            value = 1\n            self.gauge('m', value)\n        except Exception:\n            self.log.error('no')\n",
    ),
    "long strings keep their lines, brackets move along": (
        "class M(AgentCheck):\ndef check(self, instance):\n'''one\ntwo'''\nself.gauge('m',\n           1)\n",
        "class M(AgentCheck):\n    def check(self, instance):\n        '''one\ntwo'''\n        self.gauge('m',\n                   1)\n",
    ),
    "a static method": (
        "class M(AgentCheck):\n@staticmethod\ndef value():\nreturn 1\n\ndef check(self, instance):\nself.gauge('m', self.value())\n",
        "class M(AgentCheck):\n    @staticmethod\n    def value():\n        return 1\n\n    def check(self, instance):\n        self.gauge('m', self.value())\n",
    ),
    "a blank too many before the first line": ("  import random\nvalue = 1\n", "import random\nvalue = 1\n"),
    "a file indented by tabs": (
        "class M(AgentCheck):\n\tdef check(self, instance):\n\tself.gauge('m', 1)\n\n\tdef other(self):\n\t\tpass\n",
        "class M(AgentCheck):\n\tdef check(self, instance):\n\t\tself.gauge('m', 1)\n\n\tdef other(self):\n\t\tpass\n",
    ),
}

UNTOLD = {
    "where a loop ends": "class M(AgentCheck):\ndef check(self, instance):\nfor i in range(3):\nself.gauge('a', i)\nself.gauge('b', 2)\n",
    "whether a line after an empty one still belongs to the method": "class M(AgentCheck):\ndef check(self, instance):\nself.gauge('a', 1)\n\nprint('x')\n",
    "a body that is missing": "class M(AgentCheck):\n    def check(self, instance):\n        # later\n\nclass N(object):\n    pass\n",
    "a function whose body is missing": "def one():\ndef two():\n    return 1\n",
    "if or else": "def f(a):\n    if a:\n        b = 1\n      c = 2\n    return a\n",
    "a bracket that is never closed": "class M(AgentCheck):\ndef check(self, instance):\nself.gauge('m', (1)\n",
    "nothing to repair": "class M(AgentCheck):\n    def check(self, instance):\n        pass\n",
}


@pytest.mark.parametrize("name", REPAIRED)
def test_what_the_text_still_tells_is_repaired(name: str) -> None:
    """Byte for byte what a person would write."""
    broken, wanted = REPAIRED[name]

    found = reindent(broken)

    assert found is not None
    assert found.text == wanted


@pytest.mark.parametrize("name", UNTOLD)
def test_what_the_text_does_not_tell_is_left_alone(name: str) -> None:
    """Several structures fit, or none."""
    assert reindent(UNTOLD[name]) is None


def test_spans_give_the_text_and_touch_blanks_only() -> None:
    """The spans of a repair are what the action writes."""
    broken, _ = REPAIRED["long strings keep their lines, brackets move along"]
    found = reindent(broken)
    assert found is not None

    text = broken
    for start, end, new in reversed(found.spans):
        assert not (text[start:end] + new).strip(" \t")
        text = text[:start] + new + text[end:]

    assert text == found.text


CHECK = '''"""A check that has a bit of everything."""
import time

from datadog_checks.base import AgentCheck

LIMIT = 3


def scaled(value, factor=1):
    if factor == 0:
        raise ValueError("no")
    return value * factor


class Pump(AgentCheck):
    """Reads a pump."""

    SERVICE = "pump.up"

    def __init__(self, name, init_config, instances):
        super(Pump, self).__init__(name, init_config, instances)
        self.seen = {}

    @property
    def limit(self):
        return LIMIT

    def check(self, instance):
        started = time.time()
        tags = instance.get("tags", [])
        try:
            for name in instance.get("pumps", []):
                value = self.read(name)
                if value is None:
                    continue
                self.gauge("pump.level", scaled(value),
                           tags=tags + ["pump:" + name])
        except OSError as error:
            self.service_check(self.SERVICE, self.CRITICAL, message=str(error))
            raise
        else:
            self.service_check(self.SERVICE, self.OK)
        self.gauge("pump.seconds", time.time() - started)

    def read(self, name):
        with open("/run/pump/" + name) as file:
            return float(file.read())
'''


def _damaged(rng: random.Random) -> str:
    """CHECK with one block or one line moved."""
    lines = logical_lines(CHECK)
    texts = [CHECK[line.line_start : line.start] for line in lines]
    if rng.random() < 0.5:
        i = rng.choice([i for i in range(len(lines) - 1) if len(texts[i + 1]) > len(texts[i])])
        cut = len(texts[i + 1]) - len(texts[i])
        last = next((j for j in range(i + 1, len(lines)) if len(texts[j]) <= len(texts[i])), len(lines))
        spans = [(line.line_start, line.line_start + cut, "") for line in lines[i + 1 : last]]
    else:
        line, old = rng.choice(list(zip(lines, texts, strict=True)))
        spans = [(line.line_start, line.start, rng.choice(["", " ", old + " ", old + "    ", old[:-1], old[4:], "\t"]))]
    text = CHECK
    for start, end, new in reversed(spans):
        text = text[:start] + new + text[end:]
    return text


def test_no_repair_of_damaged_code_gives_another_program() -> None:
    """Three hundred damages: each is repaired to the program that it was, or not at all; and most are repaired."""
    wanted = ast.dump(ast.parse(CHECK))
    rng = random.Random(20261124)
    repaired = broken = 0
    for _ in range(300):
        text = _damaged(rng)
        try:
            ast.parse(text)
        except SyntaxError:
            broken += 1
            found = reindent(text)
            if found is not None:
                repaired += 1
                assert ast.dump(found.tree) == wanted, text
    assert broken > 150
    assert repaired > broken * 0.6
