"""Changes: what a repair does to a host. Part of the model, and imported through it; plain data, standard library only."""

from __future__ import annotations

from dddoctor.light import NamedTuple

__all__ = [
    "DEFERRED",
    "Change",
    "Command",
    "Create",
    "Edit",
    "Install",
    "Mode",
    "Owner",
    "Remove",
    "Rename",
    "Service",
    "Span",
    "Sql",
]


class Span(NamedTuple):
    """Bytes `start` to `end` (exclusive) of the text at the round's start become `new`."""

    start: int
    end: int
    new: bytes


class Edit(NamedTuple):
    """Spans against the file whose sha256 is `base_sha` (hex), ordered and not overlapping.

    `intent`: patterns of the data that may differ afterwards. YAML: paths as in yaml_keys.path, `*` in an index means any
    (`instances[*].min_collection_interval`), a path covers what is below it. `("*",)`: the text itself is repaired, so any data may differ.
    `kind`: how the result is proven: "yaml", "python" or "text".
    """

    file: str
    base_sha: str
    spans: tuple[Span, ...]
    intent: tuple[str, ...]
    kind: str


class Create(NamedTuple):
    """A new file. `owner` is `user:group` or None for the doctor's own."""

    path: str
    content: bytes
    mode: int
    owner: str | None = None


class Remove(NamedTuple):
    path: str


class Rename(NamedTuple):
    path: str
    to: str


class Mode(NamedTuple):
    """Permission bits, before and after (0–0o7777)."""

    path: str
    before: int
    after: int


class Owner(NamedTuple):
    """`user:group` before and after, names where the target knows them."""

    path: str
    before: str
    after: str


class Command(NamedTuple):
    argv: tuple[str, ...]
    undo: tuple[str, ...] = ()
    user: str | None = None


class Sql(NamedTuple):
    text: str
    undo: str


class Install(NamedTuple):
    """pip packages into the Python environment (a venv's folder) `environment`."""

    environment: str
    packages: tuple[str, ...]


class Service(NamedTuple):
    unit: str
    action: str


Change = Edit | Create | Remove | Rename | Mode | Owner | Command | Sql | Install | Service
DEFERRED = (Command, Sql, Install, Service)  # an overlay cannot show their effect
