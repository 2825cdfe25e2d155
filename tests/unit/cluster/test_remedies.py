from hypothesis import given
from hypothesis import strategies as st

from cluster.remedies import split_remedy, with_remedy


@given(st.text(), st.text().filter(lambda text: " → " not in text))
def test_a_reason_comes_apart_as_it_was_put_together(problem: str, remedy: str) -> None:
    assert split_remedy(with_remedy(problem, remedy)) == (problem, remedy)


def test_a_line_without_a_remedy_is_all_problem() -> None:
    assert split_remedy("it has not looked yet") == ("it has not looked yet", "")
