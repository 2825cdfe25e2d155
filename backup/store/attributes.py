"""Metadata of a local store's files, in an extended attribute."""

import errno
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cluster.documents import parse_json

_ATTRIBUTE = "user.pods"
_MOST_METADATA = 1024
"""ext4 keeps the attributes of a file in one block of 4 KiB."""


def set_metadata(fd: int, metadata: Mapping[str, str]) -> None:
    """Write the metadata of an open file; nothing where the file system keeps none."""
    text = json.dumps(dict(metadata)).encode()
    if len(text) > _MOST_METADATA:
        raise ValueError(f"metadata of {len(text)} bytes; at most {_MOST_METADATA}")
    try:
        os.setxattr(fd, _ATTRIBUTE, text)
    except OSError as error:
        if error.errno != errno.EOPNOTSUPP:
            raise


def get_metadata(path: Path) -> dict[str, str]:
    """The metadata of a file; empty where there is none."""
    try:
        return _texts(parse_json(os.getxattr(path, _ATTRIBUTE)))
    except OSError as error:
        if error.errno in (errno.ENODATA, errno.EOPNOTSUPP):
            return {}
        raise
    except ValueError:
        return {}


def _texts(found: Any) -> dict[str, str]:
    return {name: text for name, text in found.items() if isinstance(text, str)} if isinstance(found, dict) else {}
