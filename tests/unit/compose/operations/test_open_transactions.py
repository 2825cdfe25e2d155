import pytest
from hypothesis import given
from hypothesis import strategies as st

from compose.operations.open_transactions import OpenTransaction


def _transaction(application: str, *, base_backup: bool = False) -> OpenTransaction:
    return OpenTransaction(pid=7, role="app", application=application, base_backup=base_backup, seconds=75.0)


@pytest.mark.parametrize(
    ("transaction", "text"),
    [
        (_transaction("report"), "a transaction of app (report), pid 7, has run for 1 min 15 s"),
        (_transaction(""), "a transaction of app, pid 7, has run for 1 min 15 s"),
        (_transaction("pg_basebackup", base_backup=True), "a base backup of app (pg_basebackup), pid 7"),
    ],
)
def test_it_says_whose_it_is_and_for_how_long(transaction: OpenTransaction, text: str) -> None:
    assert str(transaction).startswith(text)


@given(st.text())
def test_what_a_client_calls_itself_bends_no_terminal(application: str) -> None:
    assert str(_transaction(application)).isprintable()
