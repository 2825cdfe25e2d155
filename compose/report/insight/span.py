"""What statements did since when: from the history that the health service keeps, else what nodes count themselves."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from cluster.errors import MachineError
from cluster.http.client import host_access, request_bytes
from cluster.insight.statement_document import parse_document
from cluster.insight.statement_history import StatementSpan
from cluster.observed.live_insight import counters_span
from cluster.postgres.connection import Access
from compose.home.passwords import HEALTH
from compose.stack import Stack

PATH, USER = "/insight/statements", "health"


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownSpan:
    """A span, and what is to be known of how it came about, in lines."""

    span: StatementSpan
    notes: tuple[str, ...] = ()


def known_span(stack: Stack, accesses: Mapping[str, Access], since: float, database: str) -> KnownSpan:
    """The history where there is one; where not, all that nodes have counted, and why it is no other span."""
    try:
        span = _recorded(stack, since, database)
    except MachineError as error:
        return KnownSpan(span=counters_span(accesses, database), notes=(f"{error.message}; {_ALL}",))
    if not any(each.read_seconds for each in span.coverage.values()):
        return KnownSpan(span=counters_span(accesses, database), notes=(f"nothing of this time is recorded; {_ALL}",))
    return KnownSpan(span=span)


_ALL = "statements are counted since each server's own counters began, and compared with nothing"


def _recorded(stack: Stack, since: float, database: str) -> StatementSpan:
    password = stack.passwords.by_name.get(HEALTH, "")
    if "health" not in stack.optional_services or not password:
        raise MachineError("no history is kept without the health service (PODS_HEALTH)")
    access = host_access(stack.settings, "health", password, stack.home.ca, USER)
    query = urlencode({"since": f"{since:.3f}", **({"database": database} if database else {})})
    try:
        return parse_document(request_bytes(access, f"{PATH}?{query}"))
    except ValueError as error:
        raise MachineError(f"the health service's answer is no span of statements: {error}") from None
