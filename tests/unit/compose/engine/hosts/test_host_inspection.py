"""What a host says of itself, read."""

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compose.engine.hosts.host_inspection import engine_moment, listener, sections, slowest


@given(st.ip_addresses(v=4), st.integers(1, 65535))
def test_listeners_are_read_as_the_kernel_writes_them(address: object, port: int) -> None:
    raw = socket.inet_aton(str(address))
    assert listener(f"{struct.unpack('=I', raw)[0]:08X}:{port:04X}") == (str(address), port)


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("0" * 32 + ":1538", ("0.0.0.0", 5432)),
        ("0000000000000000FFFF00000B00000A:1538", ("10.0.0.11", 5432)),
        ("00000000000000000000000001000000:1538", ("::1", 5432)),
    ],
)
def test_an_ipv6_listener_that_is_one_of_ipv4_is_that(text: str, endpoint: tuple[str, int]) -> None:
    assert listener(text) == endpoint


def test_moments_of_an_engine_are_read_in_every_zone() -> None:
    assert engine_moment("2026-11-28T02:18:52.759962911Z") == pytest.approx(1795832332.759963)
    assert engine_moment("2026-11-28T03:18:52.759962911+01:00") == engine_moment("2026-11-28T02:18:52.759962911Z")


def test_sections_hold_the_words_below_their_titles() -> None:
    assert sections("# addresses\n10.0.0.11\n127.0.0.1\n# room\n5\n") == {
        "addresses": ["10.0.0.11", "127.0.0.1"],
        "room": ["5"],
    }


def test_one_outlier_of_many_writes_is_forgiven() -> None:
    lines = [f"4096 bytes (4.1 kB, 4.0 KiB) copied, {seconds} s, 17 MB/s" for seconds in ("2e-04", "0.5", "0.003")]
    assert slowest("\n".join(lines)) == 0.003
    assert slowest("sh: dd: not found") is None
