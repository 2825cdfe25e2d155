"""What keeps hosts from being used."""

from dataclasses import replace

import pytest

from cluster.config.hosts_file import parse_hosts
from cluster.errors import MachineError, RefusedError
from compose.engine.hosts.host_inspection import HostInspection
from compose.operations.hosts.host_check import HostsReport
from compose.operations.hosts.host_findings import HostFinding, findings

THREE = """
[hosts.alpha]
ssh = "a@alpha"
address = "10.0.0.11"
zone = "r1"
[hosts.beta]
ssh = "a@beta"
address = "10.0.0.12"
zone = "r2"
[hosts.gamma]
address = "10.0.0.13"
roles = ["etcd"]
zone = "r3"
"""
WELL = HostInspection(
    host="alpha",
    version="28.5.2+dfsg4",
    architecture="x86_64",
    rootless=False,
    offset=0.01,
    vague=0.005,
    addresses=frozenset({"127.0.0.1", "10.0.0.11"}),
    listeners=frozenset({("0.0.0.0", 22), ("127.0.0.1", 5432)}),
    published=frozenset(),
    free=50 << 30,
    sync_seconds=0.002,
)


def _found(alpha: "HostInspection | MachineError", text: str = THREE) -> list[HostFinding]:
    return findings(parse_hosts(text), {"alpha": alpha}, "x86_64")


def test_three_well_hosts_have_nothing() -> None:
    assert _found(WELL) == []


@pytest.mark.parametrize(
    ("reading", "subject", "words"),
    [
        (replace(WELL, version="20.10.24"), "engine", "20.10.24 is too old"),
        (replace(WELL, architecture="aarch64"), "engine", "it is aarch64"),
        (replace(WELL, rootless=True), "engine", "maps users"),
        (replace(WELL, offset=-3.0), "clock", "3.0 s behind"),
        (replace(WELL, addresses=frozenset({"10.0.0.99"})), "address", "10.0.0.11 is on none"),
        (replace(WELL, listeners=frozenset({("0.0.0.0", 5432)})), "port", "port 5432 of 10.0.0.11 is taken"),
        (replace(WELL, listeners=frozenset({("10.0.0.11", 2379)})), "port", "port 2379"),
        (replace(WELL, published=frozenset({("0.0.0.0", 8008)})), "port", "8008 is open on 0.0.0.0"),
        (replace(WELL, free=1 << 30), "disk", "are free for its home"),
        (replace(WELL, refused=RefusedError("host alpha is controlled from ops2 (/x)")), "home", "ops2"),
        (MachineError("host alpha (a@alpha) does not answer"), "reach", "does not answer"),
    ],
)
def test_each_fault_of_a_host_is_one_line(reading: HostInspection, subject: str, words: str) -> None:
    (found,) = _found(reading)
    assert (found.host, found.subject, found.fatal) == ("alpha", subject, True)
    assert words in found.text
    assert found.line.count("alpha") >= 1
    assert "\n" not in found.line
    with pytest.raises(RefusedError, match="alpha"):
        HostsReport(readings={}, findings=(found,), added=()).refuse(["alpha"])
    HostsReport(readings={}, findings=(found,), added=()).refuse(["beta"])


def test_a_clock_that_answers_late_is_not_called_wrong() -> None:
    assert _found(replace(WELL, offset=0.8, vague=0.7)) == []


def test_our_own_ports_and_others_on_other_addresses_are_no_fault() -> None:
    ours = replace(WELL, published=frozenset({("10.0.0.11", 5432)}), listeners=frozenset({("10.0.0.9", 5432)}))
    assert _found(ours) == []


def test_a_slow_disk_and_one_zone_are_warnings() -> None:
    (slow,) = _found(replace(WELL, sync_seconds=0.040))
    assert (slow.fatal, "40 ms" in slow.text) == (False, True)
    (zone,) = _found(WELL, THREE.replace("r2", "r1").replace("r3", "r1"))
    assert (zone.fatal, zone.subject) == (False, "zones")


def _hosts(*roles: str) -> str:
    return "".join(
        f'[hosts.{name}]\nssh = "{f"a@{name}" if n else "local"}"\naddress = "10.0.0.{n}"\nroles = [{roles[n]}]\n'
        for n, name in zip(range(len(roles)), ("alpha", "beta", "gamma", "delta", "eps"), strict=False)
    )


@pytest.mark.parametrize(
    ("text", "fatal", "words"),
    [
        (_hosts('"etcd", "node"', '"etcd", "node"'), True, "2 hosts have the role etcd"),
        (_hosts('"etcd", "node"', '"node"'), True, "1 host has the role etcd"),
        (_hosts(*['"etcd", "node"'] * 4), True, "an even number"),
        (_hosts('"etcd", "node"', '"etcd"', '"etcd"'), True, "1 host has the role node"),
        (_hosts('"node"', '"node"'), False, "nothing fails over"),
    ],
)
def test_votes_that_decide_nothing_are_refused(text: str, fatal: bool, words: str) -> None:
    (found,) = findings(parse_hosts(text), {}, "x86_64")
    assert found.fatal is fatal
    assert words in found.text


def test_a_file_without_this_machine_is_refused_and_says_what_to_write() -> None:
    (found,) = findings(parse_hosts(_hosts(*['"etcd", "node"'] * 3).replace('"local"', '"a@alpha"')), {}, "x86_64")
    assert (found.fatal, found.subject) == (True, "here")
    assert 'ssh = "local"' in found.hint
    assert 'roles = ["pooler"]' in found.hint
