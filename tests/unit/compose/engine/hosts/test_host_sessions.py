"""Whom a task may reach: hosts that were added, and this machine where it stands for itself."""

from dataclasses import replace

import pytest

from cluster.config.hosts_file import parse_hosts
from cluster.hosts_state import HostRecord, HostsState
from compose.engine.hosts.host_sessions import _not_added
from tests.fix_settings import settings_of

_FILE = """
[hosts.here]
ssh = "local"
address = "10.0.0.10"
roles = [{0}]
[hosts.beta]
ssh = "b@beta"
address = "10.0.0.12"
roles = [{0}]
"""
_ADDED = HostsState(hosts=tuple(HostRecord(name=name, address="", home="", host_key="k") for name in ("here", "beta")))


@pytest.mark.parametrize(
    ("roles", "name", "state", "missing"),
    [
        ('"node"', "here", HostsState(), False),
        ('"node"', "beta", HostsState(), True),
        ('"node", "etcd"', "here", HostsState(), True),
        ('"node", "etcd"', "here", _ADDED, False),
        ('"node", "etcd"', "beta", _ADDED, False),
    ],
)
def test_this_machine_is_added_only_where_hosts_decide_together(
    roles: str, name: str, state: HostsState, *, missing: bool
) -> None:
    settings = replace(settings_of(), hosts=parse_hosts(_FILE.format(roles)))
    host = settings.hosts.find(name)
    assert host is not None
    assert (_not_added(settings, host, state) is not None) is missing
