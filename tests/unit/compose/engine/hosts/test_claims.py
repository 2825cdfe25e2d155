"""A host is controlled from one machine."""

from dataclasses import replace

import pytest

from cluster.config.docker_hosts import Host
from compose.engine.hosts.claims import ControlMachine, foreign_claim
from compose.engine.hosts.image_transfer import identity_of

HOST = Host(name="alpha", address="10.0.0.11", ssh="deploy@alpha.example")
WE = ControlMachine(id="1", machine="ops1", home="/srv/pods", project="pods")


def test_our_own_host_and_a_new_one_are_ours() -> None:
    assert foreign_claim(HOST, WE.text, WE) is None
    assert foreign_claim(HOST, "", WE) is None


@pytest.mark.parametrize(
    ("holder", "words"),
    [
        (replace(WE, machine="ops2"), "controlled from ops2 (/srv/pods)"),
        (replace(WE, home="/srv/copy"), "controlled from ops1 (/srv/copy)"),
        (replace(WE, id="2"), "added from here"),
        (replace(WE, project="other"), "of the cluster 'other'"),
    ],
)
def test_a_second_control_machine_is_refused_by_name(holder: ControlMachine, words: str) -> None:
    error = foreign_claim(HOST, holder.text, WE)
    assert error is not None
    assert words in error.message
    assert error.hint


@pytest.mark.parametrize("damaged", ["{", "[]", "{}", '"text"', "null", '{"id": "1"}'])
def test_a_damaged_claim_is_nobody_s(damaged: str) -> None:
    error = foreign_claim(HOST, damaged, WE)
    assert error is not None
    assert "damaged" in error.message


def test_an_image_is_the_same_on_engines_that_store_it_otherwise() -> None:
    stored = {
        "Id": "sha256:1",
        "Architecture": "amd64",
        "RootFS": {"Type": "layers", "Layers": ["sha256:a", "sha256:b"]},
        "Config": {"Cmd": ["run"], "Env": ["A=1"], "Volumes": None},
    }
    otherwise = stored | {"Id": "sha256:2", "Config": {"Cmd": ["run"], "Env": ["A=1"], "Entrypoint": None}}
    assert identity_of(stored) == identity_of(otherwise)
    assert identity_of(stored) != identity_of(stored | {"Architecture": "arm64"})
    assert identity_of(stored) != identity_of(stored | {"RootFS": {"Layers": ["sha256:a"]}})
    assert identity_of(stored) != identity_of(stored | {"Config": {"Cmd": ["other"], "Env": ["A=1"]}})
