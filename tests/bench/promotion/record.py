"""Figures for the record: the runs as JSON, and what the documentation makes of them."""

from collections.abc import Sequence

from cluster.config.env_file import PROJECT_ROOT
from tests.bench.promotion.outcomes import Bench, from_json, table, to_json
from tests.bench.promotion.plot import plot

RUNS = PROJECT_ROOT / "docs/reference/switchover-failover.json"
PAGE = PROJECT_ROOT / "docs/reference/benchmarks.md"
IMAGES = PROJECT_ROOT / "docs/images"


def record(bench: Bench) -> None:
    """Keep ``bench`` instead of an earlier one of its name, and have the documentation show it."""
    others = [each for each in recorded() if each.name != bench.name]
    RUNS.write_text(to_json([*others, bench]), encoding="utf-8")
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), recorded()), encoding="utf-8")
    (IMAGES / f"{bench.name}.svg").write_text(plot(bench), encoding="utf-8")


def recorded() -> list[Bench]:
    """Every bench that is on record."""
    return from_json(RUNS.read_text(encoding="utf-8")) if RUNS.exists() else []


def page(text: str, benches: Sequence[Bench]) -> str:
    """``text`` with the table and the plot of each bench between its marks."""
    for bench in benches:
        begin, end = (f"<!-- {bench.name}: {mark} -->" for mark in ("begin", "end"))
        before, _, rest = text.partition(begin)
        _, _, after = rest.partition(end)
        links = f"[Every run]({RUNS.name}):\n\n![A dot for each {bench.name}](../images/{bench.name}.svg)\n"
        text = f"{before}{begin}\n{bench.about}.\n\n{table(bench)}\n{links}{end}{after}"
    return text
