"""Reading `config/hosts.toml`: every wrong line is one refusal that says which."""

import re
import tomllib
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from pathlib import Path, PurePosixPath
from typing import Any

from cluster.config.docker_hosts import HOST_ROLES, HOSTS_FILE, LOCAL, DockerHosts, Host
from cluster.config.text_file import read_text
from cluster.documents import dump, load, printable
from cluster.errors import UsageError
from cluster.naming import NODE_NAME, RESERVED, is_numbered

HOSTS_DOCUMENT = "hosts.json"
"""The same for services, beside their .env."""
_SSH = re.compile(r"(?!-)([A-Za-z0-9._-]{1,64}@)?[A-Za-z0-9][A-Za-z0-9._:-]{0,252}\Z")
_ZONE = re.compile(r"[A-Za-z0-9._-]{0,63}\Z")
_KEYS = ("ssh", "address", "roles", "zone", "home")
_SERVICES = frozenset({"control", "etcd", "guide", "exporter", "hosts"})
"""Services of a host, and who else has keys; a node of before may be called so, a host not."""
_SHOWN = 200
"""Characters of what somebody wrote, in a refusal."""


def read_hosts(home: Path, *, service: bool = False) -> DockerHosts:
    """The hosts of the user's file; a ``service`` has them beside its .env.

    Raises:
        UsageError: the file cannot be read, or something in it is not valid.
    """
    text = read_text(home / HOSTS_DOCUMENT if service else home / "config" / HOSTS_FILE)
    return DockerHosts() if text is None else (hosts_for_service if service else parse_hosts)(text)


def parse_hosts(text: str) -> DockerHosts:
    """The hosts of a file's text.

    Raises:
        UsageError: something in it is not valid; says what, and which.
    """
    try:
        raw = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise _wrong("", f"is not TOML: {_shown(str(error))}", "mend that line; nothing was changed") from None
    for section in raw.keys() - {"hosts"}:
        raise _wrong(_shown(section), "is not known", "there is [hosts.NAME]")
    tables = raw.get("hosts", {})
    if not isinstance(tables, dict):
        raise _wrong("hosts", "is no table", "write [hosts.NAME]")
    made = DockerHosts(hosts=tuple(_host(name, table) for name, table in tables.items()))
    for problem, hint in _together(made):
        raise _wrong("", problem, hint)
    return made


def hosts_text(hosts: DockerHosts) -> str:
    """The text of the document that services read."""
    return dump(hosts)


def hosts_for_service(text: str) -> DockerHosts:
    """What ``hosts_text`` wrote.

    Raises:
        UsageError: it is not that.
    """
    try:
        return load(DockerHosts, text, HOSTS_DOCUMENT)
    except ValueError as error:
        raise UsageError(f"{HOSTS_DOCUMENT} cannot be used: {error}", "run: inv up") from None


def _host(name: str, table: Any) -> Host:
    where = f"hosts.{_shown(name)}"
    if not NODE_NAME.match(name):
        raise _wrong(where, "cannot name a host", "use a lower-case letter, then at most 30 of a-z, 0-9 and _")
    if name in RESERVED | _SERVICES or is_numbered(name):
        raise _wrong(where, "is a name that the cluster needs itself", "choose another name")
    if not isinstance(table, dict):
        raise _wrong(where, "is no table", f"write [hosts.{name}]")
    for key in table.keys() - set(_KEYS):
        raise _wrong(f"{where}.{_shown(key)}", "is not known", f"there are {', '.join(_KEYS)}")
    if "address" not in table:
        raise _wrong(where, "has no address", 'write address = "10.0.0.11": all traffic between hosts goes there')
    fields = {key: _value(f"{where}.{key}", key, value) for key, value in table.items()}
    return Host(name=name, **fields)


def _value(where: str, key: str, value: Any) -> Any:
    if key == "roles":
        return _roles(where, value)
    if not isinstance(value, str):
        raise _wrong(where, "is no text", f'write {key} = "…"')
    if problem := _CHECKS[key](value):
        raise _wrong(where, f"{_shown(value)!r} is not valid", problem)
    return value


def _roles(where: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or any(each not in HOST_ROLES for each in value):
        raise _wrong(where, "is no list of roles", f"use one or more of {', '.join(HOST_ROLES)}")
    return tuple(role for role in HOST_ROLES if role in value)


def _ssh_problem(text: str) -> str:
    return (
        ""
        if not text or _SSH.match(text)
        else "write user@name or user@address, or local; a port goes into ~/.ssh/config"
    )


def _address_problem(text: str) -> str:
    try:
        address = ip_address(text)
    except ValueError:
        return "write an IPv4 address of that host, which the others reach"
    if address.version != 4 or address.is_unspecified or address.is_loopback or address.is_multicast:
        return "write an IPv4 address of that host, which the others reach"
    return ""


def _home_problem(text: str) -> str:
    path = PurePosixPath(text)
    plain = path.is_absolute() and ".." not in path.parts and len(path.parts) > 1 and text.isprintable()
    return (
        "" if plain and not set(text) & set(":\"'\\ $") else "write an absolute path without blanks, such as /srv/pods"
    )


_CHECKS: dict[str, Callable[[str], str]] = {
    "ssh": _ssh_problem,
    "address": _address_problem,
    "home": _home_problem,
    "zone": lambda text: "" if _ZONE.match(text) else "use at most 63 of A-Z, a-z, 0-9, ., _ and -",
}


def _together(hosts: DockerHosts) -> Iterator[tuple[str, str]]:
    for name, values in (
        ("address", [host.address for host in hosts.hosts]),
        ("ssh", [LOCAL if host.local else host.ssh for host in hosts.hosts]),
    ):
        if twice := next((each for each in values if values.count(each) > 1), None):
            having = [host.name for host, each in zip(hosts.hosts, values, strict=True) if each == twice]
            yield f"{' and '.join(having)} have one {name}, {twice}", "give each host its own"


def _wrong(where: str, reason: str, hint: str) -> UsageError:
    return UsageError(" ".join(part for part in (f"config/{HOSTS_FILE}:", where, reason) if part), hint)


def _shown(text: str) -> str:
    return printable(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")
