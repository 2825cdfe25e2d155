"""SQL lives in the .sql files of this folder, one statement each; ``get`` reads one."""

import re
from functools import cache
from pathlib import Path
from typing import LiteralString

_HERE = Path(__file__).parent
_COMMENT = re.compile(r"^[ \t]*--.*\n?", flags=re.MULTILINE)


@cache
def get(name: str) -> LiteralString:
    """The SQL in ``name``.sql without its comments, which would show in logs and statistics of the server.

    It is part of the program, hence literal.
    """
    return _COMMENT.sub("", source(name))


def source(name: str) -> str:
    """The file ``name``.sql as it is."""
    return (_HERE / f"{name}.sql").read_text(encoding="utf-8")
