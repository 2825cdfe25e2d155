"""The one document of the supervisor: what it writes is what others read, whatever lies there."""

from contextlib import suppress
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from cluster.supervisor_status import STATUS_FILE, SupervisorStatus, parse_status, read_status, write_status

STATUS = SupervisorStatus(
    updated=1000.5, action="hold", reason="there is no replica", primary="primary", failed_over=9.0
)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    assert read_status(tmp_path) is None
    write_status(tmp_path, STATUS)
    assert read_status(tmp_path) == STATUS
    assert (tmp_path / STATUS_FILE).stat().st_mode & 0o777 == 0o644


@given(st.binary(max_size=60))
def test_whatever_lies_there_is_a_status_or_a_value_error(text: bytes) -> None:
    with suppress(ValueError):
        assert isinstance(parse_status(text), SupervisorStatus)


def test_a_file_that_is_no_status_is_none(tmp_path: Path) -> None:
    (tmp_path / STATUS_FILE).write_text('{"format": 1, "updated": "yesterday"}')
    assert read_status(tmp_path) is None
