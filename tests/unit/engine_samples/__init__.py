"""What an engine answered. v1 and stopped: Docker 28.5 on cgroup v1; v2: by the Engine API's documentation."""

import json
from pathlib import Path
from typing import Any


def sample(name: str) -> dict[str, Any]:
    """The answer kept in ``name``.json."""
    found: dict[str, Any] = json.loads((Path(__file__).parent / f"{name}.json").read_text())
    return found
