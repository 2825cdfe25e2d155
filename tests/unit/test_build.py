from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import requests
from docker.errors import APIError, ImageNotFound
from hypothesis import given
from hypothesis import strategies as st

from cluster.errors import MachineError
from compose import build
from compose.build import CONTEXT, choose, ensure, expected, inputs_hash
from compose.console import Console
from tests.fix_settings import settings_of


def _context(directory: Path, **files: str) -> Path:
    directory.mkdir(exist_ok=True)
    for name, text in {"Dockerfile": "FROM x\n", "node": "#!/bin/sh\n", **files}.items():
        (directory / name).write_text(text)
    return directory


def test_equal_inputs_give_equal_hashes(tmp_path: Path) -> None:
    one, other = _context(tmp_path / "one"), _context(tmp_path / "other")
    assert inputs_hash("postgres:18", one) == inputs_hash("postgres:18", other)


def test_the_hash_can_be_a_tag() -> None:
    tag = inputs_hash("postgres:18")
    assert tag.isalnum()
    assert tag == tag.lower()
    assert len(tag) == 12


def test_the_hash_changes_with_the_base(tmp_path: Path) -> None:
    context = _context(tmp_path / "context")
    assert inputs_hash("postgres:18", context) != inputs_hash("pods/base:forky", context)


@pytest.mark.parametrize("change", ["content", "name", "new", "gone"])
def test_the_hash_changes_with_every_file(tmp_path: Path, change: str) -> None:
    context = _context(tmp_path / "context")
    before = inputs_hash("postgres:18", context)
    if change == "content":
        (context / "node").write_text("#!/bin/bash\n")
    elif change == "name":
        (context / "node").rename(context / "edon")
    elif change == "new":
        (context / "added").touch()
    else:
        (context / "node").unlink()
    assert inputs_hash("postgres:18", context) != before


@given(st.text(max_size=5), st.text(max_size=5))
def test_bases_are_told_apart(one: str, other: str) -> None:
    assert (inputs_hash(one) == inputs_hash(other)) == (one == other)


def test_both_images_carry_the_hash_of_what_they_are_made_from() -> None:
    images = expected("postgres:18")
    tag = inputs_hash("postgres:18", CONTEXT)
    assert (images.postgres, images.pgbouncer) == (f"pods/postgres:{tag}", f"pods/pgbouncer:{tag}")


@dataclass
class _Api:
    """An engine's images, and what a registry answers."""

    images: set[str] = field(default_factory=set)
    refusal: Exception | None = None
    timeout: int = 120
    asked: list[tuple[str, int]] = field(default_factory=list)

    def inspect_image(self, reference: str) -> dict[str, str]:
        if reference not in self.images:
            raise ImageNotFound("no such image")
        return {}

    def inspect_distribution(self, reference: str) -> dict[str, str]:
        self.asked.append((reference, self.timeout))
        if self.refusal:
            raise self.refusal
        return {}


@dataclass
class _Engine:
    api: _Api


def _choose(api: _Api, **texts: str) -> tuple[str, str]:
    client: Any = _Engine(api)
    return choose(client, settings_of(**texts), Console(StringIO()))


DENIED = APIError("denied", explanation="pull access denied\nand more")
SILENT = requests.ConnectionError("no route")


def test_an_official_image_that_is_there_already_is_taken_without_asking() -> None:
    api = _Api({"postgres:18"}, SILENT)
    assert _choose(api) == ("registry", "postgres:18")
    assert api.asked == []


def test_a_registry_that_has_the_image_is_taken() -> None:
    assert _choose(_Api()) == ("registry", "postgres:18")


def test_a_mirror_is_asked_for_its_own_image() -> None:
    api = _Api()
    assert _choose(api, registry="mirror.example:5000/library/") == (
        "registry",
        "mirror.example:5000/library/postgres:18",
    )
    assert [reference for reference, _ in api.asked] == ["mirror.example:5000/library/postgres:18"]


@pytest.mark.parametrize("refusal", [DENIED, SILENT])
def test_without_a_registry_the_host_s_debian_archive_is_taken(refusal: Exception) -> None:
    assert _choose(_Api(refusal=refusal), debian_suite="trixie") == ("debian", "pods/base:trixie")


def test_debian_asked_for_is_debian_taken() -> None:
    api = _Api({"postgres:18"})
    assert _choose(api, images="debian") == ("debian", "pods/base:forky")
    assert api.asked == []


def test_a_registry_asked_for_that_refuses_is_an_error_and_says_why() -> None:
    with pytest.raises(MachineError) as refusal:
        _choose(_Api(refusal=DENIED), images="registry")
    assert "pull access denied" in refusal.value.message
    assert "\n" not in refusal.value.message
    assert "PODS_REGISTRY" in refusal.value.hint


@pytest.mark.parametrize("refusal", [None, DENIED, SILENT])
def test_a_registry_is_asked_briefly_and_the_engine_as_patiently_as_before(refusal: Exception | None) -> None:
    api = _Api(refusal=refusal)
    _choose(api)
    assert [seconds for _, seconds in api.asked] == [20]
    assert api.timeout == 120


def test_images_that_are_there_are_not_built() -> None:
    images = expected("postgres:18")
    client: Any = _Engine(_Api({images.postgres, images.pgbouncer}))
    stream = StringIO()
    assert ensure(client, settings_of(), "registry", "postgres:18", Console(stream)) == images
    assert stream.getvalue() == ""


def test_a_ca_bundle_reaches_the_build_as_a_secret_and_a_proxy_as_an_argument(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").touch()
    texts = {"build_ca": str(tmp_path / "ca.pem"), "proxy": "http://proxy.example:3128", "stale_mirror": "false"}
    argv = build._build_argv(settings_of(**texts), "postgres:18", "postgres", "pods/postgres:0123")
    assert f"--secret=id=ca,src={tmp_path / 'ca.pem'}" in argv
    assert "--build-arg=http_proxy=http://proxy.example:3128" in argv
    assert not [word for word in argv if word.startswith("--build-arg") and "ca.pem" in word]
    assert (argv[-1], "--target=postgres" in argv, "--tag=pods/postgres:0123" in argv) == (str(CONTEXT), True, True)


@pytest.mark.parametrize(("stale", "options"), [("true", "-o Acquire::Check-Valid-Until=false"), ("false", "")])
def test_a_build_accepts_a_stale_archive_only_where_told(stale: str, options: str) -> None:
    argv = build._build_argv(settings_of(stale_mirror=stale), "postgres:18", "postgres", "x")
    assert f"--build-arg=APT_OPTIONS={options}" in argv


def test_a_base_image_is_made_from_the_archive_as_a_tar() -> None:
    argv = build._bootstrap_argv(
        settings_of(stale_mirror="false", debian_suite="trixie"), "http://mirror.example/debian"
    )
    assert argv[0] == "mmdebstrap"
    assert argv[-3:] == ["trixie", "-", "http://mirror.example/debian"]
    assert not [word for word in argv if "aptopt" in word]


@pytest.mark.parametrize(
    ("told", "hint"),
    [
        ("E: Release file for http://x is expired (invalid since 3d)", "PODS_STALE_MIRROR=true"),
        ("E: Could not connect to proxy", "PODS_PROXY"),
    ],
)
def test_a_bootstrap_that_failed_hints_at_what_would_help(told: str, hint: str) -> None:
    assert hint in build._mirror_hint(told)


def test_a_bootstrap_that_failed_is_told_by_its_first_error_else_its_last_words() -> None:
    assert build._telling(["I: a\n", "E: first\n", "E: second\n"]) == "E: first"
    assert build._telling(["a\n", "b\n"]) == "a / b"
