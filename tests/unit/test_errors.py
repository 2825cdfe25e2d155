from cluster import errors
from cluster.errors import EXIT_CODES, PodsError


def _all_errors(base: type[PodsError] = PodsError) -> list[type[PodsError]]:
    return [base, *(found for child in base.__subclasses__() for found in _all_errors(child))]


def test_every_error_has_a_documented_exit_code_that_is_not_success() -> None:
    for error in _all_errors():
        assert error.exit_code in EXIT_CODES, error
        assert error.exit_code != errors.EXIT_OK, error


def test_every_exit_code_constant_is_documented() -> None:
    constants = {value for name, value in vars(errors).items() if name.startswith("EXIT_") and name != "EXIT_CODES"}
    assert constants == set(EXIT_CODES)


def test_an_error_reads_as_what_and_then_what_to_do() -> None:
    assert str(PodsError("the port is taken", "free it")) == "the port is taken — free it"


def test_an_error_without_a_hint_is_just_the_message() -> None:
    assert str(PodsError("the port is taken")) == "the port is taken"
