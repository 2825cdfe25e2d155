import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import requests
from docker.errors import APIError, ImageNotFound
from hypothesis import given
from hypothesis import strategies as st

from cluster.config.docker_hosts import DockerHosts, Host
from cluster.config.env_file import PROJECT_ROOT
from cluster.errors import MachineError
from compose.console import Console
from compose.engine import image_build
from compose.engine.image_build import ROOT, ImageSpec, ensure, expected, inputs_hash, recipes, wanted_roles
from compose.engine.image_registry import choose
from compose.render.host_facts import Images
from tests.fix_settings import settings_of

ALPHA = Host(name="alpha", address="10.0.0.11")


def _context(directory: Path, **files: str) -> Path:
    directory.mkdir(exist_ok=True)
    for name, text in {"Dockerfile": "FROM x\n", "node": "#!/bin/sh\n", **files}.items():
        (directory / name).write_text(text)
    return directory


def test_equal_inputs_give_equal_hashes(tmp_path: Path) -> None:
    one, other = _context(tmp_path / "one"), _context(tmp_path / "other")
    assert inputs_hash("postgres:18", one) == inputs_hash("postgres:18", other)


def test_the_hash_can_be_a_tag(tmp_path: Path) -> None:
    tag = inputs_hash("postgres:18", _context(tmp_path / "context"))
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
    context = ROOT / "database"
    assert (inputs_hash(one, context) == inputs_hash(other, context)) == (one == other)


def test_the_hash_changes_with_a_file_of_the_code_and_with_its_place(tmp_path: Path) -> None:
    context = _context(tmp_path / "context")
    code = [PROJECT_ROOT / "cluster" / "__init__.py", PROJECT_ROOT / "exporters" / "__init__.py"]
    hashes = {inputs_hash("x", context, files) for files in ([], code[:1], code[1:], code)}
    assert len(hashes) == 4  # the two files are equal, and empty


@pytest.fixture
def looked_at_anew() -> Iterator[None]:
    """References are remembered, so that one command means one image; here the inputs are to change."""
    yield
    image_build._reference.cache_clear()


def _references() -> dict[str, str]:
    image_build._reference.cache_clear()
    return {role: recipe.reference for role, recipe in recipes("debian", "pods/base:forky").items()}


def test_the_services_image_changes_with_the_code_and_the_others_do_not(
    looked_at_anew: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _references()
    monkeypatch.setattr(image_build, "code_files", lambda *_: (PROJECT_ROOT / "README.md",))
    after = _references()
    assert {role for role in before if before[role] != after[role]} == {"services", "supervisor"}


def test_a_command_means_one_image_even_if_somebody_edits_the_code_meanwhile(
    looked_at_anew: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _references()
    monkeypatch.setattr(image_build, "code_files", lambda *_: (PROJECT_ROOT / "README.md",))
    assert recipes("debian", "pods/base:forky")["services"].reference == before["services"]


def test_images_stand_on_each_other_in_the_order_in_which_they_are_made() -> None:
    made = recipes("debian", "pods/base:forky")
    assert list(made) == ["postgres", "pgbouncer", "services", "supervisor", "hosts", "prometheus"]
    known = {"pods/base:forky"}
    for recipe in made.values():
        assert recipe.base in known, recipe.role
        known.add(recipe.reference)
    assert made["services"].base == made["postgres"].reference


def test_a_change_of_postgresql_s_image_is_one_of_the_services_too() -> None:
    one, other = (recipes("registry", base)["services"].reference for base in ("postgres:18", "postgres:18.1"))
    assert one != other


def test_prometheus_is_built_only_where_no_registry_gives_it() -> None:
    assert "prometheus" not in recipes("registry", "postgres:18")
    assert expected(settings_of(), "registry", "postgres:18").prometheus.startswith("prom/prometheus:")
    built = expected(settings_of(), "debian", "pods/base:forky")
    assert built.prometheus == built.alertmanager == recipes("debian", "pods/base:forky")["prometheus"].reference


@pytest.mark.parametrize("source", ["registry", "debian"])
def test_every_image_of_ours_carries_the_hash_of_what_it_is_made_from(source: str) -> None:
    images = expected(settings_of(), source, "a-base:1")
    tag = inputs_hash("a-base:1", ROOT / "database")
    assert (images.postgres, images.pgbouncer) == (f"pods/postgres:{tag}", f"pods/pgbouncer:{tag}")
    assert re.fullmatch(r"pods/services:[0-9a-f]{12}", images.services)


def test_every_folder_and_stage_that_is_built_exists() -> None:
    for recipe in recipes("debian", "pods/base:forky").values():
        stages = (ROOT / recipe.folder / "Dockerfile").read_text()
        assert not recipe.target or f" AS {recipe.target}\n" in stages, recipe.role
        assert recipe.payload is None or " AS python\n" in stages, recipe.role


def test_other_images_come_from_the_mirror_too() -> None:
    images = expected(settings_of(registry="mirror.example:5000/library/"), "registry", "x")
    assert images.prometheus.startswith("mirror.example:5000/prom/prometheus:")
    assert images.alertmanager.startswith("mirror.example:5000/prom/alertmanager:")
    assert images.grafana.startswith("mirror.example:5000/grafana/grafana:")


OURS = ["postgres", "pgbouncer", "services"]


@pytest.mark.parametrize(
    ("source", "texts", "roles"),
    [
        ("registry", {}, [*OURS, "prometheus", "alertmanager", "grafana"]),
        ("debian", {}, [*OURS, "prometheus", "alertmanager"]),
        ("debian", {"grafana": "on"}, [*OURS, "prometheus", "alertmanager", "grafana"]),
        ("registry", {"grafana": "off"}, [*OURS, "prometheus", "alertmanager"]),
        ("registry", {"monitoring": "off"}, OURS),
        ("registry", {"monitoring": "off", "health": "off"}, OURS),
        ("registry", {"monitoring": "off", "health": "off", "backup": "off"}, ["postgres", "pgbouncer"]),
        ("registry", {"monitoring": "off", "failover": "auto"}, [*OURS, "supervisor"]),
    ],
)
def test_only_images_that_are_used_are_made_or_fetched(source: str, texts: dict[str, str], roles: list[str]) -> None:
    assert wanted_roles(settings_of(**texts), source) == roles


def test_every_role_is_one_of_the_images() -> None:
    several = replace(settings_of(grafana="on", failover="auto"), hosts=DockerHosts(hosts=(ALPHA,)))
    assert set(wanted_roles(several, "registry")) == set(Images.__slots__)


def test_hosts_have_an_image_where_they_run_etcd_or_a_node_and_nobody_else_has_it() -> None:
    alone, pooler = settings_of(), DockerHosts(hosts=(replace(ALPHA, roles=("pooler",)),))
    assert expected(alone, "debian", "pods/base:forky").hosts == ""
    assert "hosts" not in wanted_roles(replace(alone, hosts=pooler), "debian")
    unwatched = settings_of(monitoring="off", health="off", backup="off")
    assert "services" in wanted_roles(replace(unwatched, hosts=pooler), "debian")  # the guide beside it
    for role in ("etcd", "node"):
        several = replace(alone, hosts=DockerHosts(hosts=(replace(ALPHA, roles=(role,)),)))
        assert expected(several, "debian", "pods/base:forky").hosts.startswith("pods/hosts:")


def test_an_archive_without_a_fit_patroni_is_one_line() -> None:
    refusal = image_build._lacking(
        "#7 1.2 PODS: the archive has Patroni 4.0.4, and several hosts want 4.1.1 or newer\n"
    )
    assert refusal is not None
    assert "4.0.4" in str(refusal)
    assert "hosts.toml" in str(refusal)


@dataclass
class _Api:
    """An engine's images, and what a registry answers."""

    images: set[str] = field(default_factory=set)
    refusal: Exception | None = None
    timeout: int = 120
    asked: list[tuple[str, int]] = field(default_factory=list)
    told: list[dict[str, str]] = field(default_factory=list)
    pulled: list[str] = field(default_factory=list)

    def inspect_image(self, reference: str) -> dict[str, str]:
        if reference not in self.images:
            raise ImageNotFound("no such image")
        return {}

    def inspect_distribution(self, reference: str) -> dict[str, str]:
        self.asked.append((reference, self.timeout))
        if self.refusal:
            raise self.refusal
        return {}

    def pull(self, reference: str, *, stream: bool, decode: bool) -> list[dict[str, str]]:
        assert (stream, decode) == (True, True)
        self.pulled.append(reference)
        return self.told


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
    images = expected(settings_of(), "registry", "postgres:18")
    client: Any = _Engine(_Api({getattr(images, role) for role in Images.__slots__}))
    stream = StringIO()
    assert ensure(client, settings_of(), "registry", "postgres:18", Console(stream)) == images
    assert stream.getvalue() == ""


@pytest.mark.parametrize("missing", ["prometheus", "grafana"])
def test_an_official_image_that_is_missing_is_pulled(missing: str) -> None:
    images = expected(settings_of(), "registry", "postgres:18")
    wanted = {getattr(images, role) for role in Images.__slots__}
    api = _Api(wanted - {getattr(images, missing)})
    client: Any = _Engine(api)
    ensure(client, settings_of(), "registry", "postgres:18", Console(StringIO()))
    assert api.pulled == [getattr(images, missing)]


def test_a_pull_that_fails_half_way_is_an_error_with_its_reason() -> None:
    images = expected(settings_of(), "registry", "postgres:18")
    api = _Api({images.postgres, images.pgbouncer, images.services}, told=[{"status": "x"}, {"error": "no space left"}])
    client: Any = _Engine(api)
    with pytest.raises(MachineError, match="no space left"):
        ensure(client, settings_of(), "registry", "postgres:18", Console(StringIO()))


RECIPE = ImageSpec(role="postgres", folder="database", base="postgres:18", target="postgres")


def test_a_ca_bundle_reaches_the_build_as_a_secret_and_a_proxy_by_the_environment(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").touch()
    texts = {
        "build_ca": str(tmp_path / "ca.pem"),
        "proxy": "http://me:precious@proxy.example:3128",
        "stale_mirror": "false",
    }
    argv = image_build._build_argv(settings_of(**texts), RECIPE, "pods/postgres:0123")
    assert f"--secret=id=ca,src={tmp_path / 'ca.pem'}" in argv
    assert {"--build-arg=http_proxy", "--build-arg=https_proxy", "--build-arg=BASE=postgres:18"} <= set(argv)
    assert "precious" not in " ".join(argv)
    assert not [word for word in argv if word.startswith("--build-arg") and "ca.pem" in word]
    assert argv[-1] == str(ROOT / "database")
    assert {"--target=postgres", "--tag=pods/postgres:0123"} <= set(argv)


def test_a_stage_of_a_recipe_can_be_asked_for_and_one_without_stages_asks_for_none() -> None:
    python = image_build._build_argv(settings_of(), RECIPE, "x", target="python")
    assert [word for word in python if word.startswith("--target")] == ["--target=python"]
    whole = image_build._build_argv(settings_of(), ImageSpec(role="prometheus", folder="monitoring", base="x"), "x")
    assert not [word for word in whole if word.startswith("--target")]


@pytest.mark.parametrize(("stale", "options"), [("true", "-o Acquire::Check-Valid-Until=false"), ("false", "")])
def test_a_build_accepts_a_stale_archive_only_where_told(stale: str, options: str) -> None:
    argv = image_build._build_argv(settings_of(stale_mirror=stale), RECIPE, "x")
    assert f"--build-arg=APT_OPTIONS={options}" in argv


def test_extensions_are_a_layer_of_nodes_and_of_what_runs_their_data_and_of_nothing_else() -> None:
    plain, extended = (recipes("debian", "pods/base:forky", "", packages) for packages in ((), ("x-18-y",)))
    assert extended["postgres"].base == plain["postgres"].reference
    assert extended["services"].base == extended["postgres"].reference
    same = {role for role in plain if plain[role].reference == extended[role].reference}
    assert same == {"pgbouncer", "supervisor", "prometheus"}
    other = recipes("debian", "pods/base:forky", "", ("x-18-z",))["postgres"]
    assert other.reference != extended["postgres"].reference


def test_who_asks_for_no_extension_has_the_images_of_before() -> None:
    found = expected(settings_of(extensions=""), "debian", "pods/base:forky").postgres
    assert found == f"pods/postgres:{inputs_hash('pods/base:forky', ROOT / 'database')}"


def test_the_order_of_words_is_nothing_that_an_image_depends_on() -> None:
    one, other = (
        expected(settings_of(extensions=words), "debian", "pods/base:forky") for words in ("hll,cron", "cron,hll,hll")
    )
    assert one == other


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("#5 0.6 PODS: the archive has no postgresql-18-x\n#5 ERROR: x", "the archive has no postgresql-18-x, so"),
        ("#9 1.2 PODS: the images have PostgreSQL 18.6, and the archive's extensions are for 18.7", "are for 18.7, so"),
        ('   9 | >>>  echo "PODS: the archive has no $package"', None),
    ],
)
def test_why_extensions_cannot_be_had_is_one_line(output: str, message: str | None) -> None:
    found = image_build._lacking(output)
    assert (found is None) if message is None else (found is not None and message in found.message)
