"""What an engine lets in that PODS counts on it to keep out: ports on loopback, and who a client is. Pure."""

import re
from collections.abc import Mapping
from typing import Any

_VERSION = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")
_CLOSED = (28, 0, 0)
"""Before it, neighbours on the same link reach ports that are published on 127.0.0.1 (moby#45610; notes of 28.0)."""
_FIREWALLD_BROKEN, _FIREWALLD_MENDED = (28, 2, 0), (28, 3, 3)
"""Between them, a reload of firewalld opens such ports to the network (CVE-2025-54388)."""


def version_of(text: str) -> tuple[int, int, int]:
    """``28.5.2+dfsg4`` as numbers; zeros of what is no version, so that it counts as old."""
    match = _VERSION.match(text)
    return (int(match[1]), int(match[2]), int(match[3] or 0)) if match else (0, 0, 0)


def open_loopback(version: str, info: Mapping[str, Any]) -> str:
    """Why ports on 127.0.0.1 of an engine of this ``version`` are not for this host alone, in words; "" where they are.

    ``info`` is what the engine tells of itself.
    """
    found = version_of(version)
    if found < _CLOSED:
        return f"neighbours on the same network link may reach ports on 127.0.0.1 through Docker engine {version}"
    firewall = (info.get("FirewallBackend") or {}).get("Driver", "firewalld")  # engines that do not say may have it
    if _FIREWALLD_BROKEN <= found < _FIREWALLD_MENDED and "firewalld" in firewall:
        return f"with Docker engine {version}, a reload of firewalld opens ports on 127.0.0.1 (CVE-2025-54388)"
    return ""


def hides_clients(info: Mapping[str, Any]) -> bool:
    """Whether all clients come from one address to a server in a container: then everybody is `samenet`."""
    return any("rootless" in option for option in info.get("SecurityOptions") or ())
