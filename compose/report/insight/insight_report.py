"""`inv insight`: reads all nodes and the history of statements, and shows what they come to."""

import shutil
import sys
import time
from dataclasses import dataclass

from cluster.errors import UsageError
from cluster.insight.document import InsightDocument
from cluster.insight.spans import parse_since
from cluster.observed.live_insight import InsightScope, read_document
from compose.console import COMMAND
from compose.report.insight.span import known_span
from compose.report.insight.terminal import Screen, document_lines
from compose.stack import Stack

_MOST = 100
"""Statements of each measure that are kept at all."""
_PAPER = 160
"""Columns where there is no terminal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InsightFlags:
    """What was typed behind the task's name."""

    since: str = "1h"
    database: str = ""
    top: int = 10


def insight_document(stack: Stack, flags: InsightFlags) -> InsightDocument:
    """What hurts now.

    Raises:
        UsageError: a flag means nothing.
    """
    since = parse_since(flags.since, time.time())
    if not 1 <= flags.top <= _MOST:
        raise UsageError(f"--top {flags.top} is not from 1 to {_MOST}")
    accesses = {name: stack.monitor(name) for name in stack.topology.names}
    known = known_span(stack, accesses, since, flags.database)
    scope = InsightScope(since=since, database=flags.database, most=flags.top, notes=known.notes)
    return read_document(accesses, known.span, scope)


def print_insight(document: InsightDocument, *, full: bool) -> None:
    """For a person; statements cut to the terminal's width, or ``full``."""
    terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size((_PAPER, 24)).columns if terminal else _PAPER
    for line in document_lines(document, Screen(width=0 if full else width, colours=terminal)):
        print(COMMAND.in_words(line))
