"""What one probe answers: also of a node that does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.collectors.statistics import Statistics
from exporters.declarations import Row
from exporters.metrics.exposition import encode
from exporters.metrics.postgres import COLLECTORS, SOURCES
from exporters.metrics.probe import STATES, node_metrics, state_of
from tests.unit.exporters.exposition import FORMATS, read_back, samples_in, value_of
from tests.unit.sql_columns import columns_of
from tests.unit.strategies import node_names

TOLD = [
    ("", "up"),
    ("the database system is starting up", "starting"),
    ("the database system is not yet accepting connections", "starting"),
    ("the database system is not accepting connections", "starting"),
    ("the database system is shutting down", "starting"),
    ("the database system is in recovery mode", "starting"),
    ("sorry, too many clients already", "full"),
    ("remaining connection slots are reserved for roles with the SUPERUSER attribute", "full"),
    ('too many connections for role "monitor"', "full"),
    ('password authentication failed for user "monitor"', "auth"),
    ('no pg_hba.conf entry for host "172.18.0.9", user "monitor", database "postgres", SSL encryption', "auth"),
    ('role "monitor" does not exist', "auth"),
    ("SSL error: certificate verify failed", "auth"),
    ('server certificate for "x" does not match host name "replica1"', "auth"),
    ("connection timeout expired", "timeout"),
    ("timeout expired", "timeout"),
    ("gave no answer within 3 s", "timeout"),
    ("no answer within 2.5 s", "timeout"),
    ("Connection refused", "refused"),
    ("server closed the connection unexpectedly", "refused"),
    ("[Errno -2] Name or service not known", "unreachable"),
    ("Network is unreachable", "unreachable"),
    ("something PostgreSQL never said before", "unreachable"),
]
ERRORS = [(error, state) for error, state in TOLD if error]


@pytest.mark.parametrize(("error", "state"), TOLD)
def test_why_a_node_does_not_answer_is_told_apart(error: str, state: str) -> None:
    assert state_of(error) == state


@given(node_names, st.sampled_from(ERRORS))
def test_a_node_s_name_is_no_reason(name: str, told: tuple[str, str]) -> None:
    error, state = told
    for name_ in (name, "timeout", "certificate"):
        assert state_of(f"{name_}:5432 does not let monitor in: {error}") == state
        assert state_of(f"{name_}:5432 gave no answer within 3 s") == "timeout"


@given(st.text())
def test_whatever_an_error_says_it_is_some_state_and_not_up(error: str) -> None:
    assert state_of(error) in STATES
    assert (state_of(error) == "up") == (error == "")


def test_every_state_has_an_error_that_shows_it() -> None:
    assert {state for _, state in TOLD} == set(STATES)


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


@pytest.mark.parametrize(("error", "state"), ERRORS)
def test_a_node_that_does_not_answer_is_down_with_one_reason_and_nothing_of_its_own(error: str, state: str) -> None:
    found = read_back(node_metrics(Statistics(error=error), 2.0))
    assert value_of(found, "pg_up") == 0
    assert {s: value_of(found, "pods_node_state", state=s) for s in STATES} == {s: float(s == state) for s in STATES}
    assert value_of(found, "pg_exporter_last_scrape_error") == 1
    assert {value_of(found, "pg_scrape_collector_success", collector=name) for name in COLLECTORS} == {0.0}
    assert not [name for name, _ in found if name.startswith(("pg_settings_", "pg_stat_", "pods_replication_"))]


def test_one_collector_that_fails_hides_no_other_and_is_told() -> None:
    rows = {name: row for name, row in _full_rows().items() if name != "metrics_slots"}
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
