"""Which passwords are tried first."""

from __future__ import annotations

import pytest

from dddoctor.tables._passwords import is_weak


@pytest.mark.parametrize(
    "password",
    ["1234", "", "abcde", "12345678", "aaaaaaaaaa", "Password", "datadog1", "vagrant!", "root", "Secret2024"],
)
def test_what_is_guessed_at_once(password: str) -> None:
    assert is_weak(password)


@pytest.mark.parametrize(
    "password", ["blue-Kettle-91", "x4-Lab_pw9", "210987654321098", "datadog-at-home", "my password"]
)
def test_what_takes_longer(password: str) -> None:
    assert not is_weak(password)
