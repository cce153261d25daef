"""What a custom check can use inside the Agent: src/dddoctor/data/agentcheck.json, made by tools/build_agentcheck.py. Read when first asked for, once."""

from __future__ import annotations

import sys
from functools import cache
from typing import Any

from dddoctor.datafiles import catalogue as data_of


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Left the standard library: (version of Python, modules). Source: the "What's New" pages of Python 3.12 and 3.13.
_REMOVED = {
    (3, 12): "asynchat asyncore distutils imp smtpd",
    (
        3,
        13,
    ): "aifc audioop cgi cgitb chunk crypt imghdr lib2to3 mailcap nntplib ossaudiodev pipes sndhdr spwd sunau telnetlib uu xdrlib",
}
# In the list of standard modules, yet not in the Agent's own Python on Linux and macOS, or not for sure.
_NOT_THERE = _words(
    "antigravity ensurepip idlelib msilib msvcrt nt test this tkinter turtle turtledemo venv winreg winsound lib2to3"
)
# Modules that Python 3 calls otherwise: what Python 3 has instead.
PYTHON_2_MODULES = {
    "urllib2": "urllib.request", "urlparse": "urllib.parse", "httplib": "http.client", "ConfigParser": "configparser", "Queue": "queue", "StringIO": "io",
    "cStringIO": "io", "cPickle": "pickle", "HTMLParser": "html.parser", "htmlentitydefs": "html.entities", "Cookie": "http.cookies",
    "cookielib": "http.cookiejar", "BaseHTTPServer": "http.server", "SimpleHTTPServer": "http.server", "SocketServer": "socketserver",
    "xmlrpclib": "xmlrpc.client", "commands": "subprocess", "md5": "hashlib", "sha": "hashlib", "thread": "_thread", "__builtin__": "builtins",
    "exceptions": "builtins", "Tkinter": "tkinter", "robotparser": "urllib.robotparser", "anydbm": "dbm", "copy_reg": "copyreg", "sets": "set",
    "popen2": "subprocess", "dummy_thread": "_thread", "UserDict": "collections", "itertools.izip": "zip",
}  # fmt: skip
PYTHON_2_BUILTINS = _words(
    "apply basestring buffer cmp coerce execfile file intern long raw_input reduce reload unichr unicode xrange"
)  # what Python 3 dropped


class Catalogue:
    """Names of class AgentCheck, of the modules beside it, and of the standard library."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.methods: tuple[str, ...] = tuple(data["methods"])
        self._names = frozenset(data["names"])
        self._agent_5 = frozenset(data["agent_5"])
        self.submits: dict[str, list[str]] = data["submits"]
        self.exports = frozenset(data["exports"])
        self.bundled = frozenset(data["bundled"])
        self.hiding = frozenset(data["hiding"])
        self._stdlib: dict[str, str] = data["stdlib"]
        self._only_python_3 = frozenset(data["only_python_3"])

    def names(self, major: int) -> frozenset[str]:
        """Everything that an AgentCheck of this major version may have: methods and attributes of all its releases."""
        return self._names | self._agent_5 if major == 5 else self._names

    def callable_names(self, major: int) -> tuple[str, ...]:
        """Methods that each release of this major version has: what a misspelt one may have meant."""
        return tuple(m for m in self.methods if m in self._agent_5) if major == 5 else self.methods

    def attributes(self, module: str) -> frozenset[str] | None:
        """Public names of a standard module that may be proposed as an import; None for any other."""
        found = self._stdlib.get(module)
        return None if found is None else frozenset(found.split())

    def is_in_python(self, module: str, python: str | None) -> bool:
        return (
            python != "2"
            or module.partition(".")[0] not in self._only_python_3
            and module not in ("urllib.request", "urllib.parse", "urllib.error")
        )


@cache
def catalogue() -> Catalogue:
    return Catalogue(data_of("agentcheck.json"))


@cache
def standard_modules(python_version: tuple[int, ...] | None) -> frozenset[str]:
    """Top-level names of the standard library on Linux. Unknown version: what every Python 3 from 3.8 to 3.13 has, so that nothing is claimed wrongly.

    Source: sys.stdlib_module_names of the Python that runs the doctor, corrected by what 3.12 and 3.13 removed.
    """
    names = {n for n in sys.stdlib_module_names if n not in _NOT_THERE}
    for version, removed in _REMOVED.items():
        if python_version is not None and len(python_version) > 1 and python_version < version:
            names |= set(removed.split())
        else:
            names -= set(removed.split())
    if python_version is not None and python_version[0] == 2:
        names = (names - {"asyncio", "concurrent", "configparser", "contextvars", "dataclasses", "enum", "graphlib", "html", "http", "importlib_metadata",
                          "ipaddress", "pathlib", "queue", "secrets", "selectors", "socketserver", "statistics", "tomllib", "tracemalloc", "typing",
                          "venv", "zipapp", "zoneinfo", "xmlrpc", "builtins", "copyreg", "reprlib", "winreg", "faulthandler", "lzma", "ensurepip"}) | {
            m for m in PYTHON_2_MODULES if "." not in m}  # fmt: skip
    return frozenset(names)


def could_be_standard(name: str) -> bool:
    """Whether any Python from 2.7 on has a standard module of this name: such an import is never called missing without knowing the version."""
    return (
        name in sys.stdlib_module_names
        or name in PYTHON_2_MODULES
        or any(name in removed.split() for removed in _REMOVED.values())
    )
