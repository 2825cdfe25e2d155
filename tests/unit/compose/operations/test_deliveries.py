"""What became of a message, by counters and lines as Alertmanager 0.33 has them."""

import pytest

from compose.operations.alerts.deliveries import (
    Counts,
    Delivery,
    Integration,
    deliveries,
    parse_counts,
    parse_integrations,
    parse_notices,
)

MARK = "f17cc9c85003a3ba"
ABOUT = f'aggrGroup="{{}}/{{alertname=\\"PodsTest\\"}}:{{test=\\"{MARK}\\"}}"'
HOOKS = [Integration("people", "webhook", index) for index in range(3)]
MAIL = Integration("people", "email", 0)


def _counts(begun: float, tried: float, failed: float, given_up: float, kind: str = "webhook") -> Counts:
    labels = f'{{integration="{kind}",receiver_name="people"}}'
    reasons = f'{{integration="{kind}",reason="clientError",receiver_name="people"}}'
    return parse_counts(
        "# HELP alertmanager_notifications_total The total number.\n"
        f"alertmanager_notifications_total{labels} {begun}\n"
        f"alertmanager_notification_requests_total{labels} {tried}\n"
        f"alertmanager_notification_requests_failed_total{labels} {failed}\n"
        f"alertmanager_notifications_failed_total{reasons} {given_up}\n"
        f"alertmanager_notifications_failed_total{reasons.replace('clientError', 'other')} 0\n"
    )


NOTHING = _counts(0, 0, 0, 0)


def _tried(index: int, error: str, mark: str = MARK) -> str:
    about = ABOUT.replace(MARK, mark)
    return (
        'time=2026-11-27T22:47:46.412Z level=WARN source=retry.go:163 msg="Notify attempt failed, will retry later" '
        f'component=dispatcher receiver=people integration=webhook[{index}] {about} attempts=1 err="{error}"\n'
    )


def _given_up(error: str, mark: str = MARK) -> str:
    about = ABOUT.replace(MARK, mark)
    return f'level=ERROR msg="Notify for alerts failed" component=dispatcher {about} num_alerts=1 err="{error}"\n'


def _found(log: str, now: Counts, before: Counts = NOTHING, of: list[Integration] = HOOKS) -> list[Delivery]:
    return deliveries(of, now.since(before, of), parse_notices(log, of, MARK))


def _states(found: list[Delivery]) -> list[str]:
    return [each.state for each in found]


def test_all_are_delivered_once_as_many_were_taken_as_there_are() -> None:
    assert _states(_found("", _counts(3, 2, 0, 0))) == ["unanswered"] * 3
    assert _states(_found("", _counts(3, 3, 0, 0))) == ["delivered"] * 3
    assert _states(_found("", _counts(8, 8, 0, 0), before=_counts(5, 5, 0, 0))) == ["delivered"] * 3


def test_a_message_about_something_else_does_not_stand_for_one_that_hangs() -> None:
    assert _states(_found("", _counts(4, 3, 0, 0))) == ["unanswered"] * 3
    assert _states(_found("", _counts(4, 4, 1, 1))) == ["delivered"] * 3  # the other one was given up


def test_who_failed_is_named_by_the_last_line_and_the_others_took_it() -> None:
    log = _tried(1, "busy") + _given_up(
        "people/webhook[2]: notify retry canceled due to unrecoverable error after 1 attempts: "
        r"unexpected status code 400: no \x1b[31mway\a \n<script>\n\npeople/webhook[0]: "
        "notify retry canceled after 1 attempts: context deadline exceeded"
    )
    words = r"unexpected status code 400: no \x1b[31mway\a <script>"
    assert _found(log, _counts(3, 5, 4, 2)) == [
        Delivery(receiver="people/webhook[0]", state="failed", answer="it did not answer in time"),
        Delivery(receiver="people/webhook[1]", state="delivered"),
        Delivery(receiver="people/webhook[2]", state="failed", answer=words),
    ]


def test_a_receiver_that_is_tried_again_may_still_take_it() -> None:
    log = _tried(1, "busy")
    assert _found(log, _counts(3, 3, 1, 0))[1] == Delivery(receiver="people/webhook[1]", state="failed", answer="busy")
    at_last = log + _tried(1, "").replace("Notify attempt failed, will retry later", "Notify success")
    assert _states(_found(at_last, _counts(3, 4, 1, 0))) == ["delivered"] * 3


def test_lines_about_other_alerts_say_nothing() -> None:
    log = _tried(1, "busy", "another") + _given_up("people/webhook[1]: busy", "another")
    assert _states(_found(log, _counts(3, 3, 0, 0))) == ["delivered"] * 3


@pytest.mark.parametrize("answer", ["\x1b]0;x\x07", "\u202e", "a" * 10_000])
def test_an_answer_is_one_short_line_that_no_terminal_obeys(answer: str) -> None:
    (found,) = _found(_given_up(f"people/email[0]: {answer}"), NOTHING, of=[MAIL])
    assert found.state == "failed"
    assert found.answer.isprintable()
    assert len(found.answer) <= 300


def test_an_alertmanager_that_does_not_count_by_receiver_is_noticed() -> None:
    assert not parse_counts('alertmanager_notifications_total{integration="email"} 3\n').values


def test_integrations_of_a_configuration() -> None:
    receivers = [
        {"name": "people", "email_configs": [{"to": "a"}], "webhook_configs": [{}, {}]},
        {"name": "watchdog", "webhook_configs": [{}]},
        {"name": "nobody"},
    ]
    found = parse_integrations({"receivers": receivers}, ["people", "nobody"])
    assert [each.text for each in found] == ["people/email[0]", "people/webhook[0]", "people/webhook[1]"]
