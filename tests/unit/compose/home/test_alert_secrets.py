"""Tokens of who gets alerts: there, closed, and what they should be; else refused in a line that says what to do."""

import os
from pathlib import Path

import pytest

from cluster.errors import RefusedError
from compose.home import alert_secrets
from compose.home.paths import Home, service_user
from compose.operations.alerts.receivers import check_receivers
from tests.fix_settings import settings_of

URL = "https://hooks.example.com/T0/B0/secret\n"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path)
    made.secrets.mkdir(mode=0o700)
    made.alert_secrets.mkdir(mode=0o700)
    return made


def _put(home: Home, name: str, text: str, mode: int = 0o600) -> Path:
    path = home.alert_secrets / name
    path.write_text(text)
    path.chmod(mode)
    return path


def test_what_is_missing_is_refused_with_the_command_that_makes_it(home: Home) -> None:
    with pytest.raises(RefusedError, match="slack_url is missing: the address of Slack's incoming webhook") as caught:
        check_receivers(home, settings_of(alert_to="slack"))
    assert f"umask 077; mkdir -p {home.alert_secrets}; cat > {home.alert_secrets / 'slack_url'}" in caught.value.hint
    home.alert_secrets.rmdir()
    with pytest.raises(RefusedError, match="watchdog_url is missing"):
        check_receivers(home, settings_of(alert_watchdog="on"))


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("slack_url", "hooks.example.com/x", "holds no address"),
        ("slack_url", "", "is empty"),
        ("slack_url", "https://a.example/ https://b.example/", "one line without spaces"),
        ("telegram_token", "123:abc\n456:def", "one line without spaces"),
        ("telegram_token", "123:abc\x1b[0m", "one line without spaces"),
        ("smtp_password", "\n", "is empty"),
        ("smtp_ca.crt", "something else", "holds no certificate in PEM"),
    ],
)
def test_what_nothing_could_be_sent_with_is_refused_unseen(home: Home, name: str, text: str, problem: str) -> None:
    _put(home, name, text)
    with pytest.raises(RefusedError, match=problem) as caught:
        alert_secrets.check(home, settings_of())
    assert not text.strip() or text not in str(caught.value)


def test_what_others_can_read_is_refused(home: Home) -> None:
    _put(home, "slack_url", URL, 0o644)
    with pytest.raises(RefusedError, match=r"slack_url is open to other users \(mode 0644\)"):
        alert_secrets.check(home, settings_of())


def test_a_link_is_not_followed(home: Home, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text(URL)
    (home.alert_secrets / "slack_url").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RefusedError, match="no regular file"):
        alert_secrets.check(home, settings_of(alert_to="slack"))


def test_what_was_put_there_is_the_services(home: Home) -> None:
    path = _put(home, "slack_url", URL)
    alert_secrets.ensure(home)
    alert_secrets.ensure(home)
    uid = service_user()[0] if os.geteuid() == 0 else os.geteuid()
    assert {path.stat().st_uid, home.alert_secrets.stat().st_uid} == {uid}
    assert alert_secrets.names(home) == {"slack_url"}
    check_receivers(home, settings_of(alert_to="slack"))


def test_a_file_of_one_s_own_decides_and_needs_none_of_them(home: Home) -> None:
    home.user_config.mkdir()
    (home.user_config / "alertmanager.yml").write_text("route: {}\n")
    note = check_receivers(home, settings_of(alert_to="slack", alert_watchdog="on"))
    assert (
        note == "config/alertmanager.yml decides who gets alerts: PODS_ALERT_TO and PODS_ALERT_WATCHDOG without effect"
    )
    assert check_receivers(home, settings_of()) == ""


def test_where_nobody_looks_nobody_gets_any(home: Home) -> None:
    assert "PODS_MONITORING is off" in check_receivers(home, settings_of(alert_to="slack", monitoring="off"))
