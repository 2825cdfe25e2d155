"""Alertmanager's configuration: routes and inhibitions as they ship, and who the receivers are, by the settings. Pure.

No secret is in it, only the names of files in secrets/alerts/; Alertmanager reads them at every message.
"""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from cluster.config.alert_receivers import DISCORD, MAILTO, NTFY, SLACK, TEAMS, TELEGRAM, WEBHOOK, AlertReceiver
from cluster.config.env_file import PROJECT_ROOT
from cluster.config.settings import Settings

RECEIVERS, MESSAGES = "alertmanager.yml", "messages.tmpl"
SHIPPED = PROJECT_ROOT / "compose" / "prometheus" / RECEIVERS
SECRETS = "/run/alerts"
"""Where Alertmanager has secrets/alerts/."""
TEST_ALERT = "PodsTest"
ONLY = "only"
"""Label of the test alert: the one kind of receiver that is to be tried."""
_PEOPLE, _WATCHDOG = "people", "watchdog"
_TEST_SECONDS = "20s"
"""A test gives up a receiver that does not answer after so long."""
_MOST_IN_A_PUSH = 5
"""Alerts in one message of ntfy, which takes 4 KB."""
_FLAT = r'{{regexReplaceAll "[\\p{Cc}\\p{Cf}]+" %s " "}}'
"""A value in one line, as messages.tmpl has it: this is a template of ntfy, which has other functions."""
_NTFY_TITLE = (
    '{{if eq .status "resolved"}}Ended: {{end}}{{with index .alerts 0}}'
    f"{{{{with .annotations.summary}}}}{_FLAT % '.'}{{{{else}}}}{_FLAT % '.labels.alertname'}{{{{end}}}}{{{{end}}}}"
)
_NTFY_TEXT = (
    "{{range .alerts}}{{if .labels.report}}{{.annotations.description}}\n{{else}}"
    f"{{{{with .annotations.description}}}}{_FLAT % '.'}\n{{{{end}}}}"
    f"{{{{with .annotations.command}}}}First: {_FLAT % '.'}\n{{{{end}}}}{{{{end}}}}"
    '{{if eq $.status "resolved"}}Ended {{.endsAt}}{{else}}Since {{.startsAt}}{{end}}\n{{end}}'
)
_NTFY_PRIORITY = (
    '{{if eq .status "resolved"}}2{{else if eq (printf "%v" .commonLabels.severity) "critical"}}5{{else}}3{{end}}'
)

_HEADER = "# Made by PODS from PODS_ALERT_TO and PODS_ALERT_WATCHDOG; changes here are lost.\n"

Integration = dict[str, Any]


def alertmanager_yml(settings: Settings, secrets: frozenset[str]) -> str:
    """The text of alertmanager.yml; ``secrets``: names of the files in secrets/alerts/."""
    text = SHIPPED.read_text(encoding="utf-8")
    if not settings.alert_to and settings.alert_watchdog == "off":
        return text
    import yaml

    config = yaml.safe_load(text)
    wanted = settings.alert_receivers
    by_name = {receiver["name"]: receiver for receiver in config["receivers"]}
    by_name[_PEOPLE] |= integrations(settings, wanted, secrets)
    if settings.alert_watchdog == "on":
        url = {"url_file": f"{SECRETS}/watchdog_url", "send_resolved": False}
        by_name[_WATCHDOG]["webhook_configs"] = [url]
    kinds = dict.fromkeys(receiver.kind for receiver in wanted)
    for kind in kinds:
        only = [receiver for receiver in wanted if receiver.kind == kind]
        config["receivers"].append({"name": test_receiver(kind), **integrations(settings, only, secrets)})
    config["route"]["routes"][:0] = [_test_route(kind) for kind in (*kinds, "")] if wanted else []
    config = {"templates": [MESSAGES], **config}
    return _HEADER + yaml.safe_dump(config, sort_keys=False, allow_unicode=True, width=1000)


def test_receiver(kind: str) -> str:
    """The receiver of a test that is for one ``kind`` alone."""
    return f"test-{kind}"


def _test_route(kind: str) -> dict[str, object]:
    """At once, each test by itself; and receivers that hang are given up soon."""
    matchers = [f'alertname = "{TEST_ALERT}"', *([f'{ONLY} = "{kind}"'] if kind else [])]
    return {
        "matchers": matchers,
        "receiver": test_receiver(kind) if kind else _PEOPLE,
        "group_by": ["..."],
        "group_wait": "0s",
        "group_interval": _TEST_SECONDS,
    }


def integrations(
    settings: Settings, receivers: list[AlertReceiver], secrets: frozenset[str]
) -> dict[str, list[Integration]]:
    """Alertmanager's integrations by their key in a receiver, in the order of the receivers."""
    found: dict[str, list[Integration]] = {}
    for receiver in receivers:
        key, make = _MADE[receiver.kind]
        found.setdefault(key, []).append({**make(settings, receiver, secrets), "send_resolved": True})
    return found


def key_of(receiver: AlertReceiver) -> str:
    """Under which key of a receiver Alertmanager has it: ``slack_configs``."""
    return _MADE[receiver.kind][0]


def _mail(settings: Settings, receiver: AlertReceiver, secrets: frozenset[str]) -> Integration:
    login: Integration = {}
    if settings.alert_smtp_user:
        login = {"auth_username": settings.alert_smtp_user, "auth_password_file": f"{SECRETS}/smtp_password"}
    return {
        "to": receiver.where,
        "from": settings.alert_from,
        "smarthost": settings.alert_smtp,
        "require_tls": settings.alert_smtp_tls == "on",
        **login,
        **_trust(receiver, secrets),
        "headers": {"Subject": '{{ template "pods.subject" . }}', "Auto-Submitted": "auto-generated"},
        "html": "",
        "text": '{{ template "pods.text" . }}',
    }


def _slack(_: Settings, receiver: AlertReceiver, __: frozenset[str]) -> Integration:
    channel = {"channel": receiver.where} if receiver.where.startswith(("#", "@")) else {}
    title = '{{ template "slack.title" . }}'
    text = '{{ template "slack.text" . }}'
    return {"api_url_file": _file(receiver), **channel, "title": title, "fallback": title, "text": text}


def _telegram(_: Settings, receiver: AlertReceiver, __: frozenset[str]) -> Integration:
    """Without a parse mode the text is text."""
    return {
        "bot_token_file": _file(receiver),
        "chat_id": int(receiver.where),
        "parse_mode": "",
        "message": '{{ template "pods.message" . }}',
    }


def _discord(_: Settings, receiver: AlertReceiver, __: frozenset[str]) -> Integration:
    """In an embed, in which nobody is called by @."""
    return {"webhook_url_file": _file(receiver), **_titled("message")}


def _teams(_: Settings, receiver: AlertReceiver, __: frozenset[str]) -> Integration:
    return {"webhook_url_file": _file(receiver), **_titled("text")}


def _titled(text: str) -> Integration:
    return {"title": '{{ template "pods.subject" . }}', text: '{{ template "pods.text" . }}'}


def _ntfy(_: Settings, receiver: AlertReceiver, secrets: frozenset[str]) -> Integration:
    """A webhook of which the server itself makes a message; encoded, so that Alertmanager sees no template."""
    query = {"tpl": "1", "t": _NTFY_TITLE, "m": _NTFY_TEXT, "p": _NTFY_PRIORITY}
    url = f"{receiver.where}?{urlencode(query, quote_via=quote, safe='')}"
    return {"url": url, "max_alerts": _MOST_IN_A_PUSH, **_http(receiver, secrets)}


def _webhook(_: Settings, receiver: AlertReceiver, secrets: frozenset[str]) -> Integration:
    address = {"url_file": _file(receiver)} if receiver.needs else {"url": receiver.where}
    return {**address, **_http(receiver, secrets)}


def _file(receiver: AlertReceiver) -> str:
    return f"{SECRETS}/{receiver.needs[0]}"


def _http(receiver: AlertReceiver, secrets: frozenset[str]) -> Integration:
    config = _trust(receiver, secrets)
    if receiver.token in secrets:
        config["authorization"] = {"credentials_file": f"{SECRETS}/{receiver.token}"}
    return {"http_config": config} if config else {}


def _trust(receiver: AlertReceiver, secrets: frozenset[str]) -> Integration:
    known = receiver.authority in secrets
    return {"tls_config": {"ca_file": f"{SECRETS}/{receiver.authority}"}} if known else {}


_MADE: Mapping[str, tuple[str, Callable[[Settings, AlertReceiver, frozenset[str]], Integration]]] = {
    MAILTO: ("email_configs", _mail),
    SLACK: ("slack_configs", _slack),
    TELEGRAM: ("telegram_configs", _telegram),
    DISCORD: ("discord_configs", _discord),
    TEAMS: ("msteamsv2_configs", _teams),
    NTFY: ("webhook_configs", _ntfy),
    WEBHOOK: ("webhook_configs", _webhook),
}
