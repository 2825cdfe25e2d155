"""Log sequence numbers: positions in the WAL, in bytes.

Source: PostgreSQL documentation, "pg_lsn Type": two hexadecimal numbers of up to 8 digits, ``hi/lo``.
"""

import re
from typing import Self

_LSN = re.compile(r"([0-9A-Fa-f]{1,8})/([0-9A-Fa-f]{1,8})\Z")


class Lsn(int):
    """A WAL position. ``str()`` gives PostgreSQL's form; subtraction gives bytes."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``16/B374D848``.

        Raises:
            ValueError: ``text`` is not an LSN.
        """
        match = _LSN.match(text)
        if match is None:
            raise ValueError(f"not an LSN: {text!r}")
        return cls((int(match[1], 16) << 32) | int(match[2], 16))

    def __str__(self) -> str:
        return f"{self >> 32:X}/{self & 0xFFFFFFFF:X}"

    def __repr__(self) -> str:
        return f"Lsn({str(self)!r})"


def bytes_behind(ahead: Lsn | None, behind: Lsn | None) -> int | None:
    """Bytes from ``behind`` to ``ahead``, never negative; None where either is unknown."""
    if ahead is None or behind is None:
        return None
    return max(0, int(ahead) - int(behind))
