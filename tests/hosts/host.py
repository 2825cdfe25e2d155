"""One emulated host: a privileged container with an engine and an sshd of its own, and what can go wrong with it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from cluster.waiting import comes_true
from tests.hosts.docker_command import docker

HOME = "/srv/pods"
"""Where PODS keeps its files on a host, unless hosts.toml names another directory."""
_READY = 90.0
_EVERYTHING = ("PREROUTING", "OUTPUT")


@dataclass(frozen=True, kw_only=True)
class Host:
    """A running host of the bed: ``id`` of its container, ``address`` on the common network ``network``."""

    name: str
    id: str
    address: str
    network: str

    def run(self, *argv: str, check: bool = True, stdin: bytes = b"", timeout: float = 300) -> str:
        """Run a program on the host, as root."""
        return docker("exec", "-i", self.id, *argv, check=check, stdin=stdin, timeout=timeout)

    def sh(self, script: str, *, check: bool = True) -> str:
        """Run a shell script on the host, as root."""
        return self.run("sh", "-ec", script, check=check)

    def engine(self, *arguments: str, check: bool = True, stdin: bytes = b"") -> str:
        """Plain docker on the host's own engine."""
        return self.run("docker", *arguments, check=check, stdin=stdin)

    def wait_ready(self) -> None:
        """Until its engine answers and its sshd listens."""
        script = "docker version > /dev/null 2>&1 && pgrep -x sshd > /dev/null && echo yes"
        ready = comes_true(lambda: self.run("sh", "-c", script, check=False) == "yes" or not self.runs, timeout=_READY)
        if not (ready and self.runs):
            raise AssertionError(f"{self.name} does not come up: {docker('logs', '--tail=20', self.id, stderr=True)}")

    @property
    def runs(self) -> bool:
        """Whether it is switched on."""
        return docker("inspect", "--format", "{{.State.Running}}", self.id) == "true"

    # -- the whole host ----------------------------------------------------------------------------------------------

    def kill(self) -> None:
        """Power loss. What was written and not synchronised is not lost: the kernel lives on."""
        docker("kill", self.id)

    def stop(self) -> None:
        """An orderly shutdown: its engine stops the containers first."""
        docker("stop", "--time", "120", self.id)

    def start(self) -> None:
        """Switch it on, and wait for its engine."""
        docker("start", self.id)
        self.wait_ready()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """As a machine that its hypervisor gives no time: no process of its containers runs, and its network is silent.

        The engine's own pause fails with a container that has an engine in it. A signal to -1 reaches, at one moment,
        all but the host's first process, which only collects, and the shell that sends it.
        """
        silent = "".join(f"iptables -t raw -I {chain} -j DROP; " for chain in _EVERYTHING)
        self.sh(f"{silent} kill -s STOP -- -1")
        try:
            yield
        finally:
            heard = "".join(f"iptables -t raw -D {chain} -j DROP; " for chain in _EVERYTHING)
            self.sh(f"{heard} kill -s CONT -- -1")

    # -- one container, one process ----------------------------------------------------------------------------------

    def container(self, service: str) -> str:
        """Id of the container of a Compose service there; "" when there is none."""
        wanted = f"label=com.docker.compose.service={service}"
        found = self.engine("ps", "--all", "--quiet", "--filter", wanted).split()
        return found[0] if found else ""

    def pids(self, service: str, pattern: str) -> list[int]:
        """Processes in a service's container whose command line matches, as the host numbers them."""
        rows = self.engine("top", self.container(service), "-eo", "pid,args").splitlines()[1:]
        return [int(row.split(None, 1)[0]) for row in rows if pattern in row]

    def signal(self, service: str, pattern: str, signal: str) -> list[int]:
        """Send a signal (STOP, CONT, KILL …) to those processes; which they were."""
        found = self.pids(service, pattern)
        assert found, f"no process of {service} on {self.name} is called {pattern}"
        self.run("kill", f"-{signal}", *map(str, found))
        return found

    @contextmanager
    def hung(self, service: str, pattern: str) -> Iterator[list[int]]:
        """Those processes get no processor time (SIGSTOP) while the body runs; who still lives goes on then."""
        found = self.signal(service, pattern, "STOP")
        try:
            yield found
        finally:
            self.run("kill", "-CONT", *map(str, found), check=False)

    # -- the network between hosts -----------------------------------------------------------------------------------

    def block(self, *sources: "Host") -> None:
        """Take nothing more from ``sources``; what goes there is not touched (one direction).

        In the host's own network, before connection tracking: also what was established ends, and it needs no module of
        the machine that filters bridges.
        """
        for source in sources:
            self.run("iptables", "-t", "raw", "-I", "PREROUTING", "-s", source.address, "-j", "DROP")

    def unblock(self) -> None:
        """Take from everybody again."""
        self.run("iptables", "-t", "raw", "-F", "PREROUTING")

    def lose(self, source: "Host", share: float) -> None:
        """Lose this share (0 to 1) of the packets that come from ``source``."""
        dice = ("-m", "statistic", "--mode", "random", "--probability", str(share))
        self.run("iptables", "-t", "raw", "-I", "PREROUTING", "-s", source.address, *dice, "-j", "DROP")

    @contextmanager
    def unplugged(self) -> Iterator[None]:
        """Off the network, also for the control machine."""
        docker("network", "disconnect", self.network, self.id)
        try:
            yield
        finally:
            docker("network", "connect", "--ip", self.address, self.network, self.id)

    # -- what administrators do --------------------------------------------------------------------------------------

    def small_disk(self, megabytes: int, directory: str = HOME) -> None:
        """An empty file system of this size at ``directory``, until the host is switched off."""
        size = f"size={megabytes}m,mode=0755"
        self.sh(f"mkdir -p {directory} && mount -t tmpfs -o {size} pods-test {directory} && chown deploy {directory}")

    def fill(self, directory: str = HOME, leave: int = 0) -> str:
        """Fill the file system of ``directory`` but for ``leave`` KiB; the file that does it."""
        free = int(self.sh(f"df --output=avail -k {directory} | tail -1"))
        self.sh(f"fallocate -l {max(free - leave, 1)}K {directory}/ballast || :")
        return f"{directory}/ballast"

    def sshd(self, *lines: str) -> None:
        """Configuration of sshd beside Debian's own; without lines, none."""
        text = "".join(f"{line}\n" for line in lines)
        self.run("sh", "-ec", "cat > /etc/ssh/sshd_config.d/00-test.conf && pkill -HUP -o -x sshd", stdin=text.encode())


@contextmanager
def partitioned(*groups: tuple[Host, ...]) -> Iterator[None]:
    """Hosts reach those of their own group alone while the body runs; the control machine reaches all."""
    everybody = [host for group in groups for host in group]
    for group in groups:
        for host in group:
            host.block(*(other for other in everybody if other not in group))
    try:
        yield
    finally:
        for host in everybody:
            host.unblock()
