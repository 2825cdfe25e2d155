import hashlib
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup.manifest import parse
from cluster.errors import RefusedError
from cluster.postgres.lsn import Lsn


def manifest(files: list[dict[str, Any]], **changes: Any) -> bytes:
    """As PostgreSQL writes it, its checksum in the last line."""
    raw: Mapping[str, Any] = {
        "PostgreSQL-Backup-Manifest-Version": 2,
        "System-Identifier": 7711210876113264662,
        "Files": files,
        "WAL-Ranges": [{"Timeline": 1, "Start-LSN": "0/2000028", "End-LSN": "0/2000120"}],
        **changes,
    }
    head = json.dumps(raw, indent=1)[:-2] + ",\n"
    return f'{head}"Manifest-Checksum": "{hashlib.sha256(head.encode()).hexdigest()}"}}\n'.encode()


def entry(**changes: Any) -> dict[str, Any]:
    """One file's."""
    return {
        "Path": "base/5/1259",
        "Size": 8192,
        "Last-Modified": "2026-11-23 03:56:34 GMT",
        "Checksum-Algorithm": "SHA256",
        "Checksum": "ab" * 32,
        **changes,
    }


def test_files_wal_and_system_are_read() -> None:
    found = parse(manifest([entry(), entry(Path="PG_VERSION", Size=3)]))

    assert found.system_identifier == "7711210876113264662"
    assert found.files["base/5/1259"].size == 8192
    assert found.files["base/5/1259"].sha256 == b"\xab" * 32
    assert found.size == 8195
    (needed,) = found.wal
    assert (needed.timeline, needed.start, needed.stop) == (1, Lsn.parse("0/2000028"), Lsn.parse("0/2000120"))


def test_a_path_that_is_no_utf8_is_read_as_python_spells_it_on_disk() -> None:
    file = entry()
    del file["Path"]

    found = parse(manifest([{"Encoded-Path": b"base/\xff".hex(), **file}]))

    assert [path.encode(errors="surrogateescape") for path in found.files] == [b"base/\xff"]


def test_another_checksum_than_sha256_is_not_taken_for_one() -> None:
    found = parse(manifest([entry(**{"Checksum-Algorithm": "CRC32C", "Checksum": "abcdef01"})]))

    assert found.files["base/5/1259"].sha256 is None


@given(st.data())
def test_no_byte_can_change_unnoticed(data: st.DataObject) -> None:
    body = bytearray(manifest([entry()]))
    end = body.rindex(b'"}')  # the last of the checksum
    position = data.draw(st.integers(0, end - 1))
    body[position] ^= data.draw(st.integers(1, 255))

    if bytes(body).strip() != manifest([entry()]).strip():
        with pytest.raises(RefusedError, match="manifest is damaged"):
            parse(bytes(body))


@given(st.integers(0, 500))
def test_a_part_of_one_is_refused(length: int) -> None:
    with pytest.raises(RefusedError):
        parse(manifest([entry()])[:length])


def test_an_unknown_version_is_refused_by_its_number() -> None:
    with pytest.raises(RefusedError, match="version 3 is not known"):
        parse(manifest([entry()], **{"PostgreSQL-Backup-Manifest-Version": 3}))
