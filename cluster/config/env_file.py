"""Settings: read from ``.env`` and the process environment, and written for people and services.

The environment wins where a name is ours alone (``PODS_…``). Names that other programs know too (``AWS_…``) are
exported by shells and CI for those; there the file wins.

``.env.example`` and docs/reference/settings.md are made from the declarations too, and tests hold them together.
"""

import difflib
import os
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cluster.config.alert_settings import check_alerts
from cluster.config.consistency import check_together
from cluster.config.databases_file import RESERVED_DATABASES, RESERVED_ROLES, parse, read_declarations
from cluster.config.declaration import IMAGES
from cluster.config.hosts_file import read_hosts
from cluster.config.settings import KEPT_FREE, Settings
from cluster.config.validators import AUTO, on_loopback
from cluster.errors import UsageError
from cluster.sizing import pool_sizes

PROJECT_ROOT = Path(__file__).resolve().parents[2]
HOME_VARIABLE = "PODS_HOME"
ENVIRONMENT = "environment"
"""Where a value came from that no file has."""
_OURS = ("PODS_",)
SETTINGS = tuple(field for field in fields(Settings) if field.metadata)
"""Those that are read from .env, in their order."""
_OWN_NAMES: Mapping[str, str] = {f.name: f.metadata["variable"] for f in SETTINGS if f.metadata["variable"]}


def variable_of(name: str) -> str:
    """Environment variable of a field (``primary_port`` → ``PODS_PRIMARY_PORT``); some have names that others gave."""
    return _OWN_NAMES.get(name) or f"PODS_{name.upper()}"


VARIABLES: Mapping[str, str] = {variable_of(f.name): f.name for f in SETTINGS}


RETIRED: Mapping[str, str] = {
    "PODS_CADVISOR": "the exporter has the metrics of containers, through the gate",
    "PODS_CADVISOR_PORT": "the exporter has the metrics of containers, through the gate",
}
"""Settings of earlier versions that are no more, and why nobody misses them; a .env that has one still holds."""


def home_directory(environ: Mapping[str, str] = os.environ) -> Path:
    """Where this cluster lives: its .env, data/, secrets/. ``PODS_HOME``, or the project's own folder."""
    return Path(environ.get(HOME_VARIABLE) or PROJECT_ROOT).resolve()


def load_settings(home: Path, environ: Mapping[str, str] = os.environ, *, strict: bool = True) -> Settings:
    """Read ``home/.env`` and the environment.

    Args:
        home: where the file is.
        environ: the environment.
        strict: refuse settings that are not known; a service passes over those that a newer PODS rendered.

    Raises:
        UsageError: an unknown setting, a malformed line or a value out of range; names all of it.
    """
    chosen: dict[str, tuple[str, str]] = {}
    in_file: set[str] = set()
    for where, variable, text in [*_from_file(home / ".env"), *_from_environ(environ)]:
        if variable in RETIRED:
            continue
        if variable not in VARIABLES and not strict:
            continue
        if variable not in VARIABLES:
            raise UsageError(f"unknown setting {variable} ({where})", _did_you_mean(variable))
        if where != ENVIRONMENT:
            in_file.add(variable)
        elif variable in in_file and not variable.startswith(_OURS):
            continue
        chosen[variable] = (where, text)
    declarations = read_declarations(home, service=not strict)
    hosts = read_hosts(home, service=not strict)
    settings = Settings(**{f.name: _parse(f, chosen) for f in SETTINGS}, declarations=declarations, hosts=hosts)
    _check_together(settings)
    return settings


def with_declarations(settings: Settings, text: str) -> Settings:
    """The settings with the declarations of another text of `config/databases.toml`, checked with all the others.

    Raises:
        UsageError: they are not valid, or do not go together with the settings.
    """
    changed = replace(settings, declarations=parse(text))
    _check_together(changed)
    return changed


def _parse(declared: Any, chosen: Mapping[str, tuple[str, str]]) -> Any:
    variable = variable_of(declared.name)
    where, text = chosen.get(variable, ("default", declared.metadata["default"]))
    try:
        return declared.metadata["parse"](text.strip())
    except ValueError as error:
        written = variable if declared.metadata["secret"] else f"{variable}={text!r}"
        raise UsageError(f"{written} is not valid ({where})", str(error)) from None


def retired_in_file(home: Path) -> list[str]:
    """Settings in ``home/.env`` that are no more."""
    return [variable for _, variable, _ in _from_file(home / ".env") if variable in RETIRED]


def secrets_in_file(home: Path) -> list[str]:
    """Settings nobody else may read that ``home/.env`` gives a value: while there are any, it wants mode 0600."""
    secret = {variable_of(f.name) for f in SETTINGS if f.metadata["secret"]}
    return [variable for _, variable, text in _from_file(home / ".env") if variable in secret and text]


def _check_together(settings: Settings) -> None:
    ports = {variable_of(field): port for field, port in fixed_ports(settings).items()}
    if settings.replicas:
        ports["PODS_REPLICA_PORT"] = settings.replica_port
    for variable, port in ports.items():
        twin = next((v for v, p in ports.items() if p == port and v != variable), None)
        if twin:
            raise UsageError(f"{variable} and {twin} are both {port}", "give each its own port in .env")
    if settings.pool_size and settings.pool_size > settings.max_connections - KEPT_FREE:
        raise UsageError(
            f"PODS_POOL_SIZE={settings.pool_size} is more than PODS_MAX_CONNECTIONS={settings.max_connections} lets in",
            f"{KEPT_FREE} of those are kept for administration: lower the pools, or raise the connections",
        )
    if settings.backup == "on" and "s3" in settings.backup_stores and not settings.s3_bucket:
        raise UsageError(
            f"BACKUP_STORES={settings.backup_stores} names s3, and AWS_S3_BUCKET is empty", "set the bucket"
        )
    _check_store_address(settings)
    _check_open(settings)
    check_alerts(settings)
    if settings.user in RESERVED_ROLES or settings.user.startswith("pg_"):
        raise UsageError(f"PODS_USER={settings.user!r} is a role of the cluster itself", "choose another name")
    if settings.database in RESERVED_DATABASES:
        raise UsageError(f"PODS_DATABASE={settings.database!r} is reserved", "choose another name")
    check_together(settings.declared, settings.user)
    pool_sizes(settings)


def _check_store_address(settings: Settings) -> None:
    """Whoever is between reads every row of a backup, and may change what will be restored."""
    address = urlsplit(settings.s3_endpoint)
    used = settings.backup == "on" and settings.backup_stores != "local" and settings.s3_bucket
    excused = "on" in (settings.backup_encryption, settings.s3_plain) or _is_here(address.hostname or "")
    if used and address.scheme == "http" and not excused:
        raise UsageError(
            f"AWS_ENDPOINT_URL=http://{address.hostname} would carry backups over the network for everybody to read",
            "use https://, or set BACKUP_ENCRYPTION=on; BACKUP_PLAIN_HTTP=on takes it as it is",
        )


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check_open(settings: Settings) -> None:
    """What others than this host reach wants a password and TLS, or a word that it needs none."""
    web, health = settings.monitoring == "on", settings.health == "on"
    beyond = not on_loopback(settings.web_bind)
    if health and beyond and settings.health_bind is None:
        raise UsageError(
            f"PODS_WEB_BIND={settings.web_bind} no longer opens the health service, which has an address of its own",
            f"set PODS_HEALTH_BIND={settings.web_bind} to keep it open, or PODS_HEALTH_BIND=127.0.0.1 to close it",
        )
    if web and beyond and settings.web_tls == "off" and "web" not in settings.unprotected:
        raise UsageError(
            f"PODS_WEB_BIND={settings.web_bind} with PODS_WEB_TLS=off would send passwords in clear",
            "set PODS_WEB_TLS=auto; behind a proxy of yours: PODS_UNPROTECTED=web",
        )
    closed = settings.health_auth == "on" and settings.health_tls == "on"
    opened = health and not on_loopback(settings.health_bind or "127.0.0.1")
    if opened and not closed and "health" not in settings.unprotected:
        raise UsageError(
            f"PODS_HEALTH_BIND={settings.health_bind} opens the health service beyond this host",
            "set PODS_HEALTH_AUTH=on and PODS_HEALTH_TLS=on, or PODS_UNPROTECTED=health if all may read it",
        )


def _from_file(path: Path) -> Iterable[tuple[str, str, str]]:
    if not path.exists():
        return
    from dotenv.parser import parse_stream

    try:
        with path.open(encoding="utf-8") as stream:
            bindings = list(parse_stream(stream))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}", "make it a UTF-8 text file that you may read") from None
    for binding in bindings:
        where = f"{path.name} line {_line_of(binding)}"
        if binding.error or (binding.key is not None and binding.value is None):
            # not what stands there: a key may have been broken over two lines
            raise UsageError(f"{where} is not a setting", "write NAME=value, or # before a comment")
        if binding.key is not None and not binding.key.startswith("COMPOSE_"):
            yield where, binding.key, binding.value or ""


def _line_of(binding: Any) -> int:
    """A binding begins with the blank lines before it; count them out."""
    text: str = binding.original.string
    first: int = binding.original.line
    return first + text[: len(text) - len(text.lstrip())].count("\n")


def _from_environ(environ: Mapping[str, str]) -> Iterable[tuple[str, str, str]]:
    for variable in sorted(environ):
        if (variable.startswith(_OURS) or variable in VARIABLES) and variable != HOME_VARIABLE:
            yield ENVIRONMENT, variable, environ[variable]


def origin_notes(home: Path, environ: Mapping[str, str] = os.environ, *, s3: bool = True) -> list[str]:
    """Where the environment has a say that ``home/.env`` does not show, in lines; never a value.

    Not ``s3``: no store is there, and what shells export for AWS' own tools says nothing to anybody.
    """
    written = {variable: text for _, variable, text in _from_file(home / ".env")}
    notes = []
    for _, variable, text in _from_environ(environ):
        if variable not in VARIABLES or written.get(variable) == text:
            continue
        if variable.startswith("AWS_") and not s3:
            continue
        if variable.startswith(_OURS) or variable not in written:
            notes.append(f"{variable} is from the environment" + (", not from .env" if variable in written else ""))
        else:
            notes.append(f"{variable} is from .env; the environment has another one")
    return notes


def _did_you_mean(variable: str) -> str:
    close = difflib.get_close_matches(variable, VARIABLES, n=1)
    return f"did you mean {close[0]}?" if close else "see docs/reference/settings.md for those there are"


def fixed_ports(settings: Settings) -> dict[str, int]:
    """Host ports of all that is no node and shall run, by setting."""
    watching = ("exporter_port", "prometheus_port", "alertmanager_port")
    wanted = [
        ("primary_port", True),
        ("pgbouncer_port", True),
        *((name, settings.monitoring == "on") for name in watching),
        ("grafana_port", settings.monitoring == "on" and settings.grafana != "off"),
        ("health_port", settings.health == "on"),
    ]
    return {name: getattr(settings, name) for name, runs in wanted if runs}


def services_env(settings: Settings) -> str:
    """What a service in a container reads as its .env: every setting, but for those that only building needs."""
    written = [f for f in SETTINGS if f.metadata["section"] != IMAGES and not f.metadata["secret"]]
    lines = [f"{variable_of(f.name)}={shown(getattr(settings, f.name))}" for f in written]
    return "\n".join(["# Made by PODS from .env for its services; changes here are lost.", *lines]) + "\n"


def shown(value: Any) -> str:
    """A value as it is written in .env."""
    if value is None:
        return AUTO
    return ",".join(value) if isinstance(value, tuple) else str(value)


def example_env() -> str:
    """The text of .env.example."""
    lines = [
        "# Settings of PODS. Copy to .env and uncomment what you change; every default serves as it is.",
        "# Passwords are not here: they are generated into secrets/. Made by `nox -s unit -- --write-changes`.",
    ]
    section = ""
    for declared in SETTINGS:
        if declared.metadata["section"] != section:
            section = declared.metadata["section"]
            lines += ["", f"# --- {section} ---"]
        lines += [f"# {declared.metadata['help']}", f"#{variable_of(declared.name)}={declared.metadata['default']}"]
    return "\n".join(lines) + "\n"


def settings_reference() -> str:
    """The table rows of docs/reference/settings.md."""
    lines: list[str] = []
    section = ""
    for declared in SETTINGS:
        if declared.metadata["section"] != section:
            section = declared.metadata["section"]
            lines += ["", f"## {section}", "", "| setting | default | what it does |", "|---|---|---|"]
        default = declared.metadata["default"] or "(empty)"
        lines.append(f"| `{variable_of(declared.name)}` | `{default}` | {declared.metadata['help']} |")
    return "\n".join(lines).strip() + "\n"
