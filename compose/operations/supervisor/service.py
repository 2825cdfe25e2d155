"""The supervisor's loop: observe, decide, act, write down."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from cluster.config.env_file import load_settings
from cluster.config.settings import Settings
from cluster.endpoints import POOLER, network_endpoint
from cluster.errors import PodsError, RefusedError
from cluster.supervisor_status import SupervisorStatus, read_status, write_status
from cluster.topology_file import load
from cluster.waiting import Every
from compose.console import Console
from compose.engine import daemon
from compose.home.paths import Home
from compose.operations.supervisor import actions
from compose.operations.supervisor.assessment import assess
from compose.operations.supervisor.decision import (
    Action,
    FailoverDecision,
    FailoverRules,
    Presence,
    PrimaryObservation,
    Watch,
    decide,
)
from compose.operations.supervisor.observer import PrimaryObserver
from compose.stack import Stack

if TYPE_CHECKING:
    from docker import DockerClient

PERIOD = 0.5
"""Seconds between two observations, at least."""
_WRITTEN_EVERY = 5.0
_RENDERED_EVERY = 60.0
_ASSESSED_EVERY = 3.0
"""Where nobody is safe: replicas, disks and the archive are asked no more often."""
BOOT = Path("/proc/sys/kernel/random/boot_id")


def open_watched(home: Home, engine: "DockerClient | None" = None) -> Stack:
    """The cluster as the last `up` rendered it, reached in the network of its nodes.

    Raises:
        RefusedError: there is none.
    """
    topology = load(home.topology)
    if topology is None:
        raise RefusedError(f"there is no cluster in {home.path} yet", "run: inv up")
    configured = home.rendered / "services"
    elsewhere = {name: network_endpoint(name) for name in (*topology.names, POOLER)}
    settings = load_settings(configured, strict=False)
    return Stack(home, settings, topology, engine, elsewhere=elsewhere, configured=configured)


def rules_of(settings: Settings) -> FailoverRules:
    """When to act, as the settings say."""
    return FailoverRules(
        after=settings.failover_after, loss=settings.failover_loss, interval=settings.failover_interval
    )


@dataclass
class Supervisor:
    """Watches the cluster in ``home``; what it remembers over a restart is in its status in ``directory``."""

    home: Home
    console: Console
    directory: Path
    stopped: threading.Event = field(default_factory=threading.Event)
    watch: Watch = field(default_factory=Watch)
    decision: FailoverDecision = field(default_factory=lambda: FailoverDecision(Action.WAIT))
    _boot: str = field(default_factory=lambda: BOOT.read_text().strip())
    _engine: "DockerClient | None" = None
    _observer: PrimaryObserver = field(default_factory=PrimaryObserver)
    _assessing: Every = field(default_factory=lambda: Every(_ASSESSED_EVERY))
    _rendering: Every = field(default_factory=lambda: Every(_RENDERED_EVERY))
    _renders_alike: bool = True
    _written: float = 0.0
    _fault: str = ""
    _target: str = ""

    def run(self) -> None:
        """Until it is stopped; an operation under way is brought to its end."""
        self._remember()
        while not self.stopped.is_set():
            began = time.monotonic()
            try:
                self._engine = self._engine or daemon.connect()  # loading its client takes its time
                self._step()
                self._fault = ""
            except PodsError as error:
                self._complain(error.message)
            self.stopped.wait(max(0.05, PERIOD - (time.monotonic() - began)))

    def _remember(self) -> None:
        before = read_status(self.directory)
        if before is not None:
            known = before.known if before.boot == self._boot else ""
            failed_over = None if self._was_interrupted(before) else before.failed_over
            self.watch, self._target = Watch(known=known, failed_over=failed_over), before.target

    def _was_interrupted(self, before: SupervisorStatus) -> bool:
        """Whether it died in a failover before that was decided, which thus was none."""
        topology = load(self.home.topology)
        return before.action == Action.FAIL_OVER and topology is not None and topology.primary == before.primary

    def _complain(self, message: str) -> None:
        if message != self._fault:
            self.console.warn(message)
        self._fault = message

    def _step(self) -> None:
        stack = open_watched(self.home, self._engine)
        seen = self._observer.observe(stack)
        rules = rules_of(stack.settings)
        self.watch, decision = decide(rules, self.watch, seen)
        if decision.action is Action.ASSESS:
            if not self._assessing.due():  # nobody was safe a moment ago
                return
            seen = replace(seen, candidates=assess(stack, self._observer.written))
            self.watch, decision = decide(rules, self.watch, seen)
        if seen.presence is Presence.UP and self._rendering.due():  # it takes too long for when it is needed
            self._renders_alike = actions.is_of_the_last_up(stack)
        if decision.action is Action.FAIL_OVER and not self._renders_alike:
            reason = "this supervisor would not render what the last inv up did: run inv up"
            decision = FailoverDecision(Action.HOLD, reason)
        self._show(decision, seen)
        self._act(stack, decision, seen)

    def _show(self, decision: FailoverDecision, seen: PrimaryObservation) -> None:
        """A line for each change of mind, and the status now and then."""
        changed = (decision.action, decision.target) != (self.decision.action, self.decision.target)
        if changed and decision.reason:
            self.console.line(f"{decision.action}: {decision.reason}")
        self.decision = decision
        if changed or time.monotonic() - self._written > _WRITTEN_EVERY:
            self._write(seen.primary)

    def _write(self, primary: str) -> None:
        self._written = time.monotonic()
        status = SupervisorStatus(
            updated=round(time.time(), 3),
            action=self.decision.action,
            reason=self.decision.reason,
            primary=primary,
            known=self.watch.known,
            boot=self._boot,
            failed_over=self.watch.failed_over,
            target=self._target,
        )
        write_status(self.directory, status)

    def _act(self, stack: Stack, decision: FailoverDecision, seen: PrimaryObservation) -> None:
        match decision.action:
            case Action.RESTART:
                self._attempt(lambda: actions.restart(stack))
            case Action.FAIL_OVER:
                self._fail_over(stack, decision, seen)
            case Action.GO_ON:
                self._attempt(lambda: actions.go_on(stack, self.console))

    def _attempt(self, action: Callable[[], None]) -> None:
        try:
            action()
        except PodsError as error:
            self.console.warn(error.message)

    def _fail_over(self, stack: Stack, decision: FailoverDecision, seen: PrimaryObservation) -> None:
        """It counts from its beginning, should it be killed half-way; one that was taken back does not."""
        before, self._target = self.watch, decision.target
        self.watch = replace(before, failed_over=seen.now)
        self._write(seen.primary)
        try:
            actions.fail_over(stack, self.console, decision, self._observer.written)
        except PodsError as error:
            self.console.warn(error.message)
            left = load(self.home.topology)
            if left is not None and left.primary == seen.primary:  # else it is finished when it is time
                self.watch = before.afresh(seen)
