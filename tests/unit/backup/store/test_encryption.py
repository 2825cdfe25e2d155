"""Encryption on our side: what is stored tells nothing, and nothing that was changed is taken for what it was."""

import base64
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup.store import DamagedError
from backup.store.encrypted import SealedStore
from backup.store.encryption import HEADER, TAG, EncryptionKey, ObjectCipher, load_keys, opened_size
from backup.store.local import LocalStore
from cluster.errors import UsageError
from compose.home.passwords import make_key
from tests.unit.backup.store.contract import StoreContract, whole

KEY, OTHER = EncryptionKey(b"k" * 32), EncryptionKey(b"o" * 32)
CHUNK = 100


@pytest.fixture
def store(tmp_path: Path) -> SealedStore:
    return SealedStore(LocalStore(tmp_path), [KEY])


@pytest.fixture
def small(tmp_path: Path) -> SealedStore:
    """Chunks of 100 bytes."""
    return SealedStore(LocalStore(tmp_path), [KEY], CHUNK)


class TestSealedStore(StoreContract):
    pass


def stored(store: SealedStore, key: str) -> Path:
    assert isinstance(store.inner, LocalStore)
    return store.inner.root / key


def overwrite(path: Path, body: bytes) -> None:
    """As whoever may write to the store would: without the hash it was stored with."""
    path.unlink()
    path.write_bytes(body)


def test_what_is_stored_tells_nothing(store: SealedStore) -> None:
    store.create("a", b"a secret of the application", {"sha256": "0" * 64, "origin": "here"})
    body = stored(store, "a").read_bytes()
    assert b"secret" not in body
    assert KEY.secret not in body
    found = store.head("a")
    assert found is not None
    assert found.metadata["sha256"] != "0" * 64
    assert found.metadata["origin"] == "here"


def test_the_same_content_is_never_stored_alike(store: SealedStore) -> None:
    store.create("a", b"same")
    store.create("b", b"same")
    assert stored(store, "a").read_bytes()[HEADER:] != stored(store, "b").read_bytes()[HEADER:]


@given(size=st.integers(0, 450), place=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
def test_a_changed_byte_anywhere_is_noticed(
    tmp_path_factory: pytest.TempPathFactory, size: int, place: float, flip: int
) -> None:
    small = SealedStore(LocalStore(tmp_path_factory.mktemp("s")), [KEY], CHUNK)
    small.create("a", os.urandom(size))
    body = bytearray(stored(small, "a").read_bytes())
    body[int(place * len(body))] ^= flip
    overwrite(stored(small, "a"), bytes(body))
    with pytest.raises(DamagedError, match="a"):
        small.get("a")
    with pytest.raises(DamagedError):
        whole(small, "a")


@pytest.mark.parametrize("cut", range(0, HEADER + 3 * (CHUNK + TAG), 29))
def test_a_cut_object_is_noticed(small: SealedStore, cut: int) -> None:
    small.create("a", b"x" * 3 * CHUNK)
    overwrite(stored(small, "a"), stored(small, "a").read_bytes()[:cut])
    with pytest.raises(DamagedError):
        small.get("a")
    with pytest.raises(DamagedError):
        whole(small, "a")


@pytest.mark.parametrize("chunks", [[0, 1], [1, 0, 2], [0, 2], [0, 0, 2], [0, 1, 2, 2], [2], []])
def test_chunks_cannot_be_dropped_doubled_or_reordered(small: SealedStore, chunks: list[int]) -> None:
    small.create("a", bytes(range(250)))
    body = stored(small, "a").read_bytes()
    step = CHUNK + TAG
    parts = [body[HEADER + n * step : HEADER + (n + 1) * step] for n in chunks]
    overwrite(stored(small, "a"), body[:HEADER] + b"".join(parts))
    with pytest.raises(DamagedError):
        small.get("a")
    with pytest.raises(DamagedError):
        whole(small, "a")


def test_one_object_cannot_stand_for_another(store: SealedStore) -> None:
    store.create("a", b"one")
    store.create("b", b"two")
    overwrite(stored(store, "b"), stored(store, "a").read_bytes())
    with pytest.raises(DamagedError):
        store.get("b")


def test_what_was_never_sealed_is_not_taken(store: SealedStore) -> None:
    store.inner.create("a", b"plain and forged")
    with pytest.raises(DamagedError, match="not sealed"):
        store.get("a")


@given(size=st.integers(0, 450))
def test_it_is_read_as_it_was_written(tmp_path_factory: pytest.TempPathFactory, size: int) -> None:
    small = SealedStore(LocalStore(tmp_path_factory.mktemp("s")), [KEY], CHUNK)
    body = os.urandom(size)
    with small.upload("a") as upload:
        upload.write(body)
    assert whole(small, "a") == small.get("a") == body
    found = small.head("a")
    assert found is not None
    assert found.size == size == next(small.list()).size


def test_what_is_before_damage_is_read_and_the_damage_named(small: SealedStore) -> None:
    small.create("a", b"x" * 5 * CHUNK)
    body = bytearray(stored(small, "a").read_bytes())
    body[-1] ^= 1
    overwrite(stored(small, "a"), bytes(body))
    reading = small.read("a")
    assert b"".join(next(reading) for _ in range(4)) == b"x" * 4 * CHUNK
    with pytest.raises(DamagedError, match="chunk 4"):
        next(reading)


def test_keys_rotate(tmp_path: Path) -> None:
    inner = LocalStore(tmp_path)
    SealedStore(inner, [OTHER]).create("old", b"old")
    rotated = SealedStore(inner, [KEY, OTHER])
    rotated.create("new", b"new")
    assert (rotated.get("old"), rotated.get("new")) == (b"old", b"new")
    assert rotated.create("old", b"old") is False
    with pytest.raises(DamagedError, match=KEY.id.hex()):
        SealedStore(inner, [OTHER]).get("new")


@given(size=st.integers(0, 10_000), chunk=st.integers(1, 500))
def test_sizes_are_those_of_the_contents(size: int, chunk: int) -> None:
    chunks = max(1, -(-size // chunk))
    assert opened_size(HEADER + size + chunks * TAG, chunk) == size


def test_a_key_file_gives_its_keys_in_order(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    lines = [make_key(), make_key()]
    path.write_text(f"# ours\n{lines[0]}\n\n{lines[1]} # the old one\n")
    path.chmod(0o600)
    assert [base64.b64encode(key.secret).decode() for key in load_keys(path)] == lines
    assert lines[0] not in repr(load_keys(path))


@pytest.mark.parametrize(
    ("text", "mode", "says"),
    [
        pytest.param(make_key(), 0o640, "may be read by others", id="open to others"),
        ("", 0o600, "holds no key"),
        ("c2hvcnQ=", 0o600, "not 32 bytes"),
        ("not base64!", 0o600, "not 32 bytes"),
        ("ä", 0o600, "cannot be read"),
    ],
)
def test_a_bad_key_file_is_refused(tmp_path: Path, text: str, mode: int, says: str) -> None:
    path = tmp_path / "keys"
    path.write_text(text)
    path.chmod(mode)
    with pytest.raises(UsageError, match=says) as error:
        load_keys(path)
    assert error.value.hint
    assert not text or text not in str(error.value)


def test_an_absent_key_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        load_keys(tmp_path / "absent")


def test_the_format_stays(tmp_path: Path) -> None:
    """An object of format 1, opened by hand as docs/reference/backup-layout.md says."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.keywrap import aes_key_unwrap

    store = SealedStore(LocalStore(tmp_path), [KEY], CHUNK)
    store.create("1/a", b"x" * 250)
    body = stored(store, "1/a").read_bytes()
    header, chunks = body[:64], [body[64 + n * 116 : 64 + (n + 1) * 116] for n in range(3)]
    assert (header[:8], header[8:16], header[56:]) == (b"PODSEAL1", KEY.id, b"\0\0\0\x64\0\0\0\0")
    cipher = AESGCM(aes_key_unwrap(KEY.secret, header[16:56]))
    nonces = [bytes(10) + bytes([n, n == 2]) for n in range(3)]
    opened = [cipher.decrypt(nonce, chunk, header + b"1/a") for nonce, chunk in zip(nonces, chunks, strict=True)]
    assert b"".join(opened) == b"x" * 250
    assert ObjectCipher.of(header, [KEY], "1/a").chunk == CHUNK


SEALED_ONCE = (
    "UE9EU0VBTDE5RgnQLVPZG6Go2eiUy5YW2aTiYtHvBWfTSQ//ZubkL/46oHyrE6LawFL1hKvX06AAAAAQAAAAAHg+5XVC77aEEYea"
    "0ce3X6LtEwAZ2e3WYs2bZVUOfqtqC6B86vF85Jx7IKVHvezMmYd7fcc="
)
"""The object ``a/b`` as the first version with this format sealed it, under KEY, in chunks of 16 bytes."""


def test_what_was_sealed_once_can_be_opened_for_ever(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_bytes(base64.b64decode(SEALED_ONCE))
    assert whole(SealedStore(LocalStore(tmp_path), [OTHER, KEY]), "a/b") == b"sealed on 2026-11-27"
