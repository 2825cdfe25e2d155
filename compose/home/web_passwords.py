"""Who may ask Prometheus and Alertmanager: the file that makes either ask for a password, kept as bcrypt hashes it.

Each has a password of its own, so that whoever is given one (Grafana asks Prometheus) cannot silence the other. Both
read the file at every request; in a container it is a secret.
"""

from pathlib import Path

from cluster.errors import RefusedError
from cluster.files import write_atomically
from cluster.http.pages import USER

_COST = 6
"""bcrypt's cost. The password has 256 bits; a higher cost would only let strangers keep the processor busy."""
_LONGEST = 72
"""Bytes of a password that bcrypt hashes."""
TLS = {"cert_file": "/run/tls/server.crt", "key_file": "/run/tls/server.key", "min_version": "TLS12"}
_HEADERS = {"X-Frame-Options": "deny", "X-Content-Type-Options": "nosniff"}
"""A page of somebody else's shows neither in a frame, where a click could be led to a button of theirs."""


def ensure(path: Path, password: str, *, secure: bool, owner: tuple[int, int] | None) -> bool:
    """Write the file where it is missing, of another password, or of another mind about TLS; True if it was."""
    held = _held(path)
    if held is not None and held == _web_config(_hash_in(held), secure=secure) and _opens(_hash_in(held), password):
        return False
    write_atomically(path, _text(_web_config(_hashed(path, password), secure=secure)), 0o600, owner)
    return True


def _web_config(hashed: str, *, secure: bool) -> dict[str, object]:
    """What exporter-toolkit reads; ``hashed`` as bcrypt has it."""
    config: dict[str, object] = {"basic_auth_users": {USER: hashed}, "http_server_config": {"headers": _HEADERS}}
    return {"tls_server_config": TLS, **config} if secure else config


def _hashed(path: Path, password: str) -> str:
    import bcrypt

    if len(password) > _LONGEST:
        name = path.name.removesuffix("_web.yml")
        raise RefusedError(
            f"the password of {name} is longer than the {_LONGEST} characters that it can have",
            f"write a shorter one into {path.with_name(name + '_password')}",
        )
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(_COST)).decode()


def _opens(hashed: str, password: str) -> bool:
    import bcrypt

    try:
        return len(password) <= _LONGEST and bcrypt.checkpw(password.encode(), hashed.encode())
    except ValueError:
        return False


def _held(path: Path) -> dict[str, object] | None:
    import yaml

    if not path.exists() or path.stat().st_mode & 0o077:
        return None
    try:
        held = yaml.safe_load(path.read_text())
    except (ValueError, yaml.YAMLError):
        return None
    return held if isinstance(held, dict) else None


def _hash_in(held: dict[str, object]) -> str:
    users = held.get("basic_auth_users")
    return str(users.get(USER, "")) if isinstance(users, dict) else ""


def _text(config: dict[str, object]) -> str:
    import yaml

    return "# Made by PODS from the password beside it; changes here are lost.\n" + yaml.safe_dump(
        config, sort_keys=False
    )
