from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import yaml
from hypothesis import given

from cluster.config.settings import Settings
from cluster.services import LISTENING
from cluster.topology import Topology
from compose.render.prometheus_yml import EXPORTER, client_yml, prometheus_yml
from exporters.server import _LEAST, _MARGIN
from tests.fix_settings import settings_of, topology_of
from tests.unit.strategies import topologies

SETTINGS = settings_of(project="shop")


def _read(settings: Settings = SETTINGS, topology: Topology | None = None) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(prometheus_yml(settings, topology or topology_of(settings)))
    return loaded


def _jobs(**texts: str) -> dict[str, dict[str, Any]]:
    return {job["job_name"]: job for job in _read(settings_of(**texts))["scrape_configs"]}


def test_the_whole_file(golden: Callable[[str, str], None]) -> None:
    settings = settings_of(project="shop")
    golden("prometheus.yml", prometheus_yml(settings, topology_of(settings)))


@given(topologies())
def test_no_node_is_named_so_that_replicas_come_and_go_without_a_change(topology: Topology) -> None:
    one_node = replace(topology, nodes=topology.nodes[:1], primary=topology.nodes[0].name)
    assert prometheus_yml(SETTINGS, topology) == prometheus_yml(SETTINGS, one_node)


def test_nodes_are_asked_of_the_exporter_often() -> None:
    discovery = _jobs()["pods-nodes"]["http_sd_configs"]
    login = {"username": "pods", "password_file": "/run/secrets/exporter_password"}
    assert discovery == [{"url": f"http://{EXPORTER}/sd", "refresh_interval": "2s", "basic_auth": login}]
    assert f"exporter:{LISTENING['exporter']}" == EXPORTER


def test_every_job_says_whose_it_is_and_is_bounded() -> None:
    for name, job in _jobs(project="shop").items():
        assert job["sample_limit"] == 20_000
        for target in job.get("static_configs", ()):
            assert target["labels"]["cluster"] == "shop", name
            assert target["labels"]["instance"], name


def test_what_is_asked_for_besides() -> None:
    assert list(_jobs()) == ["pods-nodes", "pods-stack", "prometheus", "alertmanager"]


@pytest.mark.parametrize(("interval", "timeout"), [("3", "3s"), ("4", "4s"), ("5", "5s"), ("10", "5s"), ("300", "5s")])
def test_a_scrape_ends_before_the_next_begins(interval: str, timeout: str) -> None:
    settings = _read(settings_of(scrape_interval=interval))["global"]
    assert (settings["scrape_interval"], settings["scrape_timeout"]) == (f"{interval}s", timeout)
    assert float(timeout.removesuffix("s")) > _MARGIN + _LEAST


def test_alerts_go_to_alertmanager_and_carry_the_cluster_s_name() -> None:
    settings = _read()
    assert settings["alerting"]["alertmanagers"][0]["static_configs"] == [{"targets": ["alertmanager:9093"]}]
    assert settings["global"]["external_labels"] == {"cluster": "shop"}


SECURE = {"web_bind": "192.0.2.7", "health_bind": "127.0.0.1"}


@pytest.mark.parametrize("texts", [{}, SECURE, {"web_tls": "on"}])
def test_who_asks_gives_each_its_own_password_from_a_file_and_checks_whom_it_talks_to(texts: dict[str, str]) -> None:
    read = _read(settings_of(**texts))
    asked = {job["job_name"]: job for job in read["scrape_configs"]} | {"alerts": read["alerting"]["alertmanagers"][0]}
    of = {"pods-nodes": "exporter", "pods-stack": "exporter", "prometheus": "prometheus"}
    of |= dict.fromkeys(("alertmanager", "alerts"), "alertmanager")
    assert set(asked) == set(of)
    for job, service in of.items():
        how = asked[job]
        assert how["basic_auth"] == {"username": "pods", "password_file": f"/run/secrets/{service}_password"}
        assert how["scheme"] == ("https" if texts else "http")
        tls = {"ca_file": "/run/tls/ca.crt", "server_name": service}
        assert how.get("tls_config") == (tls if texts else None), job
    (discovery,) = asked["pods-nodes"]["http_sd_configs"]
    assert discovery["basic_auth"] == asked["pods-nodes"]["basic_auth"]
    assert discovery.get("tls_config") == asked["pods-nodes"].get("tls_config")
    assert yaml.safe_load(client_yml(settings_of(**texts), "alertmanager"))["basic_auth"]["username"] == "pods"
