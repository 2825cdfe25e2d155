"""WAL as it is stored: one zstd frame, which knows its length and its checksum."""

from backup.store import DamagedError

LEVEL = 1
"""On WAL of real work level 1 is as small as level 3 and takes 40 % of its time (docs/explanation/wal-archive.md)."""


def pack(data: bytes | memoryview, level: int = LEVEL) -> bytes:
    """One frame. Other threads run meanwhile."""
    import zstandard

    compressor = zstandard.ZstdCompressor(level=level, write_checksum=True, write_content_size=True)
    return bytes(compressor.compress(data))


def unpacked_size(body: bytes) -> int:
    """The content size in a frame's header; less than 1 where it has none.

    Raises:
        DamagedError: it is no frame.
    """
    import zstandard

    try:
        return int(zstandard.frame_content_size(body))
    except zstandard.ZstdError as error:
        raise DamagedError(f"a compressed piece of WAL cannot be read: {error}") from None


def unpack(body: bytes, most: int) -> bytes:
    """What ``pack`` was given.

    Args:
        body: the frame.
        most: bytes that it may become at most, so that a wrong one cannot fill the memory.

    Raises:
        DamagedError: it is no whole frame, or too large.
    """
    import zstandard

    size = unpacked_size(body)
    # The library takes a frame that says 0 for empty without looking further; ours never are.
    if not 0 < size <= most:
        raise DamagedError(f"a compressed piece of WAL says that it has {size} bytes, and at most {most} are due")
    try:
        return zstandard.ZstdDecompressor().decompress(body, max_output_size=most, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise DamagedError(f"a compressed piece of WAL cannot be read: {error}") from None
