"""The main file as the Agent reads it: several tables want it, and it is composed once a run."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from dddoctor.hosts.base import Host
    from dddoctor.yamltext import Document

_lock = threading.Lock()
_kept: WeakKeyDictionary[Host, dict[str, Document]] = WeakKeyDictionary()


def main_document(host: Host, file: str) -> Document:
    """The document of datadog.yaml or one of its siblings; raises what `host.read` raises. Kept as long as the host, and made anew where the text has changed."""
    data = host.read(file)
    with _lock:
        kept = _kept.setdefault(host, {})
        known = kept.get(file)
        if known is None or known.data != data:
            from dddoctor.yamltext import read

            known = kept[file] = read(data, "main")
        return known
