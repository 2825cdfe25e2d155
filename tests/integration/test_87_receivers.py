"""Alerts arrive: the configuration that `up` renders, Alertmanager's own binary, and servers that take all it sends."""

import datetime
import ssl
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from tests.fix_receivers import Alerting, HookServer, alerting, docker, hook_server, ntfy_server
from tests.fix_s3 import self_signed
from tests.fix_smtp import MailServer, mail_server
from tests.fix_wait import eventually

ABOUT = {
    "alertname": "PodsNodeDown",
    "severity": "warning",
    "node": "replica1",
    "about_summary": "replica1 does not answer",
    "about_description": "PostgreSQL on replica1 has not answered for a minute.",
    "about_command": "inv status",
    "about_runbook_url": "http://127.0.0.1:9090/user/nodes.html#podsnodedown",
}
HOSTILE = (
    'shop"},\n{{ .X }}\r\nBcc: evil@example.com\r\n\r\n<script>alert(1)</script> <!channel> \x1b[31m\u202e @everyone'
)
FLAT = 'shop"}, {{ .X }} Bcc: evil@example.com <script>alert(1)</script> <!channel>  [31m  @everyone'
"""As it stands in a message: one line, that obeys nobody."""


@pytest.fixture(scope="module")
def hooks() -> Iterator[HookServer]:
    refused = b"no \x1b[31mway\x07\n<script>\npeople/webhook[0]: mine too"
    with hook_server(hang=None, refused=(400, refused), busy=(503, b"come back")) as server:
        yield server


@pytest.fixture(scope="module")
def mx() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


@pytest.fixture(scope="module")
def alerts(built: None, tmp_path_factory: pytest.TempPathFactory, hooks: HookServer) -> Iterator[Alerting]:
    with alerting(tmp_path_factory.mktemp("alerts")) as made:
        for name in (
            "slack",
            "discord",
            "teams",
            "webhook",
            "webhook_hang",
            "webhook_refused",
            "webhook_busy",
            "watchdog",
        ):
            made.secret(f"{name}_url", hooks.url(name))
        made.secret("telegram_token", "123:abc")
        made.secret("webhook_token", "let-me-in")
        made.configure()
        made.start()
        yield made


def _all(alerts: Alerting, hooks: HookServer, mx: MailServer, **more: str) -> None:
    """Every kind of receiver, at servers of the test's own, and with no patience."""
    own = {"telegram_configs": {"api_url": f"http://127.0.0.1:{hooks.port}"}}
    to = "mailto:you@example.com,mailto:me@example.com,slack:#ops,telegram:-1001,discord,teams,webhook"
    mail = {"alert_smtp": f"127.0.0.1:{mx.port}", "alert_smtp_tls": "off", "alert_from": "pods@example.com"}
    alerts.configure(own, **{"alert_to": to, **mail, **more})


def _about(hooks: HookServer) -> dict[str, Any]:
    """What came of the alert about a node, by the end of its path; tests before may still end."""
    return {each.path.rpartition("/")[2]: each.json for each in hooks.posted if b"does not answer" in each.body}


def _mails(mx: MailServer) -> list[EmailMessage]:
    return [mail.message for mail in mx.mails if "does not answer" in mail.message["Subject"]]


def test_a_test_reaches_every_receiver_and_says_so(alerts: Alerting, hooks: HookServer, mx: MailServer) -> None:
    _all(alerts, hooks, mx)
    found = alerts.test()
    ways = ["email[0]", "email[1]", "slack[0]", "telegram[0]", "discord[0]", "msteamsv2[0]", "webhook[0]"]
    assert {name: each.state for name, each in found.items()} == dict.fromkeys(ways, "delivered")
    assert {mail.recipients[0] for mail in mx.mails} == {"you@example.com", "me@example.com"}
    assert hooks.at("webhook")[0].headers["Authorization"] == "Bearer let-me-in"
    before = len(hooks.posted)
    assert list(alerts.test("slack")) == ["slack[0]"]
    assert {each.path for each in hooks.posted[before:]} <= {
        "/slack",
        "/webhook",
        "/bot123:abc/sendMessage",
        "/discord",
        "/teams",
    }


def test_what_each_service_gets_is_what_it_documents(alerts: Alerting, hooks: HookServer, mx: MailServer) -> None:
    """And text of others stays text in each: no line, no call, no mark-up of its own."""
    _all(alerts, hooks, mx)
    texts = {
        name: text.replace("replica1", HOSTILE) if name == "about_summary" else text for name, text in ABOUT.items()
    }
    alerts.send("a", **{**texts, "alertname": "PodsTest"})  # at once, and otherwise as the others
    eventually(lambda: len(_about(hooks)) == 5 and len(_mails(mx)) == 2, 30, "all of them")
    summary = f"{FLAT} does not answer"
    posted = _about(hooks)

    slack = posted["slack"]
    assert slack["channel"] == "#ops"
    escaped = summary.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert slack["attachments"][0]["title"] == f"[shop] {escaped}"
    assert "<!" not in slack["attachments"][0]["text"]

    telegram = posted["sendMessage"]
    assert telegram["chat_id"] in ("-1001", -1001)
    assert "parse_mode" not in telegram
    assert telegram["text"].splitlines()[0] == f"[shop] {summary}"

    embed = posted["discord"]["embeds"][0]
    assert posted["discord"]["content"] == ""  # only there would somebody be called
    assert embed["title"] == f"[shop] warning: {summary}"
    assert "First: inv status" in embed["description"]

    card = posted["teams"]["attachments"][0]
    assert card["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert [block["type"] for block in card["content"]["body"]] == ["TextBlock", "TextBlock"]
    assert summary in card["content"]["body"][0]["text"]

    alert = posted["webhook"]["alerts"][0]
    assert alert["annotations"]["summary"] == f"{HOSTILE} does not answer"  # JSON carries it as it is

    mail = _mails(mx)[0]
    assert mail["Subject"] == f"[shop] warning: {summary}"
    assert mail["Bcc"] is None
    (part,) = mail.iter_parts()
    assert part.get_content_type() == "text/plain"
    text = part.get_content()
    assert text.splitlines()[0] == summary
    assert "warning, on replica1, since 2" in text
    assert "First: inv status" in text
    assert f"Runbook: {ABOUT['about_runbook_url']}" in text


def test_a_report_keeps_its_lines(alerts: Alerting, hooks: HookServer, mx: MailServer) -> None:
    _all(alerts, hooks, mx)
    mx.mails.clear()
    lines = "Last backup: 5h ago.\nDisk: 36% free."
    alerts.send(
        "r",
        alertname="PodsTest",
        severity="info",
        report="weekly",
        about_summary="it does not answer",
        about_description=lines,
    )
    eventually(lambda: len(_mails(mx)) == 2, 30, "the report")
    assert _mails(mx)[0]["Subject"] == "[shop] it does not answer"
    (part,) = _mails(mx)[0].iter_parts()
    assert part.get_content().split() == f"it does not answer\n\n{lines}".split()
    assert lines.splitlines()[1] in part.get_content().splitlines()


def test_the_end_of_an_alert_is_said_in_few_words(alerts: Alerting, hooks: HookServer, mx: MailServer) -> None:
    _all(alerts, hooks, mx)
    mx.mails.clear()
    alerts.send("b", **{**ABOUT, "alertname": "PodsTest"})
    eventually(lambda: len(_mails(mx)) == 2, 30, "its begin")
    alerts.send("b", datetime.datetime.now(datetime.UTC).isoformat(), **{**ABOUT, "alertname": "PodsTest"})
    eventually(lambda: len(_mails(mx)) == 4, 60, "its end")
    assert _mails(mx)[-1]["Subject"] == "[shop] Ended: replica1 does not answer"


def test_who_refuses_hangs_or_is_busy_is_named_with_its_own_words(alerts: Alerting) -> None:
    alerts.configure(alert_to="webhook,webhook:refused,webhook:hang,webhook:busy")
    found = alerts.test()
    assert {name: each.state for name, each in found.items()} == {
        "webhook[0]": "delivered",
        "webhook[1]": "failed",
        "webhook[2]": "failed",
        "webhook[3]": "failed",
    } or found["webhook[0]"].answer.startswith("mine too")  # an answer may lie, about others too
    assert found["webhook[1]"].answer.startswith("unexpected status code 400: no ")
    assert found["webhook[2]"].answer == "it did not answer in time"
    assert "503: come back" in found["webhook[3]"].answer
    assert all(each.answer.isprintable() for each in found.values())


def test_a_token_that_is_replaced_is_used_at_the_next_message(alerts: Alerting, hooks: HookServer) -> None:
    own = {"telegram_configs": {"api_url": f"http://127.0.0.1:{hooks.port}"}}
    alerts.configure(own, alert_to="telegram:-1001,webhook,slack")
    alerts.test()
    hooks.posted.clear()
    for name, text in (("telegram_token", "456:def"), ("webhook_token", "other"), ("slack_url", hooks.url("slack2"))):
        alerts.secret(name, text)
    assert {each.state for each in alerts.test().values()} == {"delivered"}
    assert hooks.at("bot456:def/sendMessage")
    assert hooks.at("slack2")
    assert hooks.at("webhook")[-1].headers["Authorization"] == "Bearer other"


def test_a_mail_goes_over_tls_with_a_login_or_not_at_all(alerts: Alerting, tmp_path: Path) -> None:
    key, certificate = self_signed(tmp_path, "127.0.0.1")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    to: dict[str, str] = {"alert_to": "mailto:you@example.com", "alert_from": "pods@example.com"}
    mail = {**to, "alert_smtp_user": "pods"}
    alerts.secret("smtp_password", "wrong")
    with mail_server(tls=tls, password="right") as server:
        alerts.configure(**mail, alert_smtp=f"127.0.0.1:{server.port}")
        assert "certificate" in alerts.test(patience=3)["email[0]"].answer
        alerts.secret("smtp_ca.crt", certificate.read_text())
        alerts.configure(**mail, alert_smtp=f"127.0.0.1:{server.port}")
        assert "535" in alerts.test(patience=3)["email[0]"].answer
        alerts.secret("smtp_password", "right")
        assert alerts.test()["email[0]"].state == "delivered"
        assert {(each.login, each.secure) for each in server.mails} == {("pods", True)}
        server.refusal = "550 5.1.1 no \x1b[31msuch user"
        refused = alerts.test(patience=3)["email[0]"]
        assert refused.state == "failed"
        assert "550" in refused.answer
        assert refused.answer.isprintable()
    with mail_server() as plain:  # it offers no TLS
        alerts.configure(**to, alert_smtp=f"127.0.0.1:{plain.port}")
        assert "STARTTLS" in alerts.test(patience=3)["email[0]"].answer
        assert not plain.mails


def test_a_file_that_is_gone_is_named(alerts: Alerting) -> None:
    alerts.configure(alert_to="discord:gone")
    assert "discord_gone_url: no such file" in alerts.test()["discord[0]"].answer


def test_the_watchdog_is_called_and_its_address_may_be_another_one_later(alerts: Alerting, hooks: HookServer) -> None:
    alerts.configure(alert_watchdog="on", alert_to="webhook")
    alerts.send("w", alertname="PodsWatchdog", severity="info")
    eventually(lambda: hooks.at("watchdog"), 30, "the watchdog is called")


def test_after_a_kill_alertmanager_sends_with_what_is_on_disk(alerts: Alerting) -> None:
    alerts.configure(alert_to="webhook")
    docker("kill", alerts.name)
    docker("start", alerts.name)
    alerts.wait()
    assert alerts.test()["webhook[0]"].state == "delivered"


@pytest.mark.chaos
@pytest.mark.walk
def test_ntfy_makes_a_message_of_it(alerts: Alerting) -> None:
    """Debian's ntfy: title, text and priority by the templates in the address, with a token or not at all."""
    with ntfy_server() as ntfy:
        alerts.secret("ntfy_token", "tk_wrong")
        alerts.configure(alert_to=f"ntfy:{ntfy.url}/pods")
        assert "unauthorized" in alerts.test()["webhook[0]"].answer
        alerts.secret("ntfy_token", ntfy.token)
        assert alerts.test()["webhook[0]"].state == "delivered"
        about = {**ABOUT, "alertname": "PodsTest", "severity": "critical", "about_description": f"of {HOSTILE}"}
        alerts.send("n", **about)
        eventually(lambda: "replica1 does not answer" in [each["title"] for each in ntfy.messages("pods")], 30, "it")
        message = next(each for each in ntfy.messages("pods") if each["title"] == "replica1 does not answer")
        assert message["priority"] == 5
        assert message["message"].splitlines()[:2] == [f"of {FLAT}", "First: inv status"]
        assert message.get("actions") is None
        alerts.send("n", datetime.datetime.now(datetime.UTC).isoformat(), **about)
        eventually(
            lambda: "Ended: replica1 does not answer" in [each["title"] for each in ntfy.messages("pods")], 60, "end"
        )
