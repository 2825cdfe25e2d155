"""What a request for a dashboard's values says: the times shown, how many points, and the chosen values. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cluster.config.settings import Settings
from dashboards.interpolation import MOST_POINTS, TimeGrid, time_grid
from dashboards.model import Dashboard

SHOWN = 3 * 3600
"""Seconds that are shown where nothing is said."""
MOST_VALUES = 250
"""Of one variable; more databases have no series of their own."""
_VARIABLE = "var-"
_NUMBER = re.compile(r"[0-9]{1,14}(\.[0-9]{1,9})?")
_RELATIVE = re.compile(r"now-([0-9]{1,6})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_MILLISECONDS = 1e11
"""From there on a time is one in milliseconds, as Grafana has it in its addresses."""
_LATEST = 2**33
_SLACK = 3600
"""A summer that ends makes one of the days longer."""
Parameters = Iterable[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelParameters:
    """From when to when (Unix time), points of each series at most, and the chosen values of each variable.

    Of the settings: the seconds between two scrapes, and the cluster that is meant where none is chosen.
    """

    start: float
    end: float
    points: int
    chosen: Mapping[str, tuple[str, ...]]
    scrape: int
    cluster: str

    def grid(self, *, now: bool = False, least: int = 1) -> TimeGrid:
        """The points; for values of ``now`` one, the latest that a scrape can have brought."""
        scrape = self.scrape
        if not now:
            return time_grid(self.start, self.end, points=self.points, scrape=scrape, least=least)
        end = int(self.end // scrape * scrape)
        return TimeGrid(start=end - max(scrape, round(self.end - self.start)), end=end, step=scrape, scrape=scrape)


def parse_parameters(given: Parameters, dashboard: Dashboard, settings: Settings, now: float) -> PanelParameters:
    """The parameters of a request; what a page does not know is another page's, and left out.

    Raises:
        ValueError: one is malformed; says which and what it may be.
    """
    single: dict[str, str] = {}
    chosen: dict[str, list[str]] = {}
    for name, value in given:
        if name.startswith(_VARIABLE):
            chosen.setdefault(name.removeprefix(_VARIABLE), []).append(value)
        elif single.setdefault(name, value) != value:
            raise ValueError(f"{name[:40]!r} is there twice")
    end = _time(single.get("to", "now"), "to", now)
    start = _time(single["from"], "from", now) if "from" in single else end - SHOWN
    if not 0 <= start < end <= _LATEST:
        raise ValueError("from must be before to, and both be times")
    if end - start > settings.metrics_days * 86400 + _SLACK:
        raise ValueError(f"that is longer than the {settings.metrics_days} days of PODS_METRICS_DAYS")
    return PanelParameters(
        start=start,
        end=end,
        points=_points(single),
        chosen=_chosen(chosen, dashboard),
        scrape=settings.scrape_interval,
        cluster=settings.project,
    )


def _time(text: str, name: str, now: float) -> float:
    if text == "now":
        return now
    if relative := _RELATIVE.fullmatch(text):
        return now - int(relative[1]) * _SECONDS[relative[2]]
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"{name} is a Unix time, now, or now-3h; not {text[:40]!r}")
    number = float(text)
    return number / 1000 if number >= _MILLISECONDS else number


def _points(single: Mapping[str, str]) -> int:
    text = single.get("points", str(MOST_POINTS))
    if not re.fullmatch(r"[1-9][0-9]{0,4}", text):
        raise ValueError(f"points is a whole number from 1 on, of which {MOST_POINTS} are sent; not {text[:40]!r}")
    return int(text)


def _chosen(given: Mapping[str, list[str]], dashboard: Dashboard) -> dict[str, tuple[str, ...]]:
    chosen = {}
    for variable in dashboard.variables:
        values = tuple(dict.fromkeys(value for value in given.get(variable.name, ()) if value))
        if len(values) > (MOST_VALUES if variable.many else 1):
            raise ValueError(f"var-{variable.name} takes {MOST_VALUES if variable.many else 'one value'}, at most")
        if values:
            chosen[variable.name] = values
    return chosen
