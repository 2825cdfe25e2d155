"""Alerts from the answers of Prometheus and Alertmanager: the worst first, the watchdog none, whatever texts hold."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.alerts import AlertStatus, matcher, parse_alerts, parse_prometheus, parse_silences

SILENCE = "11111111-2222-3333-4444-555555555555"


def alert(
    name: str, /, severity: str = "warning", since: str = "2026-11-27T20:00:00.5Z", **more: Any
) -> dict[str, Any]:
    """As Alertmanager's API has one."""
    status = {"state": "active", "silencedBy": [], "inhibitedBy": [], **more.pop("status", {})}
    labels = {"alertname": name, "cluster": "pods", "severity": severity, **more.pop("labels", {})}
    annotations = {"summary": f"{name} it is", "command": "inv status", "runbook_url": "http://there/", **more}
    return {"fingerprint": name, "labels": labels, "annotations": annotations, "startsAt": since, "status": status}


def silence(*matchers: dict[str, Any], state: str = "active", ends: str = "2026-11-28T20:00:00Z") -> dict[str, Any]:
    """As Alertmanager's API has one."""
    moments = {"startsAt": "2026-11-27T19:00:00Z", "endsAt": ends}
    words = {"createdBy": "ada", "comment": "new disk"}
    return {"id": SILENCE, "matchers": list(matchers), **moments, **words, "status": {"state": state}}


DOG = alert("PodsWatchdog", "info")


def test_the_worst_is_first_and_the_watchdog_is_no_alert() -> None:
    quiet = alert("PodsNodeDown", "critical", status={"silencedBy": [SILENCE]})
    follows = alert("PodsSlotInactive", status={"inhibitedBy": ["PodsNodeDown"]})
    mild, bad = alert("PodsTempFiles", "info"), alert("PodsNoPrimary", "critical", labels={"node": "replica1"})
    late = alert("PodsDiskLow", since="2026-11-27T21:00:00Z")
    found = parse_alerts([quiet, mild, DOG, follows, alert("PodsWalDirBig"), bad, late], ())
    names = [each.name for each in found.alerts]
    assert names == [
        "PodsNoPrimary",
        "PodsDiskLow",
        "PodsWalDirBig",
        "PodsTempFiles",
        "PodsSlotInactive",
        "PodsNodeDown",
    ]
    assert (found.reports, found.error) == ((), "")
    assert [each.state for each in found.alerts][-2:] == ["inhibited", "silenced"]
    assert found.alerts[-2].inhibited_by == ("PodsNodeDown",)
    assert [each.loud for each in found.alerts] == [True, True, True, False, False, False]
    assert found.alerts[0].node == "replica1"
    assert found.alerts[0].since == 1795809600.5


def test_a_silenced_alert_says_until_when() -> None:
    silences = parse_silences([silence(matcher("alertname", "PodsNodeDown"))])
    found = parse_alerts([DOG, alert("PodsNodeDown", status={"silencedBy": [SILENCE, "another"]})], silences)
    assert found.alerts[0].silenced_until == silences[0].until == 1795896000.0


def test_without_the_watchdog_that_nothing_fires_is_no_news() -> None:
    assert "PodsWatchdog is not there" in parse_alerts([], ()).error
    assert "PodsWatchdog" in parse_alerts([alert("PodsNodeDown")], ()).error


def test_a_report_is_no_alert() -> None:
    found = parse_alerts([DOG, alert("PodsReport", "info", labels={"report": "weekly"})], ())
    assert (found.alerts, [each.name for each in found.reports]) == ((), ["PodsReport"])


def test_of_prometheus_those_of_a_state() -> None:
    raw = {**alert("PodsDiskLow"), "state": "pending", "activeAt": "2026-11-27T20:00:00.123456789Z"}
    answer = {"data": {"alerts": [raw, {**raw, "state": "firing"}]}}
    assert [each.state for each in parse_prometheus(answer, "pending").alerts] == ["pending"]
    assert [each.state for each in parse_prometheus(answer, "firing", "pending").alerts] == ["firing", "pending"]


@pytest.mark.parametrize(
    ("matchers", "name", "node"),
    [
        ([matcher("alertname", "PodsNodeDown"), matcher("cluster", "pods")], "PodsNodeDown", None),
        ([matcher("alertname", "PodsNodeDown"), matcher("node", "replica1")], "PodsNodeDown", "replica1"),
        ([matcher("alertname", "PodsNodeDown"), matcher("mount", "primary")], "", None),
        ([{**matcher("alertname", "Pods.*"), "isRegex": True}], "", None),
        ([{**matcher("alertname", "PodsNodeDown"), "isEqual": False}], "", None),
        ([matcher("node", "replica1")], "", "replica1"),
    ],
)
def test_a_silence_is_of_an_alert_where_it_is_of_no_less(
    matchers: list[dict[str, Any]], name: str, node: str | None
) -> None:
    (found,) = parse_silences([silence(*matchers)])
    assert (found.alert, found.node, found.by, found.comment) == (name, node, "ada", "new disk")


def test_what_a_silence_matches_is_shown_as_alertmanager_writes_it() -> None:
    wild = [{"name": "a", "value": "x", "isRegex": r, "isEqual": e} for r in (False, True) for e in (True, False)]
    (found,) = parse_silences([silence(*wild)])
    assert found.matchers == ("a=x", "a!=x", "a=~x", "a!~x")


def test_a_silence_that_has_ended_is_none() -> None:
    assert parse_silences([silence(matcher("alertname", "PodsNodeDown"), state="expired")]) == ()


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ("labels", "annotations", "status", "alertname", "state", "data", "alerts", "matchers", "id")
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(_JSON, _JSON)
def test_whatever_is_answered_is_read_or_left_out(first: object, second: object) -> None:
    silences = parse_silences(first)
    shown: list[AlertStatus] = [*parse_alerts(second, silences).alerts, *parse_prometheus(second, "firing").alerts]
    assert all(each.severity in ("critical", "warning", "info") for each in shown)


@given(st.text(max_size=700))
def test_a_text_of_others_controls_no_terminal(text: str) -> None:
    (found,) = parse_alerts([alert("PodsDiskLow", summary=text, command=text)], ()).alerts
    for each in (found.summary, found.command):
        assert len(each) <= 500
        assert each.isprintable()
