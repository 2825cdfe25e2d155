"""What every node preloads, and the parameters that extensions bring; against what a file of the user's says. Pure."""

import re

from cluster import extensions
from cluster.config.settings import Settings
from cluster.errors import UsageError

_PRELOAD = re.compile(r"^\s*shared_preload_libraries\b([^#\n]*)", re.IGNORECASE | re.MULTILINE)
NO_STATISTICS = (
    "config/postgresql.conf sets shared_preload_libraries without pg_stat_statements: no statement is counted"
)


def for_extensions(settings: Settings) -> dict[str, str]:
    """What extensions need of the server; of the same for all nodes, since each may become the primary."""
    wanted = extensions.wanted_extensions(settings)
    if not wanted:
        return {}
    preloaded = extensions.libraries(wanted)
    found = extensions.parameters(settings)
    return ({"shared_preload_libraries": f"'{', '.join(preloaded)}'"} if len(preloaded) > 1 else {}) | found


def left_out_libraries(settings: Settings, parameters: str) -> tuple[str, ...]:
    """Libraries of PODS_EXTENSIONS that a file of the user's does not preload, which sets what is."""
    found: list[str] = _PRELOAD.findall(parameters)
    libraries = extensions.libraries(extensions.wanted_extensions(settings))[1:]
    return tuple(name for name in libraries if not re.search(rf"\b{name}\b", found[-1])) if found else ()


def refuse_left_out(settings: Settings, parameters: str) -> None:
    """Refuse a file of the user's that keeps an extension from being preloaded.

    Raises:
        UsageError: it does.
    """
    if missing := left_out_libraries(settings, parameters):
        raise UsageError(
            f"config/postgresql.conf sets shared_preload_libraries without {', '.join(missing)} of PODS_EXTENSIONS",
            "add that, or take the line out; nothing was changed",
        )


def leaves_out_statistics(parameters: str) -> bool:
    """Whether a file of the user's sets the preloaded libraries without the one that counts statements."""
    found: list[str] = _PRELOAD.findall(parameters)
    return bool(found) and "pg_stat_statements" not in found[-1]  # the last line holds
