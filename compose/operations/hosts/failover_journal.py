"""Changes of the primary that Patroni made by itself: the journal learns of them when somebody looks (0045)."""

from cluster.errors import PodsError
from cluster.history import PrimaryChange
from cluster.hosts.patroni_history import changes_beyond
from compose.home.primary_journal import read_journal, record
from compose.operations.hosts.fleet import Fleet


def unnoted_failovers(fleet: Fleet) -> list[PrimaryChange]:
    """Those that the journal lacks, oldest first.

    Raises:
        OSError: the journal cannot be read.
        PodsError: no agent answers.
    """
    return list(changes_beyond(read_journal(fleet.stack.home).latest, fleet.history()))


def note_failovers(fleet: Fleet) -> str:
    """Note them; the lock is the caller's.

    Returns:
        "", or why they could not be noted, for a warning.
    """
    try:
        missing = unnoted_failovers(fleet)
    except (OSError, PodsError) as error:
        return f"what Patroni changed by itself could not be noted: {error}"
    return next(filter(None, [record(fleet.stack.home, change) for change in missing]), "")
