"""A database that is dropped is in the backups up to its last commit."""

import re

from tests.fix_backup import Kept


def test_a_dropped_database_comes_back_with_its_last_commit(kept: Kept) -> None:
    kept.inv.ok("database.add", "shop")
    kept.query("CREATE TABLE public.orders AS SELECT 1 AS id", database="shop")
    kept.query("INSERT INTO public.orders VALUES (2)", database="shop")
    dropped = kept.inv.ok("database.drop", "shop", "--yes")
    found = re.search(r"inv (backup\.restore --to-name \S+ --as-node (\S+))\n", dropped.out)
    assert found, dropped
    assert kept.query("SELECT 1 FROM pg_database WHERE datname = 'shop'", database="postgres") == []
    kept.query("DROP ROLE shop", database="postgres")
    kept.inv.ok(*found[1].split())
    try:
        rows = kept.query("SELECT id FROM public.orders ORDER BY 1", found[2], database="shop")
        assert rows == [{"id": 1}, {"id": 2}]
    finally:
        kept.inv.ok("backup.discard", found[2], "--yes")
