"""One slip in a known name: the right name is suggested, in the finding and in its repair. At least 97 of 100; slips that are another known name do not count."""

from __future__ import annotations

import random
from pathlib import Path
from typing import NamedTuple

import yaml
from tests.agent_files import (
    CONF_D,
    INVENTED_KEY,
    MAIN,
    integrations,
    is_judged,
    leaf_settings,
    nested,
    option_value,
    required_options,
    session_over,
)

from dddoctor.model import Finding, Safety
from dddoctor.tables import _catalogue
from dddoctor.tables._near import nearest

SEED = 31
SHARE = 0.97
# The keys beside each key of an English keyboard.
BESIDE = {
    "q": "wa", "w": "qes", "e": "wrd", "r": "etf", "t": "ryg", "y": "tuh", "u": "yij", "i": "uok", "o": "ipl", "p": "ol", "a": "qsz", "s": "awdx", "d": "sefc",
    "f": "drgv", "g": "fthb", "h": "gyjn", "j": "hukm", "k": "jil", "l": "kop", "z": "asx", "x": "zsdc", "c": "xdfv", "v": "cfgb", "b": "vghn", "n": "bhjm", "m": "njk",
}  # fmt: skip
KINDS = (
    "a letter dropped",
    "a letter doubled",
    "two letters swapped",
    "the key beside it",
    "two words swapped",
    "hyphens",
    "capitals",
)


def slip(rng: random.Random, kind: str, name: str) -> str | None:
    """The name with one slip of that kind, None where it has no room for it."""
    words, at = name.split("_"), rng.randrange(len(name))
    if kind == "a letter dropped":
        return name[:at] + name[at + 1 :]
    if kind == "a letter doubled":
        return name[: at + 1] + name[at:]
    if kind == "two letters swapped":
        places = [i for i in range(len(name) - 1) if name[i] != name[i + 1] and "_" not in name[i : i + 2]]
        at = rng.choice(places) if places else -1
        return name[:at] + name[at + 1] + name[at] + name[at + 2 :] if places else None
    if kind == "the key beside it":
        places = [i for i, letter in enumerate(name) if letter in BESIDE]
        at = rng.choice(places) if places else -1
        return name[:at] + rng.choice(BESIDE[name[at]]) + name[at + 1 :] if places else None
    if kind == "two words swapped":
        places = [i for i in range(len(words) - 1) if words[i] != words[i + 1]]
        if not places:
            return None
        at = rng.choice(places)
        return "_".join([*words[:at], words[at + 1], words[at], *words[at + 2 :]])
    if kind == "hyphens":
        return name.replace("_", "-") if "_" in name else None
    forms = [
        form
        for form in (name.title(), name.upper(), name.capitalize(), words[0] + "".join(w.title() for w in words[1:]))
        if form != name
    ]
    return rng.choice(forms) if forms else None


class Slip(NamedTuple):
    place: tuple[str, int, str]  # file, instance, the name as it is written
    kind: str
    meant: str


def wrong_ones(slips: list[Slip], told: dict[tuple[str, int, str], Finding]) -> list[str]:
    """The slips for which the finding, its message or its repair does not name what was meant."""
    wrong = []
    for one in slips:
        finding = told.get(one.place)
        name = one.meant.rpartition(".")[2]
        if finding is None:
            wrong.append(f"{one.kind}: {one.place} for {one.meant}: not told")
        elif (
            finding.row["nearest"] != one.meant
            or f"`{one.meant}`" not in finding.message
            or not finding.fix
            or f"to: {name}" not in " ".join(finding.fix.steps)
        ):
            wrong.append(
                f"{one.kind}: {one.place} for {one.meant}: {finding.message} {finding.fix and finding.fix.steps}"
            )
    return wrong


def test_a_slip_in_a_setting(tmp_path: Path) -> None:
    """330 keys of datadog.yaml for each kind of slip; case does not count there."""
    rng = random.Random(SEED)
    known = {key for key, _ in leaf_settings()} | set(_catalogue.settings().sections())
    slips: list[Slip] = []
    wrong: list[str] = []
    for number, kind in enumerate(KINDS[:-1]):
        here: dict[str, Slip] = {}
        for key, _ in rng.sample([one for one in leaf_settings() if one[0] != "api_key"], 330):
            section, _, name = key.rpartition(".")
            written = slip(rng, kind, name)
            full = f"{section}.{written}" if section else written
            if written and full and full not in known and "." not in written:
                here[full] = Slip((MAIN, 0, full), kind, key)
        text = yaml.safe_dump(nested([("api_key", INVENTED_KEY), *((written, "a") for written in here)]))
        report = session_over(tmp_path / str(number), {MAIN: text}, select=("misspelt-setting",)).check()
        slips += here.values()
        wrong += wrong_ones(list(here.values()), {(MAIN, 0, f.row["key"]): f for f in report.findings})

    assert len(slips) > 1_600
    assert len(wrong) <= len(slips) * (1 - SHARE), "\n".join(wrong)


def test_a_slip_in_a_section(tmp_path: Path) -> None:
    """Of an unknown section its own name is told, not what stands below it."""
    rng = random.Random(SEED)
    sections = sorted(name for name in _catalogue.settings().sections() if name and is_judged(name))
    known = {key for key, _ in leaf_settings()} | set(sections)
    slips: list[Slip] = []
    wrong: list[str] = []
    for number, kind in enumerate(KINDS[:-1]):
        here: dict[str, Slip] = {}
        for section in sections:
            above, _, name = section.rpartition(".")
            written = slip(rng, kind, name)
            full = f"{above}.{written}" if above else written
            if (
                written
                and full
                and full not in known
                and not any(f"{full}.".startswith(f"{other}.") or other.startswith(f"{full}.") for other in here)
            ):
                here[full] = Slip((MAIN, 0, full), kind, section)
        text = yaml.safe_dump(nested([("api_key", INVENTED_KEY), *((f"{written}.enabled", True) for written in here)]))
        report = session_over(tmp_path / str(number), {MAIN: text}, select=("misspelt-setting",)).check()
        assert len(report.findings) <= len(here)
        slips += here.values()
        wrong += wrong_ones(list(here.values()), {(MAIN, 0, f.row["key"]): f for f in report.findings})

    assert len(slips) > 1_000
    assert len(wrong) <= len(slips) * (1 - SHARE), "\n".join(wrong)


def test_a_slip_in_an_option_of_each_integration(tmp_path: Path) -> None:
    """One option of each shipped check for each kind of slip, an instance for each; the Agent and the checks take capitals for other letters."""
    rng = random.Random(SEED)
    files: dict[str, str | bytes] = {MAIN: f"api_key: {INVENTED_KEY}\ntags: [env:test]\n"}
    slips: list[Slip] = []
    for check in integrations():
        own = sorted(_catalogue.checks().options(check))
        file = f"{CONF_D}/{check}.d/conf.yaml"
        instances: list[dict[str, object]] = []
        for kind in KINDS:
            option = rng.choice(own)
            written = slip(rng, kind, option)
            if not written or written in own:
                continue
            others = [
                name for name in (*required_options(check), "service", "min_collection_interval") if name != option
            ]
            instance = {name: option_value(rng, check, name) for name in others}
            slips.append(Slip((file, len(instances), written), kind, option))
            instances.append({**instance, written: option_value(rng, check, option)})
        files[file] = yaml.safe_dump({"init_config": None, "instances": instances})
    session = session_over(tmp_path, files)
    report = session.check()
    told = {(f.file or "", f.row["instance"], f.row["key"]): f for f in report.findings if f.rule == "misspelt-option"}
    wrong = wrong_ones(slips, told)

    assert len(slips) > 1_200
    assert len(wrong) <= len(slips) * (1 - SHARE), "\n".join(wrong)
    assert {f.rule for f in report.findings} == {"misspelt-option"}


def test_repairs_of_slips_put_the_names_right_and_nothing_else(tmp_path: Path) -> None:
    rng = random.Random(SEED)
    files: dict[str, str | bytes] = {MAIN: f"api_key: {INVENTED_KEY}\ntags: [env:test]\n"}
    meant: dict[str, str] = {}
    for check in rng.sample(integrations(), 30):
        own = sorted(_catalogue.checks().options(check) - {"service"})
        option = max(own, key=len)
        written = slip(rng, rng.choice(KINDS[:-1]), option)
        others = {
            name: option_value(rng, check, name) for name in (*required_options(check), "service") if name != option
        }
        if written is None or written in own:
            continue
        file = f"{CONF_D}/{check}.d/conf.yaml"
        files[file] = (
            "init_config:\ninstances:\n  # the one\n  - "
            + f"{written}: 1   # so\n"
            + "".join(
                f"    {k}: {v!r}\n" for k, v in others.items() if isinstance(v, (str, int)) and not isinstance(v, bool)
            )
        )
        meant[file] = str(files[file]).replace(f"{written}: 1   # so", f"{option}: 1   # so")
    plan = session_over(tmp_path, files).plan([Safety.SAFE, Safety.UNSAFE])
    after = {path: (new or b"").decode() for path, (_, new) in plan.overlay.changed().items()}

    assert len(meant) > 20
    assert after == meant


def test_a_slip_in_a_key_at_the_top_of_a_checks_file(tmp_path: Path) -> None:
    rng = random.Random(SEED)
    known = sorted(_catalogue.checks().top_level)
    files: dict[str, str | bytes] = {MAIN: f"api_key: {INVENTED_KEY}\ntags: [env:test]\n"}
    slips: list[Slip] = []
    for round_ in range(4):
        for kind in KINDS:
            for key in known:
                written = slip(rng, kind, key)
                if not written or written in known:
                    continue
                file = f"{CONF_D}/nginx.d/f{len(slips)}.yaml"
                data: dict[str, object] = {
                    "init_config": None,
                    "instances": [{"nginx_status_url": f"http://localhost/{len(slips)}"}],
                }
                files[file] = yaml.safe_dump(
                    {**{k: v for k, v in data.items() if k != key}, written: data.get(key, ["a"])}
                )
                slips.append(Slip((file, round_, written), kind, key))
    report = session_over(tmp_path, files).check()
    told = {(f.file, f.row["key"]): f.row["nearest"] for f in report.findings if f.rule == "misspelt-top-level-key"}
    wrong = [one for one in slips if told.get((one.place[0], one.place[2])) != one.meant]

    assert len(slips) > 250
    assert len(wrong) <= len(slips) * (1 - SHARE), wrong


def test_of_equally_close_names_the_likely_one() -> None:
    """`aip_key` is as close to app_key as to api_key."""
    assert [nearest("aip_key", ["api_key", "app_key"]), nearest("aip_key", ["api_key", "app_key"], ["api_key"])] == [
        None,
        "api_key",
    ]
