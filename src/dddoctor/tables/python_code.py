"""The Python code of custom checks, read as text: which class the Agent finds in it, and what is wrong. Nothing is imported."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from dddoctor.hosts.base import Host, InputError, Unavailable
from dddoctor.light import NamedTuple
from dddoctor.model import Gap, Kind
from dddoctor.secrets import Vault
from dddoctor.tables import table
from dddoctor.tables._near import nearest
from dddoctor.tables.agents import Agent
from dddoctor.tables.configuration import ConfigFile, managed_by

if TYPE_CHECKING:
    from dddoctor.pytext import Analysis, Context, Target
    from dddoctor.tables._check_modules import CodeFile, Modules
    from dddoctor.tables.settings import Setting

_NOT_PY = (".py.txt", ".txt", ".PY", ".Py", ".py3")  # what people call Python files
SIZE_LIMIT_BYTES = 1024 * 1024  # 20,000 lines and more; judging takes about 1.5 s for each megabyte
_JUDGED = (
    "parses",
    "line",
    "class_name",
    "has_check_class",
    "has_check_method",
)  # unknown where the text could not be judged


class CustomCheck(NamedTuple):
    """One module in an Agent's checks.d: `NAME.py`, or a folder NAME with an `__init__.py`. Helper modules are rows as well.

    `parses`: the Agent's Python takes the text, 0 or 1, NULL where unknown. `class_name` is the class that the Agent takes: the first check class by
    name that has no subclass in the module; `line` is where it begins. `has_check_class`: 0 = certainly none. `has_check_method`: it or a base here
    defines `check`. `hides_module`: the module that the Agent imports instead of this file, because checks.d is last on its path (never on Agent 5,
    which loads by path). `is_imported`: another file of
    checks.d imports it, or may (one could not be read). `has_config`: some file in place configures a check of this name. `nearest_config`: the configured check that was meant, where
    neither has its counterpart. `managed_by`: ansible, puppet, chef, salt or kubernetes where something would write the file anew.

    Source: rtloader/three/three.cpp (_findSubclassOf), cmd/agent/common/common.go (GetPythonPaths); recorded on 7.52.
    """

    agent: str
    check_name: str
    file: str
    parses: int | None
    line: int | None
    class_name: str | None
    has_check_class: int | None
    has_check_method: int | None
    hides_module: str | None
    is_imported: int
    has_config: int
    nearest_config: str | None
    managed_by: str | None


class PythonDefect(NamedTuple):
    """One thing wrong with a custom check's code, at the file's own line, also where it was found over corrected text.

    `kind` is the word of the defect (not-indented, unknown-method, undefined-name …), `name` what it is about (`guage`, `random`), `text` completes
    "the file has …". `column` counts characters. `correction`: the corrected lines, the name that was meant, or the import to add; NULL where none is
    certain. `is_certain`: the Agent's Python will stumble over it. `is_blocking`: the module cannot be loaded. `also`: further places as JSON.

    Source: Python's own parser, pyflakes for undefined names, the published package datadog-checks-base for AgentCheck.
    """

    file: str
    agent: str
    check_name: str
    line: int
    column: int
    end_line: int
    kind: str
    name: str
    text: str
    correction: str | None
    is_certain: int
    is_blocking: int
    also: str | None


class LoadableCheck(NamedTuple):
    """A check name for which the Agent has code, once for each origin: custom (checks.d), wheel (seen in its site-packages), shipped (known to come with
    the Agent), built-in (a check written in Go, part of the Agent itself).
    """

    agent: str
    check_name: str
    origin: str


class MisplacedFile(NamedTuple):
    """A file of a custom check where the Agent does not look for it. `expected_file` is where it would be found; `reason` completes "it is not found: …"."""

    agent: str
    check_name: str
    file: str
    expected_file: str
    reason: str


Rows = CustomCheck | PythonDefect | LoadableCheck | MisplacedFile | Gap


@table("custom_checks", CustomCheck)
@table("python_defects", PythonDefect, complete_when="custom_checks.parses")
@table("loadable_checks", LoadableCheck)
@table("misplaced_check_files", MisplacedFile)
def collect(
    host: Host, vault: Vault, agents: list[Agent], config_files: list[ConfigFile], settings: list[Setting]
) -> Iterator[Rows]:
    """Agent by agent, checks.d by name. A folder that nobody's Agent reads (a leftover) is passed by. A flare holds no code (measured on 7.52)."""
    if host.kind == "flare":
        yield Gap("*", Kind.TARGET, "a flare holds no code of custom checks")
        return
    for agent in agents:
        if agent.kind != "leftover" and agent.config_dir:
            folder = next(
                (s.value for s in settings if s.agent == agent.agent and s.key == "additional_checksd" and s.value),
                None,
            )
            yield from _Folder(
                host, vault, agent, (folder or f"{agent.config_dir}/checks.d").rstrip("/"), config_files
            ).rows()


class _Folder:
    """The checks.d of one Agent."""

    def __init__(self, host: Host, vault: Vault, agent: Agent, folder: str, config_files: list[ConfigFile]) -> None:
        from dddoctor.tables import _check_modules

        self.host, self.vault, self.agent, self.folder = host, vault, agent, folder
        self.look = _check_modules
        own = [f for f in config_files if f.agent == agent.agent]
        self.configured = {f.check_name for f in own if f.check_name and f.is_in_place and f.file_kind != "main"}
        self.shipped = {f.check_name for f in own if f.file_kind == "example" and f.check_name}

    def rows(self) -> Iterator[Rows]:
        files: list[CodeFile] = []
        is_seen = True
        for found in self.look.code_files(self.host, self.folder):
            if isinstance(found, Gap):
                is_seen = False
                yield found
            else:
                files.append(found)
        modules = self.look.modules_of(self.host, self.agent)
        yield from self._unseen(modules)
        loadable = set(self._loadable(files, modules))
        for name, origin in sorted(loadable):
            yield LoadableCheck(self.agent.agent, name, origin)
        if is_seen:
            yield from self._misplaced({f.check_name for f in files})
        if files:
            yield from self._judged(files, modules, {name for name, _ in loadable})

    def _unseen(self, modules: Modules) -> Iterator[Gap]:
        """What is missing where the Agent's own modules may not be listed: wheels, and imports that find nothing."""
        if modules.obstacle is not None:
            folder, error = modules.obstacle
            gap = Gap(self.agent.agent, error.kind, f"{folder}: {error.reason}", error.remedy)
            yield gap._replace(table="loadable_checks")
            yield gap._replace(table="python_defects")
            yield gap._replace(table="custom_checks", columns=("hides_module",))

    def _loadable(self, files: list[CodeFile], modules: Modules) -> Iterator[tuple[str, str]]:
        """(check name, origin)."""
        for name, kind in self.look.shipped_checks().items():
            yield name, "built-in" if kind == "go" else "shipped"
        for name in self.shipped:
            yield name, "shipped"
        for name in modules.wheels or ():
            yield name, "wheel"
        for folder in (
            ("bin/agent/dist/checks.d", "checks.d") if self.agent.install_dir else ()
        ):  # both are on the Agent's path, before checks.d
            for name in self._names(f"{self.agent.install_dir}/{folder}"):
                yield name.removesuffix(".py"), "shipped"
        for file in files:
            yield file.check_name, "custom"

    # --- the code itself ------------------------------------------------------------------------------------------------

    def _judged(self, files: list[CodeFile], modules: Modules, loadable: set[str]) -> Iterator[Rows]:
        from dddoctor.pytext import Context, Neighbours

        target = self.look.target_of(self.agent, modules)
        texts = {f.check_name: self._read(f) for f in files}
        siblings = frozenset(texts)
        imported = {
            n
            for own, t in texts.items()
            if isinstance(t, bytes)
            for n in _imported_names(t)
            if n in siblings and n != own
        }
        if any(isinstance(t, Gap) for t in texts.values()):
            imported = set(texts)  # an unread file may derive from any other
        without_code = {n for n in self.configured if n not in loadable}
        for file in files:
            meant = None if file.check_name in self.configured else nearest(file.check_name, without_code)
            blank = CustomCheck(
                self.agent.agent, file.check_name, file.file, None, None, None, None, None, self._hides(file.check_name, target, modules),
                int(file.check_name in imported), int(file.check_name in self.configured), meant, None,
            )  # fmt: skip
            text = texts[file.check_name]
            if isinstance(text, Gap):
                yield blank
                yield text._replace(columns=(*_JUDGED, "managed_by"), table="custom_checks")
                yield text._replace(table="python_defects")
                continue
            near = Neighbours(siblings, modules.installed, file.is_package)
            context = Context(file.file.rpartition("/")[2], target, near, file.check_name in imported)
            yield from self._rows_of(file, blank, text, context, modules.obstacle is not None)

    def _read(self, file: CodeFile) -> bytes | Gap:
        try:
            return self.host.read(file.file, SIZE_LIMIT_BYTES)
        except FileNotFoundError:
            return Gap(file.file, Kind.TOOL, "it is a link to a file that is not there")
        except InputError as error:
            return Gap(file.file, Kind.TOOL, error.message)
        except Unavailable as error:
            return Gap(file.file, error.kind, error.reason, error.remedy)

    def _rows_of(
        self, file: CodeFile, blank: CustomCheck, data: bytes, context: Context, is_blind: bool
    ) -> Iterator[Rows]:
        from dddoctor.pytext import analyse

        found = analyse(data, context, nearest)
        source, cls = found.reading.source, found.found_class
        parses = found.reading.parses
        yield blank._replace(
            parses=parses,
            line=source.place(cls.start)[0] if cls.start is not None else None,
            class_name=self.vault.redact(cls.name) if cls.name else None,
            has_check_class=None if cls.has_class is None else int(cls.has_class),
            has_check_method=None if cls.has_check_method is None else int(cls.has_check_method),
            managed_by=self._managed_by(file, data),
        )
        if found.obstacle:
            yield Gap(
                file.file, Kind.TOOL, found.obstacle, "", _JUDGED if parses is None else _JUDGED[1:], "custom_checks"
            )
            yield Gap(file.file, Kind.TOOL, found.obstacle, "", None, "python_defects")
        if context.target.python is None:
            reason = "which Python this Agent 6 runs stands in its main file"
            yield Gap(file.file, Kind.DENIED, reason, "sudo", ("is_certain",), "python_defects")
        yield from self._defects(file, found, is_blind)
        if cls.has_class is False and blank.has_config and parses:
            text = "no class that derives from AgentCheck"
            yield PythonDefect(
                file.file,
                self.agent.agent,
                file.check_name,
                1,
                1,
                1,
                "no-check-class",
                file.check_name,
                text,
                None,
                1,
                1,
                None,
            )

    def _managed_by(self, file: CodeFile, data: bytes) -> str | None:
        try:
            return managed_by(file.file, self.host.stat(file.file), data)
        except (FileNotFoundError, InputError, Unavailable):
            return None  # it was read a moment ago

    def _defects(self, file: CodeFile, found: Analysis, is_blind: bool) -> Iterator[PythonDefect]:
        """`is_blind`: the Agent's modules may not be listed, so that none is known to be missing."""
        source = found.reading.source
        for d in found.defects:
            if is_blind and d.kind == "missing-module":
                continue
            line, column = source.place(d.start)
            also = [{"file": file.file, "line": source.place(o)[0]} for o in d.also]
            correction = self.vault.redact(d.correction) if d.correction is not None else None
            yield PythonDefect(
                file.file, self.agent.agent, file.check_name, line, column, source.place(max(d.start, d.end))[0], d.kind, self.vault.redact(d.name),
                self.vault.redact(d.text), correction, int(d.is_certain), int(d.is_blocking), json.dumps(also) if also else None,
            )  # fmt: skip

    def _hides(self, name: str, target: Target, modules: Modules) -> str | None:
        """The module that the Agent imports instead of checks.d/NAME.py."""
        from dddoctor.pytext.catalogue import catalogue, standard_modules

        if target.major == 5:
            return None
        if name in standard_modules(target.version):
            return name
        if modules.installed is None:
            is_wheel = self.look.shipped_checks().get(name) == "python"
            return f"datadog_checks.{name}" if is_wheel else name if name in catalogue().hiding else None
        if modules.wheels is not None and name in modules.wheels:
            return f"datadog_checks.{name}"
        return name if name in modules.installed else None

    # --- files in the wrong place ---------------------------------------------------------------------------------------

    def _misplaced(self, have: set[str]) -> Iterator[MisplacedFile | Gap]:
        """Code outside checks.d, code without .py, configuration inside checks.d: only what is missing at its right place."""
        config = self.agent.config_dir or ""
        confd = f"{config}/conf.d"
        own_folders = [(f"{confd}/{n}.d", f"{n}.py") for n in sorted(n for n in self.configured if n)]
        for folder, only in [(confd, None), (config, None), *own_folders]:
            for name in self._names(folder):
                if name.endswith(".py") and name[:-3] not in have and only in (None, name):
                    yield from self._moved(
                        name[:-3],
                        f"{folder}/{name}",
                        f"{self.folder}/{name}",
                        "the Agent looks for code in checks.d only",
                    )
        for name in self._names(self.folder):
            path = f"{self.folder}/{name}"
            suffix = next((s for s in _NOT_PY if name.endswith(s)), "")
            stem = name.removesuffix(suffix)
            if (
                name.endswith((".yaml", ".yml"))
                and name not in (".yaml", ".yml")
                and name.rpartition(".")[0] not in self.configured
            ):
                check = name.rpartition(".")[0]
                yield MisplacedFile(
                    self.agent.agent, check, path, f"{confd}/{name}", "the Agent looks for configuration in conf.d only"
                )
            elif stem in self.configured and stem not in have and "." not in stem and not name.endswith(".py"):
                inner = f"{path}/{name}.py"
                if name == stem and self.look.is_there(self.host, inner):
                    reason = "its folder has no __init__.py, so the Agent finds an empty package there"
                    yield from self._moved(stem, inner, f"{self.folder}/{name}.py", reason)
                else:
                    yield from self._moved(stem, path, f"{self.folder}/{stem}.py", "its name does not end in .py")

    def _moved(self, check: str, file: str, expected: str, reason: str) -> Iterator[MisplacedFile | Gap]:
        """The row, if the file is the code of a check. One that cannot be read is one if it has the name of a configured check."""
        try:
            is_code = b"AgentCheck" in self.host.read(file, SIZE_LIMIT_BYTES)
        except (FileNotFoundError, InputError):
            return
        except Unavailable as error:
            if check not in self.configured:
                yield Gap(file, error.kind, error.reason, error.remedy, None, "misplaced_check_files")
                return
            is_code = True
        if is_code:
            yield MisplacedFile(self.agent.agent, check, file, expected, reason)

    def _names(self, folder: str) -> list[str]:
        """Names in a folder; none where it cannot be listed (its own collector has the gap)."""
        try:
            return self.host.listdir(folder)
        except (FileNotFoundError, InputError, Unavailable):
            return []


def _imported_names(data: bytes) -> set[str]:
    """Words after `import` and `from`: enough to know that somebody may derive from a module's classes."""
    return {m.decode("ascii") for m in re.findall(rb"(?m)^[ \t]*(?:import|from)[ \t]+(?:\.?)([A-Za-z_]\w*)", data)}
