"""What the services beside nodes and PgBouncer say against the cluster: backups, and who watches. Pure.

None of it takes a node out of a balancer: the checks go by ``Verdict.about``.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from cluster.backup_status import BackupStatus
from cluster.backup_verdict import BackupRules, BackupVerdict
from cluster.config.settings import Settings
from cluster.remedies import with_remedy
from cluster.services import SUPERVISOR
from cluster.supervisor_status import SupervisorStatus
from cluster.units import human_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicesReading:
    """The services at one moment: why each of ``down`` is, and what two said of themselves (None: nothing)."""

    backup: BackupStatus | None = None
    down: Mapping[str, str] = field(default_factory=dict)
    supervisor: SupervisorStatus | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicesVerdict:
    """Judges one reading at the Unix time ``now``; ``primary``: whether there is one to archive.

    ``supervised``: whether a failover is the supervisor's, where it is automatic."""

    settings: Settings
    reading: ServicesReading
    now: float
    primary: bool
    supervised: bool = True

    def reasons(self) -> Iterator[str]:
        """What makes the cluster degraded."""
        for service, why in self.reading.down.items():
            cost = _COSTS.get(service, "")
            yield with_remedy(f"{service} does not work{cost}: {why}", f"run: inv up; inv logs --service {service}")
        if self._supervised and SUPERVISOR not in self.reading.down:
            yield from self._failover()
        if self.settings.backup != "on":
            return
        if self._backups is None:
            if "backup" not in self.reading.down:
                yield with_remedy("the backup service has written no status", "run: inv up; inv logs --service backup")
        elif "backup" in self.reading.down:
            yield from self._backups.kept()
        else:
            yield from self._backups.reasons()

    def notes(self) -> Iterator[str]:
        """What is worth knowing."""
        if self._supervised:
            yield f"failover: auto, {self.settings.failover_after} s after the primary is gone"
        if self.settings.backup == "on" and self._backups is not None:
            yield from self._backups.notes()

    @property
    def _supervised(self) -> bool:
        return self.supervised and self.settings.failover == "auto"

    def _failover(self) -> Iterator[str]:
        """Why nobody would fail over, or does not although the primary is gone."""
        status = self.reading.supervisor
        if status is None or not status.watches(self.now):
            silence = (
                "has written no status"
                if status is None
                else f"is silent for {human_seconds(self.now - status.updated)}"
            )
            problem = f"the supervisor {silence}, so that there is no automatic failover"
            yield with_remedy(problem, "run: inv up; inv logs --service supervisor")
        elif status.held:
            yield with_remedy(
                f"no automatic failover: {status.reason}", "run: inv failover, or mend the node and run inv up"
            )

    @property
    def _backups(self) -> BackupVerdict | None:
        status = self.reading.backup
        if status is None:
            return None
        return BackupVerdict(rules=BackupRules.of(self.settings), status=status, now=self.now, primary=self.primary)


_COSTS = {
    SUPERVISOR: ", so that there is no automatic failover",
    "backup": ", so that no WAL is archived and no backup taken",
    "sandbox": ", so that nothing can be restored on trial",
    "prometheus": ", so that no alert fires",
    "alertmanager": ", so that no alert is sent",
    "exporter": ", so that nothing is measured",
    "gate": ", so that containers and disks are not measured",
}
"""What a service that is down costs, as far as its name does not say it."""
