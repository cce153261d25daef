"""Names, classes and imports of a check, judged without importing it."""

from __future__ import annotations

import pytest

from dddoctor.pytext import Context, Neighbours, Target, analyse
from dddoctor.tables._near import nearest

AGENT_7 = Target("3", (3, 11), 7, "datadog_checks.base")
AGENT_5 = Target("2", (2, 7), 5, "checks")
ALONE = Neighbours(frozenset(), None, False)


def _analysis(text: str, target: Target = AGENT_7, near: Neighbours = ALONE, is_imported: bool = False):  # type: ignore[no-untyped-def]
    return analyse(text.encode(), Context("m.py", target, near, is_imported), nearest)


def _found(
    text: str, target: Target = AGENT_7, near: Neighbours = ALONE, is_imported: bool = False
) -> list[tuple[str, str, int, str | None]]:
    found = _analysis(text, target, near, is_imported)
    return [(d.kind, d.name, found.reading.source.place(d.start)[0], d.correction) for d in found.defects]


def _check(body: str, head: str = "from datadog_checks.base import AgentCheck\n") -> str:
    return (
        head
        + "class M(AgentCheck):\n    def check(self, instance):\n"
        + "".join(f"        {line}\n" for line in body.split("\n"))
    )


def test_the_three_mistakes_of_one_file_are_named_in_one_run() -> None:
    """As the file really stood: no indentation, guage, no import of random; and the old import path."""
    text = "from checks import AgentCheck\n\nclass MyMetric(AgentCheck):\ndef check(self, instance):\nself.guage('my_metric', random.randint(0, 1000))\n"

    assert [f[:3] for f in _found(text)] == [
        ("legacy-import", "checks", 1),
        ("not-indented", "not-indented", 4),
        ("unknown-method", "guage", 5),
        ("undefined-name", "random", 5),
    ]


def test_names_are_looked_for_where_the_structure_is_untold() -> None:
    """The block that cannot be repaired hides no typo and no missing import."""
    text = "from datadog_checks.base import AgentCheck\nclass M(AgentCheck):\ndef check(self, instance):\nfor i in range(3):\nself.guage('a', random.random())\nself.gauge('b', unknown)\n"

    assert _found(text) == [
        ("not-indented", "not-indented", 3, None),
        ("unknown-method", "guage", 5, "gauge"),
        ("undefined-name", "random", 5, "import random"),
    ]


@pytest.mark.parametrize(
    ("use", "statement"),
    [
        ("random.randint(0, 9)", "import random"),
        ("os.path.join('a')", "import os"),
        ("urllib.request.urlopen('x')", "import urllib.request"),
        ("datetime.now()", "from datetime import datetime"),
        ("datetime.datetime.now()", "import datetime"),
        ("randint(0, 9)", "from random import randint"),
        ("requests.get('x')", "import requests"),
        ("is_affirmative(1)", "from datadog_checks.base import is_affirmative"),
        ("random.no_such_function()", None),
        ("code.strip()", None),
        ("string + 'x'", None),
        ("psycopg2.connect()", None),
    ],
)
def test_an_import_is_proposed_only_for_what_it_would_define(use: str, statement: str | None) -> None:
    """A module is proposed if all that is used of the name is in it."""
    name = use.split(".")[0].split("(")[0].split(" ")[0]

    assert _found(_check(f"self.gauge('m', {use})")) == [("undefined-name", name, 4, statement)]


@pytest.mark.parametrize(
    "body",
    [
        "global seen\nseen = 1\nself.gauge('m', seen)",
        "try:\n    value = unicode(1)\nexcept NameError:\n    value = str(1)\nself.gauge('m', value)",
        "self.gauge('m', [n for n in range(3)][0], tags=[__name__])",
        "exec('value = 1')\nself.gauge('m', 1)",
        "import os\nself.gauge('m', os.getpid())",
        "try:\n    self.guage('m', 1)\nexcept AttributeError:\n    self.gauge('m', 1)",
        "self.extra = 1\nself.gauge('m', self.extra)",
        "self.gauge('m', 1, **instance)\nself.gauge(*instance)",
        "self.gauge('m', getattr(self, 'nothing', 1))",
        "def inner(self):\n    return self.whatever\nself.gauge('m', inner(instance))",
    ],
)
def test_names_that_are_defined_in_unusual_ways_are_silent(body: str) -> None:
    """A false alarm costs trust."""
    assert _found(_check(body)) == []


def test_version_dependent_names() -> None:
    """`set` is Agent 5's; unicode is Python 2's; the old import is Agent 5's only one."""
    old = "from checks import AgentCheck\n"
    assert _found(_check("self.set('m', unicode(1))", old), AGENT_5) == []
    assert [f[:2] for f in _found(_check("self.set('m', unicode(1))"))] == [
        ("unknown-method", "set"),
        ("python2-name", "unicode"),
    ]
    assert _found("class M(AgentCheck):\n    def check(self, instance):\n        self.gauge('m', 1)\n", AGENT_5) == [
        ("undefined-name", "AgentCheck", 1, "from checks import AgentCheck")
    ]


@pytest.mark.parametrize(
    "text",
    [
        "from datadog_checks.base import AgentCheck\nfrom other import Mixin\nclass M(Mixin, AgentCheck):\n    def check(self, instance):\n        self.anything()\n",
        "from other import *\nclass M(AgentCheck):\n    def check(self, instance):\n        self.anything(name)\n",
        "from datadog_checks.base import AgentCheck\nclass M(AgentCheck, metaclass=print):\n    def check(self, instance):\n        self.anything()\n",
        "from datadog_checks.base import AgentCheck\n@print\nclass M(AgentCheck):\n    def check(self, instance):\n        self.anything()\n",
        "from datadog_checks.base import AgentCheck\nclass M(AgentCheck):\n    def __getattr__(self, n):\n        return print\n    def check(self, instance):\n        self.anything()\n",
        "from datadog_checks.base import AgentCheck\nclass M(AgentCheck):\n    def check(self, instance):\n        vars(self).update(instance)\n        self.anything()\n",
        "from datadog_checks.mysql import MySql\nclass M(MySql):\n    def check(self, instance):\n        self.anything()\n",
    ],
)
def test_classes_that_may_have_any_attribute_are_not_judged(text: str) -> None:
    """Only a class that is AgentCheck and this file alone."""
    assert not [f for f in _found(text) if f[0].startswith("unknown")]


def test_a_class_that_others_derive_from_may_use_what_they_define() -> None:
    """A near name is a typo all the same."""
    text = _check("self.collect()\nself.guage('m', 1)")

    assert _found(text, is_imported=True) == [("unknown-method", "guage", 5, "gauge")]
    assert [f[1] for f in _found(text)] == ["collect", "guage"]


def test_the_agent_takes_the_first_leaf_class_by_name() -> None:
    """Source: rtloader; recorded as code-P6-two-classes and code-P6-subclass-of-subclass."""
    text = "from datadog_checks.base import AgentCheck\nclass Z(AgentCheck):\n    def check(self, i):\n        self.gauge('m', 1)\nclass A(Z):\n    pass\nclass B(AgentCheck):\n    pass\n"
    found = _analysis(text).found_class

    assert (found.name, found.has_class, found.has_check_method) == ("A", True, True)


@pytest.mark.parametrize(
    ("text", "has_class"),
    [
        ("x = 1\n", False),
        ("from datadog_checks.base import AgentCheck\nclass M(object):\n    pass\n", False),
        ("from datadog_checks.base import AgentCheck\nclass M(dict, AgentCheck):\n    pass\n", True),
        ("import datadog_checks.base\nclass M(datadog_checks.base.AgentCheck):\n    pass\n", True),
        ("from datadog_checks import base\nclass M(base.AgentCheck):\n    pass\n", True),
        ("from datadog_checks.base import OpenMetricsBaseCheckV2\nclass M(OpenMetricsBaseCheckV2):\n    pass\n", True),
        ("from datadog_checks.http_check import HTTPCheck\n", None),
        ("from company import base\nclass M(base.Check):\n    pass\n", None),
        ("from company import *\n", None),
    ],
)
def test_whether_there_is_a_check_class(text: str, has_class: bool | None) -> None:
    """None where an import may bring one."""
    assert _analysis(text).found_class.has_class is has_class


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("import flask", "missing-module"),
        ("import flask.views as views", "missing-module"),
        ("import urllib2", "python2-module"),
        ("from datadog import AgentCheck", "wrong-import"),
        ("from . import helper", "relative-import"),
        ("from checks.network_checks import NetworkCheck", "legacy-import"),
        ("import json, helper, requests, yaml, datadog_agent, _thread, xml.etree.ElementTree", None),
        ("try:\n    import flask\nexcept ImportError:\n    flask = None", None),
        ("from datadog_checks.mysql import MySql", None),
    ],
)
def test_imports(statement: str, kind: str | None) -> None:
    """What the Agent has, what lies beside the check, and what is guarded is silent."""
    near = Neighbours(frozenset(("helper",)), frozenset(("requests", "yaml", "datadog_checks")), False)

    found = [f[0] for f in _found(statement + "\n", near=near) if f[0] != "undefined-name"]

    assert found == ([kind] if kind else [])


def test_a_missing_module_is_certain_only_where_the_agents_folder_is_seen() -> None:
    """On a disk without /opt nobody knows what pip installed."""
    seen = Neighbours(frozenset(), frozenset(("requests",)), False)

    assert [d.is_certain for d in _analysis("import flask\n").defects] == [False]
    assert [d.is_certain for d in _analysis("import flask\n", near=seen).defects] == [True]


def test_deeply_nested_code_is_an_obstacle_not_a_verdict() -> None:
    """Python's own parser gives up first."""
    found = _analysis("x = " + "1+" * 60_000 + "1\n")

    assert found.obstacle and not found.defects
