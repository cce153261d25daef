"""Which configuration files an Agent looks at, and why it passes others by: decided from names and places alone, before anything is parsed.

Source: pkg/autodiscovery/providers/config_reader.go (7.52) and the layouts recorded on 7.72.4; for Agent 5 its config.py (5.32.9).
"""

from __future__ import annotations

from collections.abc import Iterator

from dddoctor.hosts.base import Host, InputError, Stat, Unavailable
from dddoctor.light import NamedTuple
from dddoctor.model import Gap, Kind

NOT_A_CONFIG_NAME = "its name does not end in .yaml or .yml"
EXAMPLE = "the Agent never reads .example files"
FOLDER_WITHOUT_D = "its folder's name does not end in .d"
FOLDER_IS_A_LINK = "its folder is a link, and the Agent enters no linked folder"
TOO_DEEP = "it lies one folder too deep"
METRICS_OUTSIDE = "a metrics.yaml counts only in the folder of its check"
IGNORED_AUTOCONF = "ignore_autoconf in the main file names this check"
NOT_A_FILE = "it is no regular file"
DANGLING = "it is a link to a file that is not there"
NO_AGENT = "no installed Agent reads this folder"
AGENT_5_YAML_ONLY = "Agent 5 reads *.yaml directly in conf.d only"


class Place(NamedTuple):
    """One file and the Agent's attitude to it. `reads` is how its text is read (check, main, other), None = not at all.

    `is_in_place`: the Agent opens it. `because` says why not. `stat` is None where it was not asked (.example) or could not be (then a Gap follows).
    """

    file: str
    file_kind: str
    check_name: str | None
    reads: str | None
    is_in_place: bool
    because: str | None
    stat: Stat | None


def extension(name: str) -> str:
    """From the last dot on, as Go's filepath.Ext has it: `.yaml` of `.yaml`, empty without a dot."""
    dot = name.rfind(".")
    return name[dot:] if dot >= 0 else ""


def check_places(host: Host, confd: str, ignored_autoconf: frozenset[str]) -> Iterator[Place | Gap]:
    """The files of conf.d and of its folders, one level deep (and one deeper, to say that they lie too deep), for Agent 6 and 7."""
    real = _target(host, confd)
    for name, path, stat in _entries(host, confd):
        if isinstance(stat, Gap):
            yield stat
        elif stat is not None and stat.kind == "directory":
            if extension(name) in (".yaml", ".yml"):
                yield Place(path, "other", name[: name.rfind(".")], None, False, NOT_A_FILE, stat)
            else:
                yield from _folder(host, path, name, stat.target != f"{real}/{name}", ignored_autoconf)
        else:
            yield _file(path, name, None, stat, ignored_autoconf)


def check_places_5(host: Host, confd: str) -> Iterator[Place | Gap]:
    """conf.d/NAME.yaml, NAME.yaml.default and auto_conf/NAME.yaml: all that Agent 5 reads."""
    for name, path, stat in _entries(host, confd):
        if isinstance(stat, Gap):
            yield stat
            continue
        if stat is not None and stat.kind == "directory":
            for inner, inner_path, inner_stat in _entries(host, path):
                if isinstance(inner_stat, Gap):
                    yield inner_stat
                elif name == "auto_conf" and inner.endswith(".yaml"):
                    yield Place(inner_path, "autoconf", inner[:-5], "check", True, None, inner_stat)
                elif extension(inner) in (".yaml", ".yml"):
                    yield Place(
                        inner_path, "other", name.removesuffix(".d"), "check", False, AGENT_5_YAML_ONLY, inner_stat
                    )
            continue
        if name.endswith(".yaml"):
            yield Place(path, "check", name[:-5], "check", True, None, stat)
        elif name.endswith(".yaml.default"):
            yield Place(path, "default", name[:-13], "check", True, None, stat)
        else:
            is_example = name.endswith(".example")
            yield Place(
                path,
                "example" if is_example else "other",
                None,
                None,
                False,
                EXAMPLE if is_example else AGENT_5_YAML_ONLY,
                stat,
            )


def _folder(
    host: Host, folder: str, name: str, is_link: bool, ignored_autoconf: frozenset[str]
) -> Iterator[Place | Gap]:
    """A folder of conf.d: NAME.d, or one whose name or nature makes the Agent pass it by. `.d` alone names no check: the files do."""
    is_check_folder = name.endswith(".d")
    check_name = name[:-2] if name[-2:].lower() == ".d" else name
    because = FOLDER_WITHOUT_D if not is_check_folder else FOLDER_IS_A_LINK if is_link else None
    for inner, path, stat in _entries(host, folder):
        if isinstance(stat, Gap):
            if because is None:
                yield stat
        elif stat is not None and stat.kind == "directory":
            if because is None and extension(inner) in (".yaml", ".yml"):
                yield Place(path, "other", check_name or None, None, False, NOT_A_FILE, stat)
                continue
            for deep, deep_path, deep_stat in _entries(host, path):
                if not isinstance(deep_stat, Gap) and extension(deep) in (".yaml", ".yml"):
                    yield Place(deep_path, "other", check_name or None, "check", False, because or TOO_DEEP, deep_stat)
        elif because is None:
            yield _file(path, inner, check_name, stat, ignored_autoconf)
        elif extension(inner) in (".yaml", ".yml"):
            yield Place(path, "other", check_name or None, "check", False, because, stat)


def _file(path: str, name: str, check_name: str | None, stat: Stat | None, ignored_autoconf: frozenset[str]) -> Place:
    """A file of conf.d (`check_name` None) or of a NAME.d folder, which gives the check's name whatever the file is called."""
    suffix, stem = extension(name), name
    is_default = suffix == ".default"
    if is_default:
        stem = name[: -len(suffix)]
        suffix = extension(stem)
    check = check_name or stem[: len(stem) - len(suffix)] or None
    if suffix not in (".yaml", ".yml"):
        is_example = name.endswith(".example")
        return Place(
            path,
            "example" if is_example else "other",
            check,
            None,
            False,
            EXAMPLE if is_example else NOT_A_CONFIG_NAME,
            stat,
        )
    if stat is not None and stat.kind == "directory":
        return Place(path, "other", check, None, False, NOT_A_FILE, stat)
    if name in ("metrics.yaml", "metrics.yml"):
        if check_name is None:
            return Place(path, "other", check, "check", False, METRICS_OUTSIDE, stat)
        return Place(path, "metrics", check, "check", True, None, stat)  # becomes check or other once it is read
    if name == "auto_conf.yaml":
        is_ignored = check in ignored_autoconf
        return Place(path, "autoconf", check, "check", not is_ignored, IGNORED_AUTOCONF if is_ignored else None, stat)
    return Place(path, "default" if is_default else "check", check, "check", True, None, stat)


def _entries(host: Host, folder: str) -> Iterator[tuple[str, str, Stat | Gap | None]]:
    """(name, path, what it is) of a folder, sorted. No stat for `.example` files: there are hundreds, and nothing is asked of them.

    A dangling link comes as a Stat of kind "link"; a name that may be listed but not asked about as None; an unreadable folder as one Gap.
    """
    try:
        names = host.listdir(folder)
    except FileNotFoundError:
        return
    except InputError as error:
        yield "", folder, Gap(folder, Kind.TOOL, error.message)
        return
    except Unavailable as error:
        yield "", folder, Gap(folder, error.kind, error.reason, error.remedy)
        return
    for name in names:
        path = f"{folder}/{name}"
        if name.endswith(".example"):
            yield name, path, None
            continue
        try:
            yield name, path, host.stat(path)
        except FileNotFoundError:
            try:
                yield name, path, host.stat(path, follow=False)
            except FileNotFoundError:
                continue  # gone since it was listed
            except (Unavailable, InputError):
                yield name, path, None
        except (Unavailable, InputError):
            yield name, path, None


def _target(host: Host, folder: str) -> str:
    """Where the folder really is: below it, a path that differs belongs to a link."""
    try:
        return host.stat(folder).target.rstrip("/")
    except (FileNotFoundError, Unavailable, InputError):
        return folder
