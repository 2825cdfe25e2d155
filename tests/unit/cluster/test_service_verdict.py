from dataclasses import replace

import pytest

from cluster.backup_status import BackupAttempts, BackupStatus, StoreStatus
from cluster.remedies import split_remedy
from cluster.service_verdict import ServicesReading, ServicesVerdict
from cluster.supervisor_status import SupervisorStatus
from tests.fix_settings import settings_of
from tests.unit.cluster.test_backup_verdict import NOW, WELL


def _problems(reading: ServicesReading, backup: str = "on") -> list[str]:
    verdict = ServicesVerdict(settings=settings_of(backup=backup), reading=reading, now=NOW, primary=True)
    parts = [split_remedy(reason) for reason in verdict.reasons()]
    assert all(remedy for _, remedy in parts), parts
    return [problem for problem, _ in parts]


def test_services_that_are_well_are_no_reason() -> None:
    assert _problems(ServicesReading(backup=WELL)) == []
    assert _problems(ServicesReading(), backup="off") == []


def test_a_backup_service_of_which_nothing_is_known_is_a_reason() -> None:
    assert _problems(ServicesReading()) == ["the backup service has written no status"]


@pytest.mark.parametrize("service", ["gate", "exporter", "health", "sandbox", "prometheus", "alertmanager", "grafana"])
def test_whoever_is_down_is_named_with_why(service: str) -> None:
    (problem,) = _problems(ServicesReading(backup=WELL, down={service: "it has no container"}))
    assert problem.startswith(f"{service} does not work")
    assert problem.endswith(": it has no container")


def test_a_backup_service_that_is_down_is_said_once_and_what_it_kept_besides() -> None:
    old = {"full/local": BackupAttempts(last_failure=NOW - 60)}
    status = replace(WELL, archive=None, backups=old, stores={"local": StoreStatus(broken=1)})
    problems = _problems(ServicesReading(backup=status, down={"backup": "it was stopped"}))
    assert problems == [
        "backup does not work, so that no WAL is archived and no backup taken: it was stopped",
        "the last backup into store local failed 1 min 0 s ago",
        "1 backups in store local are damaged",
    ]


def test_a_status_that_says_nothing_yet_is_judged() -> None:
    assert _problems(ServicesReading(backup=BackupStatus())) == ["no WAL is archived yet"]


NOBODY = ", so that there is no automatic failover"
AT_WORK = SupervisorStatus(updated=NOW - 5, action="wait", primary="primary", known="primary")


@pytest.mark.parametrize(
    ("status", "problem"),
    [
        (AT_WORK, None),
        (None, "the supervisor has written no status, so that there is no automatic failover"),
        (
            replace(AT_WORK, updated=NOW - 300),
            "the supervisor is silent for 5 min 0 s, so that there is no automatic failover",
        ),
        (replace(AT_WORK, updated=NOW - 300, action="fail over"), None),
        (replace(AT_WORK, action="hold", reason="there is no replica"), "no automatic failover: there is no replica"),
    ],
)
def test_who_shall_fail_over_by_itself_is_at_work_or_it_is_said(
    status: SupervisorStatus | None, problem: str | None
) -> None:
    settings = settings_of(backup="off", failover="auto")
    reading = ServicesReading(supervisor=status)
    verdict = ServicesVerdict(settings=settings, reading=reading, now=NOW, primary=True)
    assert [split_remedy(reason)[0] for reason in verdict.reasons()] == ([problem] if problem else [])
    assert list(verdict.notes()) == ["failover: auto, 10 s after the primary is gone"]
    by_hand = replace(verdict, settings=settings_of(backup="off"))
    assert [*by_hand.reasons(), *by_hand.notes()] == []


def test_a_supervisor_that_is_down_is_said_once() -> None:
    reading = ServicesReading(down={"supervisor": "it has no container"})
    settings = settings_of(backup="off", failover="auto")
    verdict = ServicesVerdict(settings=settings, reading=reading, now=NOW, primary=True)
    (reason,) = verdict.reasons()
    assert reason.startswith("supervisor does not work, so that there is no automatic failover: it has no container")
