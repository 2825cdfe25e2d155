"""The verdict on parameters that somebody set past PODS, and on what they do to commits. Pure."""

from collections.abc import Iterator

from cluster.observed.nodes import NodeReading
from cluster.postgres.parameters import RENDERED
from cluster.remedies import with_remedy
from cluster.units import human_seconds

_RESET = "take it back: ALTER SYSTEM RESET there, as superuser, then SELECT pg_reload_conf()"


def overridden(reading: NodeReading) -> Iterator[str]:
    """Parameters that the cluster stands on, and ALTER SYSTEM set otherwise."""
    names = sorted(RENDERED.intersection(reading.facts.altered)) if reading.facts else []
    if names:
        yield with_remedy(f"{reading.name} does not follow PODS in {', '.join(names)}: ALTER SYSTEM set it", _RESET)


def altered(reading: NodeReading) -> Iterator[str]:
    """A note on others: no file of PODS shows them, and the next clone does not have them."""
    names = [name for name in reading.facts.altered if name not in RENDERED] if reading.facts else []
    if names:
        problem = f"{reading.name} has parameters of its own by ALTER SYSTEM: {', '.join(names)}"
        yield with_remedy(problem, "config/postgresql.conf sets them for all nodes")


def waiting_commits(primary: NodeReading, limit: float) -> Iterator[str]:
    """Commits that wait for replicas for longer than ``limit`` seconds, whoever said that they shall."""
    facts = primary.facts
    if facts is not None and facts.waiting_commits and facts.longest_commit > limit:
        waited = human_seconds(facts.longest_commit)
        problem = f"commits wait for replicas: {facts.waiting_commits}, the longest for {waited}"
        yield with_remedy(problem, "run: inv up; or look at synchronous_standby_names there")
