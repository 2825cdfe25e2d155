"""What one probe answers: also of a node that does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.postgres.failures import Failure
from exporters.collectors.statistics import Statistics
from exporters.declarations import Row
from exporters.metrics.exposition import encode
from exporters.metrics.postgres import COLLECTORS, SOURCES
from exporters.metrics.probe import STATES, node_metrics
from tests.unit.exporters.exposition import FORMATS, read_back, samples_in, value_of
from tests.unit.sql_columns import columns_of


def _full_rows() -> dict[str, tuple[Row, ...]]:
    """A row of every source, with every column the query gives."""
    return {source.name: (dict.fromkeys(columns_of(source.name), 1),) for source in SOURCES}


WELL = Statistics(rows=_full_rows(), seconds=dict.fromkeys(COLLECTORS, 0.001))


@pytest.mark.parametrize("accept", FORMATS)
def test_a_node_that_answers_is_up_and_tells_everything(accept: str) -> None:
    found = read_back(node_metrics(WELL, 0.03), accept)
    assert value_of(found, "pg_up") == 1
    assert value_of(found, "pods_node_state", state="up") == 1
    assert value_of(found, "pg_exporter_last_scrape_error") == 0
    assert value_of(found, "pg_exporter_last_scrape_duration_seconds") == 0.03
    for collector in COLLECTORS:
        assert value_of(found, "pg_scrape_collector_success", collector=collector) == 1
        assert value_of(found, "pg_scrape_collector_duration_seconds", collector=collector) == 0.001
    assert value_of(found, "pg_settings_max_connections") == 1


def test_the_states_of_a_node_are_those_that_dashboards_and_alerts_know() -> None:
    known = "up starting refused full auth rejected no_database certificate timeout unreachable"
    assert list(STATES) == known.split()


@pytest.mark.parametrize("state", Failure)
def test_a_node_that_does_not_answer_is_down_with_one_reason_and_nothing_of_its_own(state: Failure) -> None:
    found = read_back(node_metrics(Statistics(error="it does not answer", failure=state), 2.0))
    assert value_of(found, "pg_up") == 0
    assert {s: value_of(found, "pods_node_state", state=s) for s in STATES} == {s: float(s == state) for s in STATES}
    assert value_of(found, "pg_exporter_last_scrape_error") == 1
    assert {value_of(found, "pg_scrape_collector_success", collector=name) for name in COLLECTORS} == {0.0}
    assert not [name for name, _ in found if name.startswith(("pg_settings_", "pg_stat_", "pods_replication_"))]


def test_one_collector_that_fails_hides_no_other_and_is_told() -> None:
    rows = {name: row for name, row in _full_rows().items() if name != "slots"}
    found = read_back(node_metrics(Statistics(rows=rows, failures={"replication_slots": "permission denied"}), 0.1))
    assert value_of(found, "pg_up") == 1
    assert value_of(found, "pg_exporter_last_scrape_error") == 1
    failed = {name for name in COLLECTORS if not value_of(found, "pg_scrape_collector_success", collector=name)}
    assert failed == {"replication_slots"}


@given(st.sets(st.sampled_from([source.name for source in SOURCES])), st.sampled_from(["", "Connection refused"]))
def test_the_answer_counts_itself(left_out: set[str], error: str) -> None:
    rows = {name: row for name, row in _full_rows().items() if name not in left_out}
    found = samples_in(*encode(node_metrics(Statistics(rows=rows, error=error), 0.1), ""))
    assert value_of(found, "pods_scrape_samples") == len(found)
