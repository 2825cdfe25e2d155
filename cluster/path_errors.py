"""What the kernel says to work below an open directory, with the whole path for people."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cluster.errors import RefusedError


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Errors that name the whole path, and links as a refusal."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.ENXIO):
            raise strange(path) from None
        if error.filename is not None:
            error.filename = str(path)
        raise


def strange(path: Path) -> RefusedError:
    """The refusal of what no program of ours put there."""
    return RefusedError(
        f"{path} is a link, or not of the kind that PODS makes there, and was not touched",
        "a container may have put it there: look at what it is, then remove it",
    )
