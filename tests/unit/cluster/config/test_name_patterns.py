"""Patterns of databases: what they mean is what pg_hba.conf says."""

import re

from hypothesis import given
from hypothesis import strategies as st

from cluster.config.databases_file import _PATTERN
from cluster.config.name_patterns import hba_name, matches

_patterns = st.from_regex(_PATTERN, fullmatch=True)
_pieces = st.text("ab_-*", min_size=1, max_size=8)


def _lets_in(written: str, name: str) -> bool:
    """As PostgreSQL reads it: in quotes, and a regular expression after a slash, which is searched for."""
    assert (written[0], written[-1]) == ('"', '"')
    inside = written[1:-1]
    assert '"' not in inside
    return re.search(inside[1:], name, re.DOTALL) is not None if inside.startswith("/") else inside == name


@given(_patterns, st.text(min_size=1, max_size=63))
def test_what_a_pattern_means_is_what_gets_in(pattern: str, name: str) -> None:
    assert _lets_in(hba_name(pattern), name) == matches(pattern, name)


@given(_pieces.filter(lambda text: text.strip("*")), st.text("ab_-", max_size=8))
def test_a_star_is_anything_and_everything_else_itself(pattern: str, name: str) -> None:
    assert matches(pattern, name) == _greedy(pattern, name) == _lets_in(hba_name(pattern), name)


def _greedy(pattern: str, name: str) -> bool:
    """The same without regular expressions."""
    if not pattern:
        return not name
    if pattern[0] == "*":
        return any(_greedy(pattern[1:], name[n:]) for n in range(len(name) + 1))
    return name[:1] == pattern[0] and _greedy(pattern[1:], name[1:])


@given(_patterns, st.text("abc123_-", max_size=5))
def test_a_pattern_matches_what_it_was_filled_in_to(pattern: str, filling: str) -> None:
    assert matches(pattern, pattern.replace("*", filling))
