"""docs/explanation/safety.md says of every service what it really has: its table is made from the rendered stack."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from cluster.config.env_file import PROJECT_ROOT
from compose.home.certificate_names import faces_of
from tests.fix_settings import settings_of, topology_of
from tests.unit.compose.render.stack_samples import services_of

PAGE = PROJECT_ROOT / "docs" / "explanation" / "safety.md"
BEGIN, END = (
    "<!-- services: made by tests/unit/house/test_safety_page.py --write-changes -->",
    "<!-- end of services -->",
)
EVERYTHING = {
    "backup_encryption": "on",
    "s3_bucket": "b",
    "s3_access_key": "AKIAEXAMPLEEXAMPLE",
    "s3_secret_key": "example/example/example",
    "grafana": "on",
}
HEAD = """| service | networks | may write | secrets | memory, processes |
|---|---|---|---|---|
"""


SETTINGS = settings_of(**EVERYTHING)
TOPOLOGY = topology_of(SETTINGS)


def _stack() -> Any:
    return services_of(SETTINGS, TOPOLOGY)


def _row(name: str, service: dict[str, Any]) -> str:
    networks = "none" if service.get("network_mode") == "none" else ", ".join(sorted(service["networks"]))
    mounts = [mount for mount in service["volumes"] if not mount.get("read_only")]
    written = ", ".join(f"`{mount['source'].removeprefix('./')}`" for mount in mounts) or "memory only"
    secrets = ", ".join(sorted(service.get("secrets", []))) or "none"
    tls = " · a TLS key" if faces_of(SETTINGS, TOPOLOGY).get(name) else ""
    memory = f"{service['mem_limit'] >> 20} MB" if "mem_limit" in service else "PostgreSQL's own settings"
    return f"| {name} | {networks} | {written} | {secrets}{tls} | {memory}, {service['pids_limit']} |\n"


def test_the_page_lists_every_service_with_what_it_has(hold: Callable[[Path, str], None]) -> None:
    rows = [_row(name, service) for name, service in _stack().items() if name != "replica2"]
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    hold(PAGE, f"{before}{BEGIN}\n{HEAD}{''.join(rows)}{END}{after}")


def test_the_page_says_what_an_attacker_has_in_each() -> None:
    text = PAGE.read_text(encoding="utf-8").partition("## What an attacker with one container has")[2]
    for name in set(_stack()) - {"primary", "replica1", "replica2"}:
        assert f"*{name}.*" in text, f"nothing is said of {name}"
    assert "*A node.*" in text
