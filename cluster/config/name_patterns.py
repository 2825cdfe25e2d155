"""Patterns of databases that a role may make by itself, with * for anything: what they match, and pg_hba.conf's form.

PostgreSQL documentation, "The pg_hba.conf File": a name that begins with a slash is a regular expression.
"""

import re


def matches(pattern: str, name: str) -> bool:
    """Whether ``name`` is one of those that ``pattern`` means."""
    return re.fullmatch(_expression(pattern), name, re.DOTALL) is not None


def hba_name(pattern: str) -> str:
    """The pattern in the column DATABASE; in quotes, where no word means anything else."""
    return f'"/^{_expression(pattern)}$"' if "*" in pattern else f'"{pattern}"'


def _expression(pattern: str) -> str:
    """Neither _ nor - means anything outside of brackets, and no other sign gets into a pattern."""
    return ".*".join(pattern.split("*"))
