"""From readings to metrics. Pure: what is in the reading is in the exposition, and nothing else is.

Every scrape makes its metrics anew, so that a replica or a database that is gone leaves no series behind. Duplicates
(the same name and labels twice) keep the first: Prometheus drops them with a warning, other readers refuse the whole.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from exporters.declarations import Family, Metric, Row

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric as Exposed

Labels = tuple[str, ...]
_LONGEST = 1024
"""Characters of a label's value; a reader with a limit of its own refuses the whole page for a longer one."""


def expose(families: Iterable[Family], rows: Mapping[str, Sequence[Row]]) -> "list[Exposed]":
    """The metrics of ``families`` that ``rows`` (by source) have values for; those of one name come together."""
    found: dict[str, Exposed] = {}
    seen: set[tuple[str, tuple[str, ...], Labels]] = set()
    for family in families:
        answered = [
            (labels, row) for row in rows.get(family.source, ()) if (labels := _labels(family, row)) is not None
        ]
        for metric in family.metrics:
            name = family.name_of(metric)
            for labels, row in answered:
                value = row.get(metric.value or metric.column)
                key = (name, family.labels, labels)
                if value is not None and key not in seen:
                    seen.add(key)
                    exposed = found.get(name) or found.setdefault(name, _named(name, metric, family.help_of(metric)))
                    exposed.add_sample(name, dict(zip(family.labels, labels, strict=True)), float(value))
    return list(found.values())


def single(name: str, text: str, value: float) -> "Exposed":
    """A gauge with one sample."""
    exposed = _named(name, Metric(name, "gauge", text))
    exposed.add_sample(name, {}, value)
    return exposed


def by_label(name: str, text: str, label: str, values: Mapping[str, float]) -> "Exposed":
    """A gauge with one sample per value of ``label``."""
    exposed = _named(name, Metric(name, "gauge", text))
    for key, value in values.items():
        exposed.add_sample(name, {label: key}, value)
    return exposed


def _labels(family: Family, row: Row) -> Labels | None:
    values = [row.get(label) for label in family.labels]
    return None if any(value is None for value in values) else tuple(str(value)[:_LONGEST] for value in values)


def _named(name: str, metric: Metric, text: str = "") -> "Exposed":
    """The library wants a counter's name without the suffix that it then writes."""
    from prometheus_client.metrics_core import Metric as Exposed

    stem = name.removesuffix("_total") if metric.kind == "counter" else name
    return Exposed(stem, text or metric.help, metric.kind)


class Ready:
    """Metrics that wait to be written: what the library calls a registry, without its locks and its memory."""

    def __init__(self, metrics: "Iterable[Exposed]") -> None:
        self._metrics = list(metrics)

    def collect(self) -> "Iterable[Exposed]":
        """The metrics."""
        return self._metrics


def encode(metrics: "Iterable[Exposed]", accept: str) -> tuple[bytes, str]:
    """Body and content type in the format that ``accept`` (the request's header) asks for."""
    from prometheus_client.exposition import choose_encoder

    encoder, content_type = choose_encoder(accept)
    body: Any = encoder(Ready(metrics))
    return body, content_type
