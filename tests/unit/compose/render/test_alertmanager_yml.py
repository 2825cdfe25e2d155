"""Alertmanager's configuration, made of the settings."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from cluster.config.alert_receivers import KINDS
from compose.render.alertmanager_yml import SHIPPED, alertmanager_yml
from tests.fix_settings import settings_of

MAIL = {"alert_smtp": "mx.example:25", "alert_from": "pods@example.com"}
ALL = "mailto:a@b.example,slack:#ops,telegram:-1,discord,teams,ntfy:https://n.example/pods,webhook,webhook:https://h.example/x"
EVERY_FILE = frozenset({"ntfy_token", "webhook_token", "ntfy_ca.crt", "webhook_ca.crt", "smtp_ca.crt"})


def _receivers(text: str) -> dict[str, Any]:
    return {receiver["name"]: receiver for receiver in yaml.safe_load(text)["receivers"]}


def test_who_says_nothing_has_what_ships() -> None:
    assert alertmanager_yml(settings_of(), frozenset()) == SHIPPED.read_text()


def test_routes_and_inhibitions_are_those_that_ship() -> None:
    made = yaml.safe_load(alertmanager_yml(settings_of(alert_to=ALL, **MAIL), frozenset()))
    shipped = yaml.safe_load(SHIPPED.read_text())
    assert made["inhibit_rules"] == shipped["inhibit_rules"]
    tests = [route for route in made["route"]["routes"] if 'alertname = "PodsTest"' in route["matchers"]]
    made["route"]["routes"] = [route for route in made["route"]["routes"] if route not in tests]
    assert made["route"] == shipped["route"]
    assert [route["receiver"] for route in tests] == [*(f"test-{kind}" for kind in KINDS), "people"]


def test_a_test_of_a_kind_goes_where_the_alerts_of_that_kind_go() -> None:
    found = _receivers(alertmanager_yml(settings_of(alert_to=ALL, **MAIL), EVERY_FILE))
    people = {key: list(each) for key, each in found["people"].items() if key != "name"}
    tested: dict[str, list[object]] = {}
    for kind in KINDS:
        for key, each in found[f"test-{kind}"].items():
            tested[key] = [*tested.get(key, []), *each] if key != "name" else []
    del tested["name"]
    assert tested == people


def test_no_secret_and_no_file_of_one_is_anywhere_but_named() -> None:
    text = alertmanager_yml(settings_of(alert_to=ALL, alert_smtp_user="pods", alert_watchdog="on", **MAIL), EVERY_FILE)
    named = {
        word for line in text.splitlines() if "/run/alerts/" in line for word in [line.rpartition("/run/alerts/")[2]]
    }
    assert named == {
        *EVERY_FILE,
        "slack_url",
        "telegram_token",
        "discord_url",
        "teams_url",
        "webhook_url",
        "smtp_password",
        "watchdog_url",
    }


def test_what_is_optional_is_left_out_where_it_is_not_there() -> None:
    text = alertmanager_yml(settings_of(alert_to=ALL, **MAIL), frozenset())
    assert "credentials_file" not in text
    assert "ca_file" not in text


def test_a_token_goes_to_nobody_else() -> None:
    settings = settings_of(alert_to="webhook:a,webhook:b,ntfy:https://n.example/pods")
    (a, b, ntfy) = _receivers(alertmanager_yml(settings, frozenset({"webhook_a_token"})))["people"]["webhook_configs"]
    assert a["http_config"] == {"authorization": {"credentials_file": "/run/alerts/webhook_a_token"}}
    assert "http_config" not in b
    assert "http_config" not in ntfy


def test_ntfy_s_templates_are_no_templates_to_alertmanager() -> None:
    (ntfy,) = _receivers(alertmanager_yml(settings_of(alert_to="ntfy:https://n.example/pods"), frozenset()))["people"][
        "webhook_configs"
    ]
    assert "{" not in ntfy["url"]
    query = parse_qs(urlsplit(ntfy["url"]).query)
    assert query.keys() == {"tpl", "t", "m", "p"}
    assert query["t"][0].startswith("{{")


@pytest.mark.parametrize(("tls", "required"), [("on", True), ("off", False)])
def test_a_mail_server_must_speak_tls_unless_it_need_not(tls: str, required: bool) -> None:
    settings = settings_of(alert_to="mailto:a@b.example", alert_smtp_tls=tls, **MAIL)
    (mail,) = _receivers(alertmanager_yml(settings, frozenset()))["people"]["email_configs"]
    assert mail["require_tls"] is required
    assert mail["html"] == ""
