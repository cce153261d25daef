"""The registry of repair actions. An action is a class with typed fields and `plan(host) -> list[Change]`; it reads and never writes.

An empty plan means "already right". `Refused(reason)` means the repair cannot be made; the reason is shown to the person.
A field called `from_` is the parameter `from`. Field types: str, int, bool, list[str], object (any literal of the rule).
"""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from dddoctor.hosts.base import Host
    from dddoctor.model import Change


class Refused(Exception):
    """This repair cannot be made here; the text says why, as the end of "not repaired, because …"."""


class Action(Protocol):
    def plan(self, host: Host) -> list[Change]: ...


ACTIONS: dict[str, type[Any]] = {}
STAGES: dict[str, int] = {}  # text repair < key or code edit < rename < mode and owner < commands < start and restart
STAGE = {"text": 0, "edit": 1, "rename": 2, "mode": 3, "command": 4, "service": 5}

T = TypeVar("T")


def action(stage: str) -> Callable[[type[T]], type[T]]:
    """Register a class as the action of its name in snake case (SetMode is `set_mode`), run in `stage`: a key of STAGE."""

    def register(cls: type[T]) -> type[T]:
        made = dataclasses.dataclass(frozen=True)(cls)
        name = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()
        ACTIONS[name], STAGES[name] = made, STAGE[stage]
        return made

    return register


def params(name: str) -> dict[str, tuple[str, bool]]:
    """Parameter → (type as written, is it required) of an action."""
    return {
        f.name.rstrip("_"): (f.type if isinstance(f.type, str) else f.type.__name__, f.default is dataclasses.MISSING)
        for f in dataclasses.fields(ACTIONS[name])
    }


def load_all() -> None:
    """Import every action module of this package, so that ACTIONS is complete."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
