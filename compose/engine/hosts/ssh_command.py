"""The command lines of `ssh`, and what its complaints mean. Pure.

A host is known by its name in config/hosts.toml and by nothing else: which key belongs to it is PODS' own knowledge,
not that of the user's known_hosts, and stays the same when its address changes. How it is reached (user, port, a jump
host, which key of the user's) is ssh's own configuration.
"""

import re
from collections.abc import Callable
from pathlib import Path

from cluster.config.docker_hosts import Host
from cluster.errors import MachineError, PodsError, RefusedError

CONNECT_SECONDS = 10
"""Until a host that does not answer is given up."""
ENGINE_SOCKET = "/var/run/docker.sock"
"""Where a host's engine listens."""


def ssh_argv(host: Host, known_hosts: Path, *options: str) -> list[str]:
    """`ssh` with ``options`` and the host's name; nothing is asked, and no other key than the pinned one is taken."""
    fixed = {
        "BatchMode": "yes",
        "StrictHostKeyChecking": "yes",
        "UserKnownHostsFile": str(known_hosts),
        "GlobalKnownHostsFile": "/dev/null",
        "HostKeyAlias": host.name,
        "UpdateHostKeys": "no",
        "CheckHostIP": "no",
        "HashKnownHosts": "no",
        "ControlMaster": "no",
        "ControlPath": "none",
        "ForwardAgent": "no",
        "PermitLocalCommand": "no",
        "ConnectTimeout": str(CONNECT_SECONDS),
        "ServerAliveInterval": "5",
        "ServerAliveCountMax": "3",
        "LogLevel": "INFO",
    }
    settings = (part for name, value in fixed.items() for part in ("-o", f"{name}={value}"))
    return ["ssh", "-T", "-x", *options, *settings, "--", host.ssh]


def forward_argv(host: Host, known_hosts: Path, socket: Path) -> list[str]:
    """`ssh` that does nothing but lead ``socket`` here to the engine there, and ends with whoever started it."""
    forward = ("-N", "-L", f"{socket}:{ENGINE_SOCKET}", "-o", "ExitOnForwardFailure=yes")
    return ssh_argv(host, known_hosts, *forward, "-o", "StreamLocalBindMask=0177")


def refusal(host: Host, complaint: str) -> PodsError:
    """What kept `ssh` from reaching the host, as one line and what to do about it."""
    for pattern, made in _REFUSALS:
        if re.search(pattern, complaint, re.IGNORECASE):
            return made(host)
    return _machine("cannot be reached", f"try it: ssh {host.ssh} true")(host, last_line(complaint))


def last_line(text: str) -> str:
    """The last line of a complaint, printable."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return "".join(letter if letter.isprintable() else "?" for letter in (lines or ["ssh said nothing"])[-1])[:200]


def _machine(what: str, hint: str) -> "Callable[..., PodsError]":
    def made(host: Host, detail: str = "") -> PodsError:
        return MachineError(
            f"host {host.name} ({host.ssh}) {what}{': ' + detail if detail else ''}",
            hint.format(ssh=host.ssh, name=host.name, address=host.address),
        )

    return made


def other_key(host: Host) -> PodsError:
    """That the host is not the one whose key was pinned."""
    return RefusedError(
        f"host {host.name} ({host.ssh}) answers with another host key than the one that was pinned",
        f"was it set up anew? Compare the fingerprint there, then: inv hosts.add {host.name} --new-key; "
        "else somebody stands between you and it",
    )


_REFUSALS: tuple[tuple[str, "Callable[..., PodsError]"], ...] = (
    (r"host key verification failed|identification has changed|no .*host key is known", other_key),
    (r"could not resolve hostname", _machine("has a name that cannot be resolved", "mend ssh in config/hosts.toml")),
    (
        r"permission denied|too many authentication failures",
        _machine("does not let you in", "let your key in there (ssh-copy-id {ssh}); a password is never asked for"),
    ),
    (r"connection refused", _machine("has no ssh server at that address", "start sshd there, or mend ssh")),
    (
        r"timed out|no route to host|network is unreachable|host is down",
        _machine("does not answer", "is it up, and port 22 open from here? Try: ssh {ssh} true"),
    ),
    (
        r"connection (closed|reset)|kex_exchange_identification|not allowed at this time",
        _machine("closes the connection before you are in", "see its sshd's log; MaxStartups or a firewall do that"),
    ),
    (r"unable to negotiate", _machine("and this machine have no cipher or key type in common", "update the older one")),
    (
        r"bad (owner or permissions|configuration option)|unprotected private key",
        _machine("is not asked: ssh does not like its own files here", "try it: ssh {ssh} true"),
    ),
)


def unusable_engine(host: Host, answer: str) -> PodsError:
    """What keeps a forwarded socket from leading to an engine, by what a shell on the host found there."""
    made = {
        "missing": _machine("has no Docker engine", f"install and start it there; it listens on {ENGINE_SOCKET}"),
        "denied": _machine(
            "has a Docker engine that this user may not use",
            "there, as root: usermod -aG docker USER; it is as much as root, as here",
        ),
        "silent": _machine("has a Docker engine that does not answer", "start it there: systemctl start docker"),
        "usable": _machine("does not forward its engine's socket", "its sshd_config: AllowStreamLocalForwarding yes"),
    }
    return made.get(answer, made["usable"])(host)


ENGINE_SCRIPT = f"""
if [ ! -e {ENGINE_SOCKET} ]; then echo missing
elif [ ! -w {ENGINE_SOCKET} ]; then echo denied
elif ! (docker version || curl -sf --unix-socket {ENGINE_SOCKET} http://docker/_ping) >/dev/null 2>&1; then echo silent
else echo usable; fi
"""
"""Why the engine cannot be reached; a host without docker's own command and curl counts as silent."""
