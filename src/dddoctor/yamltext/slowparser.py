"""PyYAML's own parser: for a PyYAML without libyaml, and for what libyaml 0.2.6 refuses and the Agent accepts (more than 1,000 levels)."""

from __future__ import annotations

from yaml.parser import Parser
from yaml.reader import Reader
from yaml.scanner import Scanner, ScannerError

_SIMPLE_KEY_CHARACTERS = 1024


class SlowParser(Reader, Scanner, Parser):
    """Events of a text, without composing anything, in time linear in its depth.

    PyYAML looks at every open simple key at each token. They are kept in the order of their places, so the first one is the oldest and the next to expire.
    """

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)

    def next_possible_simple_key(self) -> int | None:
        """The number of the oldest token that may still turn out to be a key."""
        for key in self.possible_simple_keys.values():
            return int(key.token_number)
        return None

    def stale_possible_simple_keys(self) -> None:
        """Forget the keys that lie on another line or too far back."""
        while self.possible_simple_keys:
            level, key = next(iter(self.possible_simple_keys.items()))
            if key.line == self.line and self.index - key.index <= _SIMPLE_KEY_CHARACTERS:
                return
            if key.required:
                raise ScannerError(
                    "while scanning a simple key", key.mark, "could not find expected ':'", self.get_mark()
                )
            del self.possible_simple_keys[level]
