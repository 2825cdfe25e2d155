"""Restored data runs here and nowhere else: a container without network, secrets and stores.

Catalogs are code (triggers, functions, operators), so whoever starts restored data runs what its owners put in. The
service `sandbox` does that for drills, a one-off container of the same kind for restores. It asks the backup side for
what it needs over a Unix socket; all that it says is a stranger's word.
"""

from pathlib import Path

MEETING = Path("/run/sandbox")
"""Where both sides find the socket: writable for the backup side, read-only for the sandbox."""
SOCKET = MEETING / "backup.sock"
"""The backup side listens there while it has work."""
