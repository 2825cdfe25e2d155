"""The keys by which hosts are recognized: taken once, shown to a person, pinned."""

import base64
import hashlib
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from cluster.config.docker_hosts import Host
from cluster.errors import MachineError
from compose.engine.hosts.ssh_command import CONNECT_SECONDS, refusal, ssh_argv


def offered_key(host: Host) -> str:
    """The key that the host shows now, as ``ssh-ed25519 AAAA…``. Nobody logs in for it.

    Raises:
        PodsError: it cannot be reached.
    """
    with tempfile.TemporaryDirectory(prefix="pods-") as folder:
        known = Path(folder) / "known_hosts"
        taking = ("-o", "StrictHostKeyChecking=accept-new", "-o", "PreferredAuthentications=none")
        try:
            done = subprocess.run(
                [*ssh_argv(host, known, *taking), "true"],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=CONNECT_SECONDS * 3,
                check=False,
            )
        except FileNotFoundError:
            raise MachineError("ssh is not installed here", "install openssh-client; hosts are reached by it") from None
        except subprocess.TimeoutExpired:
            raise refusal(host, "timed out") from None
        lines = known.read_text().splitlines() if known.exists() else []
        if not lines:
            raise refusal(host, done.stderr)
        return " ".join(lines[0].split()[1:3])


def fingerprint(key: str) -> str:
    """``SHA256:…`` as `ssh-keygen -lf` has it. Pure."""
    digest = hashlib.sha256(base64.b64decode(key.split()[1])).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def known_hosts_text(keys: Mapping[str, str]) -> str:
    """A known_hosts file with the key of each host, by its name. Pure."""
    return "".join(f"{name} {key}\n" for name, key in keys.items() if key)
