"""The parts of a multipart upload."""

import pytest

from backup.store.multipart import part_sizes
from backup.store.s3_client import Bucket, peculiar

GIB = 1 << 30


def test_parts_grow_to_hold_more_than_a_terabyte() -> None:
    sizes = list(part_sizes(Bucket(name="any")))
    assert len(sizes) == 10_000
    assert sizes == sorted(sizes)
    assert (sizes[0], sizes[-1]) == (16 << 20, 256 << 20)
    assert sum(sizes) > 1_600 * GIB


def test_a_store_that_takes_fewer_parts_gets_the_same_share_of_each() -> None:
    sizes = list(part_sizes(Bucket(name="any", most_parts=1000)))
    assert [sizes.count(size << 20) for size in (16, 64, 256)] == [100, 300, 600]


def test_a_store_that_wants_equal_parts_gets_them() -> None:
    assert set(part_sizes(Bucket(name="any", equal_parts=True))) == {16 << 20}


@pytest.mark.parametrize("options", [{"part_size": 1 << 20}, {"most_parts": 10_001}, {"most_parts": 0}])
def test_parts_that_s3_does_not_take_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="S3 wants"):
        Bucket(name="any", **options)  # type: ignore[arg-type]


def test_a_service_that_wants_it_otherwise_is_known_by_its_address() -> None:
    assert peculiar("https://0123.r2.cloudflarestorage.com") == {"equal_parts": True}
    assert peculiar("https://s3.fr-par.scw.cloud") == {"most_parts": 1000}
    assert peculiar("https://s3.example.org") == peculiar("https://notscw.cloud") == peculiar("") == {}
