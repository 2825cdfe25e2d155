"""Whose vote leads etcd is another's before it goes: a store without a leader for seconds demotes the primary.

And a primary's host does not lead it for longer than must be: where both are lost at once, votes elect a leader after 5
to 10 s, and that begins the lease of the dead primary anew (0076).
"""

from cluster.config.docker_hosts import ETCD_PEER_PORT, Host
from cluster.errors import PodsError, RefusedError
from cluster.http.etcd_api import EtcdApi, StoreMember
from cluster.waiting import comes_true
from compose.engine.hosts.host_engine import HostEngine
from compose.operations.hosts.fleet import Fleet
from compose.operations.hosts.host_payload import host_payload
from compose.render.compose_file import DEFINITION_LABEL
from compose.stack import Stack

_SECONDS = 15.0
"""For the votes to follow the new one; whoever waits for it goes on all the same."""


def peer_url(host: Host) -> str:
    """By which the other votes know the one of ``host``."""
    return f"https://{host.etcd}:{ETCD_PEER_PORT}"


def store_beside(fleet: Fleet, host: Host) -> EtcdApi:
    """A member of etcd that serves, on another host: the one that leads, where that is another's.

    Who follows hands a change of members on to the leader, which was seen to hang.

    Raises:
        RefusedError: none does.
    """
    serving = {name: store for name, store in fleet.stores.items() if name != host.name and not store.healthy()}
    if not serving:
        raise RefusedError("no other member of etcd answers and has a leader", "see inv status")
    leaders = (serving.get(_leading(fleet, store)) for store in serving.values())
    return next((each for each in leaders if each is not None), next(iter(serving.values())))


def _leading(fleet: Fleet, store: EtcdApi) -> str:
    """The host whose vote leads, as ``store`` knows it; "" where it does not say."""
    try:
        leader = store.health().leader
        urls = [url for each in store.members() if each.number == leader for url in each.peer_urls]
    except PodsError:
        return ""
    return next((host.name for host in fleet.votes if peer_url(host) in urls), "")


def find_vote(store: EtcdApi, host: Host) -> StoreMember | None:
    """The member of ``host``, as ``store`` knows it."""
    return next((each for each in store.members() if peer_url(host) in each.peer_urls), None)


def hand_over_votes(fleet: Fleet, name: str) -> str:
    """Let another vote lead where that of host ``name`` does; whose does then, "" where nothing was done.

    What cannot be handed over is elected: that is slower, and no reason to stop.
    """
    own = fleet.stores.get(name)
    if own is None or own.healthy():
        return ""
    try:
        host = next(each for each in fleet.votes if each.name == name)
        mine = find_vote(own, host)
        if mine is None or own.health().leader != mine.number:
            return ""
        others = [each for each in fleet.votes if each.name != name and not fleet.stores[each.name].healthy()]
        for other in others:
            found = find_vote(own, other)
            if found is not None and found.votes:
                own.move_leadership(found)
                comes_true(lambda: _leads(fleet.stores[other.name], found.number), timeout=_SECONDS, pause=0.2)  # noqa: B023
                return other.name
    except PodsError:
        return ""
    return ""


def _leads(store: EtcdApi, number: str) -> bool:
    try:
        return store.health().leader == number and not store.healthy()
    except PodsError:
        return False


def remade_services(stack: Stack, engine: HostEngine) -> frozenset[str]:
    """Services of a host whose containers are made anew with the files that it shall have."""
    import yaml

    wanted = yaml.safe_load(host_payload(stack, engine.host)["compose.yaml"].content)["services"]
    running = engine.containers()
    return frozenset(
        name
        for name, each in running.items()
        if name in wanted and each.definition != wanted[name]["labels"][DEFINITION_LABEL]
    )
