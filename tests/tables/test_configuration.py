"""Configuration files: which of them are in force, what is in them, and what of it is not shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dddoctor.hosts.root import RootHost
from dddoctor.model import Gap, Kind
from dddoctor.secrets import Vault
from dddoctor.tables import agents, configuration
from dddoctor.tables._config_text import YamlDefect, YamlKey
from dddoctor.tables.configuration import ConfigFile

HostOf = Callable[..., RootHost]
CONFD = "/etc/datadog-agent/conf.d"
GOOD = "instances: [{}]\n"


def collected(host: RootHost, vault: Vault | None = None) -> list[Any]:
    found = [a for a in agents.collect(host) if isinstance(a, agents.Agent)]
    return list(configuration.collect(host, vault or Vault(), found))


def files(host: RootHost) -> dict[str, ConfigFile]:
    return {row.file: row for row in collected(host) if isinstance(row, ConfigFile)}


def keys(host: RootHost, vault: Vault | None = None) -> list[YamlKey]:
    return [row for row in collected(host, vault) if isinstance(row, YamlKey)]


def not_used(host: RootHost) -> dict[str, str | None]:
    return {file: row.not_loaded_because for file, row in files(host).items() if not row.is_loaded}


# --- which files are in force ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "check_name", "because"),
    [
        ("my.yaml", "my", None),
        ("my.yml", "my", None),
        ("my.d/conf.yaml", "my", None),
        ("my.d/prod.yaml", "my", None),
        ("my.d/copy of conf.yaml", "my", None),
        ("my.d/.hidden.yaml", "my", None),
        ("2 my-Check.d/conf.yaml", "2 my-Check", None),
        (".d/conf.yaml", "conf", None),
        ("my.d/conf.yaml.default", "my", None),
        ("my/conf.yaml", "my", "its folder's name does not end in .d"),
        ("my.D/conf.yaml", "my", "its folder's name does not end in .d"),
        ("my.d/old/conf.yaml", "my", "it lies one folder too deep"),
        ("metrics.yaml", "metrics", "a metrics.yaml counts only in the folder of its check"),
        ("my.yaml.example", "my.yaml", "the Agent never reads .example files"),
        ("my.yaml.bak", "my.yaml", "its name does not end in .yaml or .yml"),
        ("my.YAML", "my", "its name does not end in .yaml or .yml"),
        ("my.d/conf.yaml~", "my", "its name does not end in .yaml or .yml"),
        ("my.d/conf", "my", "its name does not end in .yaml or .yml"),
    ],
)
def test_name_and_place_decide_whether_a_file_is_read(
    host_of: HostOf, path: str, check_name: str, because: str | None
) -> None:
    """As recorded on 7.72.4 (layout-*)."""
    row = files(host_of({f"{CONFD}/{path}": GOOD}))[f"{CONFD}/{path}"]

    assert (row.check_name, row.is_in_place, row.is_loaded, row.not_loaded_because) == (
        check_name,
        int(because is None),
        int(because is None),
        because,
    )


def test_a_linked_file_is_followed_and_a_linked_folder_is_not_entered(host_of: HostOf) -> None:
    host = host_of(
        {"/srv/my.yaml": GOOD, "/srv/other.d/conf.yaml": GOOD},
        links={f"{CONFD}/my.yaml": "/srv/my.yaml", f"{CONFD}/other.d": "/srv/other.d"},
    )

    assert not_used(host) == {
        f"{CONFD}/other.d/conf.yaml": "its folder is a link, and the Agent enters no linked folder"
    }


def test_a_linked_folder_above_conf_d_makes_no_link_of_what_is_in_it(host_of: HostOf) -> None:
    host = host_of({"/srv/agent/conf.d/my.d/conf.yaml": GOOD}, links={"/etc/datadog-agent": "/srv/agent"})

    assert not_used(host) == {}


def test_a_dangling_link_is_named_as_one(host_of: HostOf) -> None:
    host = host_of({f"{CONFD}/a.yaml": GOOD}, links={f"{CONFD}/my.d/conf.yaml": "/srv/gone.yaml"})

    assert not_used(host) == {f"{CONFD}/my.d/conf.yaml": "it is a link to a file that is not there"}


def test_a_default_counts_only_where_nothing_else_loads(host_of: HostOf) -> None:
    """A broken file and one with logs alone leave the default in force; auto_conf.yaml switches it off (7.72.4)."""
    host = host_of(
        {
            f"{CONFD}/a.d/conf.yaml.default": GOOD,
            f"{CONFD}/b.d/conf.yaml.default": GOOD,
            f"{CONFD}/b.d/conf.yaml": GOOD,
            f"{CONFD}/c.d/conf.yaml.default": GOOD,
            f"{CONFD}/c.d/conf.yaml": "instances:\n\t- a: 1\n",
            f"{CONFD}/d.d/conf.yaml.default": GOOD,
            f"{CONFD}/d.d/conf.yaml": "logs: [{type: file, path: /a}]\n",
            f"{CONFD}/e.d/conf.yaml.default": GOOD,
            f"{CONFD}/e.d/auto_conf.yaml": "ad_identifiers: [x]\ninstances: [{}]\n",
            f"{CONFD}/f.d/conf.yaml.default": GOOD,
            f"{CONFD}/f.yaml": GOOD,
        }
    )
    rows = files(host)

    assert {f: r.shadowed_by for f, r in rows.items() if not r.is_loaded} == {
        f"{CONFD}/b.d/conf.yaml.default": f"{CONFD}/b.d/conf.yaml",
        f"{CONFD}/c.d/conf.yaml": None,
        f"{CONFD}/e.d/conf.yaml.default": f"{CONFD}/e.d/auto_conf.yaml",
        f"{CONFD}/f.d/conf.yaml.default": f"{CONFD}/f.yaml",
    }


def test_whether_a_default_counts_is_unknown_beside_a_file_that_cannot_be_read(host_of: HostOf) -> None:
    host = host_of(
        {f"{CONFD}/a.d/conf.yaml.default": GOOD, f"{CONFD}/a.d/conf.yaml": GOOD}, unreadable=(f"{CONFD}/a.d/conf.yaml",)
    )
    rows = collected(host)

    default = next(r for r in rows if isinstance(r, ConfigFile) and r.file_kind == "default")
    assert (default.is_loaded, default.parses) == (None, 1)
    assert [g.columns for g in rows if isinstance(g, Gap) and g.where == default.file] == [
        ("is_loaded", "not_loaded_because", "shadowed_by")
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (GOOD, (1, 1, 1, None)),
        ("instances:\n\t- a: 1\n", (0, 0, None, "it does not parse")),
        ("init_config:\n", (0, 1, 0, "it has no valid instances")),
        ("instances: {a: 1}\n", (0, 1, 0, "it has no valid instances")),
        ("logs: []\n", (1, 1, 1, None)),
        ("", (0, 1, 0, "it is empty")),
    ],
)
def test_text_and_shape_decide_whether_a_file_is_used(
    host_of: HostOf, text: str, expected: tuple[int, int, int | None, str | None]
) -> None:
    row = files(host_of({f"{CONFD}/my.yaml": text}))[f"{CONFD}/my.yaml"]

    shape = expected[2] if expected[2] is not None else row.has_agent_shape
    assert (row.is_loaded, row.parses, row.has_agent_shape, row.not_loaded_because) == (
        *expected[:2],
        shape,
        expected[3],
    )


def test_confd_path_and_ignore_autoconf_of_the_main_file_are_obeyed(host_of: HostOf) -> None:
    host = host_of(
        {
            "/etc/datadog-agent/datadog.yaml": "confd_path: /srv/confd\nignore_autoconf: [redisdb]\n",
            f"{CONFD}/a.yaml": GOOD,
            "/srv/confd/b.yaml": GOOD,
            "/srv/confd/redisdb.d/auto_conf.yaml": "ad_identifiers: [redis]\ninstances: [{}]\n",
        }
    )

    assert {f: r.is_loaded for f, r in files(host).items() if r.file_kind != "main"} == {
        "/srv/confd/b.yaml": 1,
        "/srv/confd/redisdb.d/auto_conf.yaml": 0,
    }


def test_agent_5_reads_yaml_directly_in_conf_d_and_in_auto_conf(host_of: HostOf) -> None:
    confd = "/etc/dd-agent/conf.d"
    names = ["a.yaml", "b.yaml.default", "auto_conf/c.yaml", "d.yml", "e.d/conf.yaml", "f.yaml.example"]
    host = host_of(
        {"/etc/dd-agent/datadog.conf": "[Main]\n", **{f"{confd}/{n}": "init_config:\n" + GOOD for n in names}}
    )

    assert {
        f.removeprefix(confd + "/"): (r.file_kind, r.check_name, r.is_loaded)
        for f, r in files(host).items()
        if f.startswith(confd)
    } == {
        "a.yaml": ("check", "a", 1),
        "b.yaml.default": ("default", "b", 1),
        "auto_conf/c.yaml": ("autoconf", "c", 1),
        "d.yml": ("other", None, 0),
        "e.d/conf.yaml": ("other", "e", 0),
        "f.yaml.example": ("example", None, 0),
    }


def test_the_files_of_a_leftover_agent_are_named_and_not_used(host_of: HostOf) -> None:
    host = host_of({"/etc/datadog-agent/datadog.yaml": "", "/etc/dd-agent/conf.d/a.yaml": GOOD})

    assert not_used(host) == {"/etc/dd-agent/conf.d/a.yaml": "no installed Agent reads this folder"}


@pytest.mark.parametrize(
    ("head", "manager"),
    [
        ("# Ansible managed\n", "ansible"),
        ("# This file is managed by Puppet. DO NOT EDIT\n", "puppet"),
        ("# Generated by Chef for h\n", "chef"),
        ("# managed by me\n", None),
        ("# chefs love this\n", None),
    ],
)
def test_a_header_tells_who_would_write_the_file_anew(host_of: HostOf, head: str, manager: str | None) -> None:
    assert files(host_of({f"{CONFD}/a.yaml": head + GOOD}))[f"{CONFD}/a.yaml"].managed_by == manager


def test_a_mounted_config_map_is_managed(host_of: HostOf) -> None:
    host = host_of({f"{CONFD}/a.d/..data/conf.yaml": GOOD}, links={f"{CONFD}/a.d/conf.yaml": "..data/conf.yaml"})

    assert files(host)[f"{CONFD}/a.d/conf.yaml"].managed_by == "kubernetes"


# --- what cannot be looked at ----------------------------------------------------------------------------------------


def test_an_unreadable_file_keeps_its_row_and_has_a_gap_in_every_table_of_its_text(host_of: HostOf) -> None:
    file = f"{CONFD}/a.yaml"
    rows = collected(host_of({file: GOOD}, unreadable=(file,)))

    assert [
        (r.file, r.is_in_place, r.is_loaded, r.is_readable, r.parses) for r in rows if isinstance(r, ConfigFile)
    ] == [(file, 1, None, 0, None)]
    assert [(g.table, g.kind, g.remedy) for g in rows if isinstance(g, Gap) and g.columns is None] == [
        (t, Kind.DENIED, "sudo") for t in configuration.FROM_TEXT
    ]


def test_a_conf_d_that_cannot_be_listed_is_a_gap_of_all_tables(host_of: HostOf) -> None:
    rows = collected(host_of({f"{CONFD}/a.yaml": GOOD}, unreadable=(CONFD,)))

    assert [(g.where, g.kind, g.columns, g.table) for g in rows if isinstance(g, Gap)] == [
        (CONFD, Kind.DENIED, None, None)
    ]


def test_a_folder_where_a_file_belongs_is_named(host_of: HostOf) -> None:
    host = host_of({f"{CONFD}/a.d/conf.yaml/x": "", f"{CONFD}/b.yaml/x": "", "/etc/datadog-agent/datadog.yaml/x": ""})

    assert not_used(host) == dict.fromkeys(
        ["/etc/datadog-agent/datadog.yaml", f"{CONFD}/a.d/conf.yaml", f"{CONFD}/b.yaml"], "it is no regular file"
    )


def test_a_main_file_that_is_a_dangling_link_is_no_missing_one(host_of: HostOf) -> None:
    host = host_of({f"{CONFD}/a.yaml": GOOD}, links={"/etc/datadog-agent/datadog.yaml": "/srv/gone"})

    assert not_used(host) == {"/etc/datadog-agent/datadog.yaml": "it is a link to a file that is not there"}


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\xff\xfe",
        b"\xef\xbb\xbf" * 3,
        b"[" * 20_000,
        b"a: &a [*a]",
        b"\x1f\x8b\x08" * 500,
        "ä: ö\n".encode("utf-16"),
        b"a: b\r" * 9,
    ],
)
def test_no_content_of_a_file_stops_the_collection(host_of: HostOf, data: bytes) -> None:
    rows = files(host_of({f"{CONFD}/a.yaml": data, f"{CONFD}/b.yaml": GOOD, "/etc/datadog-agent/datadog.yaml": data}))

    assert rows[f"{CONFD}/b.yaml"].is_loaded == 1
    assert f"{CONFD}/a.yaml" in rows


# --- keys ------------------------------------------------------------------------------------------------------------


def test_keys_come_in_the_order_of_the_text_as_the_agent_decodes_them(host_of: HostOf) -> None:
    text = "init_config:\ninstances:\n  - host: 'a'\n    on: yes\n    port: 0x10\n    port: 2\n    tags: [a:b]\n"
    shown = [
        (
            k.path,
            k.pattern,
            k.key,
            k.value,
            k.source,
            k.type,
            k.item_count,
            k.line,
            k.column,
            k.depth,
            k.instance,
            k.ordinal,
        )
        for k in keys(host_of({f"{CONFD}/a.yaml": text}))
    ]

    assert shown == [
        ("init_config", "init_config", "init_config", None, "", "null", None, 1, 1, 0, None, 0),
        ("instances", "instances", "instances", None, None, "list", 1, 2, 1, 0, None, 0),
        ("instances[0]", "instances[*]", None, None, None, "map", 5, 3, 5, 1, 0, 0),
        ("instances[0].host", "instances[*].host", "host", "a", "'a'", "str", None, 3, 5, 2, 0, 0),
        ("instances[0].on", "instances[*].on", "on", "true", "yes", "bool", None, 4, 5, 2, 0, 0),
        ("instances[0].port", "instances[*].port", "port", "16", "0x10", "int", None, 5, 5, 2, 0, 0),
        ("instances[0].port", "instances[*].port", "port", "2", "2", "int", None, 6, 5, 2, 0, 1),
        ("instances[0].tags", "instances[*].tags", "tags", None, None, "list", 1, 7, 5, 2, 0, 0),
        ("instances[0].tags[0]", "instances[*].tags[*]", None, "a:b", "a:b", "str", None, 7, 12, 3, 0, 0),
    ]


def test_lines_and_columns_count_as_an_editor_does(host_of: HostOf) -> None:
    """libyaml counts U+2028 and a lone carriage return as line ends; a byte order mark is no column."""
    text = "\ufeffa: 'x\u2028y'\r\nä: {é: 1, b: 2}\n"

    assert [(k.path, k.line, k.column, k.end_line) for k in keys(host_of({"/etc/datadog-agent/datadog.yaml": text.encode()}))] == [
        ("a", 1, 1, 1), ("ä", 2, 1, 2), ("ä.é", 2, 5, 2), ("ä.b", 2, 11, 2)
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "instances:\n  - password: hunter2secret\n",
        "instances:\n  - password: 'hunter2secret'\n    url: http://u:hunter2secret@h/\n",
        "instances:\n  - password:hunter2secret: 1\n",
        "instances:\n  - password: &p hunter2secret\n    other: *p\n",
        "instances:\n  - password:\n      - hunter2secret\n",
        'instances:\n  - passwords: {a: {password: "hunter2secret"}}\n',
        "instances:\n  - password: {current: hunter2secret, old: [hunter2secret]}\n",
        "instances:\n  - command: mysql -u root -phunter2secret\n",
        "instances:\n\t- password: hunter2secret\n",
    ],
)
def test_no_secret_gets_into_a_row(host_of: HostOf, text: str) -> None:
    """Values, sources, keys, paths, and the texts and corrections of defects."""
    assert "hunter2secret" not in repr(collected(host_of({f"{CONFD}/a.yaml": text})))


def test_a_key_of_digits_is_hidden_in_both_its_forms(host_of: HostOf) -> None:
    """Unquoted it decodes to a float: neither what is written nor what is made of it may show."""
    vault = Vault()
    row = keys(host_of({"/etc/datadog-agent/datadog.yaml": "api_key: 12345678901234567890123456789012\n"}), vault)[0]

    assert row.type == "float"
    assert vault.show(f"{row.value} {row.source}") == "<key #1> <key #1>"


def test_harmless_values_stay_readable(host_of: HostOf) -> None:
    text = "instances:\n  - host: db.example.test\n    port: 3306\n    password: ENC[db]\n    tags: [role:db]\n"

    assert [k.value for k in keys(host_of({f"{CONFD}/a.yaml": text})) if k.value] == [
        "db.example.test",
        "3306",
        "ENC[db]",
        "role:db",
    ]


# --- defects ---------------------------------------------------------------------------------------------------------


def test_defects_in_one_line_are_numbered(host_of: HostOf) -> None:
    """So that a rule can speak once of a line."""
    rows = [
        r
        for r in collected(host_of({f"{CONFD}/a.yaml": "instances:\n-min_collection_interval: 45`\n"}))
        if isinstance(r, YamlDefect)
    ]

    assert [(r.line, r.kind, r.is_blocking, r.ordinal) for r in rows] == [
        (2, "no-blank-after-dash", 1, 0),
        (2, "stray-backtick", 1, 1),
    ]


def test_a_file_that_is_right_has_no_defects(host_of: HostOf) -> None:
    assert [
        r
        for r in collected(host_of({f"{CONFD}/a.yaml": GOOD, "/etc/datadog-agent/datadog.yaml": "site: a\n"}))
        if isinstance(r, YamlDefect)
    ] == []
