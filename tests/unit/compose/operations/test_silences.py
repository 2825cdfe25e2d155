"""Silences: how long, of what, and what is refused; names by TAB."""

from pathlib import Path

import pytest

from cluster.alerts import matcher, parse_silences
from cluster.errors import PodsError, RefusedError, UsageError
from compose.home.paths import Home
from compose.operations.alerts.silences import SilenceRequest, _check, _chosen, _is_same, check_name, parse_span
from compose.render.alert_names import alert_names
from compose.stack import Stack
from tests.fix_settings import settings_of, topology_of
from tests.unit.cluster.test_alerts import SILENCE, silence
from tests.unit.dashboards.alert_rules import RULES

SETTINGS = settings_of()
STACK = Stack(Home(Path("/nonexistent")), SETTINGS, topology_of(SETTINGS))


def test_the_names_are_those_of_the_rules() -> None:
    assert list(dict.fromkeys(rule.name for rule in RULES)) == list(alert_names())
    named = alert_names()
    assert named["PodsNodeDown"]
    assert named["PodsSlotInactive"]  # by label_replace
    assert named["PodsContainerNotRunning"]
    assert not named["PodsNoPrimary"]
    assert not named["PodsDiskLow"]


@pytest.mark.parametrize(
    ("text", "seconds"), [("1m", 60), ("90min", 5400), ("2h", 7200), (" 1d ", 86400), ("30 d", 30 * 86400)]
)
def test_a_span_is_minutes_hours_or_days(text: str, seconds: int) -> None:
    assert parse_span(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "2", "0m", "-1h", "31d", "1000h", "2w", "1h30m", "9999999d", "1.5h", "h", "forever", "30s", "２h٣"]
)
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--for"):
        parse_span(text)


@pytest.mark.parametrize(
    ("name", "node", "comment", "words"),
    [
        ("PodsNodeDwon", None, "", "there is no alert 'PodsNodeDwon' — did you mean PodsNodeDown"),
        ("x" * 500, None, "", "docs/reference/alerts.md"),
        ("PodsWatchdog", None, "", "would raise the alarm"),
        ("PodsNodeDown", "replica9", "", "there is no service 'replica9'"),
        ("PodsNoPrimary", "primary", "", "PodsNoPrimary is about no node"),
        ("PodsNodeDown", None, "x" * 501, "--comment"),
    ],
)
def test_what_makes_no_sense_is_refused(name: str, node: str | None, comment: str, words: str) -> None:
    with pytest.raises(PodsError) as caught:
        _check(STACK, SilenceRequest(name=name, node=node, seconds=60, comment=comment))
    assert words in str(caught.value)
    assert len(str(caught.value)) < 300


def test_the_same_matchers_are_the_same_silence() -> None:
    wanted = [matcher("alertname", "PodsNodeDown"), matcher("cluster", "pods")]
    (same,), (other,) = parse_silences([silence(*reversed(wanted))]), parse_silences([silence(wanted[0])])
    assert _is_same(same, wanted)
    assert not _is_same(other, wanted)
    (wild,) = parse_silences([silence(wanted[0], {**wanted[1], "isRegex": True})])
    assert not _is_same(wild, wanted)


def test_a_silence_is_ended_by_its_alert_or_its_id() -> None:
    (held,) = parse_silences([silence(matcher("alertname", "PodsNodeDown"))])
    assert _chosen([held], "PodsNodeDown") == (held,)
    assert _chosen([held], SILENCE) == (held,)
    assert _chosen([held], "PodsNoPrimary") == ()
    with pytest.raises(RefusedError, match="there is no silence"):
        _chosen([], SILENCE)
    with pytest.raises(UsageError, match="there is no alert"):
        _chosen([held], "PodsNodeDwon")
    check_name("PodsNodeDown")
