"""Prometheus' configuration. Pure: nodes are not in it, Prometheus discovers them at the exporter (http_sd_configs)."""

from cluster.config.settings import Settings
from cluster.http.pages import USER, pages
from cluster.topology import Topology

EXPORTER, ALERTMANAGER = "exporter:9187", "alertmanager:9093"
SAMPLE_LIMIT = 20_000
"""A bound keeps a mistake from filling the disk. What data can multiply the exporter bounds itself, far below it."""


def prometheus_yml(settings: Settings, topology: Topology) -> str:
    """The text of prometheus.yml."""
    import yaml

    return "# Made by PODS; changes here are lost.\n" + yaml.safe_dump(
        _configuration(settings, topology), sort_keys=False
    )


def client_yml(settings: Settings, service: str) -> str:
    """HTTP client configuration of ``service``'s own health check: promtool and amtool read the same file."""
    import yaml

    return "# Made by PODS; changes here are lost.\n" + yaml.safe_dump(_client(settings, service), sort_keys=False)


def _client(settings: Settings, service: str) -> dict[str, object]:
    password = {"username": USER, "password_file": f"/run/secrets/{service}_password"}
    if not pages(settings)[service].secure:
        return {"basic_auth": password}
    return {"basic_auth": password, "tls_config": {"ca_file": "/run/tls/ca.crt", "server_name": service}}


def _http_client(settings: Settings, service: str) -> dict[str, object]:
    """Scheme, password and CA with which Prometheus scrapes ``service``."""
    return {"scheme": pages(settings)[service].scheme, **_client(settings, service)}


def _configuration(settings: Settings, topology: Topology) -> dict[str, object]:
    interval = f"{settings.scrape_interval}s"
    alertmanager = {**_http_client(settings, "alertmanager"), "static_configs": [{"targets": [ALERTMANAGER]}]}
    return {
        "global": {
            "scrape_interval": interval,
            "scrape_timeout": f"{min(settings.scrape_interval, 5)}s",
            "evaluation_interval": interval,
            "external_labels": {"cluster": topology.project},
        },
        "rule_files": ["/etc/prometheus/rules/*.yml"],
        "alerting": {"alertmanagers": [alertmanager]},
        "scrape_configs": [_nodes(settings), *_others(settings, topology)],
    }


def _nodes(settings: Settings) -> dict[str, object]:
    """One target per node, by its own name.

    Asked for often: Prometheus itself waits up to 5 s twice until it takes up what it heard, and a replica that is new
    or gone is to be followed within 15 s.
    """
    url = f"{pages(settings)['exporter'].scheme}://{EXPORTER}/sd"
    discovery = {"url": url, "refresh_interval": "2s", **_client(settings, "exporter")}
    job = {"job_name": "pods-nodes", "sample_limit": SAMPLE_LIMIT, **_http_client(settings, "exporter")}
    return {**job, "http_sd_configs": [discovery]}


def _others(settings: Settings, topology: Topology) -> list[dict[str, object]]:
    targets = {
        "pods-stack": ("exporter", EXPORTER, "pods"),
        "prometheus": ("prometheus", "localhost:9090", "prometheus"),
        "alertmanager": ("alertmanager", ALERTMANAGER, "alertmanager"),
    }
    return [
        {
            "job_name": job,
            "sample_limit": SAMPLE_LIMIT,
            **_http_client(settings, service),
            "static_configs": [{"targets": [target], "labels": {"cluster": topology.project, "instance": instance}}],
        }
        for job, (service, target, instance) in targets.items()
    ]
