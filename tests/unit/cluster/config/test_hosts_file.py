"""config/hosts.toml: what it may say, and one line for what it may not."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.config.docker_hosts import HOST_ROLES, DockerHosts, Host
from cluster.config.hosts_file import hosts_for_service, hosts_text, parse_hosts, read_hosts
from cluster.errors import UsageError

THREE = """
[hosts.alpha]
ssh = "local"
address = "10.0.0.11"
zone = "rack1"
home = "/srv/alpha"

[hosts.beta]
ssh = "deploy@beta.example"
address = "10.0.0.12"
roles = ["pooler", "node"]

[hosts.witness]
ssh = "deploy@10.0.0.13"
address = "10.0.0.13"
roles = ["etcd"]
"""


def test_hosts_have_what_the_file_says_and_defaults() -> None:
    hosts = parse_hosts(THREE)
    assert hosts.names == ("alpha", "beta", "witness")
    assert hosts.hosts[0] == Host(
        name="alpha", ssh="local", address="10.0.0.11", roles=HOST_ROLES, zone="rack1", home="/srv/alpha"
    )
    assert hosts.local is hosts.hosts[0]
    assert hosts.hosts[1].roles == ("node", "pooler")
    assert [host.etcd for host in hosts.with_role("etcd")] == ["etcd-alpha", "etcd-witness"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[hosts.alpha", "is not TOML"),
        ("[host.alpha]\naddress='10.0.0.1'", "host is not known"),
        ("hosts = 1", "hosts is no table"),
        ("[hosts]\nalpha = 1", "hosts.alpha is no table"),
        ("[hosts.alpha]\n", "hosts.alpha has no address"),
        ("[hosts.Alpha]\naddress='10.0.0.1'", "hosts.Alpha cannot name a host"),
        ("[hosts.db-1]\naddress='10.0.0.1'", "hosts.db-1 cannot name a host"),
        ("[hosts.primary]\naddress='10.0.0.1'", "hosts.primary is a name that the cluster needs itself"),
        ("[hosts.replica1]\naddress='10.0.0.1'", "hosts.replica1 is a name that the cluster needs itself"),
        ("[hosts.control]\naddress='10.0.0.1'", "hosts.control is a name that the cluster needs itself"),
        ("[hosts.a]\naddress='10.0.0.1'\nuser='x'", "hosts.a.user is not known"),
        ("[hosts.a]\naddress='beta'", "hosts.a.address 'beta' is not valid"),
        ("[hosts.a]\naddress='0.0.0.0'", "is not valid"),
        ("[hosts.a]\naddress='127.0.0.1'", "is not valid"),
        ("[hosts.a]\naddress='fe80::1'", "is not valid"),
        ("[hosts.a]\naddress=1", "hosts.a.address is no text"),
        ("[hosts.a]\naddress='10.0.0.1'\nssh='-oProxyCommand=x'", "is not valid"),
        ("[hosts.a]\naddress='10.0.0.1'\nssh='a b'", "is not valid"),
        ("[hosts.a]\naddress='10.0.0.1'\nhome='srv'", "is not valid"),
        ("[hosts.a]\naddress='10.0.0.1'\nhome='/srv/../etc'", "is not valid"),
        ("[hosts.a]\naddress='10.0.0.1'\nhome='/'", "is not valid"),
        ("[hosts.a]\naddress='10.0.0.1'\nhome='/srv:/x'", "is not valid"),
        ("[hosts.a]\naddress='10.0.0.1'\nzone='a b'", "is not valid"),
        ("[hosts.a]\naddress='10.0.0.1'\nroles=[]", "is no list of roles"),
        ("[hosts.a]\naddress='10.0.0.1'\nroles=['witness']", "is no list of roles"),
        (
            "[hosts.a]\naddress='10.0.0.1'\nssh='u@x'\n[hosts.b]\naddress='10.0.0.1'\nssh='u@y'",
            "a and b have one address",
        ),
        ("[hosts.a]\naddress='10.0.0.1'\n[hosts.b]\naddress='10.0.0.2'", "a and b have one ssh, local"),
        ("[hosts.a]\naddress='10.0.0.1'\nssh='u@x'\n[hosts.b]\naddress='10.0.0.2'\nssh='u@x'", "a and b have one ssh"),
    ],
)
def test_a_wrong_line_is_one_refusal_that_says_which(text: str, message: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_hosts(text)
    assert message in refused.value.message
    assert refused.value.message.startswith("config/hosts.toml:")
    assert "\n" not in refused.value.message
    assert refused.value.hint


@given(st.text(max_size=400))
def test_whatever_stands_there_is_hosts_or_one_line(text: str) -> None:
    problem = ""
    try:
        parse_hosts(text)
    except UsageError as refused:
        problem = refused.message
    assert problem.isprintable()


def test_services_read_the_same(tmp_path: Path) -> None:
    hosts = parse_hosts(THREE)
    (tmp_path / "hosts.json").write_text(hosts_text(hosts))
    assert read_hosts(tmp_path, service=True) == hosts
    with pytest.raises(UsageError, match=r"hosts.json cannot be used"):
        hosts_for_service("{}")


def test_without_a_file_there_is_none(tmp_path: Path) -> None:
    assert read_hosts(tmp_path) == DockerHosts()
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "hosts.toml").write_text(THREE)
    assert read_hosts(tmp_path).names == ("alpha", "beta", "witness")
