"""What every store keeps to, whatever it is made of. Each kind of store runs these with a fixture ``store``."""

import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from backup.store import ConflictError, MissingError, ProbedStore

BIG = random.Random(1).randbytes(20_500_000)
"""Three parts of 8 MiB."""


def whole(store: ProbedStore, key: str) -> bytes:
    return b"".join(store.read(key))


def keys(store: ProbedStore, prefix: str = "", after: str = "") -> list[str]:
    return [stored.key for stored in store.list(prefix, after)]


class StoreContract:
    def test_probing_leaves_nothing(self, store: ProbedStore) -> None:
        store.probe()
        assert keys(store) == []

    def test_an_object_is_as_it_was_made(self, store: ProbedStore) -> None:
        assert store.create("1/a.zst", b"body", {"origin": "here"}) is True
        assert store.get("1/a.zst") == b"body"
        found = store.head("1/a.zst")
        assert found is not None
        assert (found.key, found.size, found.metadata["origin"]) == ("1/a.zst", 4, "here")
        assert len(found.metadata["sha256"]) == 64

    def test_the_same_again_is_success_and_another_is_not(self, store: ProbedStore) -> None:
        store.create("a", b"one")
        assert store.create("a", b"one") is False
        with pytest.raises(ConflictError, match="a is there already"):
            store.create("a", b"two")
        with pytest.raises(ConflictError):
            store.create("a", b"one more")
        assert store.get("a") == b"one"

    def test_replace_replaces(self, store: ProbedStore) -> None:
        store.replace("a", b"one")
        store.replace("a", b"the other")
        assert store.get("a") == b"the other"
        assert [(stored.key, stored.size) for stored in store.list()] == [("a", 9)]

    @pytest.mark.parametrize("size", [0, 1, 5_000_000, 8 << 20, len(BIG)])
    def test_a_stream_arrives_whole(self, store: ProbedStore, size: int) -> None:
        with store.upload("a/b", {"origin": "there"}) as upload:
            for first in range(0, size, 700_001):
                upload.write(memoryview(BIG)[first : min(first + 700_001, size)])
            assert store.head("a/b") is None
        assert whole(store, "a/b") == BIG[:size]
        found = store.head("a/b")
        assert found is not None
        assert (found.size, found.metadata["origin"]) == (size, "there")

    def test_a_broken_stream_leaves_nothing(self, store: ProbedStore) -> None:
        with pytest.raises(ZeroDivisionError), store.upload("a/b") as upload:  # noqa: PT012
            upload.write(BIG)
            raise ZeroDivisionError
        assert keys(store) == []
        assert store.head("a/b") is None
        assert store.sweep(-60) == 0

    def test_a_stream_does_not_overwrite(self, store: ProbedStore) -> None:
        store.create("a", b"first")
        with pytest.raises(ConflictError), store.upload("a") as upload:
            upload.write(b"first")
        assert store.get("a") == b"first"

    @pytest.mark.parametrize("size", [10, len(BIG)])
    def test_a_stream_does_not_overwrite_what_came_meanwhile(self, store: ProbedStore, size: int) -> None:
        with pytest.raises(ConflictError), store.upload("a") as upload:  # noqa: PT012
            upload.write(BIG[:size])
            store.create("a", b"first")
        assert store.get("a") == b"first"
        assert store.sweep(-60) == 0

    def test_what_is_not_there_is_said_to_be_missing(self, store: ProbedStore) -> None:
        store.create("a/b", b"")
        for key in ("b", "a/c", "a", "a/b/c"):
            assert store.head(key) is None
            with pytest.raises(MissingError):
                store.get(key)
            with pytest.raises(MissingError):
                whole(store, key)

    def test_a_list_is_in_the_order_of_names(self, store: ProbedStore) -> None:
        names = ["1/w/A.tail/0-1.zst", "1/w/A.zst", "1/w/B.zst", "1/w.history", "1/x", "12/a", "2/a/b/c", "1-0"]
        for name in names:
            store.create(name, b"x")
        assert keys(store) == sorted(names)
        assert keys(store, "1/w") == ["1/w.history", "1/w/A.tail/0-1.zst", "1/w/A.zst", "1/w/B.zst"]
        assert keys(store, "1/w/A") == ["1/w/A.tail/0-1.zst", "1/w/A.zst"]
        assert keys(store, "", after="1/w/A.zst") == ["1/w/B.zst", "1/x", "12/a", "2/a/b/c"]
        assert keys(store, "", after="1/z") == ["12/a", "2/a/b/c"]
        assert keys(store, "1/w", after="1/w/A") == ["1/w/A.tail/0-1.zst", "1/w/A.zst", "1/w/B.zst"]
        assert keys(store, "nothing") == []

    def test_more_objects_than_one_answer_holds(self, store: ProbedStore) -> None:
        names = [f"1/{number:04d}" for number in range(1100)]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda name: store.create(name, b""), names))
        assert keys(store, "1/") == names
        store.delete(names)
        assert keys(store) == []

    def test_deleting_is_repeatable(self, store: ProbedStore) -> None:
        store.create("a/b", b"x")
        store.create("a/c", b"x")
        store.delete(["a/b", "nothing"])
        store.delete(["a/b"])
        assert keys(store) == ["a/c"]

    def test_the_name_decides_before_anything_is_touched(self, store: ProbedStore) -> None:
        for bad in ("", "/a", "a/", "../a", "a//b", ".hidden", "a/.b", "a b", "ä", "a" * 2000):
            with pytest.raises(ValueError, match="name of an object"):
                store.create(bad, b"")
            with pytest.raises(ValueError, match="name of an object"), store.upload(bad):
                pass
            with pytest.raises(ValueError, match="name of an object"):
                store.delete([bad])

    def test_of_many_writers_at_once_one_wins(self, store: ProbedStore) -> None:
        def write(number: int) -> Any:
            try:
                return store.create("1/a", b"%d" % (number % 4))
            except ConflictError:
                return ConflictError

        store.probe()
        if not getattr(store, "conditional", True):
            pytest.skip("this server cannot do it, and probe() says so")
        with ThreadPoolExecutor(8) as pool:
            results = list(pool.map(write, range(16)))
        winner = int(store.get("1/a"))
        assert results.count(True) == 1
        assert results.count(ConflictError) == 12
        assert all(results[number] is not ConflictError for number in range(winner, 16, 4))
