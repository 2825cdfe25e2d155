"""What `up` writes for a beginner, what the page says, and what is understood are the same keys."""

import re
from dataclasses import fields

from cluster.config.databases import DatabaseDeclaration, Declarations, RoleDeclaration
from cluster.config.databases_file import parse
from cluster.config.databases_template import DATABASE_KEYS, ROLE_KEYS, key_table, template


def test_the_keys_are_those_of_the_declarations_in_their_order() -> None:
    assert [key.name for key in DATABASE_KEYS] == [each.name for each in fields(DatabaseDeclaration)][1:]
    assert [key.name for key in ROLE_KEYS] == [each.name for each in fields(RoleDeclaration)][1:]


def test_the_template_declares_nothing() -> None:
    assert parse(template()) == Declarations()
    assert all(not line or line.startswith("#") for line in template().splitlines())


def test_without_its_hashes_the_template_declares_every_key() -> None:
    text = re.sub(r"^#(?! )", "", template(), flags=re.MULTILINE)
    found = parse(text)
    database, role = found.database("shop"), found.role("reporting")
    plain = DatabaseDeclaration(name="shop"), RoleDeclaration(name="reporting")
    same = {key.name for key in DATABASE_KEYS if getattr(database, key.name) == getattr(plain[0], key.name)}
    assert same == {"pool_mode"}, "an example shows something, or the default in words"
    assert {key.name for key in ROLE_KEYS if getattr(role, key.name) == getattr(plain[1], key.name)} == {"login"}


def test_defaults_that_are_words_of_the_file_are_those_that_hold() -> None:
    for keys, plain in ((DATABASE_KEYS, DatabaseDeclaration(name="x")), (ROLE_KEYS, RoleDeclaration(name="x"))):
        for key in keys:
            if key.default.startswith("`"):
                assert key.default == f"`{str(getattr(plain, key.name)).lower()}`"


def test_a_line_of_the_template_is_no_longer_than_a_terminal_is_wide() -> None:
    assert max(map(len, template().splitlines())) <= 120


def test_the_table_has_a_row_a_key() -> None:
    assert key_table(ROLE_KEYS).count("\n") == len(ROLE_KEYS) + 2
