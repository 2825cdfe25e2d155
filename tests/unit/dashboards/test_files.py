"""What Grafana reads: the committed dashboards equal what the code makes; provisioning fits them."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.config.env_file import PROJECT_ROOT
from compose.render.compose_file import BASE
from compose.render.optional_services import optional_service
from dashboards.catalog import DIRECTORY, files
from dashboards.classic import PROVISIONED_UID
from dashboards.reference import reference
from tests.fix_settings import CONCRETE, settings_of, topology_of

PROVISIONING = PROJECT_ROOT / "dashboards" / "grafana" / "provisioning"
SOURCES = PROVISIONING / "datasources" / "prometheus.yml"
PROVIDERS = PROVISIONING / "dashboards" / "pods.yml"


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_a_committed_dashboard_is_what_the_code_makes(path: Path, hold: Callable[[Path, str], None]) -> None:
    hold(path, files()[path])


def test_no_dashboard_is_left_that_nothing_makes() -> None:
    assert {path.name for path in DIRECTORY.iterdir()} == {path.name for path in files()}


def test_dashboards_begin_with_the_data_source_that_is_provisioned() -> None:
    source = yaml.safe_load(SOURCES.read_text())["datasources"][0]
    assert (source["uid"], source["type"]) == (PROVISIONED_UID, "prometheus")
    assert source["jsonData"]["httpMethod"] == "POST"
    assert not source["editable"]


def test_what_is_saved_in_the_browser_cannot_get_lost() -> None:
    provider = yaml.safe_load(PROVIDERS.read_text())["providers"][0]
    assert not provider["allowUiUpdates"]
    assert provider["disableDeletion"]


def _service() -> Any:
    template = yaml.safe_load(BASE.read_text())["services"]["grafana"]
    settings = settings_of(grafana="on")
    return optional_service("grafana", template, settings, topology_of(settings), CONCRETE)


def test_provisioning_looks_where_compose_mounts() -> None:
    provider = yaml.safe_load(PROVIDERS.read_text())["providers"][0]
    assert provider["options"]["path"] in {mount["target"] for mount in _service()["volumes"]}


def test_compose_sets_every_variable_that_provisioning_uses() -> None:
    used = {name for path in (SOURCES, PROVIDERS) for name in re.findall(r"\$\{(\w+)\}", path.read_text())}
    assert used
    assert used <= set(_service()["environment"])


def test_nothing_but_a_variables_name_follows_a_dollar_in_provisioning() -> None:
    """Grafana would put something else, or nothing, in its place."""
    for path in (SOURCES, PROVIDERS):
        text = path.read_text()
        assert text.count("$") == len(re.findall(r"\$\{PODS_[A-Z_]+\}|\$__file\{/run/[a-z_/.]+\}", text))


def test_the_reference_has_the_panels_there_are(hold: Callable[[Path, str], None]) -> None:
    page = PROJECT_ROOT / "docs" / "reference" / "dashboards.md"
    head, mark, _ = page.read_text(encoding="utf-8").partition("<!-- dashboards -->\n")
    assert mark
    hold(page, head + mark + reference())
