"""How `inv alerts.test` is shown: a line per receiver."""

from collections.abc import Sequence

from compose.operations.alerts.deliveries import Delivery

_MARKS = {"delivered": "✓", "failed": "✗", "unanswered": "✗"}
_WORDS = {"delivered": "took it", "failed": "", "unanswered": "has not answered"}


def print_deliveries(found: Sequence[Delivery]) -> None:
    """Print what each receiver did."""
    for each in found:
        words = ": ".join(part for part in (_WORDS[each.state], each.answer) if part)
        print(f"{_MARKS[each.state]} {each.receiver}: {words}")
