"""Whom alerts go to, as `PODS_ALERT_TO` has it: ``KIND`` or ``KIND:WHERE``, with commas between. Pure.

What is a secret never stands there: an address that is a key by itself, a token, a password is a file in
secrets/alerts/, and its name follows from what stands here.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from cluster.config.validators import web_url

MAILTO, SLACK, TELEGRAM, DISCORD, TEAMS, NTFY, WEBHOOK = (
    "mailto",
    "slack",
    "telegram",
    "discord",
    "teams",
    "ntfy",
    "webhook",
)
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,30}\Z")
_MAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`|~-]{1,64}@[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?\Z")
_CHANNEL = re.compile(r"[#@][^\s\"{}#@]{1,80}\Z")
_CHAT = re.compile(r"-?[1-9][0-9]{0,18}\Z")
_TOPIC = re.compile(r"[-_A-Za-z0-9]{1,64}\Z")
_RELAY = re.compile(r"(?P<host>[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?)(:(?P<port>[0-9]{1,5}))?\Z")
_SUBMISSION = 587


@dataclass(frozen=True, slots=True)
class AlertReceiver:
    """One receiver: of which kind, and where."""

    kind: str
    where: str = ""

    @property
    def text(self) -> str:
        """As it is written in the setting."""
        return f"{self.kind}:{self.where}" if self.where else self.kind

    @property
    def _stem(self) -> str:
        """What the names of its files begin with: several of one kind are told apart by a name."""
        return f"{self.kind}_{self.where}" if _NAME.match(self.where) and self.kind in _NAMED else self.kind

    @property
    def needs(self) -> tuple[str, ...]:
        """Files in secrets/alerts/ without which nothing can be sent there."""
        if self.kind == TELEGRAM:
            return ("telegram_token",)
        return () if self.kind in (MAILTO, NTFY) or "://" in self.where else (f"{self._stem}_url",)

    @property
    def token(self) -> str:
        """The file of a bearer token, for servers that want one; "" where none do."""
        return f"{self._stem}_token" if self.kind in (NTFY, WEBHOOK) else ""

    @property
    def authority(self) -> str:
        """The file of the CA that vouches for the server, for one of one's own; "" where there is none."""
        return {MAILTO: "smtp_ca.crt", NTFY: "ntfy_ca.crt", WEBHOOK: f"{self._stem}_ca.crt"}.get(self.kind, "")


def receivers_of(words: tuple[str, ...]) -> list[AlertReceiver]:
    """The receivers that ``alert_receivers`` accepted."""
    return [AlertReceiver(kind, where) for kind, _, where in (word.partition(":") for word in words)]


def alert_receivers(text: str) -> tuple[str, ...]:
    """A check of the setting: receivers with commas between, each once."""
    words = [part.strip() for part in text.split(",") if part.strip()]
    return tuple(dict.fromkeys(_receiver(word).text for word in words))


def _receiver(word: str) -> AlertReceiver:
    kind, _, where = word.partition(":")
    if kind not in _CHECKS:
        raise ValueError(f"{kind[:20]!r} is no kind of receiver: use {', '.join(_CHECKS)}, with commas between")
    problem = _CHECKS[kind](where)
    if problem:
        raise ValueError(f"{kind} wants {problem}")
    return AlertReceiver(kind, where)


def _mail(where: str) -> str:
    return "" if _MAIL.match(where) else "an address: mailto:you@example.com"


def _slack(where: str) -> str:
    fits = not where or _CHANNEL.match(where) or _NAME.match(where)
    return "" if fits else "nothing, #channel, or a name of a-z, 0-9"


def _chat(where: str) -> str:
    return "" if _CHAT.match(where) and abs(int(where)) < 2**63 else "the number of a chat: telegram:-1001234567890"


def _name(where: str) -> str:
    return "" if not where or _NAME.match(where) else "nothing, or a name of a-z, 0-9; its address is a file"


def _topic(where: str) -> str:
    server, _, topic = where.rpartition("/")
    plain = _is_plain(where) and "?" not in where and _TOPIC.match(topic) and urlsplit(server).hostname
    return "" if plain else "server and topic: ntfy:https://ntfy.example.com/TOPIC"


def _webhook(where: str) -> str:
    if not where or _NAME.match(where):
        return ""
    return (
        "" if _is_plain(where) else "nothing, a name of a-z, 0-9, or an address without a password: https://HOST/PATH"
    )


def _is_plain(where: str) -> bool:
    """An address in which no password stands, nor what Alertmanager would take for a template."""
    try:
        return bool(web_url(where)) and where.isascii() and not set(where) & set("{}\"'\\#") and not _login(where)
    except ValueError:
        return False


def _login(where: str) -> str:
    return urlsplit(where).netloc.rpartition("@")[0]


_CHECKS: Mapping[str, Callable[[str], str]] = {
    MAILTO: _mail,
    SLACK: _slack,
    TELEGRAM: _chat,
    DISCORD: _name,
    TEAMS: _name,
    NTFY: _topic,
    WEBHOOK: _webhook,
}
"""What stands behind each kind: a check that returns what it wants instead, or nothing."""
KINDS = tuple(_CHECKS)
_NAMED = (SLACK, DISCORD, TEAMS, WEBHOOK)


def relay(text: str) -> str:
    """A mail server as HOST:PORT, or nothing."""
    found = _RELAY.match(text)
    if text and (found is None or not 0 < int(found["port"] or _SUBMISSION) < 65536):
        raise ValueError("use HOST:PORT, such as smtp.example.com:587")
    return f"{found['host']}:{found['port'] or _SUBMISSION}" if found else ""


def mail_address(text: str) -> str:
    """One mail address, or nothing."""
    if text and not _MAIL.match(text):
        raise ValueError("use an address, such as pods@example.com")
    return text
