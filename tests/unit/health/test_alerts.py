"""Alerts on the page and at `/alerts`: what fires, what is kept quiet and why, and what is not known."""

import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from cluster.alerts import matcher, parse_alerts, parse_silences
from health.alert_text import MOST, alert_text
from health.alert_watcher import FORGOTTEN, AlertReading
from health.responses import make_response_table
from health.watcher import ClusterWatcher
from tests.unit.cluster.test_alerts import DOG, SILENCE, alert, silence
from tests.unit.health.status_samples import Client, polled, view_of

SINCE, END = "2026-11-27 20:00:00 UTC", "2026-11-28 20:00 UTC"
HELD = parse_silences([silence(matcher("alertname", "PodsDiskLow"))])


def _reading(*raw: dict[str, Any], age: float = 0.0) -> AlertReading:
    found = parse_alerts([DOG, *raw], HELD)
    return AlertReading(alerts=found.alerts, error=found.error, taken=time.monotonic() - age)


def _watcher(reading: AlertReading) -> ClusterWatcher:
    watcher, view = polled(), view_of()
    watcher.alerts.latest = reading
    text = alert_text(reading.aged(time.monotonic()))
    watcher.latest = make_response_table(view, time.monotonic(), watcher.history.add(view), text)
    return watcher


def _section(reading: AlertReading) -> str:
    text = Client(_watcher(reading)).get("/").text
    return text[text.index('<section id="alerts"') : text.index('<section id="picture"')]


def test_what_fires_is_on_the_page_without_javascript() -> None:
    down = alert(
        "PodsNodeDown", "critical", labels={"node": "replica1"}, runbook_url="http://127.0.0.1:9090/user/n.html#p"
    )
    quiet = alert("PodsDiskLow", status={"silencedBy": [SILENCE]}, command="du -sh data/*")
    follows = alert("PodsSlotInactive", status={"inhibitedBy": ["PodsNodeDown"]})
    text = _section(_reading(quiet, down, follows))
    rows = re.findall(r"<tr data-mood=.*?</tr>", text)
    assert [[cell for cell in re.split(r"<[^>]+>", row) if cell] for row in rows] == [
        ["PodsNodeDown", "critical", SINCE, "replica1", "PodsNodeDown it is", "inv status"],
        ["PodsSlotInactive", "warning", SINCE, "–", "PodsSlotInactive it is · follows from PodsNodeDown", "inv status"],
        ["PodsDiskLow", "warning", SINCE, "–", f"PodsDiskLow it is · silenced until {END}", "du -sh data/*"],
    ]
    assert ['data-mood="bad"' in row for row in rows] == [True, False, False]
    assert ['class="quiet"' in row for row in rows] == [False, True, True]
    assert 'href="http://127.0.0.1:9090/user/n.html#p"' in rows[0]


def test_texts_of_others_are_text() -> None:
    evil = alert(
        "<b>", summary="<script>alert(1)</script> $project", command='"><img src=x>', runbook_url="javascript:alert(1)"
    )
    text = _section(_reading(evil))
    assert "<script>" not in text
    assert "<img" not in text
    assert "<b>" not in text
    assert "javascript:" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; $project" in text


@pytest.mark.parametrize(
    ("reading", "words"),
    [
        (_reading, "No alert fires."),
        (AlertReading, "not known: it has not been read yet"),
        (
            lambda: AlertReading(error="Alertmanager does not answer: x < y"),
            "not known: Alertmanager does not answer: x &lt; y.",
        ),
        (lambda: AlertReading(taken=0.0, error="").aged(FORGOTTEN + 15), "not known: no news for 45 s"),
        (lambda: _reading(*(alert(f"Pods{number}") for number in range(MOST + 3))), "and 3 more"),
    ],
)
def test_where_nothing_is_known_the_page_does_not_say_that_nothing_fires(
    reading: Callable[[], AlertReading], words: str
) -> None:
    """Made in the test: a reading ages from when it was taken, and is collected minutes before."""
    assert words in _section(reading())


def test_without_monitoring_there_is_no_section() -> None:
    assert '<section id="alerts" aria-label="Alerts" hidden>' in _section(AlertReading(off=True))
    assert 'id="alerts" aria-label="Alerts" >' in _section(_reading())


def test_alerts_are_data_too_and_say_how_old_they_are() -> None:
    quiet = alert("PodsDiskLow", status={"silencedBy": [SILENCE]})
    answer = Client(_watcher(_reading(quiet, age=4))).get("/alerts")
    assert answer.status_code == 200
    body = answer.json()
    assert 4 <= body["age"] < 10
    assert [(each["name"], each["state"], each["silenced_until"]) for each in body["alerts"]] == [
        ("PodsDiskLow", "silenced", 1795896000.0)
    ]
    assert "ada" not in answer.text  # who silenced it, and why, is nobody's business here
    assert "new disk" not in answer.text


@pytest.mark.parametrize(
    ("reading", "words"),
    [
        (AlertReading(), "it has not been read yet"),
        (_reading(age=FORGOTTEN + 5), "no news for"),
        (AlertReading(error="PODS_MONITORING is off", off=True), "PODS_MONITORING is off"),
    ],
)
def test_unknown_is_a_refusal_and_no_empty_list(reading: AlertReading, words: str) -> None:
    answer = Client(_watcher(reading)).get("/alerts")
    assert answer.status_code == 503
    assert words in answer.json()["detail"]


def test_a_balancer_is_answered_the_same_whatever_fires() -> None:
    calm, alarmed = _watcher(_reading()), _watcher(_reading(alert("PodsNoPrimary", "critical")))
    for path in ("/health", "/primary", "/replica", "/readyz", "/nodes/primary"):
        first, second = Client(calm).get(path), Client(alarmed).get(path)
        assert first.status_code == second.status_code == 200
        assert first.json().keys() == second.json().keys()
