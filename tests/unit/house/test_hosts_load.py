"""Two nodes that take writes are found, and a switchover is not taken for that."""

from hypothesis import given
from hypothesis import strategies as st

from tests.hosts.load import TakenWrite, late_writes, overlap


def _write(node: str, timeline: int, began: float, took: float = 0.01) -> TakenWrite:
    return TakenWrite(node=node, number=int(began * 1000), timeline=timeline, began=began, ended=began + took)


def test_an_old_primary_that_goes_on_is_found_and_measured() -> None:
    writes = [_write("alpha", 1, 1.0), _write("beta", 2, 2.0), _write("alpha", 1, 2.5), _write("alpha", 1, 2.7)]
    assert late_writes(writes) == writes[2:]
    assert round(overlap(writes), 6) == 0.7


def test_two_nodes_on_one_timeline_are_found() -> None:
    assert late_writes([_write("alpha", 1, 1.0), _write("beta", 1, 2.0)]) == [_write("beta", 1, 2.0)]


def test_an_answer_that_lay_in_a_socket_is_not_two_primaries() -> None:
    assert late_writes([_write("beta", 2, 2.0), _write("alpha", 1, 1.0, took=5.0)]) == []


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 5)), min_size=1, max_size=6), st.data())
def test_switchovers_there_and_back_are_in_order(reigns: list[tuple[str, int]], data: st.DataObject) -> None:
    writes, moment = [], 0.0
    for timeline, (node, count) in enumerate(reigns, start=1):
        for _ in range(count):
            writes.append(_write(node, timeline, moment))
            moment += 0.05
    assert late_writes(data.draw(st.permutations(writes))) == []
    if len(reigns) > 1:
        late = _write(reigns[0][0], 1, moment)
        assert late_writes([*writes, late]) == [late]
