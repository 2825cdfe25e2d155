"""What the sandbox is to do: the backup side writes it, the sandbox trusts it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from backup.catalog import Backup, dump, parse
from backup.restore.assertions import Question
from backup.restore.plan import Plan
from backup.restore.target import RecoveryTarget
from backup.restore.wal_coverage import Reach
from cluster.postgres.lsn import Lsn

LONGEST = 32 << 20
"""Most bytes of a job: a chain may be long, and so may assertions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A restore, kept (``restore``) or looked at and thrown away (``drill``).

    ``store``: the store's name; ``chain``, ``target``, ``timeline``: of its plan; ``questions``: of a drill, and the
    ``databases`` that must be there; ``verifier``: of the superuser's new password, for what takes the place of a
    cluster's data, which gets the archive's slot too; ``timeout``: seconds its recovery may take.
    """

    what: Literal["drill", "restore"]
    store: str
    chain: tuple[Backup, ...]
    target: RecoveryTarget
    timeline: int
    timeout: float
    questions: tuple[Question, ...] = ()
    databases: tuple[str, ...] = ()
    verifier: str = field(default="", repr=False)

    @property
    def system(self) -> str:
        """The cluster's system identifier."""
        return self.chain[-1].system_identifier

    @property
    def plan(self) -> Plan:
        """What to restore; how far the archive leads was looked at before."""
        end = Reach(timeline=self.timeline, lsn=Lsn(0), made=0.0)
        return Plan(target=self.target, chain=self.chain, timeline=self.timeline, reach=end, wal_bytes=0)


def dump_job(job: Job) -> dict[str, Any]:
    """As a message."""
    raw = asdict(job)
    target = {"kind": job.target.kind, "text": job.target.text}
    return raw | {"chain": [dump(backup) for backup in job.chain], "target": target}


def parse_job(raw: Mapping[str, Any]) -> Job:
    """Read what ``dump_job`` wrote."""
    made = {
        "chain": tuple(parse(text) for text in raw["chain"]),
        "target": RecoveryTarget(**raw["target"]),
        "questions": tuple(Question(**each) for each in raw["questions"]),
        "databases": tuple(raw["databases"]),
    }
    return Job(**{**raw, **made})
