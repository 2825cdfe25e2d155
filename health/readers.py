"""Keeps those out of the pool of all readers who are silent or lag, by a file that PgBouncer's container reads.

The judgement is cluster/read_pool.py; here it gets its observations and has its effect. The file is all that is known
to who starts anew, and all that this service may say to PgBouncer: names of nodes.
"""

import logging
from collections.abc import Mapping
from pathlib import Path

from cluster.files import replace_file
from cluster.pools import readers
from cluster.read_pool import Absence, Condition, LagLimits, PoolMember, absences, advance, condition, dump, resumed
from cluster.replay_age import ReplayAge
from cluster.view import View

ABSENT = Path("/run/readers/absent")
RENEWED_EVERY = 5.0
"""Seconds after which the file is written again though nothing changed; its reader believes it for 30."""

log = logging.getLogger("health")


class ReadPoolKeeper:
    """Decides after each poll who takes part, and writes it to ``path``."""

    def __init__(self, path: Path = ABSENT) -> None:
        self._path = path
        self._ages = ReplayAge()
        self._members: Mapping[str, PoolMember] | None = None
        self._beat = 0
        self._absent: tuple[Absence, ...] = ()
        self._written = float("-inf")

    def update(self, view: View, now: float) -> None:
        """Take one more view into account; ``now`` is monotonic."""
        names = readers(view.topology)
        primary = view.snapshot.primary
        if primary is not None and primary.facts is not None:
            self._ages.add(now, primary.facts.lsn)
        members = resumed(self._read(), names) if self._members is None else self._members
        observed = {name: self._condition(view, name, members.get(name, PoolMember()), now) for name in names}
        self._members = advance(members, observed, now)
        self._write(now)

    def _condition(self, view: View, name: str, member: PoolMember, now: float) -> Condition:
        facts, known = view.snapshot.nodes[name].facts, view.topology.system_identifier
        answers = facts is not None and facts.in_recovery and known in ("", facts.system_identifier)
        return condition(
            member,
            answers=answers,
            behind=view.lag(name),
            age=self._ages.age(now, facts.lsn) if facts is not None else 0.0,
            watched=self._ages.watched(now),
            limits=LagLimits(seconds=view.settings.read_lag, bytes=view.settings.health_lag),
        )

    def _read(self) -> str:
        try:
            with self._path.open(encoding="utf-8", errors="replace") as file:
                return file.read(1 << 16)
        except OSError:
            return ""

    def _write(self, now: float) -> None:
        absent = absences(self._members or {}, now)
        if absent == self._absent and now - self._written < RENEWED_EVERY:
            return
        self._beat += 1
        try:
            replace_file(self._path, dump(self._beat, absent))
        except OSError as error:
            log.warning("who is out of the pool of all readers cannot be written: %s", error)
        self._absent, self._written = absent, now
