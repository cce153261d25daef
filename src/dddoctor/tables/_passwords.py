"""Passwords that are tried first. The value is looked at and not kept."""

from __future__ import annotations

_TRIED_FIRST = frozenset({
    "password", "passw0rd", "passwort", "secret", "changeme", "letmein", "welcome", "qwerty", "abc123", "admin", "administrator", "root", "toor", "test", "guest",
    "datadog", "dd-agent", "mysql", "mariadb", "postgres", "redis", "vagrant", "ubuntu", "debian", "docker", "default", "iloveyou", "monkey", "dragon",
})  # fmt: skip
SHORT = 6


def is_weak(password: str) -> bool:
    """Whether a guess or two finds it: short, digits only, one character, a word from the top of every list (with digits or signs behind it, too)."""
    low = password.lower()
    bare = low.rstrip("0123456789!?.*#$_-")
    return (
        len(password) < SHORT
        or (password.isdigit() and len(password) < 12)
        or len(set(low)) == 1
        or low in _TRIED_FIRST
        or (bare in _TRIED_FIRST and len(low) - len(bare) <= 4)
    )
