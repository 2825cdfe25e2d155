import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.postgres.lsn import Lsn, bytes_behind

positions = st.integers(0, 2**64 - 1).map(Lsn)


@given(positions)
def test_what_is_written_is_read_back(lsn: Lsn) -> None:
    assert Lsn.parse(str(lsn)) == lsn


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_postgresql_s_form_is_read_in_either_case_and_written_in_its_own(high: int, low: int) -> None:
    assert str(Lsn.parse(f"{high:x}/{low:08x}")) == f"{high:X}/{low:X}"


def test_a_position_is_bytes() -> None:
    assert Lsn.parse("16/B374D848") == 0x16_B374D848


def test_formatting_and_repr_show_postgresql_s_form() -> None:
    lsn = Lsn.parse("0/3000060")
    assert f"{lsn}" == "0/3000060"
    assert repr(lsn) == "Lsn('0/3000060')"


@given(positions, positions)
def test_subtraction_gives_bytes_and_order_is_position(one: Lsn, other: Lsn) -> None:
    assert one - other == int(one) - int(other)
    assert (one < other) == (int(one) < int(other))


def test_a_position_is_a_plain_number_in_json() -> None:
    assert json.dumps(Lsn(255)) == "255"


@given(positions, positions)
def test_nothing_is_ever_negatively_behind(ahead: Lsn, behind: Lsn) -> None:
    distance = bytes_behind(ahead, behind)
    assert distance == max(0, int(ahead) - int(behind))


@given(positions)
def test_the_distance_to_the_unknown_is_unknown(lsn: Lsn) -> None:
    assert bytes_behind(lsn, None) is None
    assert bytes_behind(None, lsn) is None


@pytest.mark.parametrize(
    "text",
    ["", "/", "0", "0/", "/0", "0/0/0", " 0/0", "0/0 ", "0/0\n", "-1/0", "0x1/0", "G/0", "123456789/0", "0/123456789"],
)
def test_garbage_is_not_a_position(text: str) -> None:
    with pytest.raises(ValueError, match="not an LSN"):
        Lsn.parse(text)


@given(st.text(max_size=20))
def test_text_is_a_position_or_refused(text: str) -> None:
    try:
        lsn = Lsn.parse(text)
    except ValueError:
        return
    assert 0 <= lsn < 2**64
