"""The known name that a misspelt one was meant to be: by edit distance, and by its set of words (`min_interval_collection`)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable


def nearest(name: str, known: Iterable[str], likely: Collection[str] = ()) -> str | None:
    """The closest known name, None where none is close enough or two are equally close. Case and `-` against `_` count for nothing.

    Of equally close names the one among `likely` wins.

    Close is: the same words in another order, or 1 edit up to 5 letters, 2 up to 12, 3 beyond (a letter more, less, other, or two swapped).
    """
    folded = _folded(name)
    words = _words(folded)
    limit = 1 if len(folded) <= 5 else 2 if len(folded) <= 12 else 3
    letters = set(folded)
    found: list[tuple[int, str]] = []
    for candidate in known:
        other = _folded(candidate)
        if other == folded:
            return candidate if candidate != name else None
        if len(words) > 1 and _words(other) == words:
            found.append((0, candidate))
        elif (
            abs(len(other) - len(folded)) <= limit
            and len(folded) > 2
            and len(letters.symmetric_difference(other)) <= 2 * limit
        ):
            distance = edit_distance(folded, other, limit)
            if distance <= limit and distance < len(other) - 1:
                found.append((distance, candidate))
    found.sort()
    if len(found) > 1 and found[0][0] == found[1][0]:
        tied = [candidate for distance, candidate in found if distance == found[0][0] and candidate in likely]
        return tied[0] if len(tied) == 1 else None
    return found[0][1] if found else None


def edit_distance(one: str, two: str, limit: int) -> int:
    """Optimal string alignment distance; `limit + 1` as soon as it is certain to be more."""
    before: list[int] = []
    row = list(range(len(two) + 1))
    for i, a in enumerate(one, 1):
        above, row, older = row, [i] + [0] * len(two), before
        for j, b in enumerate(two, 1):
            cost = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (a != b))
            if older and j > 1 and a == two[j - 2] and b == one[i - 2]:
                cost = min(cost, older[j - 2] + 1)
            row[j] = cost
        before = above
        if min(row) > limit:
            return limit + 1
    return row[-1]


def _folded(name: str) -> str:
    return name.lower().replace("-", "_").replace(" ", "_")


def _words(folded: str) -> frozenset[str]:
    return frozenset(w for w in re.split(r"[_.]+", folded) if w)
