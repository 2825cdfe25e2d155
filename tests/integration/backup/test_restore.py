from collections.abc import Iterator

import pytest

from backup.restore import check_target
from tests.integration.backup.base_server import box, image
from tests.integration.backup.base_world import World, fill, hashes, world


@pytest.fixture(scope="module")
def here(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    tmp = tmp_path_factory.mktemp("restore")
    with box(tmp / "box", image()) as made:
        yield world(made, tmp)


@pytest.fixture(scope="module")
def chain(here: World) -> World:
    """A full backup, two incremental ones on it, and changes after each."""
    fill(here.server, here.box.directory("aside"))
    here.take()
    here.server.sql("UPDATE large SET note = 'first' WHERE id % 50 = 0", "INSERT INTO ledger VALUES (1, 'a')")
    here.server.sql("DELETE FROM apart WHERE id > 15000", "VACUUM apart")
    here.take("incremental")
    here.server.sql("INSERT INTO ledger VALUES (2, 'b')", "CREATE TABLE late AS SELECT 1 AS one")
    here.take("incremental")
    here.server.sql("INSERT INTO ledger VALUES (3, 'c')")
    here.flush()
    return here


def test_the_newest_moment_is_restored_from_a_chain_of_incremental_backups_with_a_tablespace(chain: World) -> None:
    restored = chain.restore(check_target("latest"))

    server = chain.revive(restored)

    assert hashes(server) == hashes(chain.server)
    assert server.value("SELECT count(*) FROM late") == 1
    assert not server.value("SELECT pg_is_in_recovery()")
    assert server.value("SELECT pg_tablespace_location(oid) FROM pg_tablespace WHERE spcname = 'aside'").startswith(
        "pg_tblspc/"
    )
    chain.stop(server)
