"""Who gets alerts, as the setting has it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.config.alert_receivers import KINDS, alert_receivers, receivers_of, relay
from cluster.errors import UsageError
from tests.fix_settings import settings_of

MAIL = {"alert_smtp": "mx.example", "alert_from": "pods@example.com"}


@pytest.mark.parametrize(
    ("text", "needs", "token"),
    [
        ("mailto:you@example.com", (), ""),
        ("slack", ("slack_url",), ""),
        ("slack:#ops", ("slack_url",), ""),
        ("slack:dev", ("slack_dev_url",), ""),
        ("telegram:-1001234567890", ("telegram_token",), ""),
        ("discord", ("discord_url",), ""),
        ("discord:ops-2", ("discord_ops-2_url",), ""),
        ("teams:ops", ("teams_ops_url",), ""),
        ("ntfy:https://ntfy.example.com/pods", (), "ntfy_token"),
        ("ntfy:http://10.0.0.1:8080/at/pods", (), "ntfy_token"),
        ("webhook", ("webhook_url",), "webhook_token"),
        ("webhook:ops", ("webhook_ops_url",), "webhook_ops_token"),
        ("webhook:https://example.com/hook", (), "webhook_token"),
    ],
)
def test_what_each_kind_needs(text: str, needs: tuple[str, ...], token: str) -> None:
    (receiver,) = receivers_of(alert_receivers(text))
    assert (receiver.text, receiver.needs, receiver.token) == (text, needs, token)


def test_each_is_there_once_in_the_order_in_which_it_was_written() -> None:
    assert alert_receivers(" teams , discord,teams,, slack ") == ("teams", "discord", "slack")
    assert alert_receivers("") == ()


@given(st.sampled_from(KINDS), st.text(max_size=30))
def test_what_is_accepted_is_one_word_that_reads_the_same_again(kind: str, where: str) -> None:
    """It is written into a line of settings for services, and into YAML whose values are templates."""
    try:
        found = alert_receivers(f"{kind}:{where}")
    except ValueError:
        return
    assert alert_receivers(",".join(found)) == found
    assert not set("".join(found)) & set(' \n\r"{}')


@pytest.mark.parametrize(
    ("text", "found"), [("mx.example", "mx.example:587"), ("mx.example:25", "mx.example:25"), ("", "")]
)
def test_a_mail_server_has_a_port(text: str, found: str) -> None:
    assert relay(text) == found


@pytest.mark.parametrize("text", ["mx.example:", "mx.example:70000", "mx example", ":25", "-mx:25", "mx.example:0"])
def test_what_is_no_mail_server(text: str) -> None:
    with pytest.raises(ValueError, match="HOST:PORT"):
        relay(text)


@pytest.mark.parametrize(("missing", "named"), [("alert_smtp", "PODS_ALERT_SMTP"), ("alert_from", "PODS_ALERT_FROM")])
def test_a_mail_wants_a_server_and_a_sender(missing: str, named: str) -> None:
    with pytest.raises(UsageError, match=f"{named} is empty"):
        settings_of(alert_to="mailto:you@example.com", **{name: text for name, text in MAIL.items() if name != missing})


def test_no_password_goes_in_clear() -> None:
    settings_of(alert_to="mailto:you@example.com", alert_smtp_tls="off", **MAIL)
    with pytest.raises(UsageError, match="in clear"):
        settings_of(alert_to="mailto:you@example.com", alert_smtp_tls="off", alert_smtp_user="pods", **MAIL)


def test_files_that_must_be_there() -> None:
    assert settings_of().alert_secrets == ()
    assert settings_of(alert_smtp_user="pods").alert_secrets == ()
    full = settings_of(
        alert_to="mailto:a@b.example,slack,slack:#ops,ntfy:https://n.example/x",
        alert_smtp_user="pods",
        alert_watchdog="on",
        **MAIL,
    )
    assert full.alert_secrets == ("slack_url", "smtp_password", "watchdog_url")
