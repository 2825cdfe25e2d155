import importlib
import pkgutil

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


ROOMS = ("cluster", "compose", "exporters", "guide", "health", "backup", "dashboards")


def _exceptions() -> set[type[BaseException]]:
    """Every exception class of ours."""
    for room in ROOMS:
        for found in pkgutil.walk_packages([room], f"{room}."):
            if not found.name.endswith("__main__"):
                importlib.import_module(found.name)
    known, left = set[type[BaseException]](), [BaseException]
    while left:
        new = set(left.pop().__subclasses__()) - known
        known |= new
        left += new
    return {each for each in known if each.__module__.partition(".")[0] in ROOMS}


def test_no_exception_is_frozen() -> None:
    # whoever catches one sets __traceback__, __cause__ or __notes__
    found = _exceptions()
    assert {"ProblemDetails", "PodsError", "DamagedError"} <= {each.__name__ for each in found}
    for each in found:
        assert not getattr(each, "__dataclass_params__", None) or not each.__dataclass_params__.frozen, each  # type: ignore[attr-defined]
        made = each.__new__(each)
        made.__traceback__, made.__cause__ = None, None
        made.add_note("one more word")
