"""What `inv database.list` and `inv role.list` print."""

from pathlib import Path

import pytest

from cluster.config.env_file import with_declarations
from compose.home.paths import Home
from compose.operations.databases.inventory import ListedDatabase, ListedRole
from compose.report.databases import (
    print_database_dropped,
    print_database_made,
    print_databases,
    print_role_made,
    print_roles,
)
from compose.stack import Stack
from tests.fix_settings import settings_of, topology_of

SHOP = ListedDatabase(
    name="shop",
    declared=True,
    owner="shop",
    size=2 << 20,
    sessions=3,
    extensions=("vector 0.8.1", "hll"),
    pools=("shop", "shop_write", "shop_read", "shop_read1", "shop_read2"),
    logins=("shop",),
    note="",
)
MISSING = ListedDatabase(
    name="new\x1b[31m",
    declared=False,
    owner="x",
    size=None,
    sessions=None,
    extensions=(),
    pools=(),
    logins=(),
    note="not declared",
)
CLERK = ListedRole(
    name="clerk",
    declared=True,
    login=True,
    read=(),
    write=("shop",),
    owner=(),
    member_of=(),
    connection_limit=5,
    sessions=2,
    valid_until=0.0,
    password_file="secrets/roles/clerk",
    note="",
)


def test_a_line_a_database_without_what_a_terminal_would_obey(capsys: pytest.CaptureFixture[str]) -> None:
    print_databases([SHOP, MISSING])
    _, shop, missing, *_ = capsys.readouterr().out.splitlines()
    assert "2.0 MB" in shop
    assert "shop, shop_write, shop_read, shop_read1 +1" in shop
    assert "vector 0.8.1, hll" in shop
    assert "\x1b" not in missing
    assert missing.split()[1:] == ["x", "–", "–", "–", "–", "–", "not", "declared"]


def test_a_line_a_role_with_its_sessions_out_of_how_many(capsys: pytest.CaptureFixture[str]) -> None:
    print_roles([CLERK])
    row = capsys.readouterr().out.splitlines()[1]
    assert "2/5" in row
    assert "1970-01-01 00:00:00" in row
    assert row.split()[-2:] == ["secrets/roles/clerk", "–"]


def test_who_was_made_is_said_how_to_connect(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "[databases.shop]\n[databases.blog]\nowner = 'app'\n[roles.staff]\nlogin = false\n[roles.eve]\n"
    settings = with_declarations(settings_of(), text)
    stack = Stack(Home(tmp_path), settings, topology_of(settings))
    print_database_made(stack, "shop")
    print_database_made(stack, "blog")
    print_role_made(stack, "staff")
    print_role_made(stack, "eve")
    assert capsys.readouterr().out.splitlines() == [
        "database shop, owner shop",
        f"password: {tmp_path}/secrets/roles/shop",
        "to connect: inv connect shop --role shop",
        "database blog, owner app",
        f"password: {tmp_path}/secrets/app_password",
        "to connect: inv connect blog --role app",
        "group staff, may enter nothing yet",
        "role eve, may enter nothing yet",
        f"password: {tmp_path}/secrets/roles/eve",
    ]


def test_what_gets_it_back_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    print_database_dropped("shop", "inv backup.restore --to-name x --as-node before_drop")
    print_database_dropped("gone", "")
    assert capsys.readouterr().out.splitlines() == [
        "shop is dropped",
        "to get its last state back: inv backup.restore --to-name x --as-node before_drop",
        "gone is dropped",
    ]
