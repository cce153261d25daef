"""Instances, their options, log sources, and keys that belong to none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dddoctor.hosts.root import RootHost
from dddoctor.secrets import Vault
from dddoctor.tables import agents, configuration
from dddoctor.tables.instances import Instance, InstanceOption, LogSource, Regex, UnknownKey

HostOf = Callable[..., RootHost]
CONFD = "/etc/datadog-agent/conf.d"


def rows(host: RootHost, kind: type[Any]) -> list[Any]:
    found = [a for a in agents.collect(host) if isinstance(a, agents.Agent)]
    return [r for r in configuration.collect(host, Vault(), found) if isinstance(r, kind)]


def test_every_item_is_an_instance_the_empty_one_too(host_of: HostOf) -> None:
    text = "instances:\n  - host: a\n    tags:\n      - b:c\n  -\n  - {}\n  - text\n"

    assert [r[3:] for r in rows(host_of({f"{CONFD}/my.yaml": text}), Instance)] == [
        (0, 2, 4, 2, 1, None),
        (1, 5, 5, 0, 1, None),
        (2, 6, 6, 0, 1, 1),
        (3, 7, 7, 0, 0, None),
    ]


def test_of_a_repeated_list_of_instances_the_last_one_counts(host_of: HostOf) -> None:
    """The Agent never sees the others (recorded by the lab: one instance, where two lists of one stand)."""
    host = host_of({f"{CONFD}/my.yaml": "instances:\n  - host: a\n  - host: b\ninstances:\n  - port: 1\n"})

    assert [(i.instance, i.line) for i in rows(host, Instance)] == [(0, 5)]
    assert [(o.key, o.line) for o in rows(host, InstanceOption)] == [("port", 5)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  - {a: 1, b: [x, z]}\n  - b:  # the same\n      - x\n      - 'z'\n    a: 1\n", [None, 0]),
        ("  - {a: 1}\n  - {a: '1'}\n  - {a: 1.0}\n  - {a: true}\n", [None, None, None, None]),
        ("  - {a: [x, y]}\n  - {a: [y, x]}\n  - {a: [x]}\n", [None, None, None]),
        ("  - {a: {}}\n  - {a: []}\n  - {a: }\n  - {a: ''}\n", [None, None, None, None]),
        ("  - &x {a: 1}\n  - *x\n  - {a: 1}\n", [None, 0, 0]),
        ("  - {a: 2, a: 1}\n  - {a: 1}\n", [None, 0]),
    ],
)
def test_equal_instances_are_found_however_they_are_written(
    host_of: HostOf, text: str, expected: list[int | None]
) -> None:
    """Order of keys, quotes of texts and comments do not count; types and the order of items do."""
    found = rows(host_of({f"{CONFD}/my.yaml": f"instances:\n{text}"}), Instance)

    assert [i.equals for i in found] == expected


@pytest.mark.parametrize(
    ("line", "is_cut"),
    [
        ("password: left #right", 1),
        ("password: left   #right  ", 1),
        ("password: 'left #right'", 0),
        ("password: left # the old one", 0),
        ("password: left #old since May", 0),
        ("password: left#right", 0),
        ("password: left ##", 0),
        ("password: #right", 0),
        ("note: left #right", 0),
    ],
)
def test_a_password_that_ends_at_a_hash_is_told(host_of: HostOf, line: str, is_cut: int) -> None:
    """What begins with a blank and a # is a comment; one word right behind it was hardly meant as one."""
    text = f"instances:\n  - host: a\n    {line}\n    password2: Long-One-77\n"

    assert rows(host_of({f"{CONFD}/my.yaml": text}), InstanceOption)[1].is_cut == is_cut


def test_the_word_behind_the_hash_is_hidden_too(host_of: HostOf) -> None:
    """It may be the other half of the password."""
    vault = Vault()
    host = host_of({f"{CONFD}/my.yaml": "instances:\n  - password: blue-Kettle #Xq91zz\n"})
    found = [a for a in agents.collect(host) if isinstance(a, agents.Agent)]
    list(configuration.collect(host, vault, found))

    assert vault.show(vault.redact("    password: blue-Kettle #Xq91zz")) == "    password: <password #1> <password #2>"


def test_patterns_that_the_agent_compiles_are_rows(host_of: HostOf) -> None:
    """In the main file keys count in any case; in a check's file only those of its log sources."""
    main = "APM_config:\n  replace_tags: [{name: a, pattern: '(', repl: b}, {pattern: '[a-z]+'}]\n  ignore_resources: ['GET /x', '*y']\n"
    check = "logs:\n  - type: file\n    path: /a\n    log_processing_rules:\n      - {type: exclude_at_match, name: n, pattern: '(?!x)'}\ninstances: [{pattern: '('}]\n"
    host = host_of({"/etc/datadog-agent/datadog.yaml": main, f"{CONFD}/my.yaml": check})

    assert [(r.file_kind, r.line, r.path, r.defect is None) for r in rows(host, Regex)] == [
        ("main", 2, "APM_config.replace_tags[0].pattern", False),
        ("main", 2, "APM_config.replace_tags[1].pattern", True),
        ("main", 3, "APM_config.ignore_resources[0]", True),
        ("main", 3, "APM_config.ignore_resources[1]", False),
        ("check", 5, "logs[0].log_processing_rules[0].pattern", False),
    ]


def test_options_are_judged_by_the_check_that_they_are_for(host_of: HostOf) -> None:
    """mysql's are known, old names included; a custom check's are its own, but for slips of the Agent's long ones."""
    text = "instances:\n  - host: a\n    user: b\n    usrename: c\n    zzz: 1\n    min_interval_collection: 45\n    tags: []\n"
    shown = {
        check: [
            (o.key, o.is_known, o.expected_type, o.nearest)
            for o in rows(host_of({f"{CONFD}/{check}.d/conf.yaml": text}), InstanceOption)
            if o.check_name == check
        ]
        for check in ("mysql", "my_metric")
    }

    assert shown == {
        "mysql": [("host", 1, "str", None), ("user", 1, None, None), ("usrename", 0, None, "username"), ("zzz", 0, None, None), ("min_interval_collection", 0, None, "min_collection_interval"), ("tags", 1, "list", None)],
        "my_metric": [("host", None, None, None), ("user", None, None, None), ("usrename", None, None, None), ("zzz", None, None, None), ("min_interval_collection", None, None, "min_collection_interval"), ("tags", 1, "list", None)],
    }  # fmt: skip


def test_what_a_merge_brings_is_an_option_as_well(host_of: HostOf) -> None:
    text = "x: &x {port: 1}\ninstances:\n  - <<: *x\n    host: a\n"

    assert sorted(o.key for o in rows(host_of({f"{CONFD}/my.yaml": text}), InstanceOption)) == ["host", "port"]


def test_log_sources_are_one_row_each(host_of: HostOf) -> None:
    text = "logs:\n  - type: file\n    path: /var/log/a.log\n    service: s\n    source: python\n    log_processing_rules: [{type: x, name: y}]\n  - {path: /b, port: 10518}\n  - text\n"

    assert [r[3:] for r in rows(host_of({f"{CONFD}/my.yaml": text}), LogSource)] == [
        (2, "file", "/var/log/a.log", "s", "python", None, 0),
        (7, "", "/b", None, None, "10518", 1),
    ]


@pytest.mark.parametrize(
    ("key", "is_option", "nearest"),
    [
        ("instance", 0, "instances"),
        ("init-config", 0, "init_config"),
        ("Instances", 0, "instances"),
        ("min_collection_interval", 1, None),
        ("tags", 1, None),
        ("min_interval_collection", 0, "min_collection_interval"),
        ("owner", 0, None),
    ],
)
def test_unknown_keys_at_the_top_are_named(host_of: HostOf, key: str, is_option: int, nearest: str | None) -> None:
    found = rows(host_of({f"{CONFD}/my.yaml": f"instances: [{{}}]\n{key}: 1\n"}), UnknownKey)

    assert [(r.line, r.column, r.key, r.is_option, r.nearest) for r in found] == [(2, 1, key, is_option, nearest)]


def test_files_that_the_agent_does_not_open_give_no_rows(host_of: HostOf) -> None:
    host = host_of(
        {
            f"{CONFD}/mysql/conf.yaml": "instances: [{a: 1}]\nlogs: [{type: x}]\nfoo: 1\n",
            "/etc/datadog-agent/datadog.yaml": "instances: [{a: 1}]\n",
        }
    )

    assert [rows(host, kind) for kind in (Instance, InstanceOption, LogSource, UnknownKey)] == [[], [], [], []]
