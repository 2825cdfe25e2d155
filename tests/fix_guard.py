"""The guards of commands that were killed: processes that run `up` for them."""

from pathlib import Path


def guards(home: Path) -> list[int]:
    """Process ids of those that guard a command on ``home``."""
    variable = f"PODS_HOME={home}".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if b"promotion.guard" in (process / "cmdline").read_bytes():
                environment = (process / "environ").read_bytes().split(b"\0")
                found += [int(process.name)] if variable in environment else []
        except OSError:  # it ended
            continue
    return found
