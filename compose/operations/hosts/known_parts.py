"""Whether the store knows the same hosts as this home: one that was put back from a copy may be older."""

from cluster.errors import PodsError, RefusedError
from compose.operations.hosts.fleet import Fleet
from compose.operations.hosts.vote_handover import peer_url


def refuse_other_parts(fleet: Fleet) -> None:
    """Nothing, where votes and members are those of config/hosts.toml and the topology, or nobody can be asked.

    Raises:
        RefusedError: a host came or went that this home does not know of; which, and what to do.
    """
    try:
        votes = {url for each in fleet.any_store.members() for url in each.peer_urls}
        members = {each.name for each in fleet.members() if each.runs}  # one that went is listed for a while
    except PodsError:
        return
    wanted = {peer_url(host): host.name for host in fleet.votes}
    if unknown := sorted(votes - set(wanted)):
        raise _unknown(f"etcd has a vote at {unknown[0]}")
    if strange := sorted(members - set(fleet.stack.topology.names)):
        raise _unknown(f"Patroni has a member {strange[0]!r}")
    if lost := sorted(name for url, name in wanted.items() if url not in votes):
        raise RefusedError(
            f"etcd has no vote of {lost[0]}, to which config/hosts.toml gives one",
            f"it was taken out, or half of it: inv hosts.remove {lost[0]}, then take it out of the file",
        )


def _unknown(what: str) -> RefusedError:
    return RefusedError(
        f"{what}, and this home knows of no such host",
        "it was added after the copy that this home comes from: write it into config/hosts.toml as it was, then "
        "inv hosts.add NAME --take-over",
    )
