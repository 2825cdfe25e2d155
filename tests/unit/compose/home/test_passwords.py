import os
import stat
from pathlib import Path

import pytest

from cluster.errors import RefusedError
from cluster.roles import role_of
from compose.home.passwords import (
    ADMIN,
    ALL,
    APP,
    ARCHIVE,
    LATER,
    MONITOR,
    SUPERUSER,
    check_env,
    ensure,
    password_file,
    read,
    require_backup_key,
)
from compose.home.paths import Home, service_user
from tests.fix_settings import settings_of

SETTINGS = settings_of(user="shop")


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _state(home: Home) -> dict[str, tuple[bytes, int, int]]:
    return {p.name: (p.read_bytes(), p.stat().st_ino, p.stat().st_mtime_ns) for p in home.secrets.iterdir()}


@pytest.fixture
def made(bare_home: Home) -> Home:
    """A home whose secrets were generated."""
    ensure(bare_home, SETTINGS, first=True)
    return bare_home


def test_at_the_first_up_every_password_is_generated_long_and_different(bare_home: Home) -> None:
    passwords = ensure(bare_home, SETTINGS, first=True)
    values = [passwords[name] for name in ALL]
    assert len(set(values)) == len(ALL)
    assert all(len(value) >= 40 for value in values)


def test_two_clusters_have_different_passwords(tmp_path: Path) -> None:
    one, other = (ensure(Home(tmp_path / name), SETTINGS, first=True) for name in ("one", "other"))
    assert not {one[name] for name in ALL} & {other[name] for name in ALL}


def test_nobody_else_can_read_them_whatever_the_umask(bare_home: Home) -> None:
    before = os.umask(0)
    try:
        ensure(bare_home, SETTINGS, first=True)
    finally:
        os.umask(before)
    assert _mode(bare_home.secrets) == 0o700
    assert {_mode(path) for path in bare_home.secrets.iterdir()} == {0o600}


def test_what_containers_read_is_theirs_and_the_rest_is_not(made: Home) -> None:
    owners = {name: password_file(made, name).stat().st_uid for name in ALL}
    uid, _ = service_user()
    assert {name for name, owner in owners.items() if owner == uid} >= set(ALL) - {SUPERUSER, APP}
    assert owners[SUPERUSER] == owners[APP] == os.geteuid()


def test_a_second_time_nothing_changes(made: Home) -> None:
    before = _state(made)
    for first in (True, False):
        ensure(made, SETTINGS, first=first)
    assert _state(made) == before


def test_what_is_generated_is_what_is_read(bare_home: Home) -> None:
    passwords = ensure(bare_home, SETTINGS, first=True)
    assert read(bare_home).by_name == passwords.by_name


def test_an_interrupted_first_up_generates_only_what_is_missing(made: Home) -> None:
    before = read(made)
    password_file(made, MONITOR).unlink()
    after = ensure(made, SETTINGS, first=True)
    assert {name for name in ALL if before[name] != after[name]} == {MONITOR}


@pytest.mark.parametrize("name", ALL)
def test_a_secret_missing_from_a_cluster_with_data_is_refused_and_not_replaced(made: Home, name: str) -> None:
    password_file(made, name).unlink()
    with pytest.raises(RefusedError, match=f"{name}_password is missing"):
        ensure(made, SETTINGS, first=False)
    assert not password_file(made, name).exists()


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("name", LATER)
def test_a_password_that_came_later_is_made_whenever_it_is_missing(bare_home: Home, name: str, first: bool) -> None:
    ensure(bare_home, SETTINGS, first=True)
    others = _state(bare_home)
    password_file(bare_home, name).unlink()
    ensure(bare_home, SETTINGS, first=first)
    path = password_file(bare_home, name)
    assert len(path.read_text().strip()) >= 40
    assert (_mode(path), path.stat().st_uid) == (0o600, service_user()[0])
    follows = {path.name, f"{name}_web.yml"}  # its hash
    assert {file: state for file, state in _state(bare_home).items() if file not in follows} == {
        file: state for file, state in others.items() if file not in follows
    }


@pytest.mark.parametrize("name", LATER)
def test_a_later_password_of_the_user_s_own_is_kept_and_looked_at(made: Home, name: str) -> None:
    password_file(made, name).write_text("correct-horse-$battery\n")
    ensure(made, SETTINGS, first=False)
    assert password_file(made, name).read_text() == "correct-horse-$battery\n"
    password_file(made, name).write_text("short\n")
    with pytest.raises(RefusedError, match=f"{name}_password cannot be used"):
        ensure(made, SETTINGS, first=False)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o610])
def test_a_secret_open_to_others_is_refused(made: Home, mode: int) -> None:
    path = password_file(made, SUPERUSER)
    path.chmod(mode)
    with pytest.raises(RefusedError) as refusal:
        read(made)
    assert f"mode 0{mode:o}" in refusal.value.message
    assert f"chmod 600 {path}" in refusal.value.hint


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_file_of_settings_open_to_others_is_refused_while_it_holds_a_key(bare_home: Home, mode: int) -> None:
    env = bare_home.path / ".env"
    env.write_text("PODS_USER=shop\nAWS_SECRET_ACCESS_KEY=\n", encoding="utf-8")
    env.chmod(mode)
    check_env(bare_home)
    env.write_text("PODS_USER=shop\nAWS_SECRET_ACCESS_KEY=precious\n", encoding="utf-8")
    with pytest.raises(RefusedError) as refusal:
        check_env(bare_home)
    assert f"which holds AWS_SECRET_ACCESS_KEY, is open to other users (mode 0{mode:o})" in refusal.value.message
    assert f"chmod 600 {env}" in refusal.value.hint
    assert "precious" not in str(refusal.value.message + refusal.value.hint)
    env.chmod(0o600)
    check_env(bare_home)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "\n",
        "short",
        "elevenchars",
        "with a space in it",
        "with'a'quote'in'it",
        'with"double"quotes',
        "with\\a\\backslash",
        "with:a:colon:in:it",
        "two\nlines\nof\npassword",
        "with\ta\ttab\tin\tit",
        "with\0a\0nul\0in\0it",
        "mit-ümlauten-darin",
    ],
)
def test_a_password_its_users_cannot_carry_is_refused_without_being_shown(made: Home, content: str) -> None:
    password_file(made, MONITOR).write_text(content, encoding="utf-8")
    with pytest.raises(RefusedError) as refusal:
        read(made)
    assert "monitor_password cannot be used" in refusal.value.message
    assert not content.strip() or content.strip() not in str(refusal.value)


def test_a_password_that_is_not_text_is_refused(made: Home) -> None:
    password_file(made, MONITOR).write_bytes(b"\xff\xfe" * 20)
    with pytest.raises(RefusedError, match="monitor_password cannot be used"):
        read(made)


def test_a_password_of_the_user_s_own_is_taken(made: Home) -> None:
    password_file(made, APP).write_text("correct-horse-$battery\n")
    assert ensure(made, SETTINGS, first=False)[APP] == "correct-horse-$battery"


def test_passwords_show_themselves_nowhere(made: Home) -> None:
    passwords = read(made)
    for shown in (repr(passwords), str(passwords), f"{passwords}", repr([passwords])):
        assert not any(passwords[name] in shown for name in ALL)


def test_every_secret_but_the_application_s_has_its_role() -> None:
    names = {secret: role_of(secret, "app") for secret in (*ALL, ARCHIVE)}
    assert len(set(names.values())) == len(names)
    assert (names[ADMIN], names[APP]) == ("pods_admin", "app")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_secret_of_another_user_is_refused_not_taken_for_missing(made: Home) -> None:
    password_file(made, APP).chmod(0)
    with pytest.raises(RefusedError, match="cannot be read by this user"):
        read(made)


def test_a_key_of_backups_that_is_gone_is_not_replaced_by_a_new_one(made: Home) -> None:
    sealed = settings_of(user="shop", backup_encryption="on")
    ensure(made, sealed, first=False)
    in_force = made.rendered / "services"
    in_force.mkdir(parents=True)
    (in_force / ".env").write_text("BACKUP_ENCRYPTION=on\n")
    (made.secrets / "backup_key").unlink()
    with pytest.raises(RefusedError, match="backup_key"):
        ensure(made, sealed, first=False)


def test_no_key_is_made_where_another_sealed_the_backups(made: Home) -> None:
    sealed = settings_of(user="shop", backup_encryption="on")
    archive = made.data / "backups" / "7712000000000000001" / "archive.json"
    archive.parent.mkdir(parents=True)
    archive.write_bytes(b"PODSEAL1" + bytes.fromhex("b2921122334455ff") + bytes(48))
    with pytest.raises(RefusedError, match=r"sealed with key b2921122334455ff, and there is no .*backup_key"):
        ensure(made, sealed, first=False)
    assert not (made.secrets / "backup_key").exists()
    (made.secrets / "backup_key").write_text("the user's own copy\n")
    (made.secrets / "backup_key").chmod(0o600)
    ensure(made, sealed, first=False)
    assert (made.secrets / "backup_key").read_text() == "the user's own copy\n"


def test_what_is_stored_in_the_clear_wants_no_key(made: Home) -> None:
    archive = made.data / "backups" / "7712000000000000001" / "archive.json"
    archive.parent.mkdir(parents=True)
    archive.write_text("{}")
    ensure(made, settings_of(user="shop", backup_encryption="on"), first=False)
    assert (made.secrets / "backup_key").exists()


def test_a_restore_on_an_empty_host_wants_the_key_that_sealed(made: Home) -> None:
    require_backup_key(made, settings_of())
    with pytest.raises(RefusedError, match="there is no"):
        require_backup_key(made, settings_of(backup_encryption="on"))


def test_the_ca_of_a_store_is_copied_where_the_service_can_read_it(made: Home, tmp_path: Path) -> None:
    source = tmp_path / "ca.pem"
    source.write_text("-----BEGIN CERTIFICATE-----\n")
    ensure(made, settings_of(user="shop", s3_ca=str(source)), first=False)
    assert (made.secrets / "s3_ca").read_text() == source.read_text()


@pytest.mark.parametrize(
    ("content", "why"), [(None, "No such file"), (b"\xff\xfe", "not text"), (b"x", "no certificate")]
)
def test_a_ca_of_a_store_that_is_none_is_refused(made: Home, tmp_path: Path, content: bytes | None, why: str) -> None:
    source = tmp_path / "ca.pem"
    if content is not None:
        source.write_bytes(content)
    with pytest.raises(RefusedError, match=f"AWS_CA_BUNDLE={source} .*{why}"):
        ensure(made, settings_of(user="shop", s3_ca=str(source)), first=False)
    assert not (made.secrets / "s3_ca").exists()
