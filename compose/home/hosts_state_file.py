"""``data/hosts.json`` on disk: whole, replaced atomically, with a copy for services."""

from cluster.errors import RefusedError
from cluster.files import write_atomically
from cluster.hosts_state import HostsState, dump_state, parse_state
from compose.home.paths import Home


def load_state(home: Home) -> HostsState:
    """The state; an empty one where no host was ever added.

    Raises:
        RefusedError: it is corrupt; it is left as it is.
    """
    try:
        text = home.hosts_state.read_text(encoding="utf-8")
    except FileNotFoundError:
        return HostsState()
    except (OSError, UnicodeDecodeError) as error:
        raise RefusedError(f"{home.hosts_state} cannot be read: {error}", "nothing was changed") from None
    try:
        return parse_state(text)
    except ValueError as error:
        raise RefusedError(
            f"{home.hosts_state} is corrupt: {error}",
            "nothing was changed; mend it, or restore it from rendered/services/hosts_state.json",
        ) from None


def save_state(home: Home, state: HostsState) -> None:
    """Write the state whole, then its copy."""
    for path in (home.hosts_state, home.hosts_state_copy):
        write_atomically(path, dump_state(state), 0o600 if path == home.hosts_state else 0o644)
