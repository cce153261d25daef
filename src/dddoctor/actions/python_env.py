"""Repairs of Python environments: packages into a venv, and the flag of pyvenv.cfg."""

from __future__ import annotations

import posixpath
import re

from dddoctor.actions import Refused, action
from dddoctor.hosts.base import Host, InputError, Unavailable
from dddoctor.lazyre import lazy
from dddoctor.model import Change, Edit, Install, Span
from dddoctor.tables._python_sight import PACKAGES
from dddoctor.tables.python_packages import normalised, parse_dist

_FLAG = lazy(rb"^([ \t]*include-system-site-packages[ \t]*=[ \t]*)([^\r\n]*?)([ \t]*\r?)$", re.M | re.I)
INSTALLABLE = frozenset(
    PACKAGES.values()
)  # a package index holds traps next to every well-known name: nothing else is installed


@action("command")
class InstallPackages:
    """Install packages with the venv's own pip. Params: environment (the venv's folder), packages (names of the doctor's catalogue)."""

    environment: str
    packages: list[str]

    def plan(self, host: Host) -> list[Change]:
        for name in self.packages:
            if normalised(name) not in INSTALLABLE:
                raise Refused(f"{name} is not among the packages that the doctor installs")
        try:
            names = set(host.listdir(self.environment))
            if not ("pyvenv.cfg" in names or "activate" in host.listdir(f"{self.environment}/bin")):
                raise Refused(
                    f"{self.environment} is no virtual environment, and an installed Python is not changed with pip"
                )
            if not host.exists(f"{self.environment}/bin/python"):
                raise Refused(f"the Python of {self.environment} is gone: the venv must be made anew first")
            present = _present(host, self.environment)
        except (FileNotFoundError, InputError) as error:
            raise Refused(f"{self.environment} is no virtual environment") from error
        except Unavailable as error:
            raise Refused(f"{self.environment} could not be looked at ({error.reason})") from error
        missing = tuple(dict.fromkeys(p for p in self.packages if normalised(p) not in present))
        return [Install(self.environment, missing)] if missing else []


def _present(host: Host, environment: str) -> set[str]:
    """Distributions in the venv's own folders, normalised."""
    found: set[str] = set()
    for lib in host.listdir(f"{environment}/lib"):
        try:
            names = host.listdir(f"{environment}/lib/{lib}/site-packages")
        except (FileNotFoundError, InputError):
            continue
        found |= {dist[0] for dist in map(parse_dist, names) if dist}
    return found


@action("edit")
class SetVenvFlag:
    """Set include-system-site-packages in a pyvenv.cfg. Params: file, value."""

    file: str
    value: bool

    def plan(self, host: Host) -> list[Change]:
        if posixpath.basename(self.file) != "pyvenv.cfg":
            raise Refused(f"{self.file} is no pyvenv.cfg")
        try:
            data = host.read(self.file)
        except (FileNotFoundError, InputError) as error:
            raise Refused(f"{self.file} is not there") from error
        except Unavailable as error:
            raise Refused(f"{self.file} could not be read ({error.reason})") from error
        lines = list(_FLAG.finditer(data))
        if not lines:
            raise Refused(f"{self.file} does not set include-system-site-packages")
        word = b"true" if self.value else b"false"
        # site.py takes the last one; equal lines before it would only mislead.
        spans = tuple(Span(m.start(2), m.end(2), word) for m in lines if m[2].lower() != word)
        return [Edit(self.file, _sha(data), spans, ("include-system-site-packages",), "text")] if spans else []


def _sha(data: bytes) -> str:
    import hashlib

    return hashlib.sha256(data).hexdigest()
