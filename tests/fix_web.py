"""Asking the cluster's pages, and Prometheus, as a browser or another Prometheus would."""

import base64
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from tests.fix_stack import Cluster

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@dataclass(frozen=True)
class Answer:
    """What came back, and how many seconds it took."""

    status: int
    body: str
    seconds: float


def basic(login: tuple[str, str]) -> str:
    """The header of basic auth."""
    return "Basic " + base64.b64encode(":".join(login).encode()).decode()


def fetch(port: int, path: str, login: tuple[str, str] | None = None, **headers: str) -> Answer:
    """GET from this host's loopback; an error status is an answer too."""
    sent = {name.replace("_", "-"): text for name, text in headers.items()}
    if login:
        sent["Authorization"] = basic(login)
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=sent)
    began = time.monotonic()
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            status, body = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        status, body = error.code, error.read()
    return Answer(status, body.decode(), time.monotonic() - began)


def samples(text: str) -> Samples:
    """Every sample of an exposition; the same series twice is an error."""
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in found, key
            found[key] = sample.value
    return found


@dataclass(frozen=True)
class Web:
    """The pages of one cluster."""

    cluster: Cluster

    def exporter(self, path: str, **headers: str) -> Answer:
        """What the exporter says to who knows its password."""
        port = self.cluster.stack.settings.exporter_port
        return fetch(port, path, self.cluster.login("exporter"), **headers)

    def probe(self, node: str, **headers: str) -> Samples:
        """Metrics of one node."""
        return samples(self.exporter(f"/probe?target={node}", **headers).body)

    def metrics(self) -> Samples:
        """Metrics of the rest."""
        return samples(self.exporter("/metrics").body)

    def prometheus(self, path: str, **query: str) -> Any:
        """The data of one answer of Prometheus' API."""
        asked = f"/api/v1/{path}?{urllib.parse.urlencode(query)}"
        answer = fetch(self.cluster.stack.settings.prometheus_port, asked, self.cluster.login("prometheus"))
        assert answer.status == 200, answer
        return json.loads(answer.body)["data"]

    def targets(self, job: str = "pods-nodes") -> dict[str, str]:
        """Health of Prometheus' targets by instance."""
        active = self.prometheus("targets", state="active")["activeTargets"]
        return {t["labels"]["instance"]: t["health"] for t in active if t["labels"]["job"] == job}


def value(found: Samples, metric: str, /, **labels: str) -> float | None:
    """The one sample of ``metric`` that has ``labels`` among its own; None where there is none."""
    wanted = frozenset(labels.items())
    matching = [v for (n, held), v in found.items() if n == metric and wanted <= held]
    assert len(matching) <= 1, (metric, matching)
    return matching[0] if matching else None
