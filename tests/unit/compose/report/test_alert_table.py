"""What `inv alerts.list` and its kin print."""

import pytest

from cluster.alerts import matcher, parse_alerts, parse_silences
from compose.operations.alerts.silences import SilenceOutcome
from compose.report.alert_table import alert_report, print_alerts, print_silenced, print_unsilenced
from tests.unit.cluster.test_alerts import DOG, SILENCE, alert, silence

HELD = parse_silences([silence(matcher("alertname", "PodsDiskLow"), matcher("node", "replica1"))])


def test_what_fires_is_a_line_and_what_to_type_first(capsys: pytest.CaptureFixture[str]) -> None:
    quiet = alert("PodsDiskLow", status={"silencedBy": [SILENCE]}, command="du -sh data/*")
    down = alert("PodsNodeDown", "critical", labels={"node": "replica1"})
    follows = alert("PodsSlotInactive", status={"inhibitedBy": ["PodsNodeDown"]})
    print_alerts(alert_report(parse_alerts([DOG, quiet, down, follows], HELD), HELD))
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split()[:5] == ["PodsNodeDown", "critical", "firing", "replica1", "2026-11-27"]
    assert lines[1].endswith("PodsNodeDown it is")
    assert "follows from PodsNodeDown" in lines[2]
    assert "silenced until 2026-11-28 20:00" in lines[3]
    assert [line.split(maxsplit=1) for line in lines[6:9]] == [
        ["PodsNodeDown", "inv status"],
        ["PodsSlotInactive", "inv status"],
        ["PodsDiskLow", "du -sh data/*"],
    ]
    assert f"PodsDiskLow  replica1  2026-11-28 20:00:00  ada  new disk  {SILENCE}" in " ".join(lines).replace(
        "   ", " "
    )
    assert lines[-1] == "✗ 1 alert fires"


def test_where_nothing_fires_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    print_alerts(alert_report(parse_alerts([DOG], ()), ()))
    assert capsys.readouterr().out == "✓ nothing fires that anybody is told of\n"


def test_where_it_is_not_known_it_does_not_say_that_all_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    print_alerts(alert_report(parse_alerts([], ()), ()))
    assert capsys.readouterr().out.startswith("! Prometheus hands no alerts to Alertmanager")


def test_a_report_stands_apart(capsys: pytest.CaptureFixture[str]) -> None:
    report = alert("PodsReport", "info", labels={"report": "weekly"})
    print_alerts(alert_report(parse_alerts([DOG, report], ()), ()))
    assert capsys.readouterr().out.splitlines() == [
        "PodsReport: PodsReport it is",
        "✓ nothing fires that anybody is told of",
    ]


def test_a_silence_says_what_it_does_and_does_not(capsys: pytest.CaptureFixture[str]) -> None:
    fires = parse_alerts([DOG, alert("PodsDiskLow", "critical")], ()).alerts
    print_silenced(SilenceOutcome(silence=HELD[0], before=HELD[0].begins, fires=fires))
    text = capsys.readouterr().out
    assert (
        "nobody is told of PodsDiskLow of replica1 until 2026-11-28 20:00:00 UTC, not 2026-11-27 19:00:00 any more"
        in text
    )
    assert "1 of it fires now" in text
    assert "count what is wrong all the same" in text
    assert "inv alerts.unsilence --name PodsDiskLow" in text


def test_the_end_of_silences_is_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    print_unsilenced(HELD)
    print_unsilenced(())
    assert capsys.readouterr().out == f"PodsDiskLow of replica1 is silenced no more ({SILENCE})\nnothing was silenced\n"
