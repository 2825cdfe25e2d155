"""A bucket: how to reach it, and what its errors mean in the words of a store."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

from backup.store import MissingError, StoreError
from backup.store.content_md5 import ContentMd5
from backup.store.keys import check_key

Encryption = Literal["", "AES256", "aws:kms"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """Where an S3 store is and how it behaves.

    ``endpoint`` None is AWS itself. ``path_style`` None: as the endpoint suggests (bucket in the path unless it is
    AWS). ``timeout`` is seconds to wait for bytes, ``attempts`` how often a request is tried, ``threads`` how many
    requests one transfer has under way. ``part_size`` is bytes of the first parts of an upload; they grow unless
    ``equal_parts`` (Cloudflare R2 wants them equal); ``most_parts`` is 1,000 at Scaleway. ``ca`` is a file of
    certificates to trust instead of the usual ones.
    """

    name: str
    access_key: str | None = None
    secret_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)
    prefix: str = ""
    endpoint: str | None = None
    region: str | None = None
    path_style: bool | None = None
    encryption: Encryption = ""
    kms_key: str = ""
    storage_class: str = ""
    ca: str | None = None
    timeout: float = 60.0
    attempts: int = 6
    threads: int = 4
    part_size: int = 16 << 20
    equal_parts: bool = False
    most_parts: int = 10_000

    def __post_init__(self) -> None:
        if self.prefix:
            check_key(self.prefix.rstrip("/"))
        if self.part_size < 5 << 20 or not 1 <= self.most_parts <= 10_000:
            raise ValueError(f"parts of {self.part_size} bytes, at most {self.most_parts}: S3 wants 5 MiB and 10,000")

    def full(self, key: str) -> str:
        """The key in the bucket of the object ``key``."""
        return self.folder + key

    @property
    def folder(self) -> str:
        """What the bucket's keys begin with."""
        return f"{self.prefix.rstrip('/')}/" if self.prefix else ""

    @property
    def where(self) -> str:
        """For messages."""
        return f"bucket {self.name}" + (f" at {self.endpoint}" if self.endpoint else "")

    def making(self) -> dict[str, Any]:
        """What every request that makes an object says beside its name and body."""
        options = {
            "ServerSideEncryption": self.encryption,
            "SSEKMSKeyId": self.kms_key,
            "StorageClass": self.storage_class,
        }
        return {name: value for name, value in options.items() if value}


_PECULIAR: Mapping[str, Mapping[str, Any]] = {
    "r2.cloudflarestorage.com": {"equal_parts": True},
    "scw.cloud": {"most_parts": 1_000},
}
"""What some services want otherwise, by the end of their host names (their documentation of multipart uploads)."""


def peculiar(endpoint: str) -> dict[str, Any]:
    """What a ``Bucket`` at ``endpoint`` must have beside what everybody's has."""
    host = urlsplit(endpoint).hostname or ""
    return {
        name: value for end, options in _PECULIAR.items() if host.endswith("." + end) for name, value in options.items()
    }


def open_client(bucket: Bucket) -> Any:
    """A client, good for several threads. boto3 makes its methods at run time, hence no type.

    Checksums that boto3 adds by itself since 1.36 are off: they break stores that do not know them. TLS, or the signed
    SHA-256 of the body over plain HTTP, guards the way; our own SHA-256 guards the rest. A server that asks for a
    checksum gets one.
    """
    import boto3
    from botocore.config import Config

    addressing: Literal["path", "virtual", "auto"] = "auto"
    if bucket.path_style is not None or bucket.endpoint:
        addressing = "virtual" if bucket.path_style is False else "path"
    config = Config(
        signature_version="s3v4",
        connect_timeout=min(10.0, bucket.timeout),
        read_timeout=bucket.timeout,
        retries={"mode": "standard", "total_max_attempts": bucket.attempts},
        max_pool_connections=2 * bucket.threads + 8,
        tcp_keepalive=True,
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"addressing_style": addressing},
    )
    session = boto3.session.Session(
        aws_access_key_id=bucket.access_key,
        aws_secret_access_key=bucket.secret_key,
        aws_session_token=bucket.session_token,
    )
    region = bucket.region or ("us-east-1" if bucket.endpoint else None)
    client = session.client("s3", endpoint_url=bucket.endpoint, region_name=region, config=config, verify=bucket.ca)
    ContentMd5(client)
    return client


_HINTS: Mapping[str, str] = {
    "NoSuchBucket": "make the bucket, or set AWS_S3_BUCKET",
    "InvalidAccessKeyId": "set AWS_ACCESS_KEY_ID",
    "SignatureDoesNotMatch": "set AWS_SECRET_ACCESS_KEY",
    "AccessDenied": "the key needs to get, put, list and delete objects and to list and abort multipart uploads",
    "403": "the key needs to get, put, list and delete objects and to list and abort multipart uploads",
    "RequestTimeTooSkewed": "set this machine's clock",
    "PermanentRedirect": "the bucket is in another region: set AWS_REGION",
    "301": "the bucket is in another region: set AWS_REGION",
}


class AnswerError(StoreError):
    """The store answered, and with an error: its code and HTTP status."""

    def __init__(self, message: str, hint: str, code: str, status: int) -> None:
        super().__init__(message, hint)
        self.code = code
        self.status = status


@contextmanager
def s3_errors(bucket: Bucket, key: str) -> Iterator[None]:
    """Say a client's error as one of the store. Only ``NoSuchKey`` means that an object is not there."""
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError
    from urllib3.exceptions import HTTPError

    try:
        yield
    except ClientError as error:
        raise _answer_error(bucket, key, error.response) from None
    except (BotoCoreError, HTTPError, OSError, ResponseParserError, ValueError) as error:
        text = " ".join(str(error).split()) or type(error).__name__
        hint = "set AWS_CA_BUNDLE to the file of the CA that signed it" if "CERTIFICATE_VERIFY_FAILED" in text else ""
        raise StoreError(f"{bucket.where}, {key or 'list'}: {text}", hint) from None


def _answer_error(bucket: Bucket, key: str, response: Mapping[str, Any]) -> MissingError | AnswerError:
    error = response.get("Error", {})
    code, status = str(error.get("Code", "")), int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code == "NoSuchKey":
        return MissingError(f"there is no {key} in {bucket.where}")
    reason = f"{code or status} {error.get('Message', '')}".strip()
    return AnswerError(f"{bucket.where}, {key or 'list'}: {reason}", _HINTS.get(code, ""), code, status)
