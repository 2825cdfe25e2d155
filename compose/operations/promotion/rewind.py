"""`pg_rewind` for the data of a node that was the primary, in a one-off container of it.

It reads the new primary through a role that lives for this alone, and may call the four functions it needs: no password
of it is kept, and nobody else can use it afterwards. While it works the data is marked (`UNFINISHED`): half done, it is
nobody's, and is cloned anew.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath

from cluster.files import Directory
from cluster.postgres.connection import connect, execute, literal
from cluster.postgres.data_directory import MAJOR
from compose.console import Progress
from compose.stack import Stack

UNFINISHED = PurePath(MAJOR) / ".rewinding"
"""The mark, beside the data; made and removed by pods-node."""
ROLE = "rewinder"


def rewind(stack: Stack, step: Progress, node: str) -> None:
    """Make the data of ``node``, whose container is gone, that of a standby of the primary.

    Raises:
        MachineError: it cannot be; the data is as it was, or marked.
    """
    with _role(stack) as password:
        stack.compose.job(node, ["rewind", stack.topology.primary], step, stdin=password)


def clear_unfinished(directory: Path) -> bool:
    """Whether the data was being rewound when that was interrupted; the mark is gone then."""
    try:
        with Directory.open(directory) as opened:
            marked = opened.stat(UNFINISHED) is not None
            if marked:
                opened.unlink(UNFINISHED)
    except FileNotFoundError:
        return False
    return marked


@contextmanager
def _role(stack: Stack) -> Iterator[str]:
    """The role on the primary, and its password."""
    password = secrets.token_urlsafe(32)
    with connect(stack.superuser(stack.topology.primary)) as connection:
        verifier = connection.pgconn.encrypt_password(password.encode(), ROLE.encode(), b"scram-sha-256").decode()
        execute(connection, "drop_rewind_role")  # of a run that was killed
        execute(connection, "create_rewind_role", verifier=literal(verifier))
        try:
            yield password
        finally:
            execute(connection, "drop_rewind_role")
