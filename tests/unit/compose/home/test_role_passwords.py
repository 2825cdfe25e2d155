"""Passwords of declared roles: made where they are missing, the user's own where he wrote one."""

import os
import stat
from dataclasses import replace

import pytest

from cluster.config.databases import Declarations, RoleDeclaration
from cluster.errors import RefusedError
from cluster.second_login import other_login
from compose.home import passwords, pgpass, role_passwords
from compose.home.paths import Home
from compose.home.role_passwords import FormerLogin, RoleCredentials, role_files
from tests.fix_settings import topology_of, with_roles

SETTINGS = with_roles("reporting", "loader")


@pytest.fixture
def made(bare_home: Home) -> Home:
    """A home whose secrets were generated."""
    passwords.ensure(bare_home, SETTINGS, first=True)
    role_passwords.ensure(bare_home, SETTINGS)
    return bare_home


def test_each_declared_login_but_the_application_has_its_own_that_nobody_else_can_read(bare_home: Home) -> None:
    before = os.umask(0)
    try:
        found = role_passwords.ensure(bare_home, SETTINGS)
    finally:
        os.umask(before)
    assert list(found) == ["reporting", "loader"]
    assert len(set(found.values())) == 2
    assert all(len(password) >= 40 for password in found.values())
    assert {path.name for path in bare_home.role_secrets.iterdir()} == set(found)
    for path in (bare_home.secrets, bare_home.role_secrets, *bare_home.role_secrets.iterdir()):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)
        assert path.stat().st_uid == os.geteuid(), "no container reads it"


def test_where_none_is_declared_nothing_is_made(bare_home: Home) -> None:
    assert role_passwords.ensure(bare_home, with_roles()) == {}
    assert not bare_home.secrets.exists()


def test_a_group_has_none(bare_home: Home) -> None:
    groups = Declarations(roles=(RoleDeclaration(name="staff", login=False),))
    assert role_passwords.ensure(bare_home, replace(with_roles(), declarations=groups)) == {}


def test_one_that_is_lost_is_made_anew_and_the_others_stay(made: Home) -> None:
    before = role_passwords.read(made, SETTINGS)
    role_files(made, SETTINGS, "loader").password.unlink()
    assert role_passwords.read(made, SETTINGS) == {"reporting": before["reporting"]}
    after = role_passwords.ensure(made, SETTINGS)
    assert after["reporting"] == before["reporting"]
    assert after["loader"] != before["loader"]
    assert role_passwords.read(made, SETTINGS) == after


def test_one_of_the_user_s_own_is_taken(made: Home) -> None:
    role_files(made, SETTINGS, "loader").password.write_text("correct-horse-$battery\n")
    assert role_passwords.ensure(made, SETTINGS)["loader"] == "correct-horse-$battery"


@pytest.mark.parametrize("content", ["", "short", "with a space in it", "with:a:colon:in:it"])
def test_one_that_clients_cannot_carry_is_refused_and_not_shown(made: Home, content: str) -> None:
    role_files(made, SETTINGS, "loader").password.write_text(content)
    with pytest.raises(RefusedError, match="roles/loader cannot be used") as refusal:
        role_passwords.ensure(made, SETTINGS)
    assert not content or content not in str(refusal.value)


def test_one_that_is_open_to_others_is_refused(made: Home) -> None:
    role_files(made, SETTINGS, "loader").password.chmod(0o640)
    with pytest.raises(RefusedError, match=r"roles/loader is open to other users \(mode 0640\)"):
        role_passwords.ensure(made, SETTINGS)


def test_a_folder_that_is_open_to_others_is_refused(made: Home) -> None:
    made.role_secrets.chmod(0o755)
    with pytest.raises(RefusedError, match=r"roles is open to other users \(mode 0755\)"):
        role_passwords.read(made, SETTINGS)


@pytest.mark.skipif(os.geteuid() != 0, reason="root gives files away")
@pytest.mark.parametrize("name", ["loader", "."])
def test_what_a_container_could_replace_is_refused(made: Home, name: str) -> None:
    os.chown(made.role_secrets / name, 999, 999)
    with pytest.raises(RefusedError, match="could replace it"):
        role_passwords.read(made, SETTINGS)


def rotated(home: Home, role: str, *, flipped: bool = True) -> RoleCredentials:
    """Files as a rotation has them: in the middle, or where it was interrupted."""
    topology = topology_of(SETTINGS)
    pgpass.ensure(home, SETTINGS, topology)
    now = role_passwords.read_one(home, SETTINGS, role)
    files = role_files(home, SETTINGS, role)
    before = FormerLogin(login=now.login, password=now.password, began=1.5)
    role_passwords.note_former(files, before)
    new = replace(now, login=other_login(role, now.login), password="another-password-1", former=before)
    if flipped:
        pgpass.write(home, SETTINGS, topology, new)
    return new


@pytest.mark.parametrize("role", ["shop", "loader"])
def test_both_logins_are_known_while_a_rotation_is_open(made: Home, role: str) -> None:
    before = role_passwords.read_one(made, SETTINGS, role)
    new = rotated(made, role)
    role_passwords.write_password(role_files(made, SETTINGS, role).password, new.password)
    found = role_passwords.read_one(made, SETTINGS, role)
    assert found == new
    assert dict(found.logins) == {f"{role}_alternate": "another-password-1", role: before.password}
    assert role_passwords.login_of(made, SETTINGS, role) == f"{role}_alternate"
    text = role_files(made, SETTINGS, role).pgpass.read_text()
    assert text.index(f":{role}_alternate:another") < text.index(f":{role}:{before.password}")
    role_passwords.forget_former(role_files(made, SETTINGS, role))
    pgpass.ensure(made, SETTINGS, topology_of(SETTINGS))
    assert f":{role}:" not in role_files(made, SETTINGS, role).pgpass.read_text()
    assert role_passwords.read_one(made, SETTINGS, role) == replace(new, former=None)


@pytest.mark.parametrize("role", ["shop", "loader"])
def test_what_was_interrupted_after_clients_got_the_new_login_is_finished(made: Home, role: str) -> None:
    """The password file is the last to be written; it still holds the password of the login of before."""
    new = rotated(made, role)
    assert role_passwords.read_one(made, SETTINGS, role) == new
    role_passwords.ensure(made, SETTINGS)
    assert role_files(made, SETTINGS, role).password.read_text() == "another-password-1\n"
    assert role_passwords.read_one(made, SETTINGS, role) == new


def test_what_was_interrupted_before_clients_got_the_new_login_leaves_the_one_of_before(made: Home) -> None:
    before = role_passwords.read_one(made, SETTINGS, "loader")
    rotated(made, "loader", flipped=False)
    found = role_passwords.read_one(made, SETTINGS, "loader")
    assert (found.login, found.password, found.half_done) == ("loader", before.password, True)
    assert dict(found.logins) == {"loader": before.password}


def test_a_password_that_is_written_while_a_rotation_is_open_is_that_of_the_login_in_use(made: Home) -> None:
    new = rotated(made, "loader")
    role_passwords.write_password(role_files(made, SETTINGS, "loader").password, "of-the-user-s-own")
    assert role_passwords.read_one(made, SETTINGS, "loader") == replace(new, password="of-the-user-s-own")
    assert role_passwords.ensure(made, SETTINGS)["loader_alternate"] == "of-the-user-s-own"


@pytest.mark.parametrize("text", ["", "{", '{"format": 1, "login": "loader", "password": "x"}'])
def test_a_former_login_that_is_none_is_refused(made: Home, text: str) -> None:
    files = role_files(made, SETTINGS, "loader")
    role_passwords.write_password(files.former, text)
    with pytest.raises(RefusedError, match=r"loader\.former cannot be used"):
        role_passwords.read(made, SETTINGS)


@pytest.mark.parametrize("login", ["postgres", "shop", "loader_alternate_alternate", ""])
def test_a_service_file_that_names_somebody_else_is_not_believed(made: Home, login: str) -> None:
    role_files(made, SETTINGS, "loader").service.write_text(f"[x]\nuser={login}\npassword=another-password-1\n")
    role_files(made, SETTINGS, "loader").service.chmod(0o600)
    assert role_passwords.login_of(made, SETTINGS, "loader") == "loader"


def test_credentials_show_no_password(made: Home) -> None:
    new = rotated(made, "loader")
    for shown in (repr(new), str(new), repr([new.former])):
        assert not [each for each in new.logins.values() if each in shown]
