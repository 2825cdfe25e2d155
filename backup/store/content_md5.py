"""Content-MD5 of requests, sent once a server has asked for it: a bucket with Object Lock wants each write to have one.

Every server knows this header, also those that refuse the checksums that came later. It is not sent unasked, since an
MD5 of what is sent takes longer than a fast network does; our own SHA-256 guards the content either way.
"""

import base64
import hashlib
import re
from typing import IO, Any

_WRITES = ("PutObject", "UploadPart", "CompleteMultipartUpload", "DeleteObjects")
_HEADER = "Content-MD5"
_CODES = frozenset({"InvalidRequest", "InvalidArgument", "BadRequest", "MissingContentMD5", "MissingDigest"})
_DIGEST = re.compile(r"content-?md5|checksum|digest", re.IGNORECASE)
_PIECE = 1 << 20


class ContentMd5:
    """Hooks of one client of boto3; ``wanted`` once an answer asked for it."""

    def __init__(self, client: Any) -> None:
        self.wanted = False
        for operation in _WRITES:
            client.meta.events.register(f"before-call.s3.{operation}", self._add)
            client.meta.events.register(f"needs-retry.s3.{operation}", self._learn)

    def _add(self, params: dict[str, Any], **_: object) -> None:
        if self.wanted:
            params["headers"][_HEADER] = _md5(params["body"])

    def _learn(
        self, response: tuple[Any, dict[str, Any]] | None, request_dict: dict[str, Any], **_: object
    ) -> int | None:
        """0: send it again at once, this time with it; None leaves it to others whether to."""
        error = response[1].get("Error", {}) if response else {}
        if _HEADER in request_dict["headers"] or not asks_for_md5(error):
            return None
        self.wanted = True
        request_dict["headers"][_HEADER] = _md5(request_dict["body"])
        return 0


def asks_for_md5(error: dict[str, Any]) -> bool:
    """Whether an answer refuses a request for want of a checksum."""
    text = f"{error.get('Code', '')} {error.get('Message', '')}"
    return error.get("Code") in _CODES and _DIGEST.search(text) is not None


def _md5(body: bytes | bytearray | IO[bytes]) -> str:
    found = hashlib.md5(usedforsecurity=False)
    if isinstance(body, bytes | bytearray):
        found.update(body)
    else:
        body.seek(0)
        while piece := body.read(_PIECE):
            found.update(piece)
        body.seek(0)
    return base64.b64encode(found.digest()).decode()
