"""What became of an alert at each receiver, by what Alertmanager counts and logs. Pure.

It counts by receiver and kind; which of several of a kind failed, and why, stands only in its log.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from cluster.documents import printable

State = Literal["delivered", "failed", "unanswered"]
_SAMPLE = re.compile(r"(alertmanager_notification\w+_total)\{(.*)\} (\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_FIELD = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|\S+)')
_ESCAPE = re.compile(r"\\(.)")
_BEGUN, _ATTEMPTS, _FAILED_ATTEMPTS, _GIVEN_UP_TOTAL = (
    "alertmanager_notifications_total",
    "alertmanager_notification_requests_total",
    "alertmanager_notification_requests_failed_total",
    "alertmanager_notifications_failed_total",
)
_GIVEN_UP, _TRIED, _AT_LAST = "Notify for alerts failed", "Notify attempt failed, will retry later", "Notify success"
_PREFIX = re.compile(r"notify retry canceled (?:due to unrecoverable error )?after \d+ attempts: ")
_NO_ANSWER = {"context deadline exceeded": "it did not answer in time"}
_LONGEST = 300


@dataclass(frozen=True, slots=True)
class Integration:
    """One way of one of Alertmanager's receivers: the ``index``-th of its kind."""

    receiver: str
    kind: str
    index: int

    @property
    def text(self) -> str:
        """As Alertmanager names it."""
        return f"{self.receiver}/{self.kind}[{self.index}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What became of the alert at one receiver; ``answer`` is the receiver's, where it did not take it."""

    receiver: str
    state: State
    answer: str = ""


@dataclass(frozen=True, slots=True)
class MessageCounts:
    """Messages to the receivers of one kind: begun, taken, and given up, whatever they were about."""

    begun: float
    taken: float
    given_up: float

    def reached(self, number: int) -> bool:
        """Whether so many were taken, and none is under way."""
        return self.taken >= number and self.begun <= self.taken + self.given_up


@dataclass(frozen=True, slots=True)
class Counts:
    """Alertmanager's counters, by name, receiver and kind."""

    values: Mapping[tuple[str, str, str], float]

    def since(self, before: "Counts", integrations: Iterable[Integration]) -> dict[tuple[str, str], MessageCounts]:
        """By how much they have grown, by receiver and kind."""
        return {
            (each.receiver, each.kind): self._message_counts(before, each.receiver, each.kind) for each in integrations
        }

    def _message_counts(self, before: "Counts", *group: str) -> MessageCounts:
        begun, attempts, failed, given_up = (
            self.values.get((name, *group), 0.0) - before.values.get((name, *group), 0.0)  # type: ignore[arg-type]
            for name in (_BEGUN, _ATTEMPTS, _FAILED_ATTEMPTS, _GIVEN_UP_TOTAL)
        )
        return MessageCounts(begun, attempts - failed, given_up)


def parse_counts(text: str) -> Counts:
    """Of its metrics page. Nothing, where it was started without the names of receivers."""
    found: Counter[tuple[str, str, str]] = Counter()
    for name, labels, value in _SAMPLE.findall(text):
        held = dict(_LABEL.findall(labels))
        if "receiver_name" in held:
            found[name, _plain(held["receiver_name"]), held.get("integration", "")] += float(value)  # type: ignore[assignment]
    return Counts(found)


def parse_integrations(config: Any, names: Iterable[str]) -> list[Integration]:
    """Of its configuration (as YAML was read), those of the receivers ``names``."""
    wanted = set(names)
    return [
        Integration(str(receiver["name"]), key.removesuffix("_configs"), index)
        for receiver in config.get("receivers") or ()
        if receiver.get("name") in wanted
        for key, listed in receiver.items()
        if key.endswith("_configs")
        for index in range(len(listed or ()))
    ]


@dataclass(frozen=True, slots=True)
class Notices:
    """What its log says of failures: the last words about each; ``over``: the alert was given up where it failed."""

    complaints: Mapping[str, str]
    over: bool


def parse_notices(log: str, integrations: Iterable[Integration], mark: str) -> Notices:
    """Of the lines that are about an alert: ``mark`` stands in them."""
    known = {each.text for each in integrations}
    passing: dict[str, str] = {}
    lasting: dict[str, str] | None = None
    for line in log.splitlines():
        if mark not in line:
            continue
        fields = {name: _unquoted(value) for name, value in _FIELD.findall(line)}
        one = f"{fields.get('receiver')}/{fields.get('integration')}"
        if fields.get("msg") == _TRIED and one in known:
            passing[one] = fields.get("err", "")
        elif fields.get("msg") == _AT_LAST:
            passing.pop(one, None)
        elif fields.get("msg") == _GIVEN_UP:
            lasting = {**(lasting or {}), **dict(_each(fields.get("err", ""), known))}
    return Notices(passing, over=False) if lasting is None else Notices(lasting, over=True)


def _each(error: str, known: Iterable[str]) -> Iterator[tuple[str, str]]:
    """One error of all receivers, taken apart."""
    parts = re.split(rf"(?:^|\n)({'|'.join(map(re.escape, known))}): ", error)
    yield from zip(parts[1::2], parts[2::2], strict=True)


def deliveries(
    integrations: list[Integration], since: Mapping[tuple[str, str], MessageCounts], notices: Notices
) -> list[Delivery]:
    """What is known of each, by what was counted ``since`` the alert was sent."""
    numbers = Counter((each.receiver, each.kind) for each in integrations)

    def of(each: Integration) -> Delivery:
        complaint = notices.complaints.get(each.text, "")
        group = each.receiver, each.kind
        done = notices.over or since[group].reached(numbers[group])
        state: State = "failed" if complaint else "delivered" if done else "unanswered"
        return Delivery(receiver=each.text, state=state, answer=_words(complaint))

    return [of(each) for each in integrations]


def _words(complaint: str) -> str:
    """In one line, without what a terminal would obey."""
    words = _PREFIX.sub("", " ".join(complaint.split()))
    return printable(_NO_ANSWER.get(words, words))[:_LONGEST]


def _unquoted(value: str) -> str:
    return _plain(value[1:-1]) if value.startswith('"') else value


def _plain(quoted: str) -> str:
    """Quotes, backslashes and ends of lines as they are; other escapes stay, and harm nobody."""
    known = {"n": "\n", "t": " ", '"': '"', "\\": "\\"}
    return _ESCAPE.sub(lambda found: known.get(found[1], found[0]), quoted)
