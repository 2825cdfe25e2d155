"""Images as things that age: what an update makes, what it writes down, and what is said of it."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.errors import RefusedError
from cluster.image_report import ImageReport, ImageState, read_report, write_report
from cluster.images import Build, stamp_of
from cluster.topology_file import dump, parse
from compose.engine.image_build import BASES, OWNER_LABEL, expected, inputs_hash, owned, recipes
from compose.engine.image_build import ROOT as CONTEXTS
from compose.engine.package_changes import read_changes, read_offers
from compose.home.paths import Home
from compose.operations.doctor import examine_images
from compose.operations.try_images import refuse_older
from exporters.metrics.images import image_metrics
from tests.fix_settings import settings_of, topology_of

STAMP = "20261127T031500Z"
NEW = Build(base=f"{BASES}forky-{STAMP}", stamp=STAMP, made=(("pods/postgres:1", "sha256:2"),))
TOPOLOGY = replace(topology_of(settings_of()), image_source="debian", image_base=f"{BASES}forky")
APT = """# postgres
Reading package lists...
Inst libssl3t64 [3.6.5-1] (3.6.6-1 Debian:testing [amd64])
Inst tzdata [2026a-1] (2026b-1 Debian:testing [all]) []
Inst bash [5.2.37-2] (5.2.37-3 Debian-Security:13/stable-security [amd64])
Inst libnew (1.0-1 Debian:testing [amd64])
Conf libssl3t64 (3.6.6-1 Debian:testing [amd64])
# prometheus
0 upgraded, 0 newly installed, 0 to remove and 0 not upgraded.
"""


def test_a_stamp_gives_other_images_and_none_those_of_before() -> None:
    settings = settings_of()
    plain, stamped = (expected(settings, "debian", "pods/base:forky", stamp) for stamp in ("", STAMP))
    assert plain == expected(settings, "debian", "pods/base:forky")
    assert not {plain.postgres, plain.pgbouncer, plain.services, plain.prometheus} & {
        stamped.postgres, stamped.pgbouncer, stamped.services, stamped.prometheus
    }  # fmt: skip
    assert stamped == expected(settings, "debian", "pods/base:forky", STAMP)


@given(st.text(max_size=5), st.text(max_size=5))
def test_a_base_and_a_stamp_are_not_mistaken_for_another_base(base: str, stamp: str) -> None:
    context = CONTEXTS / "monitoring"
    assert (inputs_hash(base, context, stamp=stamp) == inputs_hash(base + stamp, context)) == (not stamp)


def test_only_what_an_update_made_belongs_to_one_cluster() -> None:
    assert owned(settings_of(project="shop"), "") == {}
    assert owned(settings_of(project="shop"), STAMP)[OWNER_LABEL] == "shop"
    assert all(recipe.stamp == STAMP for recipe in recipes("debian", "x", STAMP).values())


def test_a_topology_of_before_there_were_updates_is_read_and_its_images_stay_as_they_are() -> None:
    old = json.loads(dump(TOPOLOGY))
    del old["images"], old["images_before"]
    assert parse(json.dumps(old)) == TOPOLOGY
    assert TOPOLOGY.build == Build(base="pods/base:forky")


def test_an_update_and_the_way_back_are_kept_and_going_back_twice_is_where_one_was() -> None:
    updated = TOPOLOGY.with_build(NEW)
    assert parse(dump(updated)) == updated
    assert (updated.build, updated.image_base, updated.images_before) == (NEW, NEW.base, TOPOLOGY.build)
    assert updated.images_before is not None
    back = updated.with_build(updated.images_before)
    assert (back.build, back.images_before) == (TOPOLOGY.build, NEW)
    assert back.with_build(NEW) == updated


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"images": {"base": "x", "stamp": "", "made": []}}, "do not stand on the base"),
        ({"images_before": {"base": "x", "stamp": "yesterday", "made": []}}, "stamp is not a time"),
        ({"images_before": {"base": 1, "stamp": "", "made": []}}, "base is 1"),
        ({"images_before": {"base": "x", "stamp": "", "made": [["a", 1]]}}, "made is 1"),
        ({"images_before": {"base": "x", "stamp": "", "made": [["a"]]}}, r"made is \['a'\]"),
        ({"images_before": False}, "a Build is False"),
        ({"images_before": []}, r"a Build is \[\]"),
    ],
)
def test_what_is_no_build_is_refused(change: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse(json.dumps(json.loads(dump(TOPOLOGY)) | change))


def test_a_stamp_is_a_time_in_utc() -> None:
    assert stamp_of(datetime(2026, 11, 27, 3, 15, tzinfo=UTC)) == STAMP


def test_what_apt_would_upgrade_is_told_with_what_matters_most() -> None:
    found = read_changes(APT)
    assert {name: [change.package for change in changes] for name, changes in found.items()} == {
        "postgres": ["libssl3t64", "tzdata", "bash"],
        "prometheus": [],
    }
    ssl, zones, bash = found["postgres"]
    assert (ssl.old, ssl.new, ssl.origin, ssl.security) == ("3.6.5-1", "3.6.6-1", "Debian:testing", True)
    assert not zones.security
    assert bash.security, "it comes from a security archive"


@pytest.mark.parametrize(
    ("running", "new", "refusal"),
    [
        ("postgres (PostgreSQL) 18.6 (Debian 18.6-3)", "postgres (PostgreSQL) 18.7 (Debian 18.7-1)", ""),
        ("postgres (PostgreSQL) 18.6", "postgres (PostgreSQL) 18.6", ""),
        ("postgres (PostgreSQL) 18.9", "postgres (PostgreSQL) 18.10", ""),
        ("postgres (PostgreSQL) 18.7", "postgres (PostgreSQL) 18.6", "18.7 runs"),
        ("postgres (PostgreSQL) 18.7", "postgres (PostgreSQL) 19.0", "no update"),
        ("postgres (PostgreSQL) 18.7", "who knows", "no update"),
    ],
)
def test_an_archive_that_is_behind_or_ahead_of_its_time_is_refused(running: str, new: str, refusal: str) -> None:
    if not refusal:
        refuse_older(running, new)
        return
    with pytest.raises(RefusedError, match=refusal):
        refuse_older(running, new)


SEEN = ImageReport(
    images=(ImageState(role="postgres", reference="pods/postgres:1", built=100.0, waiting=3, security=1),),
    checked=200.0,
)


def test_a_report_comes_back_as_it_was_written(tmp_path: Path) -> None:
    write_report(tmp_path / "images.json", SEEN)
    assert read_report(tmp_path / "images.json") == SEEN


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"format": 1}',
        '{"format": 2, "checked": 1, "images": []}',
        '{"format": 1, "checked": "now", "images": []}',
        '{"format": 1, "checked": 1, "images": [{"role": 1, "reference": "x", "built": 1}]}',
        '{"format": 1, "checked": 1, "images": [{"role": "x", "reference": "x", "built": 1, "waiting": -1}]}',
        '{"format": 1, "checked": 1, "images": [{"role": "x", "reference": "x", "built": 1, "more": 1}]}',
        '{"format": 1, "checked": 1, "images": 3}',
    ],
)
def test_a_damaged_report_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "images.json").write_text(text)
    assert read_report(tmp_path / "images.json") == ImageReport()


def test_what_waits_is_forgotten_with_the_image_it_waited_for() -> None:
    other = ImageState(role="postgres", reference="pods/postgres:2", built=300.0)
    assert SEEN.with_images(SEEN.images) == SEEN
    assert SEEN.with_images([other]) == ImageReport(images=(other,), checked=200.0)


def test_what_waits_is_told_to_prometheus_and_nothing_before_anybody_asked() -> None:
    rows = image_metrics(SEEN)
    assert rows["images"] == [{"image": "postgres", "built_timestamp_seconds": 100.0}]
    assert [(row["kind"], row["updates_waiting"]) for row in rows["image_updates"]] == [("security", 1), ("other", 2)]
    assert rows["image_check"] == [{"checked_timestamp_seconds": 200.0}]
    unasked = image_metrics(replace(SEEN, checked=None))
    assert (unasked["image_updates"], unasked["image_check"]) == ([], [])


DAY = 86_400.0


@pytest.mark.parametrize(
    ("report", "now", "hurts"),
    [
        (SEEN, 300.0, [True, False]),
        (replace(SEEN, images=(replace(SEEN.images[0], security=0),)), 300.0, [False]),
        (replace(SEEN, images=(replace(SEEN.images[0], security=0),)), 200 + 36 * DAY, [True]),
        (ImageReport(images=(replace(SEEN.images[0], security=0),)), 100 + 34 * DAY, [False]),
        (ImageReport(images=(replace(SEEN.images[0], security=0),)), 100 + 36 * DAY, [True]),
        (ImageReport(), 100 * DAY, []),
    ],
)
def test_doctor_says_that_a_security_fix_waits_and_that_nobody_looks(
    bare_home: Home, report: ImageReport, now: float, hurts: list[bool]
) -> None:
    write_report(bare_home.rendered / "services" / "images.json", report)
    assert [finding.hurts for finding in examine_images(bare_home, now)] == hurts


def test_what_the_archive_offers_is_read_and_what_it_does_not_have_is_not_there() -> None:
    text = """postgresql-18-hll:
  Installed: (none)
  Candidate: 2.21-1
  Version table:
     2.21-1 500
        500 somewhere forky/main amd64 Packages
postgresql-19:
  Installed: (none)
  Candidate: (none)
  Version table:
"""
    assert read_offers(text) == {"postgresql-18-hll": "2.21-1"}
