"""Expositions read back by the parsers of Prometheus' own library, in both formats."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporters.metrics.exposition import encode

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric as Exposed

OPENMETRICS = "application/openmetrics-text;version=1.0.0"
FORMATS = ("", OPENMETRICS)
"""What a scraper may ask for."""
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples_in(body: bytes, content_type: str) -> Samples:
    """Every sample by its name and labels.

    Raises:
        AssertionError: two have the same.
        ValueError: it is not in its format.
    """
    parse = parse_openmetrics if content_type.startswith("application/openmetrics-text") else parse_text
    found = [sample for family in parse(body.decode()) for sample in family.samples]
    by_key = {(sample.name, frozenset(sample.labels.items())): sample.value for sample in found}
    assert len(by_key) == len(found), "two samples have one name and the same labels"
    return by_key


def read_back(metrics: "Iterable[Exposed]", accept: str = "") -> Samples:
    """The samples of ``metrics``, through the format that ``accept`` asks for."""
    return samples_in(*encode(metrics, accept))


def value_of(samples: Samples, name: str, /, **labels: str) -> float:
    """One sample's value."""
    return samples[name, frozenset(labels.items())]
