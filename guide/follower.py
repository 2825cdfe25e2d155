"""The guide's loop: read nodes and PgBouncer, decide, act, write down."""

import select
import sys
import threading
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from cluster.config.mounted import CA, SECRETS
from cluster.endpoints import POOLER, access_to, network_endpoint
from cluster.errors import MachineError
from cluster.files import replace_file
from cluster.guide_config import CONFIG_FILE, DATABASES_FILE, MOUNTED, GuideConfig, databases_text, parse_config
from cluster.guide_status import VOLUME, GuideStatus, read_guide_status, write_guide_status
from cluster.pgbouncer import CONSOLE
from cluster.postgres.connection import Access
from guide.console import PoolerConsole
from guide.decision import GuideMemory, GuideReading, PoolerAction, PoolerReading, PoolerVerb, decide
from guide.hold import PoolOrder, read_hold
from guide.members import MemberReader
from guide.sighting import MemberReading, Sighting, find_leader

PERIOD = 0.5
"""Seconds between two readings."""
_HURRY = 0.1
"""While clients are held back."""
_WRITTEN_EVERY = 5.0
_RELOAD_EVERY = 5.0
"""Where PgBouncer has not taken up what was written."""
_BOOT = Path("/proc/sys/kernel/random/boot_id")
AGENTS_CA = Path("/run/ha/ca.crt")


@dataclass(frozen=True, slots=True, kw_only=True)
class GuideFiles:
    """Where everything is that a guide reads and writes."""

    config: Path = MOUNTED / CONFIG_FILE
    volume: Path = VOLUME
    secrets: Path = SECRETS
    ca: Path = CA
    agents_ca: Path = AGENTS_CA

    def password(self, name: str) -> str:
        """What is in the secret ``<name>_password``.

        Raises:
            MachineError: it cannot be read.
        """
        path = self.secrets / f"{name}_password"
        try:
            return path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise MachineError(f"the secret {path} cannot be read: {error}", "run: inv up") from None

    def read_config(self) -> GuideConfig:
        """What to follow.

        Raises:
            MachineError: it cannot be read.
        """
        try:
            return parse_config(self.config.read_bytes())
        except (OSError, ValueError) as error:
            raise MachineError(f"{self.config} cannot be read: {error}", "run: inv up") from None

    def console(self) -> Access:
        """How to reach PgBouncer's console.

        Raises:
            MachineError: there is no password.
        """
        return self._access(POOLER, "pods_admin", "admin", CONSOLE)

    def node(self) -> Access:
        """How to reach a node, but for its name.

        Raises:
            MachineError: there is no password.
        """
        return self._access("", "monitor", "monitor", "postgres")

    def _access(self, service: str, user: str, secret: str, database: str) -> Access:
        endpoint = network_endpoint(service)
        return access_to(service, endpoint, user=user, password=self.password(secret), ca=self.ca, database=database)


@dataclass
class Guide:
    """Follows the primary for one PgBouncer; what it remembers over a restart is in its status."""

    files: GuideFiles = field(default_factory=GuideFiles)
    stopped: threading.Event = field(default_factory=threading.Event)
    memory: GuideMemory = field(default_factory=GuideMemory)
    _config: GuideConfig | None = None
    _members: MemberReader | None = None
    _console: PoolerConsole | None = None
    _shown: tuple[object, ...] = ()
    _written: float = 0.0
    _reloaded: float = float("-inf")
    _boot: str = field(default_factory=lambda: _BOOT.read_text().strip())

    def run(self) -> None:
        """Until it is stopped."""
        self._remember()
        fault = ""
        while not self.stopped.is_set():
            began = time.monotonic()
            try:
                self._step()
                fault = ""
            except MachineError as error:
                if error.message != fault:
                    _print(f"WARNING: {error.message}")
                fault = error.message
            period = _HURRY if self.memory.holding or self.memory.held else PERIOD
            self._wait(max(0.02, period - (time.monotonic() - began)))

    def _wait(self, seconds: float) -> None:
        """For so long, or until the primary's server ends its connection to us."""
        descriptor = self._members.descriptor(self.memory.leader) if self._members else None
        if descriptor is None or descriptor < 0:
            self.stopped.wait(seconds)
            return
        try:
            poll = select.poll()
            poll.register(descriptor, select.POLLIN | select.POLLHUP)
            if poll.poll(seconds * 1000):
                self.stopped.wait(0.02)
        except OSError:
            self.stopped.wait(seconds)

    def _remember(self) -> None:
        before = read_guide_status(self.files.volume)
        if before is None:
            return
        age = None if before.since is None else max(0.0, time.time() - before.since)
        same = before.boot == self._boot
        self.memory = GuideMemory(
            leader=before.leads or before.leader,
            holding=frozenset(before.paused if same else ()),
            missed_since=None if age is None or not same else time.monotonic() - age,
            gave_up=before.gave_up and same,
        )

    def _step(self) -> None:
        config = self._opened()
        assert self._members is not None
        assert self._console is not None
        readings = self._members.read()
        sighting = find_leader(readings, self.memory.leader)
        order = read_hold(self.files.volume, time.time())
        pooler = self._console.read(config.pools, self._members.elsewhere(sighting.leader))
        seen = GuideReading(
            now=time.monotonic(),
            sighting=sighting,
            pooler=pooler,
            written=self._leads_in_file(config),
            held_since=None if order is None else time.monotonic() - max(0.0, time.time() - order.since),
        )
        after, actions = decide(self.memory, seen)
        show = partial(self._show, readings, sighting, order)
        if after.holding - self.memory.holding:  # written down first: whoever comes after us lets them go
            show(after, pooler)
        for action in actions:
            self._act(config, self._console, action, pooler)
        self.memory = after  # not before: what failed is done again
        show(after, self._console.read(config.pools) if actions else pooler)
        if not actions and pooler is not None:
            self._console.prepare(len(config.pools))

    def _opened(self) -> GuideConfig:
        """The configuration as it is now, and who reads what it names."""
        config = self.files.read_config()
        if self._members is None or config != self._config:
            if self._members is not None:
                self._members.close()
            self._members = MemberReader(config, self.files.node(), self.files.agents_ca)
            self._config = config
        if self._console is None:
            self._console = PoolerConsole(self.files.console())
        return config

    def _leads_in_file(self, config: GuideConfig) -> str:
        """Where the file leads that PgBouncer includes; "" where it is not as it should be."""
        try:
            text = (self.files.volume / DATABASES_FILE).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return ""
        return next((each.name for each in config.members if databases_text(config, each.name) == text), "")

    def _act(
        self, config: GuideConfig, console: PoolerConsole, action: PoolerAction, pooler: PoolerReading | None
    ) -> None:
        match action.verb:
            case PoolerVerb.LEAD:
                self._lead(config, console, action.target, pooler)
            case PoolerVerb.PAUSE:
                _print("there is no primary: clients wait")
                console.pause(action.pools)
            case PoolerVerb.RESUME:
                _print("clients go on")
                console.resume(action.pools)
            case PoolerVerb.END:
                assert self._members is not None
                ended = console.end_stale(config.pools, self._members.elsewhere(action.target))
                _print(f"ended {ended} client(s) that were busy at a node that is the primary no more")

    def _lead(self, config: GuideConfig, console: PoolerConsole, target: str, pooler: PoolerReading | None) -> None:
        text = databases_text(config, target)
        new = self._leads_in_file(config) != target
        if new:
            replace_file(self.files.volume / DATABASES_FILE, text, 0o644)
            _print(f"leads to {target}")
        if pooler is not None and (new or time.monotonic() - self._reloaded > _RELOAD_EVERY):
            console.lead(pooler.paused)
            self._reloaded = time.monotonic()

    def _show(
        self,
        readings: tuple[MemberReading, ...],
        sighting: Sighting,
        order: PoolOrder | None,
        memory: GuideMemory,
        pooler: PoolerReading | None,
    ) -> None:
        """The status, at each change and now and then."""
        now = time.monotonic()
        since = None if memory.missed_since is None else round(time.time() - (now - memory.missed_since), 3)
        status = GuideStatus(
            updated=round(time.time(), 3),
            leader=sighting.leader,
            leads=pooler.leads if pooler else "",
            reason=sighting.reason,
            pooler=pooler is not None,
            paused=tuple(sorted(memory.holding)),
            since=since,
            gave_up=memory.gave_up,
            held_until=order.until if order else None,
            boot=self._boot,
            members={each.name: f"{each.agent}, {each.server}" for each in readings},
        )
        shown = (status.leader, status.leads, status.reason, status.pooler, status.paused, status.held_until)
        if sighting.reason and shown[:3] != self._shown[:3]:
            _print(sighting.reason)
        if shown != self._shown or now - self._written > _WRITTEN_EVERY:
            write_guide_status(self.files.volume, status)
            self._shown, self._written = shown, now


def _print(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - the container's log
