"""Which hosts of config/hosts.toml were added, and what that leaves to do."""

from cluster.errors import RefusedError, UsageError
from cluster.hosts_state import HostsState, has_roles
from compose.home.hosts_state_file import load_state
from compose.operations.hosts.host_findings import roles_findings
from compose.stack import Stack


def check_added(stack: Stack) -> None:
    """Refuse what begins on all hosts, where the file and the hosts that were added differ, or its roles do not do.

    Raises:
        UsageError: there is no file.
        RefusedError: says which host, or which role, and what to do.
    """
    hosts, state = stack.settings.hosts, load_state(stack.home)
    if not hosts.hosts:
        raise UsageError("there is no config/hosts.toml, so there are no hosts", "see docs/how-to/hosts.md")
    check_listed(stack)
    for each in roles_findings(hosts):
        if each.fatal or each.subject == "votes":
            raise RefusedError(each.line, each.hint)
    if missing := _not_added(stack, state):
        names = f"host {missing[0]} was" if len(missing) == 1 else f"hosts {', '.join(missing)} were"
        later = "take it out of config/hosts.toml until inv hosts.switch was run; or run: inv hosts.unprepare"
        add = f"run: inv hosts.add {missing[0]}"
        raise RefusedError(f"{names} not added yet", add if state.phase == "none" else later)


def check_listed(stack: Stack) -> None:
    """Refuse where a host that was added is in the file no more: what runs there would be forgotten.

    Raises:
        RefusedError: which, and what to do.
    """
    lost = [each.name for each in load_state(stack.home).hosts if stack.settings.hosts.find(each.name) is None]
    if lost:
        raise RefusedError(
            f"host {lost[0]} was added, and config/hosts.toml has it no more",
            "put it back; it leaves by inv hosts.remove, and by inv hosts.unprepare before that where that is refused",
        )


def check_finished(stack: Stack) -> None:
    """Refuse where a host has not its whole part: a vote not announced, or a node that may copy nothing, stays down.

    Raises:
        RefusedError: which host, and what ends it.
    """
    state = load_state(stack.home)
    for host in stack.settings.hosts.hosts:
        record = state.find(host.name)
        if record is None:
            hint = f"run: inv hosts.add {host.name}, or take it out of config/hosts.toml"
            raise RefusedError(f"host {host.name} was not added", hint)
        if not has_roles(record, host):
            raise RefusedError(
                f"host {host.name} was not added to the end: it lacks a part", f"run: inv hosts.add {host.name}"
            )


def after_adding(stack: Stack) -> str:
    """What to do next, in a line."""
    hosts, state = stack.settings.hosts, load_state(stack.home)
    if missing := _not_added(stack, state):
        return f"next: inv hosts.add {missing[0]}"
    if state.phase == "patroni":
        return "it has its part of the cluster: inv hosts.status"
    todo = "hosts.prepare" if hosts.with_role("etcd") else "replica.add --host NAME"
    return f"all hosts of config/hosts.toml are added; next: inv {todo}"


def _not_added(stack: Stack, state: HostsState) -> list[str]:
    return [host.name for host in stack.settings.hosts.to_add if state.find(host.name) is None]
