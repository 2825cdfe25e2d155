"""`inv replica.reclone` where Patroni decides: the data of a member is kept aside, and it copies the leader's anew.

For a directory that went back to an old copy, that is another cluster's or empty, whose WAL nobody has any more, or
whose disk is new. The member decides nothing meanwhile: it is down, and its vote in etcd is another service's.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

from cluster.errors import RefusedError, UsageError
from compose.console import Console, Progress
from compose.engine.hosts.host_engine import HostEngine
from compose.engine.hosts.shipped_files import MOUNTED
from compose.home.paths import ASIDE
from compose.operations.hosts.fleet import Fleet, open_fleet
from compose.operations.hosts.host_payload import host_payload
from compose.operations.hosts.member_copy import copy_member
from compose.operations.hosts.prepare import folders
from compose.operations.steps import Step, perform
from compose.stack import Stack

_OWN = f"-mindepth 1 -maxdepth 1 ! -name {ASIDE} ! -name lost+found"
_KEEP_SCRIPT = f"""
set -eu
cd "{MOUNTED}/data/$2"
if [ -L {ASIDE} ]; then echo "{ASIDE} is a link" >&2; exit 1; fi
mkdir -p -m 0700 {ASIDE}
mkdir -m 0700 "{ASIDE}/$1"
find . {_OWN} -exec mv -t "{ASIDE}/$1" {{}} +
rmdir --ignore-fail-on-non-empty "{ASIDE}/$1"
"""
"""Within the directory, which may be a disk of its own."""
_PUT_BACK_SCRIPT = f"""
set -eu
cd "{MOUNTED}/data/$2"
if [ -L {ASIDE} ] || [ ! -d "{ASIDE}/$1" ]; then exit 0; fi
find . {_OWN} -exec rm -rf {{}} +
find "{ASIDE}/$1" -mindepth 1 -maxdepth 1 -exec mv -t . {{}} +
rmdir "{ASIDE}/$1"
"""


def reclone_member(stack: Stack, console: Console, name: str, *, chosen: bool) -> None:
    """Let the member copy the leader's data anew. The lock is the caller's.

    Args:
        stack: the cluster.
        console: shows how far it is.
        name: of the member, which is its host's.
        chosen: somebody said from whom or how fast to copy.

    Raises:
        PodsError: it cannot be; where it did not come to a copy, the old data is back.
    """
    if chosen:
        raise UsageError("--source and --max-rate are not for hosts", "the leader is copied, as fast as it goes")
    if name not in stack.topology.names:
        raise UsageError(f"there is no node {name!r}", f"there are: {', '.join(stack.topology.names)}")
    with open_fleet(stack) as fleet:
        if fleet.leader() == name:
            raise RefusedError(f"{name} is the primary", "it has what the others copy; first: inv switchover")
        perform(MemberReclone(fleet, name).steps(), console)


class MemberReclone:
    """One run of it."""

    def __init__(self, fleet: Fleet, name: str) -> None:
        self._fleet, self._name = fleet, name
        self._host = next(each for each in fleet.nodes if each.name == name)
        self._stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"

    @property
    def _engine(self) -> HostEngine:
        return self._fleet.engines[self._name]

    def steps(self) -> Iterator[Step]:
        """Taken back as long as the old data is all there is."""
        name = self._name
        yield Step(f"Stopping {name}", lambda step: self._stop(step), self._start)
        yield Step(f"Keeping its data aside on {name}", self._keep, self._put_back)
        yield Step(f"Letting {name} copy the leader's data", self._copy, lambda: self._stop(None))
        yield Step(f"Writing down that {name} has data", lambda _: self._settle(), quiet=True, final=True)

    def _stop(self, step: Progress | None) -> None:
        if step is not None:
            self._engine.follow(step, "stop", self._name)
        else:
            self._engine.compose("stop", self._name)

    def _start(self) -> None:
        self._settle()
        self._engine.compose("up", "--detach", "--no-deps", self._name)

    def _keep(self, step: Progress) -> None:
        self._engine.make_folders(*folders(self._host))
        self._script(_KEEP_SCRIPT)
        step.result = f"in {self._engine.home}/data/{self._name}/{ASIDE}/{self._stamp}, where there was any"

    def _put_back(self) -> None:
        self._script(_PUT_BACK_SCRIPT)

    def _script(self, script: str) -> None:
        words = ["-c", script, "sh", self._stamp, self._name]
        self._engine.run(self._engine.image, words, entrypoint="bash")

    def _copy(self, step: Progress) -> None:
        copy_member(self._fleet, self._engine, step, hint="run this again when that is mended")

    def _settle(self) -> None:
        """From now on an empty directory is a disk that is away."""
        self._engine.ship(host_payload(self._fleet.stack, self._host))
