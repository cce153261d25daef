"""Host tags that somebody wrote into the main file and that are still a comment there."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dddoctor.hosts.base import Host, InputError, Unavailable
from dddoctor.light import NamedTuple
from dddoctor.model import Gap
from dddoctor.tables import table
from dddoctor.tables.agents import Agent
from dddoctor.tables.mounts import gap_of

# What the template of datadog.yaml has had there since 6.0.
_TEMPLATE = frozenset(
    {"mytag", "env:prod", "role:database", "environment:dev", "team:infra", "<tag_key>:<tag_value>", "env:<env>", "key:value", "key1:value1"}
)  # fmt: skip


class CommentedTags(NamedTuple):
    """One block of tags at the top of a main file that is commented out and holds others than those of the template. `item_count`: how many.

    Source: pkg/config/config_template.yaml of 6.0 to 7.52 for what the template has.
    """

    agent: str
    file: str
    line: int
    item_count: int


@table("commented_tags", CommentedTags)
def collect(host: Host, agents: list[Agent]) -> Iterator[CommentedTags | Gap]:
    """By line; none where there is no main file."""
    for agent in agents:
        if agent.main_file is None or agent.major < 6 or agent.kind not in ("package", "app"):
            continue
        try:
            text = host.read(agent.main_file).decode("utf-8", "replace")
        except FileNotFoundError:
            continue
        except (Unavailable, InputError) as error:
            yield gap_of(agent.main_file, error)
            continue
        for line, count in own_tags(text):
            yield CommentedTags(agent.agent, agent.main_file, line, count)


def own_tags(text: str) -> Iterator[tuple[int, int]]:
    """(line, how many tags that are not the template's) of each `# tags:` with such items behind it."""
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        found = re.match(r"#+[ \t]?tags[ \t]*:[ \t]*(.*?)[ \t]*\r?$", line)
        if not found:
            continue
        items = re.split(r"[\s,]+", found[1].strip("[] \t")) if found[1] and not found[1].startswith("#") else []
        for follower in lines[number:]:
            item = re.match(r"(?:#+[ \t]*|[ \t]+)-[ \t]+(\S.*?)[ \t]*\r?$", follower)
            if not item:
                break
            items.append(item[1])
        items = [item.strip("\"'") for item in items]
        if not all(re.fullmatch(r"[\w./<>-]+(:\S+)?", item) for item in items):
            continue  # a sentence about tags
        own = [i for i in items if ":" in i and "<" not in i and i.lower() not in _TEMPLATE]
        if own:
            yield number, len(own)
