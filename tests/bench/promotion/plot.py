"""A plot of one bench: a dot for each run, seconds on a logarithmic axis, p50 and p95 as lines. SVG, by hand."""

import math
from collections.abc import Iterator, Sequence

from tests.bench.promotion.attempts import percentile
from tests.bench.promotion.outcomes import Bench, seconds_of

WIDTH, LEFT, RIGHT, LANE, TOP = 760, 90, 30, 90, 46
TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500)
COLOURS = ("#2a6f97", "#b5542b", "#5b8c5a")


def plot(bench: Bench) -> str:
    """The text of an SVG file."""
    every = [value for name in bench.runs for value in seconds_of(bench, name)]
    low = max((tick for tick in TICKS[:-1] if tick < min(every)), default=TICKS[0])
    high = min((tick for tick in TICKS if tick > max(*every, low)), default=TICKS[-1])
    bottom = TOP + LANE * len(bench.runs)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom + 36}" role="img" '
            'font-family="sans-serif" font-size="13">',
            f'<rect width="{WIDTH}" height="{bottom + 36}" fill="white"/>',
            f'<text x="{LEFT}" y="22" font-weight="bold">{_title(bench)}</text>',
            *_axis(low, high, bottom),
            *(
                line
                for lane, (name, colour) in enumerate(zip(bench.runs, COLOURS, strict=False))
                for line in _lane(name, seconds_of(bench, name), TOP + LANE * lane, colour, (low, high))
            ),
            "</svg>\n",
        ]
    )


def _title(bench: Bench) -> str:
    if bench.name == "failover":
        return "Failover: seconds from the kill to the first acknowledged write"
    return "Switchover: seconds that a client went without an acknowledged write"


def _across(value: float, low: float, high: float) -> float:
    share = math.log(max(value, low) / low) / math.log(high / low)
    return round(LEFT + (WIDTH - LEFT - RIGHT) * min(share, 1.0), 1)


def _axis(low: float, high: float, bottom: int) -> Iterator[str]:
    for tick in TICKS:
        if low <= tick <= high:
            x = _across(tick, low, high)
            yield f'<line x1="{x}" x2="{x}" y1="{TOP}" y2="{bottom}" stroke="#ddd"/>'
            yield f'<text x="{x}" y="{bottom + 20}" text-anchor="middle" fill="#555">{tick:g} s</text>'


def _lane(name: str, seconds: Sequence[float], top: int, colour: str, ends: tuple[float, float]) -> Iterator[str]:
    yield f'<text x="8" y="{top + LANE // 2 + 5}" fill="{colour}">{name}</text>'
    for number, value in enumerate(seconds):
        y = top + 30 + (number * 7) % (LANE - 44)
        yield f'<circle cx="{_across(value, *ends)}" cy="{y}" r="3" fill="{colour}" fill-opacity="0.5"/>'
    for percent in (50, 95):
        value = percentile(seconds, percent)
        x = _across(value, *ends)
        yield f'<line x1="{x}" x2="{x}" y1="{top + 22}" y2="{top + LANE - 8}" stroke="{colour}" stroke-width="2"/>'
        text = f"p{percent} {value:.2f}"
        y = top + (10 if percent == 95 else 20)
        yield f'<text x="{x}" y="{y}" text-anchor="middle" fill="{colour}">{text}</text>'
