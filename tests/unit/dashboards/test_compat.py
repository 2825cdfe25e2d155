"""Names that upstream dropped: each is made from one that is emitted, hides none, and is proven by promtool's test."""

import re

import pytest
import yaml

from cluster.config.env_file import PROJECT_ROOT
from tests.unit.dashboards.promql import branches, emitted, parse

RULES = PROJECT_ROOT / "compose" / "prometheus" / "compat.yml"
PROOFS = PROJECT_ROOT / "compose" / "prometheus" / "tests" / "compat.test.yml"
GUIDE = PROJECT_ROOT / "docs" / "explanation" / "community-dashboards.md"
NAMES = {
    rule["record"]: rule["expr"] for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]
}


@pytest.mark.parametrize("name", NAMES)
def test_an_old_name_is_made_from_names_that_are_emitted(name: str) -> None:
    sources = {selector.name for selector in branches(parse(NAMES[name]))}
    assert sources
    assert sources <= set(emitted()) | set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_an_old_name_hides_no_metric_of_today(name: str) -> None:
    assert name not in emitted()


def test_names_are_recorded_once() -> None:
    records = re.findall(r"record: (\S+)", RULES.read_text())
    assert sorted(records) == sorted(NAMES)


def test_every_old_name_is_proven() -> None:
    expected = yaml.safe_dump([test["promql_expr_test"] for test in yaml.safe_load(PROOFS.read_text())["tests"]])
    assert {name for name in NAMES if not re.search(rf"\b{name}\b", expected)} == set()


def test_what_the_guide_calls_emitted_is_emitted_and_what_it_calls_recorded_is_recorded() -> None:
    found = {"emitted": set(emitted()), "compat.yml": set(NAMES)}
    rows = re.findall(r"^\| `(\w+)` \| ([\w.]+)", GUIDE.read_text(), re.M)
    assert len(rows) > 40
    for name, how in rows:
        assert how in {"emitted", "compat.yml", "process", "no"}, name
        assert (name in found[how]) if how in found else name not in found["emitted"] | found["compat.yml"], name


def test_every_old_name_is_in_the_guide() -> None:
    mentioned = set(re.findall(r"`(\w+)`", GUIDE.read_text()))
    assert set(NAMES) - mentioned == set()
