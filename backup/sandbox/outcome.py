"""What came of a job, as far as a stranger's word can be taken: types, lengths and numbers are checked here."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from backup.restore.assertions import Assertion
from backup.sandbox.job import Job
from backup.sandbox.wire import ClosedError, printable
from cluster.postgres.lsn import Lsn

MOST_PROBLEMS = 24
_LONGEST = 500


def findings(raw: Mapping[str, Any], job: Job) -> dict[str, Any]:
    """Fields of a drill's result.

    Raises:
        ClosedError: it is none.
    """
    problems = raw.get("problems")
    if not isinstance(problems, list) or len(problems) > MOST_PROBLEMS:
        raise ClosedError("the sandbox gave no result")
    return {
        "restored": seconds(raw.get("restored")),
        "rto": seconds(raw.get("rto")),
        **reached(raw),
        "problems": tuple(printable(problem, _LONGEST) or "a problem without words" for problem in problems),
        "databases": _databases(raw.get("databases"), job.databases),
        "assertions": _assertions(raw.get("assertions"), [each.name for each in job.questions]),
    }


def reached(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Where recovery ended: ``lsn`` ("" where it did not), and ``newest``, a Unix time or None."""
    lsn = raw.get("lsn")
    try:
        return {"lsn": str(Lsn.parse(lsn)) if lsn else "", "newest": seconds(raw.get("newest"))}
    except (ValueError, TypeError, AttributeError):
        raise ClosedError("the sandbox gave no result") from None


def seconds(value: object) -> float | None:
    """A number, or None."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ClosedError("the sandbox gave no result")
    return float(value)


def _databases(raw: object, names: Sequence[str]) -> tuple[str, ...]:
    """Some of those that were sent, in their order."""
    found = set(raw) if isinstance(raw, list) and all(isinstance(each, str) for each in raw) else None
    if found is None or not found <= set(names):
        raise ClosedError("the sandbox gave no result")
    return tuple(name for name in names if name in found)


def _assertions(raw: object, names: Sequence[str]) -> tuple[Assertion, ...]:
    """Each of those that were sent, in their order; or none, where it did not come to them."""
    if raw == []:
        return ()
    if not isinstance(raw, list) or len(raw) != len(names):
        raise ClosedError("the sandbox gave no result")
    return tuple(_assertion(each, name) for each, name in zip(raw, names, strict=True))


def _assertion(raw: object, name: str) -> Assertion:
    if not isinstance(raw, dict) or raw.get("name") != name or not isinstance(raw.get("holds"), bool):
        raise ClosedError("the sandbox gave no result")
    return Assertion(name=name, holds=raw["holds"], detail=printable(raw.get("detail"), _LONGEST))
