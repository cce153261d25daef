"""The labels by which a container tells the Agent how to check it: `com.datadoghq.ad.…`, JSON in text, and what is wrong with them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from dddoctor.hosts.base import Host
from dddoctor.light import NamedTuple
from dddoctor.tables import table

if TYPE_CHECKING:
    from dddoctor.secrets import Vault

PREFIX = "com.datadoghq.ad."
_TRIO = ("check_names", "init_configs", "instances")
# A label and the shape of its JSON: comp/core/autodiscovery/common/utils [main]; documentation "Docker integrations".
_SHAPES: Mapping[str, type] = {
    "check_names": list,
    "init_configs": list,
    "instances": list,
    "logs": list,
    "checks": dict,
}
_WORDS: Mapping[type, str] = {list: "a list", dict: "a mapping"}


class AutodiscoveryLabel(NamedTuple):
    """One label `com.datadoghq.ad.NAME` of a container. `name` is what follows the prefix. `problem` says what is wrong, NULL where it is sound: `not-json` (with `reported`, the
    parser's words and the character), `wrong-shape`, `partner-missing` (check_names, init_configs and instances go together), `lengths-differ`.

    Source: `inspect` of the engine. The value itself is left out: it may hold passwords.
    """

    container: str
    name: str
    problem: str | None
    reported: str | None


@table("autodiscovery_labels", AutodiscoveryLabel, asks="containers")
def collect(host: Host, vault: Vault) -> Iterator[AutodiscoveryLabel]:
    """By container, in the order of the labels' names. No Docker: no rows."""
    from dddoctor.tables import _inspect as inspect

    try:
        containers = host.containers()
    except FileNotFoundError:
        return
    for container in containers:
        labels = inspect.part(container, "Config", "Labels")
        own = {str(k)[len(PREFIX) :]: inspect.text(v) for k, v in labels.items() if str(k).startswith(PREFIX)}
        for name, problem, reported in judged(own):
            shown = None if reported is None else vault.redact(reported)
            yield AutodiscoveryLabel(vault.redact(inspect.name_of(container)), vault.redact(name), problem, shown)


def judged(labels: Mapping[str, str]) -> Iterator[tuple[str, str | None, str | None]]:
    """(name, problem, words for it) of each label of the known ones; names without the prefix.

    >>> list(judged({"check_names": '["redisdb"]', "init_configs": "[{}]", "instances": "[{]"}))[-1]
    ('instances', 'not-json', 'Expecting property name enclosed in double quotes, at character 3')
    """
    values: dict[str, Any] = {}
    found: dict[str, tuple[str | None, str | None]] = {}
    for name in sorted(set(labels) & set(_SHAPES)):
        try:
            values[name] = json.loads(labels[name])
        except json.JSONDecodeError as error:
            found[name] = ("not-json", f"{error.msg}, at character {error.pos + 1}")
            continue
        except (ValueError, RecursionError):
            found[name] = ("not-json", "it cannot be read")
            continue
        is_right = isinstance(values[name], _SHAPES[name])
        found[name] = (None, None) if is_right else ("wrong-shape", f"it has to be {_WORDS[_SHAPES[name]]}")
    there = [n for n in _TRIO if n in labels]
    missing = [n for n in _TRIO if n not in labels]
    if there and missing and found[there[0]][0] is None:
        found[there[0]] = ("partner-missing", ", ".join(f"{PREFIX}{n}" for n in missing))
    elif not missing and all(found[n][0] is None for n in _TRIO):
        counts = {n: len(values[n]) for n in _TRIO}
        if len(set(counts.values())) > 1:
            found["instances"] = ("lengths-differ", ", ".join(f"{n} {c}" for n, c in counts.items()))
    yield from ((name, *said) for name, said in found.items())
