"""Several stores as one: what one loses the other gives, and nothing is called done that is not done everywhere."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from backup.store import DamagedError, MissingError, StoreError
from backup.store.local import LocalStore
from backup.store.opening import open_store
from backup.store.sealed import SealedStore
from backup.store.sealing import make_key
from backup.store.several import SeveralStores
from cluster.errors import UsageError
from tests.unit.backup.contract import StoreContract, keys, whole


class Flaky(LocalStore):
    """Fails when told to; or in the middle of a read."""

    down = False
    cut = False

    def _fail(self) -> None:
        if self.down:
            raise StoreError(f"{self.name} is down")

    def create(self, key: str, body: bytes, metadata: Mapping[str, str] | None = None) -> bool:
        self._fail()
        return super().create(key, body, metadata)

    def get(self, key: str) -> bytes:
        self._fail()
        return super().get(key)

    def head(self, key: str) -> Any:
        self._fail()
        return super().head(key)

    def list(self, prefix: str = "", after: str = "") -> Iterator[Any]:
        self._fail()
        return super().list(prefix, after)

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        self._fail()
        for number, piece in enumerate(super().read(key, start, end)):
            if self.cut and number == 1:
                raise StoreError("cut")
            yield piece


@pytest.fixture
def places(tmp_path: Path) -> tuple[Flaky, Flaky]:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    return Flaky(tmp_path / "one", "one"), Flaky(tmp_path / "two", "two")


@pytest.fixture
def store(places: tuple[Flaky, Flaky]) -> SeveralStores:
    return SeveralStores(places)


class TestSeveralStores(StoreContract):
    pass


def test_a_failing_store_keeps_the_other_from_nothing_and_success_from_being_told(
    store: SeveralStores, places: tuple[Flaky, Flaky]
) -> None:
    places[0].down = True
    with pytest.raises(StoreError, match="one is down"):
        store.create("a", b"body")
    assert places[1].get("a") == b"body"
    places[0].down = False
    assert store.create("a", b"body") is True
    assert places[0].get("a") == b"body"
    assert store.create("a", b"body") is False


@pytest.mark.parametrize("down", [0, 1])
def test_what_one_store_holds_is_read_while_the_other_is_down(
    store: SeveralStores, places: tuple[Flaky, Flaky], down: int
) -> None:
    store.create("a", b"body")
    places[down].down = True
    assert store.get("a") == b"body"
    assert whole(store, "a") == b"body"
    assert store.head("a") is not None


@pytest.mark.parametrize("down", [0, 1])
def test_a_store_that_cannot_be_asked_may_have_it(store: SeveralStores, places: tuple[Flaky, Flaky], down: int) -> None:
    """restore_command must not take that for the end of the WAL."""
    places[down].down = True
    with pytest.raises(StoreError):
        store.get("a")
    with pytest.raises(StoreError):
        store.head("a")
    with pytest.raises(StoreError):
        whole(store, "a")
    with pytest.raises(StoreError):
        keys(store)
    places[down].down = False
    with pytest.raises(MissingError):
        store.get("a")


def test_a_damaged_copy_is_passed_over(store: SeveralStores, places: tuple[Flaky, Flaky]) -> None:
    store.create("a", b"body")
    with (places[0].root / "a").open("r+b") as file:
        file.write(b"B")
    with pytest.raises(DamagedError):
        places[0].get("a")
    assert store.get("a") == b"body"


def test_a_read_goes_on_in_the_next_store(store: SeveralStores, places: tuple[Flaky, Flaky]) -> None:
    body = bytes(range(256)) * 12_000
    store.create("a", body)
    places[0].cut = True
    assert whole(store, "a") == body
    assert whole(store, "a", 5, 2_900_000) == body[5:2_900_000]


def test_a_list_is_what_any_of_them_has(store: SeveralStores, places: tuple[Flaky, Flaky]) -> None:
    places[0].create("a", b"")
    places[1].create("b", b"")
    store.create("c", b"")
    assert keys(store) == ["a", "b", "c"]


def test_those_that_answer_go_on_alone(store: SeveralStores, places: tuple[Flaky, Flaky]) -> None:
    told: list[str] = []
    places[0].down = True
    left = store.reachable(lambda place, error: told.append(f"{place.name}: {error.message}"))
    assert (left.places, told) == ((places[1],), ["one: one is down"])
    places[1].down = True
    with pytest.raises(StoreError, match="none of the stores"):
        store.reachable(lambda place, error: None)


def test_a_store_is_opened_as_it_is_configured(tmp_path: Path) -> None:
    assert isinstance(open_store(tmp_path, None), LocalStore)
    key_file = tmp_path / "keys"
    key_file.write_text(make_key())
    key_file.chmod(0o600)
    assert isinstance(open_store(tmp_path, None, key_file), SealedStore)
    with pytest.raises(UsageError, match="no place for backups"):
        open_store(None, None)
