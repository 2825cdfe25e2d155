"""Whether to fail over, from what was seen of the primary and when. Pure: no clock, no server and no file.

Whoever observes calls `decide` for each observation, does what it answers, and hands its memory to the next call. Every
doubt ends in waiting or holding: a cluster without a primary is an outage, one with two is lost data.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from cluster.units import human_seconds, human_size

GAP_SECONDS = 6.0
"""Between two observations: after more the observer itself was away, and knows nothing of the time between."""
MOST_STARTS = 3
"""A container that was started more often, and never took writes, goes round in crashes: it is as good as gone."""


class Presence(StrEnum):
    """What the primary's server answers: as one that takes writes, as one that starts or recovers, or not at all."""

    UP = "up"
    STARTING = "starting"
    SILENT = "silent"


class Action(StrEnum):
    """What to do now. ``ASSESS``: read the candidates and decide again; ``HOLD``: only a person can help."""

    WAIT = "wait"
    RESTART = "restart"
    ASSESS = "assess"
    FAIL_OVER = "fail over"
    GO_ON = "go on"
    HOLD = "hold"


@dataclass(frozen=True, slots=True, kw_only=True)
class FailoverRules:
    """``after`` seconds without the primary; at most ``loss`` bytes of WAL; none within ``interval`` of the last."""

    after: float
    loss: int
    interval: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PrimaryContainer:
    """The primary's container as the engine has it; ``started`` names this start of it among others."""

    status: str
    exit_code: int = 0
    started: str = ""

    @property
    def stopped_on_purpose(self) -> bool:
        """A clean end that the engine does not undo: `docker stop`, or one that was never started."""
        return self.status == "created" or (self.status == "exited" and self.exit_code == 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class FailoverCandidate:
    """A replica that may take over; ``loss`` in bytes of WAL (None: unknown), ``unfit`` says why not at all.

    ``witness``: it has just heard from the primary, which therefore lives.
    """

    name: str
    synchronous: bool = False
    loss: int | None = None
    unfit: str = ""
    witness: bool = False

    def unsafe(self, most: int) -> str:
        """Why it must not take over where at most ``most`` bytes may be lost; "" where it may."""
        if self.unfit:
            return f"{self.name} {self.unfit}"
        if self.synchronous or (self.loss is not None and self.loss <= most):
            return ""
        if self.loss is None:
            return f"what {self.name} lacks is not known"
        return f"{self.name} lacks {human_size(self.loss)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PrimaryObservation:
    """The primary at one moment: ``at`` of a monotonic clock, when it was asked; ``now`` in Unix time.

    ``handover``: a change of the primary was decided, and the new one is not known to take writes; ``rejoining``: it
    does, and the old one does not follow yet. ``candidates`` is None until they were read.
    """

    at: float
    now: float
    primary: str
    presence: Presence
    container: PrimaryContainer | None = None
    locked: bool = False
    handover: bool = False
    rejoining: bool = False
    candidates: tuple[FailoverCandidate, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What is remembered. ``known`` took writes before our eyes; ``failed_over`` is Unix time; the rest is clocks.

    ``starts``: how its container was started since it was unwell. ``restarted``: it was tried; ``rejoined``: so was
    letting the old primary follow.
    """

    known: str = ""
    failed_over: float | None = None
    primary: str = ""
    at: float | None = None
    unwell_since: float | None = None
    silent_since: float | None = None
    unfinished_since: float | None = None
    starts: frozenset[str] = frozenset()
    restarted: bool = False
    rejoined: bool = False

    def afresh(self, seen: PrimaryObservation) -> "Watch":
        """The same with all clocks at their beginning."""
        return Watch(
            known=self.known,
            failed_over=self.failed_over,
            primary=seen.primary,
            at=seen.at,
            rejoined=self.rejoined and seen.rejoining,
        )


@dataclass(frozen=True, slots=True)
class FailoverDecision:
    """What to do, why, and for a failover to whom."""

    action: Action
    reason: str = ""
    target: str = ""


def decide(rules: FailoverRules, watch: Watch, seen: PrimaryObservation) -> tuple[Watch, FailoverDecision]:
    """The next memory, and what to do now."""
    watch = _in_time(watch, seen)
    if seen.locked:
        return watch.afresh(seen), FailoverDecision(Action.WAIT, "an operation holds the cluster")
    if seen.handover or (seen.rejoining and seen.presence is Presence.UP and not watch.rejoined):
        return _unfinished(rules, watch, seen)
    watch = replace(watch, unfinished_since=None)
    if seen.presence is Presence.UP:
        return replace(watch.afresh(seen), known=seen.primary), FailoverDecision(Action.WAIT)
    watch = _timed(watch, seen)
    return _without_primary(rules, watch, seen)


def _in_time(watch: Watch, seen: PrimaryObservation) -> Watch:
    """Clocks begin anew where the observer was away, or another node is the primary."""
    away = watch.at is None or not 0 <= seen.at - watch.at <= GAP_SECONDS
    return watch.afresh(seen) if away or watch.primary != seen.primary else replace(watch, at=seen.at)


def _unfinished(rules: FailoverRules, watch: Watch, seen: PrimaryObservation) -> tuple[Watch, FailoverDecision]:
    """Whoever decided it is gone: after the same time as for a primary it is finished, forward."""
    since = seen.at if watch.unfinished_since is None else watch.unfinished_since
    watch = replace(watch.afresh(seen), unfinished_since=since)
    if seen.at - since < rules.after:
        return watch, FailoverDecision(Action.WAIT, "a change of the primary is not finished")
    watch = replace(watch.afresh(seen), rejoined=seen.rejoining)
    return watch, FailoverDecision(Action.GO_ON, "a change of the primary was interrupted")


def _timed(watch: Watch, seen: PrimaryObservation) -> Watch:
    """The clocks of a primary that takes no writes."""
    started = frozenset({seen.container.started} if seen.container and seen.container.started else ())
    silent = watch.silent_since if watch.silent_since is not None else seen.at
    return replace(
        watch,
        unwell_since=seen.at if watch.unwell_since is None else watch.unwell_since,
        silent_since=silent if seen.presence is Presence.SILENT else None,
        starts=watch.starts | started,
    )


def _without_primary(rules: FailoverRules, watch: Watch, seen: PrimaryObservation) -> tuple[Watch, FailoverDecision]:
    name, container = seen.primary, seen.container
    since = watch.unwell_since if len(watch.starts) > MOST_STARTS else watch.silent_since
    if since is None:
        return watch, FailoverDecision(Action.WAIT, f"{name} starts up")
    if container is None:
        return watch, FailoverDecision(Action.HOLD, f"the container of {name} was removed")
    if container.stopped_on_purpose:
        return watch, FailoverDecision(Action.HOLD, f"{name} was stopped on purpose")
    if container.status == "exited" and not watch.restarted:
        reason = f"{name} ended with exit code {container.exit_code}, and the engine does not start it"
        return replace(watch, restarted=True), FailoverDecision(Action.RESTART, reason)
    gone = seen.at - since
    if gone < rules.after:
        return watch, FailoverDecision(Action.WAIT, f"{name} has been gone for {gone:.0f} of {rules.after:.0f} s")
    return watch, _overdue(rules, watch, seen)


def _overdue(rules: FailoverRules, watch: Watch, seen: PrimaryObservation) -> FailoverDecision:
    """The primary has been gone for long enough: whether somebody can take over."""
    if watch.known != seen.primary:
        return FailoverDecision(Action.HOLD, f"{seen.primary} was never seen to take writes")
    if watch.failed_over is not None and seen.now - watch.failed_over < rules.interval:
        ago = human_seconds(max(0.0, seen.now - watch.failed_over))
        return FailoverDecision(
            Action.HOLD, f"the last failover was {ago} ago, and there is one in {rules.interval:.0f} s"
        )
    if seen.rejoining:
        return FailoverDecision(Action.HOLD, "the change of the primary before this one is not finished")
    if seen.candidates is None:
        return FailoverDecision(Action.ASSESS, f"{seen.primary} is gone")
    witnesses = [each.name for each in seen.candidates if each.witness]
    if witnesses:
        return FailoverDecision(Action.WAIT, f"{', '.join(witnesses)} still hears from {seen.primary}")
    return _choice(rules, seen)


def _choice(rules: FailoverRules, seen: PrimaryObservation) -> FailoverDecision:
    candidates = seen.candidates or ()
    safe = [each for each in candidates if not each.unsafe(rules.loss)]
    if not safe:
        why = "; ".join(each.unsafe(rules.loss) for each in candidates) or "there is no replica"
        return FailoverDecision(Action.HOLD, f"{seen.primary} is gone, and nobody can take over safely: {why}")
    best = min(safe, key=lambda each: each.loss or 0)
    return FailoverDecision(
        Action.FAIL_OVER, f"{seen.primary} is gone, and did not come back in {rules.after:.0f} s", best.name
    )
