"""typing.NamedTuple and dataclasses.dataclass that are cheap to define. A run defines some eighty such classes and makes objects of a third of them;
the library's own cost 0.15–0.5 ms each, most of it for writing constructors that are hardly ever called. Here a class gets its own constructor once it has many objects.

The classes are what they look like: subclasses of tuple with _fields, _replace, _asdict and _make; plain classes with an __init__. No comparison and no
repr for `record`. Modules need `from __future__ import annotations`. Type checkers see the library's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import itemgetter
from typing import TYPE_CHECKING, Any

__all__ = ["NamedTuple", "field", "record"]

if TYPE_CHECKING:
    from dataclasses import dataclass as record
    from dataclasses import field as field
    from typing import NamedTuple as NamedTuple
else:
    try:
        from _collections import _tuplegetter as _getter  # what collections.namedtuple uses, where there is one
    except ImportError:

        def _getter(index: int, doc: str) -> property:
            return property(itemgetter(index), doc=doc)

    _FEW = 40  # so many objects of a class are made before it is worth while to write a constructor
    _made: dict[type, int] = {}

    class _Row(tuple):
        """What the tuples share."""

        __slots__ = ()
        _fields = ()
        _field_defaults = {}

        def __new__(cls, *args: Any, **kwargs: Any) -> Any:
            given, left = len(args), cls._fields[len(args) :]
            _made[cls] = count = _made.get(cls, 0) + 1
            if count <= _FEW and given <= len(cls._fields):
                if not left and not kwargs:
                    return tuple.__new__(cls, args)
                values = {**cls._field_defaults, **kwargs}
                if all(name in values for name in left) and all(name in left for name in kwargs):
                    return tuple.__new__(cls, (*args, *(values[name] for name in left)))
            cls.__new__ = staticmethod(_constructor(cls))
            return cls.__new__(cls, *args, **kwargs)

        @classmethod
        def _make(cls, values: Iterable[Any]) -> Any:
            row = tuple.__new__(cls, values)
            if len(row) != len(cls._fields):
                raise TypeError(f"{cls.__name__}: expected {len(cls._fields)} values, got {len(row)}")
            return row

        def _replace(self, /, **changes: Any) -> Any:
            row = self._make(map(changes.pop, self._fields, self))
            if changes:
                raise ValueError(f"{type(self).__name__} has no field {', '.join(changes)}")
            return row

        def _asdict(self) -> dict[str, Any]:
            return dict(zip(self._fields, self, strict=True))

        def __repr__(self) -> str:
            return f"{type(self).__name__}({', '.join(f'{n}={v!r}' for n, v in zip(self._fields, self, strict=True))})"

        def __getnewargs__(self) -> tuple[Any, ...]:
            return tuple(self)

    def _constructor(cls: type[_Row]) -> Callable[..., Any]:
        """A __new__ with the fields as its parameters, as collections.namedtuple writes it."""
        names = ", ".join(cls._fields)
        made = eval(
            f"lambda _cls, {names}: _new(_cls, ({names}{',' if names else ''}))",
            {"_new": tuple.__new__, "__builtins__": {}},
        )
        made.__name__, made.__qualname__ = "__new__", f"{cls.__qualname__}.__new__"
        made.__defaults__ = tuple(cls._field_defaults.values())
        return made

    class _Meta(type):
        def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> type:
            fields = tuple(namespace.get("__annotations__", ()))
            defaults = {f: namespace.pop(f) for f in fields if f in namespace}
            if fields[len(fields) - len(defaults) :] != tuple(defaults):
                raise TypeError(f"{name}: a field without a default follows one that has one")
            for index, name_of_field in enumerate(fields):
                namespace[name_of_field] = _getter(index, "")
            namespace |= {"__slots__": (), "_fields": fields, "_field_defaults": defaults, "__match_args__": fields}
            return type(name, (_Row,), namespace)

    class _Base:
        """What stands in the parentheses of a class statement; the class itself derives from tuple alone."""

        def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
            return (_SEED,)

    _SEED = type.__new__(_Meta, "NamedTuple", (), {})
    NamedTuple = _Base()

    class field:  # noqa: N801  # stands for dataclasses.field
        """A default that is made anew for each object."""

        def __init__(self, *, default_factory: Callable[[], Any]) -> None:
            self.make = default_factory

    def record(cls: type) -> type:
        """A plain class whose annotated names are the parameters of its constructor."""

        fields = tuple(cls.__annotations__)
        defaults = {name: cls.__dict__[name] for name in fields if name in cls.__dict__}

        def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
            values = {**defaults, **dict(zip(fields, args, strict=False)), **kwargs}
            _made[cls] = count = _made.get(cls, 0) + 1
            if (
                count > _FEW
                or len(values) != len(fields)
                or len(args) > len(fields)
                or kwargs.keys() & set(fields[: len(args)])
            ):
                cls.__init__ = _initializer(cls)
                cls.__init__(self, *args, **kwargs)
                return
            for name, value in values.items():
                setattr(self, name, value.make() if value.__class__ is field else value)

        cls.__init__ = __init__
        return cls

    def _initializer(cls: type) -> Callable[..., None]:
        given, body, known = [], [], {"_unset": object()}
        for name in cls.__annotations__:
            default = cls.__dict__.get(name, known["_unset"])
            value = name
            if isinstance(default, field):
                known[f"_{name}"] = default.make
                default, value = known["_unset"], f"_{name}() if {name} is _unset else {name}"
                given.append(f"{name}=_unset")
            elif name in cls.__dict__:
                known[f"_{name}"] = default
                given.append(f"{name}=_{name}")
            else:
                given.append(name)
            body.append(f"    self.{name} = {value}")
        exec(f"def __init__(self, {', '.join(given)}):\n" + "\n".join(body), known)
        known["__init__"].__qualname__ = f"{cls.__qualname__}.__init__"
        return known["__init__"]
