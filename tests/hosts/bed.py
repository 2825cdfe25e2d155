"""Three hosts and a control machine: the bed on which everything about several hosts is tried.

Hosts are privileged containers with an engine of their own, on one bridge, with fixed addresses. The control machine is
this one: its engine, its `inv`; it has the bridge's first address, so that it can be one of the hosts as well
(``ssh = "local"``). A bed is taken away by the ids of what it made; what a run that was killed left, the next one finds
by label and takes away, if nobody holds the lock of that run any more.
"""

import fcntl
import os
import re
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from compose.engine import apt
from tests.fix_lanes import run_label
from tests.hosts import image_store
from tests.hosts.docker_command import docker
from tests.hosts.host import HOME, Host

IMAGE = "pods-test/host"
NAMES = ("alpha", "beta", "gamma")
LOCAL = "local"
"""The name of the control machine, where it is one of the hosts."""
LABEL = "pods.test.bed"
USER = "deploy"
ROLES = ("etcd", "node", "pooler")
_BASE = "pods/base:forky"
_SUBNETS = [f"10.83.{third}" for third in range(10, 250)]
_FIRST = 11


@dataclass(frozen=True, kw_only=True)
class Bed:
    """Hosts by name, and what the control machine needs to reach them."""

    token: str
    hosts: dict[str, Host]
    gateway: str
    key: Path
    agent: str
    """Socket of an ssh-agent that holds the key of `deploy`."""

    def __getitem__(self, name: str) -> Host:
        return self.hosts[name]

    @property
    def environment(self) -> dict[str, str]:
        """What `inv` needs in its environment to log in."""
        return {"SSH_AUTH_SOCK": self.agent}

    def address(self, name: str) -> str:
        """Cluster address of a host, or of the control machine."""
        return self.gateway if name == LOCAL else self.hosts[name].address

    def write_hosts(self, home: Path, *names: str, **roles: Sequence[str]) -> Path:
        """Write config/hosts.toml for the cluster in ``home``: all hosts unless named; `local` is the control machine.

        ``roles`` are those of a host where they are not all three.
        """
        path = home / "config" / "hosts.toml"
        path.parent.mkdir(exist_ok=True)
        chosen = names or tuple(self.hosts)
        path.write_text("\n".join(self._entry(home, name, roles.get(name, ROLES)) for name in chosen))
        return path

    def _entry(self, home: Path, name: str, roles: Sequence[str]) -> str:
        ssh = "local" if name == LOCAL else f"{USER}@{self.address(name)}"
        where = str(home.with_name(f"{home.name}-host")) if name == LOCAL else HOME
        listed = ", ".join(f'"{role}"' for role in roles)
        return (
            f'[hosts.{name}]\nssh = "{ssh}"\naddress = "{self.address(name)}"\nroles = [{listed}]\n'
            f'zone = "zone-{name}"\nhome = "{where}"\n'
        )

    def ssh(self, name: str, *argv: str) -> "subprocess.CompletedProcess[str]":
        """Log in on a host as a person would, without asking who it is."""
        options = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "BatchMode=yes"]
        options += ["-o", "ConnectTimeout=5"]
        command = ["ssh", "-q", "-i", str(self.key), *options, f"{USER}@{self.address(name)}", *argv]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@contextmanager
def open_bed(names: Sequence[str] = NAMES, seeded: Sequence[str] = (), images: Sequence[str] = ()) -> Iterator[Bed]:
    """Hosts that answer. Those in ``seeded`` have the images ``images`` already, the others have none.

    What brings images to a host is part of what is tried: at least one host must not be seeded.
    """
    assert not set(seeded) >= set(names), "the product's own transfer of images must be tried"
    sweep()
    build()
    with ExitStack() as stack:
        token = stack.enter_context(_claimed())
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pods-bed-")))
        key, agent = stack.enter_context(_ssh_agent(directory))
        docker("volume", "create", image_store.VOLUME)
        store = _ready_store(token, images) if images and seeded else ""
        stack.callback(_remove, token)
        network, subnet = _make_network(token)
        hosts = {
            name: _make_host(token, name, number, network, subnet, store if name in seeded else "")
            for number, name in enumerate(names)
        }
        for host in hosts.values():
            host.wait_ready()
            _let_in(host, key)
        yield Bed(token=token, hosts=hosts, gateway=f"{subnet}.1", key=key, agent=agent)


def build() -> None:
    """The image of a host, on the base image that `inv up` makes of this machine's own archive."""
    stale = f"-o {apt.STALE}" if apt.accepts_stale("auto") else ""
    context = str(Path(__file__).with_name("image"))
    docker("build", "--quiet", "--tag", IMAGE, f"--build-arg=BASE={_BASE}", f"--build-arg=APT_OPTIONS={stale}", context)


# -- whose it is, and what was left ----------------------------------------------------------------------------------


def _locks() -> Path:
    directory = Path(tempfile.gettempdir()) / f"pods-test-beds-{os.getuid()}"
    directory.mkdir(exist_ok=True)
    return directory


@contextmanager
def _locked(name: str, *, wait: bool = True) -> Iterator[bool]:
    """Hold a lock that ends with this process; whether it was to be had."""
    with (_locks() / name).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
            return
        yield True


@contextmanager
def _claimed() -> Iterator[str]:
    """A token for this bed, which is alive while the lock of that name is held."""
    token = secrets.token_hex(4)
    with _locked(token):
        try:
            yield token
        finally:
            (_locks() / token).unlink(missing_ok=True)


def sweep() -> None:
    """Take away beds whose run has ended."""
    shown = f'{{{{.Label "{LABEL}"}}}}'
    containers = docker("ps", "--all", "--filter", f"label={LABEL}", "--format", shown).split()
    networks = docker("network", "ls", "--filter", f"label={LABEL}", "--format", shown).split()
    for token in {*containers, *networks}:
        with _locked(token, wait=False) as ours:
            if ours:
                _remove(token)
                (_locks() / token).unlink(missing_ok=True)


def _remove(token: str) -> None:
    """Containers, network and files of one bed, by their ids."""
    label = f"label={LABEL}={token}"
    for container in docker("ps", "--all", "--quiet", "--filter", label).split():
        docker("unpause", container, check=False)
        docker("rm", "--force", "--volumes", container, check=False)
    for network in docker("network", "ls", "--quiet", "--filter", label).split():
        for change in (*_as_a_lan(network, "--delete"), _unmasked(network, "--delete")):
            subprocess.run(["iptables", "--wait", *change], capture_output=True, check=False)
        docker("network", "rm", network, check=False)
    image_store.in_volume(IMAGE, f"rm -rf /volume/beds/{token}")


# -- making it -------------------------------------------------------------------------------------------------------


_OPEN = ("--opt", "com.docker.network.bridge.gateway_mode_ipv4=nat-unprotected")
"""Else the engine drops what comes to a container's own address from elsewhere, which is a host's address here."""


def _make_network(token: str) -> tuple[str, str]:
    """A bridge of its own, on a subnet that no other network of this machine has; its id and the subnet's beginning."""
    refused = ""
    for subnet in _SUBNETS:
        made = ["network", "create", "--driver=bridge", f"--label={LABEL}={token}", *_OPEN]
        made += [f"--subnet={subnet}.0/24", f"--gateway={subnet}.1", f"pods-bed-{token}"]
        try:
            network = docker(*made)
        except AssertionError as error:
            refused = str(error)
            if "overlap" not in refused:
                raise
        else:
            for change in (*_as_a_lan(network, "--insert"), _unmasked(network, "--insert")):
                subprocess.run(["iptables", "--wait", *change], check=True)
            hairpin = ["--table", "nat", "--delete", "DOCKER", *_through(network), "--jump", "RETURN"]
            subprocess.run(["iptables", "--wait", *hairpin], capture_output=True, check=False)
            return network, subnet
    raise AssertionError(refused)


def _as_a_lan(network: str, change: str) -> list[list[str]]:
    """Rules by which the bridge is a network that containers of this machine reach, as they reach other machines.

    Docker keeps its bridges apart; the container of a host is none of this engine's business.
    """
    bridge = f"br-{network[:12]}"
    sides = (["--in-interface", bridge], ["--out-interface", bridge])
    return [[change, "DOCKER-USER", *side, "--jump", "ACCEPT"] for side in sides]


def _unmasked(network: str, change: str) -> list[str]:
    """A rule by which this machine's containers see the address of a host that comes to a port of theirs.

    From a bridge of its own, Docker would lead it through a process of this machine, and hide who comes.
    """
    return ["--table", "nat", change, "POSTROUTING", "--source", _subnet_of(network), "--jump", "ACCEPT"]


def _through(network: str) -> list[str]:
    return ["--in-interface", f"br-{network[:12]}"]


def _subnet_of(network: str) -> str:
    return docker("network", "inspect", "--format", "{{(index .IPAM.Config 0).Subnet}}", network)


def _mounts(token: str, name: str) -> list[str]:
    at = f"type=volume,src={image_store.VOLUME},volume-subpath=beds/{token}/{name}"
    return [f"--mount={at}/docker,dst=/var/lib/docker", f"--mount={at}/srv,dst=/srv"]


def _make_host(token: str, name: str, number: int, network: str, subnet: str, store: str) -> Host:
    path = f"beds/{token}/{name}"
    image_store.in_volume(IMAGE, f"mkdir -p /volume/{path}/docker /volume/{path}/srv/pods")
    if store:
        image_store.give(IMAGE, store, f"{path}/docker")
    address = f"{subnet}.{_FIRST + number}"
    created = ["run", "--detach", "--init", "--privileged", "--hostname", name, "--name", f"pods-bed-{token}-{name}"]
    created += [f"--label={LABEL}={token}", *run_label(), f"--network={network}", f"--ip={address}"]
    inner = [f"--bip=172.{20 + number}.0.1/16", f"--default-address-pool=base=10.{220 + number}.0.0/16,size=24"]
    container = docker(*created, *_mounts(token, name), IMAGE, *inner)
    return Host(name=name, id=container, address=address, network=network)


def _let_in(host: Host, key: Path) -> None:
    """The key made for this run opens the account `deploy`, which may make PODS' directory."""
    public = key.with_suffix(".pub").read_bytes()
    host.run(
        *("sh", "-ec"),
        f"install -d -m 0700 -o {USER} -g {USER} /home/{USER}/.ssh && cat > /home/{USER}/.ssh/authorized_keys && "
        f"chown {USER}:{USER} /home/{USER}/.ssh/authorized_keys {HOME} && chmod 0600 /home/{USER}/.ssh/authorized_keys",
        stdin=public,
    )


@contextmanager
def _ssh_agent(directory: Path) -> Iterator[tuple[Path, str]]:
    """A key, and an agent that holds it: ssh takes configuration only from the user's own home."""
    key, socket = directory / "deploy", directory / "agent"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True, capture_output=True)
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.DEVNULL)
    try:
        environment = {**os.environ, "SSH_AUTH_SOCK": str(socket)}
        for _ in range(50):
            done = subprocess.run(["ssh-add", "-q", key], env=environment, capture_output=True, check=False, timeout=30)
            if done.returncode == 0:
                break
            with suppress(subprocess.TimeoutExpired):
                agent.wait(0.1)
        assert done.returncode == 0, done.stderr
        yield key, str(socket)
    finally:
        agent.terminate()
        agent.wait(10)


def _ready_store(token: str, images: Sequence[str]) -> str:
    """The name of the store with these images; an engine of its own loads them if no run did before."""
    store = image_store.store_name(images, IMAGE)
    with _locked(f"store-{store}"):
        if not image_store.ready(IMAGE, store):
            image_store.fill(IMAGE, store, images, lambda path: _load(token, path, images))
    return store


def _load(token: str, path: str, images: Sequence[str]) -> None:
    """Start an engine on ``path`` of the volume, load the images into it, and stop it in an orderly manner."""
    mount = f"--mount=type=volume,src={image_store.VOLUME},volume-subpath={path},dst=/var/lib/docker"
    created = ["run", "--detach", "--init", "--privileged", "--network=none", f"--label={LABEL}={token}", *run_label()]
    container = docker(*created, mount, IMAGE, "--bridge=none")
    host = Host(name="loader", id=container, address="", network="")
    try:
        host.wait_ready()
        command = ["docker", "exec", "-i", container, "docker", "load", "--quiet"]
        with subprocess.Popen(["docker", "save", *images], stdout=subprocess.PIPE) as saved:
            subprocess.run(command, stdin=saved.stdout, check=True, capture_output=True)
        assert saved.returncode == 0
        host.stop()
    finally:
        docker("rm", "--force", "--volumes", container)


def volume_size() -> str:
    """How much all ready stores and beds take on the disk."""
    return re.split(r"\s", image_store.in_volume(IMAGE, "du -sh /volume"))[0]


def copied(path: Path) -> Path:
    """A copy of a home beside it, for a second control machine."""
    target = path.with_name(f"{path.name}-second")
    shutil.copytree(path, target, symlinks=True)
    return target
