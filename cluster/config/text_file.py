"""A text file that the user wrote into ``config/``, whatever it turns out to be."""

import codecs
import stat
from pathlib import Path

from cluster.errors import UsageError

_LARGEST = 4 << 20
"""Bytes: ten times what as many databases need as one server can have pools for."""


def read_text(path: Path) -> str | None:
    """Its text; None where there is no file, not even a link that leads nowhere. A pipe keeps nobody waiting.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        return _text_of(path)
    except (OSError, ValueError) as error:  # a UnicodeDecodeError is one
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"{path} cannot be read: {reason}", "make it a UTF-8 text file that you may read") from None


def _text_of(path: Path) -> str | None:
    try:
        regular = stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        if path.is_symlink():
            raise
        return None
    if not regular:
        raise ValueError("it is no file")
    with path.open("rb") as file:
        content = file.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise ValueError(f"it is larger than {_LARGEST >> 20} MB")
    if content.startswith(codecs.BOM_UTF8):
        raise ValueError("it begins with a byte order mark: save it as UTF-8 without one")
    return content.decode()
