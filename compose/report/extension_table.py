"""How extensions look on a terminal."""

from collections.abc import Sequence

from cluster.extension_catalogue import NEXT_MAJOR
from compose.console import COMMAND
from compose.operations.databases.extension_inventory import ExtensionRow
from compose.report.status import table

_EVERYWHERE = frozenset({"plpgsql"})


def print_extensions(rows: Sequence[ExtensionRow]) -> None:
    """Those that come by word; of PostgreSQL's own those that are used, and the names of the others."""
    shown = [row for row in rows if row.word or (row.used and row.name not in _EVERYWHERE)]
    archived = any(row.archive for row in rows)
    heads = ["extension", "word", "nodes have", "used in", *(["archive has", f"for {NEXT_MAJOR}"] if archived else [])]
    table(heads, [_cells(row, archived=archived) for row in shown])
    for row in rows:
        for use in row.used:
            if use.newer:
                update = f"{COMMAND.name} extension.update {use.database} {row.name}"
                print(f"{row.name} in {use.database}: {use.version} → {use.newer}, by: {update}")
    print("PostgreSQL's own, which need no word:", ", ".join(row.name for row in rows if not row.word and not row.used))


def _cells(row: ExtensionRow, *, archived: bool) -> list[str | int]:
    used = ", ".join(f"{use.database} ({use.version})" for use in row.used)
    mark = "*" if row.wanted else ""
    return [row.name, row.word + mark, row.version, used, *([row.archive, row.next_major] if archived else [])]
