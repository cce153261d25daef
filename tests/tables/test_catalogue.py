"""The compact catalogues of settings and checks."""

from __future__ import annotations

from dddoctor.tables import _catalogue
from dddoctor.tables._catalogue import KnownSetting, Option


def test_a_setting_has_its_type_default_and_variables() -> None:
    """The variable that the rule gives is not stored; others are."""
    known = _catalogue.settings()

    assert known.get("apm_config.enabled") == KnownSetting("bool", True, ("DD_APM_ENABLED",), None)
    assert known.get("gui_port") == KnownSetting("int", -1, ("DD_GUI_PORT",), 5002)
    assert known.get("dd_url") == KnownSetting("string", None, ("DD_DD_URL", "DD_URL"), None)
    assert known.get("no_such_setting") is None
    assert known.by_variable()["DD_LOGS_ENABLED"] == ["logs_enabled"]


def test_every_default_belongs_to_a_key_of_the_catalogue() -> None:
    known = _catalogue.settings()

    found = {key: default for key, _, default, _ in known.defaults()}
    assert [found[k] for k in ("cmd_port", "expvar_port", "apm_config.receiver_port", "logs_enabled", "site")] == [
        5001,
        "5000",
        8126,
        False,
        "datadoghq.com",
    ]
    assert all(key in known and key == key.lower() for key, *_ in known.defaults())


def test_sections_are_known_without_being_settings() -> None:
    known = _catalogue.settings()

    assert "apm_config" not in known
    assert {"enabled", "receiver_port", "debug"} <= known.sections()["apm_config"]
    assert known.is_open("proxy")
    assert not known.is_open("apm_config")


def test_the_options_of_a_check_are_its_own_the_old_ones_and_the_common_ones() -> None:
    checks = _catalogue.checks()

    assert checks.option("mysql", "dbm") == Option(1, "bool", None)
    assert checks.option("mysql", "pass") == Option(1, None, None)
    assert checks.option("mysql", "tags") == Option(1, "list", None)
    assert checks.option("mysql", "hots") == Option(0, None, "host", 1)
    assert checks.option("mysql", "charste") == Option(0, None, "charset", 0)
    assert checks.option("somebodys_own", "hots") == Option(None, None, None)


def test_checks_inside_the_agent_are_named() -> None:
    assert {"cpu", "uptime", "disk", "ntp"} <= set(_catalogue.checks().go)
