"""Inside the container: run a program, watch the memory of it and of its children, and tell what it took as JSON."""

import json
import subprocess
import sys
import time
from pathlib import Path

_LOOK = 0.05
"""Seconds between two looks at memory."""


def main() -> None:
    """Run the command line."""
    cpu, began = _cpu(), time.perf_counter()
    child = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE, stderr=sys.stderr, text=True)
    most = 0
    while child.poll() is None:
        most = max(most, sum(map(_rss, _family(child.pid))))
        time.sleep(_LOOK)
    seconds, spent = time.perf_counter() - began, _cpu() - cpu
    if child.returncode:
        sys.exit(f"{sys.argv[1:]} ended with {child.returncode}")
    assert child.stdout is not None
    print(json.dumps({"seconds": seconds, "cpu": spent, "rss": most / 1024, "said": child.stdout.read()}))


def _cpu() -> float:
    """CPU seconds of everything in this container so far."""
    one, two = Path("/sys/fs/cgroup/cpuacct/cpuacct.usage"), Path("/sys/fs/cgroup/cpu.stat")
    return int(one.read_text()) / 1e9 if one.exists() else int(two.read_text().split()[1]) / 1e6


def _family(pid: int) -> set[int]:
    parents = {int(path.name): _parent(path) for path in Path("/proc").iterdir() if path.name.isdecimal()}
    found, size = {pid}, 0
    while len(found) > size:
        size = len(found)
        found |= {child for child, parent in parents.items() if parent in found}
    return found


def _parent(path: Path) -> int:
    try:
        return int((path / "stat").read_text().rsplit(")", 1)[1].split()[1])
    except (OSError, IndexError):
        return 0


def _rss(pid: int) -> int:
    """Resident memory in kB."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS")), 0)


if __name__ == "__main__":
    main()
