import socket
from collections.abc import Iterator

import pytest

from cluster.services import LISTENING
from health.service_probe import PATIENCE, ServiceProbe, listening_error


class _Network:
    """Which services listen, and what time it is."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.lost: set[str] = set()

    def attempt(self, service: str, port: int, secure: bool) -> str:
        assert port == LISTENING[service]
        assert secure == (service == "grafana")
        return "nothing listens" if service in self.lost else ""


SERVICES = {"prometheus": False, "grafana": True, "gate": False}


@pytest.fixture
def network() -> _Network:
    return _Network()


@pytest.fixture
def probe(network: _Network) -> ServiceProbe:
    return ServiceProbe(network.attempt, lambda: network.now, period=5.0)


def test_a_service_is_down_only_after_a_while(network: _Network, probe: ServiceProbe) -> None:
    network.lost = {"prometheus"}
    assert probe.down(SERVICES) == {}
    network.now += PATIENCE + 1
    assert probe.down(SERVICES) == {"prometheus": "nothing listens, for 31 s"}


def test_a_service_that_comes_back_is_forgotten_and_counts_anew(network: _Network, probe: ServiceProbe) -> None:
    network.lost = {"grafana"}
    probe.down(SERVICES)
    network.now += PATIENCE + 1
    assert probe.down(SERVICES)
    network.lost = set()
    network.now += 5
    assert probe.down(SERVICES) == {}
    network.lost = {"grafana"}
    network.now += 5
    assert probe.down(SERVICES) == {}


def test_one_that_listens_nowhere_and_one_that_is_no_longer_asked_for_are_not_judged(
    network: _Network, probe: ServiceProbe
) -> None:
    network.lost = {"prometheus"}
    probe.down(SERVICES)
    network.now += PATIENCE + 1
    assert probe.down({"gate": False, "backup": False}) == {}


@pytest.fixture
def listener() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_who_listens_is_found_and_who_does_not_is_said(listener: int, free_port: int) -> None:
    assert listening_error("127.0.0.1", listener, False) == ""
    assert listening_error("127.0.0.1", free_port, False) == (
        f"nothing listens at 127.0.0.1:{free_port}: Connection refused"
    )
    assert listening_error("nobody.invalid", 1, False) == "there is no nobody.invalid in the network"
