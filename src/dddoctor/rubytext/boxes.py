"""Which system a Vagrant box holds, as far as its name says."""

from __future__ import annotations

import re

from dddoctor.lazyre import lazy
from dddoctor.light import NamedTuple

_UBUNTU = {
    "hardy": "8.04", "lucid": "10.04", "maverick": "10.10", "natty": "11.04", "oneiric": "11.10", "precise": "12.04", "quantal": "12.10", "raring": "13.04", "saucy": "13.10",
    "trusty": "14.04", "utopic": "14.10", "vivid": "15.04", "wily": "15.10", "xenial": "16.04", "bionic": "18.04", "focal": "20.04", "jammy": "22.04", "noble": "24.04",
}  # fmt: skip
_DEBIAN = {
    "squeeze": "6",
    "wheezy": "7",
    "jessie": "8",
    "stretch": "9",
    "buster": "10",
    "bullseye": "11",
    "bookworm": "12",
    "trixie": "13",
}
_NUMBERED = lazy(r"(ubuntu|debian|centos|rhel|fedora|alma|rocky)[a-z]*[-_/ ]?v?(\d+(?:[.-]\d+)?)")
# Boxes of these makers hold the bare system: nothing in them was installed for a purpose.
_BARE = lazy(
    r"(?:ubuntu|debian|bento|generic|hashicorp|centos|almalinux|rockylinux|fedora|chef|puppetlabs|opscode|roboxes)/.*|(?:lucid|precise|trusty|xenial|bionic)(?:32|64)?"
)


class Box(NamedTuple):
    """`system` as in os-release's ID (ubuntu, debian, centos); `version` such as 14.04; `bits` 32, 64 or None; `is_bare`: nothing but the system is in it."""

    system: str | None
    version: str | None
    bits: int | None
    is_bare: bool


def box_of(name: str) -> Box:
    """What the name of a box tells: `ubuntu/trusty32`, `bento/ubuntu-22.04`, `generic/debian12`, `precise64`, `centos/7`."""
    lower = name.lower()
    is_bare = _BARE.fullmatch(lower) is not None and "docker" not in lower
    bits = (
        32
        if re.search(r"(?:[a-z]|[-_])32(?:-?bit)?$|i386|i686", lower)
        else 64
        if re.search(r"64(?:-?bit)?$|amd64|x86_64", lower)
        else None
    )
    for system, names in (("ubuntu", _UBUNTU), ("debian", _DEBIAN)):
        found = next((v for n, v in names.items() if n in lower and re.search(rf"(?<![a-z]){n}(?![a-z])", lower)), None)
        if found:
            return Box(system, found, bits, is_bare)
    numbered = _NUMBERED.search(lower)
    if numbered is None:
        return Box(None, None, bits, is_bare)
    system, version = numbered[1], numbered[2].replace("-", ".")
    if system == "ubuntu" and re.fullmatch(r"\d{4}", version):
        version = f"{version[:2]}.{version[2:]}"
    if system == "ubuntu" and not re.fullmatch(r"\d{1,2}\.(?:04|10)", version):
        return Box(system, None, bits, is_bare)
    return Box({"alma": "almalinux", "rocky": "rocky"}.get(system, system), version, bits, is_bare)
