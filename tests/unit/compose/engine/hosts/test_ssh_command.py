"""Each way in which ssh or an engine refuses is one line that says what to do."""

from pathlib import Path

import pytest

from cluster.config.docker_hosts import Host
from cluster.errors import MachineError, RefusedError
from compose.engine.hosts.host_keys import fingerprint, known_hosts_text
from compose.engine.hosts.ssh_command import forward_argv, refusal, unusable_engine

HOST = Host(name="alpha", address="10.0.0.11", ssh="deploy@alpha.example")
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILGUvP0ojpBxKHiCZY00iweaecr7gN+pie016wA4Pcu0"


@pytest.mark.parametrize(
    ("complaint", "words"),
    [
        ("ssh: Could not resolve hostname alpha.example: Name or service not known", "cannot be resolved"),
        ("deploy@alpha.example: Permission denied (publickey).", "does not let you in"),
        ("Received disconnect from 10.0.0.11: Too many authentication failures", "does not let you in"),
        ("ssh: connect to host alpha.example port 22: Connection refused", "no ssh server"),
        ("ssh: connect to host alpha.example port 22: Connection timed out", "does not answer"),
        ("ssh: connect to host alpha.example port 22: No route to host", "does not answer"),
        ("Timeout, server alpha.example not responding.", "not responding"),
        ("kex_exchange_identification: Connection closed by remote host", "closes the connection"),
        ("kex_exchange_identification: read: Connection reset by peer", "closes the connection"),
        ("Unable to negotiate with 10.0.0.11 port 22: no matching host key type found", "in common"),
        ("Bad owner or permissions on /home/me/.ssh/config", "its own files here"),
        ("something new\nthe last line \x1b[31m of it", "the last line ?[31m of it"),
        ("", "ssh said nothing"),
    ],
)
def test_what_ssh_complains_of_is_one_line(complaint: str, words: str) -> None:
    error = refusal(HOST, complaint)
    assert isinstance(error, MachineError)
    assert words in error.message
    assert "alpha" in error.message
    assert error.hint
    assert "\n" not in str(error)


@pytest.mark.parametrize(
    "complaint",
    [
        "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\nHost key verification failed.",
        "No ED25519 host key is known for alpha and you have requested strict checking.",
    ],
)
def test_another_host_key_is_refused_and_never_taken(complaint: str) -> None:
    error = refusal(HOST, complaint)
    assert isinstance(error, RefusedError)
    assert "--new-key" in error.hint


def test_each_state_of_an_engine_has_its_own_line() -> None:
    messages = {unusable_engine(HOST, answer).message for answer in ("missing", "denied", "silent", "usable")}
    assert len(messages) == 4
    assert unusable_engine(HOST, "This account is not available.").message in messages


def test_nothing_is_asked_and_only_the_pinned_key_counts() -> None:
    argv = forward_argv(HOST, Path("/run/x/known_hosts"), Path("/run/x/alpha.sock"))
    for option in (
        "BatchMode=yes",
        "StrictHostKeyChecking=yes",
        "HostKeyAlias=alpha",
        "GlobalKnownHostsFile=/dev/null",
    ):
        assert option in argv
    assert argv[-2:] == ["--", "deploy@alpha.example"]


def test_the_fingerprint_is_the_one_that_ssh_keygen_shows() -> None:
    assert fingerprint(KEY) == "SHA256:lGgRcVKbl50sZezectAXj/OiOBHlLW59NGkw9hUbbkc"


def test_known_hosts_names_hosts_as_the_file_does() -> None:
    assert known_hosts_text({"alpha": KEY, "gamma": ""}) == f"alpha {KEY}\n"
