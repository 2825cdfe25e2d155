"""No setting without a trial, and no trial that changes nothing."""

from pathlib import Path

import pytest

from cluster.config.env_file import PROJECT_ROOT, VARIABLES, load_settings
from cluster.config.settings import Settings
from compose.render.config_files import UserFiles, render_files
from tests.fix_settings import CONCRETE, settings_of, topology_of
from tests.setting_trials import TRIALS

SERVICES_ENV = "rendered/services/.env"


def _settings(variable: str, value: str) -> Settings:
    return load_settings(Path("/nonexistent"), {**TRIALS[variable].beside, variable: value})


def _changed(variable: str) -> set[str]:
    """The generated files in which the two values differ; the cluster stays what it was when it was made."""
    topology = topology_of(settings_of())
    first, second = (
        render_files(_settings(variable, value), topology, CONCRETE, UserFiles()) for value in TRIALS[variable].values
    )
    return {name for name in first.keys() | second.keys() if first.get(name) != second.get(name)}


def test_every_setting_has_a_trial_and_nothing_else_has() -> None:
    assert sorted(TRIALS) == sorted(VARIABLES)


@pytest.mark.parametrize("variable", sorted(TRIALS))
def test_two_values_differ_where_the_trial_says(variable: str) -> None:
    trial = TRIALS[variable]
    assert trial.first != trial.second
    changed = _changed(variable) - ({SERVICES_ENV} if trial.acts == "files" else set())
    if trial.acts == "services":
        assert changed >= {SERVICES_ENV}
    elif trial.acts == "files":
        assert changed
    else:
        assert changed <= {SERVICES_ENV}


@pytest.mark.parametrize("variable", sorted(name for name, trial in TRIALS.items() if not trial.live))
def test_what_is_not_tried_on_clusters_is_tried_where_it_says(variable: str) -> None:
    assert (PROJECT_ROOT / TRIALS[variable].where).is_file()
