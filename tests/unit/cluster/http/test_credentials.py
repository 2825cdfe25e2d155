import base64

import pytest

from cluster.http.credentials import Credentials

KNOWN = Credentials("pods", b"s3cret")


def _basic(text: str) -> bytes:
    return b"Basic " + base64.b64encode(text.encode())


@pytest.mark.parametrize(
    ("headers", "matches"),
    [
        ([b"Bearer s3cret"], True),
        ([b"bearer  s3cret "], True),
        ([_basic("pods:s3cret")], True),
        ([], False),
        ([b"Bearer"], False),
        ([b"Bearer s3cre"], False),
        ([b"Bearer pods:s3cret"], False),
        ([_basic("s3cret")], False),
        ([_basic("health:s3cret")], False),
        ([_basic("pods:s3cret:")], False),
        ([b"Basic !!!"], False),
        ([b"Digest s3cret"], False),
        ([b"s3cret"], False),
        ([b"Bearer \xff\xfe"], False),
        ([b"Bearer s3cret", b"Bearer s3cret"], False),
        ([b"Bearer wrong", b"Bearer s3cret"], False),
    ],
)
def test_the_secret_is_asked_for_in_one_header_of_two_forms(headers: list[bytes], matches: bool) -> None:
    assert KNOWN.match([(b"host", b"x"), *((b"authorization", each) for each in headers)]) is matches


def test_the_secret_is_never_shown() -> None:
    assert "s3cret" not in repr(KNOWN)
