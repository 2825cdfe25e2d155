"""SQL lives in the .sql files of this folder, one statement each; ``get`` reads one."""

from functools import cache
from pathlib import Path
from typing import LiteralString

_HERE = Path(__file__).parent


@cache
def get(name: str) -> LiteralString:
    """The SQL in ``name``.sql. It is part of the program, hence literal."""
    return (_HERE / f"{name}.sql").read_text(encoding="utf-8")
