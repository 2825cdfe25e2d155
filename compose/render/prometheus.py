"""Prometheus' configuration. Pure: nodes are not in it, since the exporter tells them (service discovery over HTTP)."""

from typing import Any

from cluster.desired import optional_services
from cluster.settings import Settings
from cluster.topology import Topology

EXPORTER = "exporter:9187"
_MOST_SAMPLES = 20_000
"""A node answers with about 600; a bound keeps a mistake from filling the disk."""


def prometheus_yml(settings: Settings, topology: Topology) -> str:
    """The text of prometheus.yml."""
    import yaml

    return "# Made by PODS; changes here are lost.\n" + yaml.safe_dump(
        _configuration(settings, topology), sort_keys=False
    )


def _configuration(settings: Settings, topology: Topology) -> dict[str, Any]:
    interval = f"{settings.scrape_interval}s"
    return {
        "global": {
            "scrape_interval": interval,
            "scrape_timeout": f"{min(settings.scrape_interval, 5)}s",
            "evaluation_interval": interval,
            "external_labels": {"cluster": topology.project},
        },
        "rule_files": ["/etc/prometheus/rules/*.yml"],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": ["alertmanager:9093"]}]}]},
        "scrape_configs": [_nodes(), *_others(settings, topology)],
    }


def _nodes() -> dict[str, Any]:
    """One target per node, by its own name.

    Asked for often: Prometheus itself waits up to 5 s twice until it takes up what it heard, and a replica that is new
    or gone is to be followed within 15 s.
    """
    discovery = {"url": f"http://{EXPORTER}/sd", "refresh_interval": "2s"}
    return {"job_name": "pods-nodes", "sample_limit": _MOST_SAMPLES, "http_sd_configs": [discovery]}


def _others(settings: Settings, topology: Topology) -> list[dict[str, Any]]:
    targets = {"pods-stack": (EXPORTER, "pods"), "prometheus": ("localhost:9090", "prometheus")}
    targets["alertmanager"] = ("alertmanager:9093", "alertmanager")
    if "cadvisor" in optional_services(settings, topology.image_source):
        targets["cadvisor"] = ("cadvisor:8080", "cadvisor")
    return [
        {
            "job_name": job,
            "sample_limit": _MOST_SAMPLES,
            "static_configs": [{"targets": [target], "labels": {"cluster": topology.project, "instance": instance}}],
        }
        for job, (target, instance) in targets.items()
    ]
