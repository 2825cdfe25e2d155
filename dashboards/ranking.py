"""Of many databases or pools a panel shows those with most over the time shown: the same all along it."""

MOST = 8
THE_MOST = f" The {MOST} with most are drawn."
"""Ends the description of such a panel."""


def grown(metric: str, matchers: str, by: str) -> str:
    """For counters: by how much it grew in the time shown."""
    return f"sum by ({by}) (increase({metric}{{{matchers}}}[$__range] @ end()))"


def highest(metric: str, matchers: str, by: str) -> str:
    """For gauges: the greatest value in the time shown."""
    return f"max by ({by}) (max_over_time({metric}{{{matchers}}}[$__range] @ end()))"


def lowest(metric: str, matchers: str, by: str) -> str:
    """For gauges of which the least is of interest."""
    return f"-min by ({by}) (min_over_time({metric}{{{matchers}}}[$__range] @ end()))"


def ever(by: str, how: str, selector: str) -> str:
    """``how`` (sum, max) of what ``selector`` finds, of those that were more than 0 at any moment of the time shown.

    `> 0` alone would break their lines wherever they were.
    """
    return f"""{how} by ({by}) ({selector})
  and on ({by}) max by ({by}) (max_over_time({selector}[$__range] @ end())) > 0"""


def foremost(expr: str, by: str, rank: str) -> str:
    """The series of ``expr`` whose labels ``by`` have the highest ``rank``.

    ``rank`` is taken at the end of the time shown (`@ end()`), so that no line begins or ends for its sake.
    """
    return f"{expr}\n  and on ({by}) topk({MOST}, {rank})"
