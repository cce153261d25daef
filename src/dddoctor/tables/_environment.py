"""The DD_* variables that a packaged Agent's services get: its environment file, and the drop-ins of its units.

What a shell or the command line has is not what the service has (measured on 7.72.4: the CLI does not even read the environment file).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from dddoctor.hosts.base import Host, InputError, Unavailable
from dddoctor.light import NamedTuple
from dddoctor.model import Gap, Kind

UNIT_FOLDERS = ("/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")


class Variable(NamedTuple):
    """One variable as a service gets it. `origin`: env (the environment file) or unit (a unit's own `Environment=`)."""

    name: str
    value: str
    origin: str
    file: str
    line: int


def variables(host: Host, config_dir: str, unit: str) -> Iterator[Variable | Gap]:
    """What `unit` gets, in the order in which it counts: later ones win, and a file of `EnvironmentFile=` wins over `Environment=` (systemd.exec(5))."""
    files = [(f"{config_dir}/environment", 0)]
    for path in _unit_files(host, unit):
        text = _text(host, path)
        if isinstance(text, Gap):
            yield text
        elif text is not None:
            for line, key, value in directives(text):
                if key == "Environment":
                    if not value:
                        yield Variable("", "", "unit", path, line)  # an empty assignment takes back what stood before
                    for name, content in assignments(value):
                        yield Variable(name, content, "unit", path, line)
                elif key == "EnvironmentFile" and value.lstrip("-") and value.lstrip("-") != files[0][0]:
                    files.append((value.lstrip("-"), line))
    for path, _ in files:
        text = _text(host, path)
        if isinstance(text, Gap):
            yield text
        elif text is not None:
            for name, content, line in environment_file(text):
                yield Variable(name, content, "env", path, line)


def environment_file(text: str) -> Iterator[tuple[str, str, int]]:
    """(name, value, line) of a systemd environment file. Lines with `export` are dropped, as systemd does (measured on 7.72.4: env-values-odd)."""
    for number, line in enumerate(text.split("\n"), 1):
        found = re.match(
            r"\s*([A-Za-z_]\w*)\s*=(.*)", line.rstrip("\r")
        )  # blanks around the sign do not count (systemd 252)
        if found:
            yield found.group(1), _unquoted(found.group(2).strip()), number


def directives(text: str) -> Iterator[tuple[int, str, str]]:
    """(line, key, value) of the `[Service]` section of a unit file; a backslash at the end of a line goes on in the next."""
    section, number = "", 0
    lines = iter(text.split("\n"))
    for line in lines:
        number += 1
        start = number
        while line.endswith("\\"):
            number += 1
            line = line[:-1] + " " + next(lines, "")
        stripped = line.strip()
        if stripped.startswith("["):
            section = stripped
        elif section == "[Service]" and "=" in stripped and stripped[:1] not in "#;":
            key, value = stripped.split("=", 1)
            yield start, key.strip(), value.strip()


def assignments(value: str) -> Iterator[tuple[str, str]]:
    """`"A=1" B='x y'` of an Environment= line."""
    import shlex

    try:
        words = shlex.split(value)
    except ValueError:
        words = value.split()
    for word in words:
        name, has_value, content = word.partition("=")
        if has_value and re.fullmatch(r"[A-Za-z_]\w*", name):
            yield name, content


def _unit_files(host: Host, unit: str) -> list[str]:
    """The unit that counts, then its drop-ins by file name (a name in /etc hides the same one below /usr/lib)."""
    unit_file: str | None = None
    drop_ins: dict[str, str] = {}
    for folder in UNIT_FOLDERS:
        try:
            if unit_file is None and host.exists(f"{folder}/{unit}"):
                unit_file = f"{folder}/{unit}"
            for name in host.listdir(f"{folder}/{unit}.d"):
                if name.endswith(".conf"):
                    drop_ins.setdefault(name, f"{folder}/{unit}.d/{name}")
        except (FileNotFoundError, InputError, Unavailable):
            continue
    return ([unit_file] if unit_file else []) + [drop_ins[name] for name in sorted(drop_ins)]


def is_mask(host: Host, path: str) -> bool:
    """Whether a unit file is a link to /dev/null, by which `systemctl mask` switches a unit off: it holds nothing."""
    try:
        return host.stat(path, follow=False).kind == "link" and host.readlink(path) == "/dev/null"
    except (FileNotFoundError, InputError, Unavailable):
        return False


def _text(host: Host, path: str) -> str | Gap | None:
    try:
        return host.read(path).decode("utf-8", "replace")
    except FileNotFoundError:
        return None
    except InputError as error:
        return None if is_mask(host, path) else Gap(path, Kind.TOOL, error.message)
    except Unavailable as error:
        return Gap(path, error.kind, error.reason, error.remedy)


def _unquoted(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    return value
