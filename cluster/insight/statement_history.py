"""Statements over time: what each did in buckets of time, and what a span of them comes to. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from cluster.insight.statements import MEASURES, StatementKey, StatementWork

BUCKET = 300
"""Seconds of a bucket of the last day."""
HOUR = 3600
"""Seconds of a bucket of the time before."""
MOST_OF_BUCKET = 30
"""Statements of a node that a bucket keeps of each measure: the greatest. The rest is one, with queryid 0."""
MOST_OF_SPAN = 100
"""The same for a span that is handed out."""
Works = Mapping[StatementKey, StatementWork]
Texts = Mapping[tuple[str, int], str]
"""Normalised texts by database and queryid; others' text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementBucket:
    """What nodes did for ``length`` seconds from ``begun`` (Unix) on; ``read``: for how many of them each was read."""

    begun: int
    length: int
    works: Works
    read: Mapping[str, float]

    @property
    def end(self) -> int:
        """When the next one begins."""
        return self.begun + self.length


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryGap:
    """A time in which a node was not read at all."""

    since: float
    until: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeCoverage:
    """What is known of one node: from when on, and for how many seconds of the span and of the one before."""

    known_since: float
    read_seconds: float
    compared_seconds: float = 0.0
    gaps: tuple[HistoryGap, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementSpan:
    """What statements did from ``since`` to ``until``, and from ``compared_since`` to ``since``, which is as long.

    Bounds are those of buckets, and never before what is known. ``before`` is None where not all of that time is known;
    a statement that is missing there was not among the greatest. Queryid 0 is the rest of a node. ``coverage`` and
    ``unread``, why it cannot be read now, by node.
    """

    since: float
    until: float
    compared_since: float | None
    works: Works
    before: Works | None
    texts: Texts = field(default_factory=dict)
    coverage: Mapping[str, NodeCoverage] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)

    @property
    def ratio(self) -> float:
        """By what the work before is multiplied to compare it: buckets have edges, and nodes were not always read."""
        then = sum(each.compared_seconds for each in self.coverage.values())
        return sum(each.read_seconds for each in self.coverage.values()) / then if then else 1.0


def rest_of(node: str) -> StatementKey:
    """All statements of a node that are not kept by themselves."""
    return StatementKey(node=node, database="", role="", queryid=0)


def bounded(works: Works, most: int) -> dict[StatementKey, StatementWork]:
    """The ``most`` greatest of each node by each measure; the others of the node are one. No work is lost."""
    kept: dict[StatementKey, StatementWork] = {}
    for node in dict.fromkeys(key.node for key in works):
        own = {key: work for key, work in works.items() if key.node == node and key != rest_of(node)}
        chosen = _greatest(own, most)
        kept |= {key: own[key] for key in own if key in chosen}
        rest = added((works.get(rest_of(node), StatementWork()), *(own[key] for key in own if key not in chosen)))
        if rest != StatementWork():
            kept[rest_of(node)] = rest
    return kept


def _greatest(works: Works, most: int) -> set[StatementKey]:
    found: set[StatementKey] = set()
    for rank in MEASURES.values():
        amounts = [(rank(work), key) for key, work in works.items()]
        some = sorted((each for each in amounts if each[0] > 0), key=lambda each: (-each[0], each[1].queryid))
        found.update(key for _, key in some[:most])
    return found


def added(works: Iterable[StatementWork]) -> StatementWork:
    """The sum."""
    total = StatementWork()
    for each in works:
        total += each
    return total


def summed(each: Iterable[Works]) -> dict[StatementKey, StatementWork]:
    """Works of several buckets, by statement."""
    total: dict[StatementKey, StatementWork] = {}
    for works in each:
        for key, work in works.items():
            total[key] = total[key] + work if key in total else work
    return total


def merged(buckets: Sequence[StatementBucket], begun: int, length: int) -> StatementBucket:
    """Several buckets as one longer one, as bounded as each of them."""
    return StatementBucket(
        begun=begun,
        length=length,
        works=bounded(summed(each.works for each in buckets), MOST_OF_BUCKET),
        read=_seconds(buckets),
    )


def span(
    buckets: Iterable[StatementBucket],
    since: float,
    until: float,
    known: Mapping[str, float],
    database: str = "",
) -> StatementSpan:
    """What is known of the time from ``since`` to ``until``, of one database or of all ("").

    ``buckets`` are those that lie in it and in as much time before; ``known`` says from when on each node was read.
    """
    ordered = sorted(buckets, key=lambda bucket: bucket.begun)
    earliest = min(known.values(), default=until)
    during = [each for each in ordered if each.end > since and each.begun < until]
    first = min((each.begun for each in during if each.begun <= since), default=since - since % BUCKET)
    first = min(max(first, earliest), until)
    compared = first - max(1, round((until - first) / BUCKET)) * BUCKET
    before = [each for each in ordered if each.begun + each.length / 2 > compared and each.begun < first]
    works = bounded(_of(summed(each.works for each in during), database), MOST_OF_SPAN)
    knows = earliest <= compared and bool(before)
    return StatementSpan(
        since=first,
        until=until,
        compared_since=min(compared, before[0].begun) if knows else None,
        works=works,
        before={k: w for k, w in _of(summed(b.works for b in before), database).items() if k in works}
        if knows
        else None,
        coverage=_coverage(during, before if knows else (), known, first, until),
    )


def _of(works: Works, database: str) -> Works:
    return {key: work for key, work in works.items() if key.database == database} if database else works


def _seconds(buckets: Iterable[StatementBucket]) -> dict[str, float]:
    total: dict[str, float] = {}
    for bucket in buckets:
        for node, seconds in bucket.read.items():
            total[node] = total.get(node, 0.0) + seconds
    return total


def _coverage(
    during: Sequence[StatementBucket],
    before: Sequence[StatementBucket],
    known: Mapping[str, float],
    since: float,
    until: float,
) -> dict[str, NodeCoverage]:
    now, then = _seconds(during), _seconds(before)
    return {
        node: NodeCoverage(
            known_since=began,
            read_seconds=now.get(node, 0.0),
            compared_seconds=then.get(node, 0.0),
            gaps=_gaps(during, node, max(since, began), until),
        )
        for node, began in sorted(known.items())
        if node in now or node in then or began < until
    }


def _gaps(during: Sequence[StatementBucket], node: str, since: float, until: float) -> tuple[HistoryGap, ...]:
    """From the end of a bucket in which it was read to the next such; a bucket that is under way misses nothing."""
    found, reached = [], since
    for bucket in (each for each in during if each.read.get(node)):
        if bucket.begun > reached:
            found.append(HistoryGap(since=reached, until=float(bucket.begun)))
        reached = max(reached, float(bucket.end))
    if until - reached > BUCKET:
        found.append(HistoryGap(since=reached, until=until))
    return tuple(found)
