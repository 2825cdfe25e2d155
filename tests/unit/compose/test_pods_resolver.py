"""What stands between PgBouncer and the engine's DNS: answers go through it, to be kept for no time at all."""

import struct
import subprocess

from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.config.env_file import PROJECT_ROOT

SCRIPT = PROJECT_ROOT / "compose" / "images" / "database" / "pods-resolver"
NAME = b"\x08replica1\x00"
POINTER = b"\xc0\x0c"


def _unkept(*messages: bytes) -> list[bytes]:
    """What the script makes of messages, each as hexadecimal digits of a line."""
    program = f'require "{SCRIPT}"; print unpack("H*", unkept(pack "H*", $_)), "\\n" for map {{ s/\\n//r }} <STDIN>;'
    given_ = "".join(message.hex() + "\n" for message in messages)
    done = subprocess.run(["perl", "-we", program], input=given_, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return [bytes.fromhex(line) for line in done.stdout.splitlines()]


def _message(*records: bytes, additional: bytes = b"") -> bytes:
    """An answer to the question for the address of a node."""
    header = struct.pack("!6H", 4711, 0x8180, 1, len(records), 0, 1 if additional else 0)
    return header + NAME + struct.pack("!2H", 1, 1) + b"".join(records) + additional


def _record(name: bytes, kind: int, ttl: int, data: bytes) -> bytes:
    return name + struct.pack("!HHIH", kind, 1, ttl, len(data)) + data


def test_every_address_is_kept_for_no_time_and_nothing_else_changes() -> None:
    def answer(ttl: int) -> bytes:
        addresses = [_record(POINTER, 1, ttl, bytes([172, 23, 0, 3])), _record(NAME, 1, ttl, bytes([172, 23, 0, 4]))]
        return _message(*addresses, _record(POINTER, 28, ttl, bytes(16)))

    assert _unkept(answer(600)) == [answer(0)]


def test_what_an_extension_has_where_others_have_a_time_stays() -> None:
    extension = _record(b"\x00", 41, 0x8000, b"")
    shown = _unkept(_message(_record(POINTER, 1, 600, bytes(4)), additional=extension))
    assert shown == [_message(_record(POINTER, 1, 0, bytes(4)), additional=extension)]


@settings(max_examples=20)
@given(st.lists(st.binary(min_size=1, max_size=60), min_size=1, max_size=20))
def test_whatever_comes_is_passed_on_as_long_as_it_was(messages: list[bytes]) -> None:
    assert [len(each) for each in _unkept(*messages)] == [len(each) for each in messages]
