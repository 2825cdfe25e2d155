"""A reason in one line: what is wrong, and behind an arrow what to do about it. Pure."""

_ARROW = " → "


def with_remedy(problem: str, remedy: str) -> str:
    """``problem → remedy``, as every reason of the verdict is."""
    return f"{problem}{_ARROW}{remedy}"


def split_remedy(reason: str) -> tuple[str, str]:
    """The problem, and the remedy; "" where it has none."""
    problem, arrow, remedy = reason.rpartition(_ARROW)
    return (problem, remedy) if arrow else (reason, "")
