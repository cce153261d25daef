"""A copy-on-write view of a host: repairs are made here first, in memory, and what they lead to is read back as if it were on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TypeVar

from dddoctor.hosts import paths
from dddoctor.hosts.base import Host, InputError, Unavailable
from dddoctor.hosts.spans import apply_spans, spans_between
from dddoctor.hosts.view import ChangedView, Made
from dddoctor.light import NamedTuple
from dddoctor.model import Change, Create, Edit, Mode, Owner, Remove, Rename

_FOLDER_MODE = 0o755
T = TypeVar("T")


class DoesNotFit(Exception):
    """A change that does not fit what is there: the text is another one, the path is gone or taken. The sentence says which."""


class _Intent(NamedTuple):
    """What the edits of one file were allowed to change, and how the result is proven."""

    patterns: tuple[str, ...]
    kind: str


class OverlayHost(ChangedView):
    """`base` as it will be after the changes that were applied here; `base` itself is never touched. An edit through a link changes the linked file."""

    def __init__(self, base: Host) -> None:
        super().__init__(base)
        self._removed: set[str] = set()  # paths in the base of what was removed
        self._intents: dict[str, _Intent] = {}
        self._log: list[tuple[Change, Made | None]] = []  # creations, removals, renames, in their order

    # --- changing ----------------------------------------------------------------------------------------------------

    def apply(self, change: Change) -> None:
        """Make one change in this view. DoesNotFit where it does not fit; then nothing is changed.

        Deferred changes (commands, SQL, packages, services) have no effect here and are refused as a bug of the caller (TypeError).
        """
        try:
            if isinstance(change, Edit):
                self._edit(change)
            elif isinstance(change, Create):
                self._create(change)
            elif isinstance(change, Remove):
                self._remove(change)
            elif isinstance(change, Rename):
                self._rename(change)
            elif isinstance(change, (Mode, Owner)):
                self._set(change)
            else:
                raise TypeError(f"an overlay cannot show the effect of {type(change).__name__}")
        except (FileNotFoundError, InputError, Unavailable) as error:
            raise DoesNotFit(_words(error)) from error
        finally:
            self._folders.clear()
            self._numbers.clear()

    def _edit(self, change: Edit) -> None:
        here = self._resolve(change.file, follow=True)
        before = self.read(here)
        if hashlib.sha256(before).hexdigest() != change.base_sha:
            raise DoesNotFit(f"{change.file} holds another text than the one that was repaired")
        try:
            after = apply_spans(before, change.spans)
        except ValueError as error:
            raise DoesNotFit(f"{change.file}: {error}") from None
        if here in self._made:
            self._made[here].content = after
            return
        self._content[here] = after
        known = self._intents.get(here, _Intent((), change.kind))
        self._intents[here] = _Intent(tuple(dict.fromkeys((*known.patterns, *change.intent))), change.kind)

    def _create(self, change: Create) -> None:
        """Missing folders above are made with it, 0755 and of the same owner."""
        here = self._resolve(change.path, follow=False, may_be_made=True)
        if self._is_there(here):
            raise DoesNotFit(f"{change.path} is there already")
        above = here.rpartition("/")[0]
        folders: list[str] = []
        while above and not self._is_there(above):
            folders.append(above)
            above = above.rpartition("/")[0]
        for folder in folders:
            self._made[folder] = Made(None, _FOLDER_MODE, change.owner)
        made = self._made[here] = Made(change.content, change.mode, change.owner)
        self._log.append((Create(here, change.content, change.mode, change.owner), made))

    def _remove(self, change: Remove) -> None:
        here = self._resolve(change.path, follow=False)
        if self._look(here).kind == "directory":
            raise DoesNotFit(f"{change.path} is a directory, which no repair removes")
        made = self._made.pop(here, None)
        if made is None:
            origin = self._origin_or_absent(here)
            self._removed.add(origin)
            self._moved.pop(here, None)
            self._gone.add(here)
            self._forget(here)
        if made is None or not self._forget_creation(made):
            self._log.append((Remove(here), None))

    def _forget(self, here: str) -> None:
        self._content.pop(here, None)
        self._intents.pop(here, None)
        self._mode.pop(here, None)
        self._owner.pop(here, None)

    def _forget_creation(self, made: Made) -> bool:
        """Take a creation out of the log again; False where a rename came after it, whose place in the log counts."""
        number = next(n for n, (_, known) in enumerate(self._log) if known is made)
        if any(isinstance(change, Rename) for change, _ in self._log[number:]):
            return False
        path = self._log.pop(number)[0].path  # type: ignore[union-attr]
        self._forget_empty_folders(path.rpartition("/")[0])
        return True

    def _forget_empty_folders(self, folder: str) -> None:
        """Folders that were made for a file that is gone again."""
        while folder in self._made and not self.listdir(folder):
            del self._made[folder]
            folder = folder.rpartition("/")[0]

    def _rename(self, change: Rename) -> None:
        source = self._resolve(change.path, follow=False)
        target = self._resolve(change.to, follow=False)
        self._look(source)
        if self._is_there(target):
            raise DoesNotFit(f"{change.to} is there already")
        if self._look(target.rpartition("/")[0] or "/").kind != "directory":
            raise DoesNotFit(f"{change.to} is not in a directory")
        if paths.is_under(target, source):
            raise DoesNotFit(f"{change.path} cannot be moved into itself")
        origin = None if source in self._made else self._origin(source)

        def renamed(path: str) -> str:
            return target + path[len(source) :] if paths.is_under(path, source) else path

        self._made = _renamed(self._made, renamed)
        self._content = _renamed(self._content, renamed)
        self._mode = _renamed(self._mode, renamed)
        self._owner = _renamed(self._owner, renamed)
        self._intents = _renamed(self._intents, renamed)
        self._moved = _renamed(self._moved, renamed)
        self._gone = {renamed(path) for path in self._gone}
        if origin is not None:
            self._gone.add(source)
            if origin == target:  # back where it was
                self._moved.pop(target, None)
                self._gone.discard(target)
            else:
                self._moved[target] = origin
        if self._log and self._log[-1][0] == Rename(target, source):
            self._log.pop()
        else:
            self._log.append((Rename(source, target), None))

    def _set(self, change: Mode | Owner) -> None:
        """chmod and chown follow links."""
        here = self._resolve(change.path, follow=True)
        found = self._look(here)
        if isinstance(change, Mode):
            if found.mode != change.before:
                raise DoesNotFit(f"{change.path} has mode {found.mode:04o}, not {change.before:04o}")
            if here in self._made:
                self._made[here].mode = change.after
            else:
                self._mode[here] = change.after
            return
        owner = f"{found.owner}:{found.group}"
        if owner != change.before:
            raise DoesNotFit(f"{change.path} belongs to {owner}, not {change.before}")
        if here in self._made:
            self._made[here].owner = change.after
        else:
            self._owner[here] = change.after

    # --- what has changed --------------------------------------------------------------------------------------------

    def changed(self) -> dict[str, tuple[bytes | None, bytes | None]]:
        """Path → (content before, content after) of every file that was made, removed or has another text; None = not there.

        A file that was also renamed, itself or with its folder, stands under its old path; `renames` has the new one.
        """
        found: dict[str, tuple[bytes | None, bytes | None]] = {}
        for here, after in self._content.items():
            origin = self._origin_or_absent(here)
            before = self._base.read(origin)
            if before != after:
                found[origin] = (before, after)
        for here, made in self._made.items():
            if made.content is not None:
                found[here] = (None, made.content)
        for origin in self._removed:
            content = self._base_content(origin)
            if content is not None:
                found[origin] = (content, found[origin][1] if origin in found else None)
        return dict(sorted(found.items()))

    def renames(self) -> dict[str, str]:
        """Old path → new path of each renamed file or folder of the base; what lies below a folder is not listed."""
        return {origin: here for here, origin in sorted(self._moved.items())}

    def modes(self) -> dict[str, tuple[int, int]]:
        """Path (the new one) → (mode before, mode after) where they differ; what was made here is not listed."""
        found: dict[str, tuple[int, int]] = {}
        for here, after in sorted(self._mode.items()):
            before = self._base.stat(self._origin_or_absent(here), follow=False).mode
            if before != after:
                found[here] = (before, after)
        return found

    def owners(self) -> dict[str, tuple[str, str]]:
        """Path (the new one) → (`user:group` before, after) where they differ; what was made here is not listed."""
        found: dict[str, tuple[str, str]] = {}
        for here, after in sorted(self._owner.items()):
            stat = self._base.stat(self._origin_or_absent(here), follow=False)
            if f"{stat.owner}:{stat.group}" != after:
                found[here] = (f"{stat.owner}:{stat.group}", after)
        return found

    def merged(self) -> list[Change]:
        """The fewest changes that lead from the base to this view, in an order in which they can be made.

        One edit a file, against the base's text; then creations (with their last content), removals and renames in the order in which they were made;
        then modes and owners.
        """
        merged: list[Change] = []
        for here in sorted(self._content):
            origin = self._origin_or_absent(here)
            before, after = self._base.read(origin), self._content[here]
            if before != after:
                intent = self._intents[here]
                sha = hashlib.sha256(before).hexdigest()
                merged.append(Edit(origin, sha, spans_between(before, after), intent.patterns, intent.kind))
        for change, made in self._log:
            if isinstance(change, Create) and made is not None and made.content is not None:
                change = change._replace(content=made.content, mode=made.mode, owner=made.owner)
            merged.append(change)
        merged += [Mode(path, before, after) for path, (before, after) in self.modes().items()]
        merged += [Owner(path, was, now) for path, (was, now) in self.owners().items()]
        return merged

    def _base_content(self, path: str) -> bytes | None:
        """What a removed path held; None for what is no file (a link)."""
        try:
            return self._base.read(path) if self._base.stat(path, follow=False).kind == "file" else None
        except FileNotFoundError:
            return None


def _renamed(table: dict[str, T], renamed: Callable[[str], str]) -> dict[str, T]:
    return {renamed(path): value for path, value in table.items()}


def _words(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return f"{error.filename} is not there"
    return error.reason if isinstance(error, Unavailable) else str(error)
