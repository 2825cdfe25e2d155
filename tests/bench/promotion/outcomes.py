"""Runs of a bench as they are kept (JSON), and as the documentation shows them (a table)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from tests.bench.promotion.attempts import percentile

OURS, PEER = "PODS", "Patroni"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What clients saw of one switchover or failover.

    ``gap`` is the longest that one client went without an acknowledged write, ``silence`` the longest that all did
    together, ``first_write`` the time from the kill to the next acknowledged write (0 at a switchover), ``failed`` the
    writes that broke, ``refused`` the connections that did not come about, ``lost`` the acknowledged rows that were
    gone, ``aborted`` the clients of pgbench, of eight, that gave up, ``rate`` its transactions a second before.
    """

    gap: float
    silence: float
    first_write: float = 0.0
    failed: int = 0
    refused: int = 0
    lost: int = 0
    aborted: int = 0
    rate: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """All runs of one bench: ``runs`` by contestant, ``settings`` and machine in words."""

    name: str
    about: str
    runs: Mapping[str, Sequence[Outcome]]


def to_json(benches: Sequence[Bench]) -> str:
    """The text of a file that `from_json` reads."""
    return json.dumps([asdict(bench) for bench in benches], indent=1) + "\n"


def from_json(text: str) -> list[Bench]:
    """Benches of a file."""
    return [
        Bench(
            name=each["name"],
            about=each["about"],
            runs={name: [Outcome(**run) for run in runs] for name, runs in each["runs"].items()},
        )
        for each in json.loads(text)
    ]


def seconds_of(bench: Bench, contestant: str) -> list[float]:
    """The figure that the bench is about, of every run."""
    runs = bench.runs[contestant]
    return [run.first_write if bench.name == "failover" else run.gap for run in runs]


def table(bench: Bench) -> str:
    """Rows of contestants with their percentiles and sums, and the ratio of ours to the peer's."""
    what = "first write after" if bench.name == "failover" else "gap"
    head = [
        "",
        "runs",
        f"{what}, p50",
        "p95",
        "most",
        "writes failed",
        "pgbench clients lost",
        "rows lost",
        "tps before",
    ]
    rows = [head, ["---"] * len(head), *(_row(bench, name) for name in bench.runs)]
    if set(bench.runs) >= {OURS, PEER}:
        ours, peer = (seconds_of(bench, name) for name in (OURS, PEER))
        ratios = [f"{percentile(ours, p) / percentile(peer, p):.2f}" for p in (50, 95, 100)]
        rows.append(["ratio", "", *ratios, "", "", "", ""])
    return "".join("| " + " | ".join(cells) + " |\n" for cells in rows)


def _row(bench: Bench, name: str) -> list[str]:
    runs, seconds = bench.runs[name], seconds_of(bench, name)
    shown = [f"{percentile(seconds, percent):.2f} s" for percent in (50, 95, 100)]
    failed, aborted, gone = (sum(getattr(run, field) for run in runs) for field in ("failed", "aborted", "lost"))
    rate = f"{percentile([run.rate for run in runs], 50):.0f}"
    return [name, str(len(runs)), *shown, str(failed), f"{aborted} of {8 * len(runs)}", str(gone), rate]
