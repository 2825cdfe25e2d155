"""etcd's JSON gateway as the control machine uses it: accounts, the first configuration, members, health.

Passwords travel in the body of a request over TLS, hence are on no command line and in no container's environment.

Source: etcd documentation, "Why gRPC gateway" and "API reference" (3.5).
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cluster.errors import MachineError
from cluster.http.mutual_tls import Answer, Peer, call

ROOT = "root"
"""The account that may do everything; etcd wants it by this name."""
PATRONI = "patroni"
"""The account and role of Patroni's agents, bound to their cluster's keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreMember:
    """A member of etcd; ``started`` is whether it ever joined, ``learns`` whether it has no vote yet."""

    name: str
    number: str
    peer_urls: tuple[str, ...]
    started: bool
    learns: bool = False

    @property
    def votes(self) -> bool:
        """Whether it joined and has a vote."""
        return self.started and not self.learns


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreHealth:
    """What one member says of itself: who leads, how far its log is, how large the store is, what is wrong."""

    leader: str
    index: int
    size: int
    errors: tuple[str, ...]


class EtcdApi:
    """One member's gateway. ``password`` is root's, used once accounts are in force."""

    def __init__(self, peer: Peer, password: str = "") -> None:
        self._peer, self._password = peer, password
        self._token = ""

    def healthy(self) -> str:
        """ "" where it serves; else why not."""
        try:
            answer = call(self._peer, "GET", "/health")
        except MachineError as error:
            return error.message
        return "" if answer.good and b'"true"' in answer.text else f"{self._peer.title} says {answer.words}"

    def health(self) -> StoreHealth:
        """What it says of itself."""
        found = self._ask("/v3/maintenance/status", {})
        return StoreHealth(
            leader=str(found.get("leader", "")),
            index=int(found.get("raftIndex", 0)),
            size=int(found.get("dbSize", 0)),
            errors=tuple(str(each) for each in found.get("errors", [])),
        )

    def accounts_in_force(self) -> bool:
        """Whether etcd asks for accounts, for this question as well."""
        answer = self._call("/v3/auth/status", {})
        if _wants_account(answer):
            return True
        self._check("/v3/auth/status", answer)
        return answer.json(self._peer.title).get("enabled") is True

    def secure(self, scope: str, patroni_password: str) -> None:
        """Make the two accounts and put them in force; again where it was interrupted, or a password changed.

        Raises:
            MachineError: it does not answer, or refuses; says what.
        """
        if self.accounts_in_force():
            self._ask("/v3/auth/user/changepw", {"name": PATRONI, "password": patroni_password})
            return
        self._make_account(ROOT, self._password)
        self._make_account(PATRONI, patroni_password)
        prefix = prefix_of(scope)
        permission = {"permType": "READWRITE", "key": _text(prefix), "range_end": _text(end_of(prefix))}
        self._ask("/v3/auth/role/grant", {"name": PATRONI, "perm": permission})
        self._ask("/v3/auth/enable", {})

    def _make_account(self, name: str, password: str) -> None:
        if not self._make("/v3/auth/user/add", {"name": name, "password": password}):
            self._ask("/v3/auth/user/changepw", {"name": name, "password": password})
        self._make("/v3/auth/role/add", {"name": name})
        self._ask("/v3/auth/user/grant", {"user": name, "role": name})

    def put_if_absent(self, key: str, value: str) -> bool:
        """Write ``key`` unless it is there; whether it was written."""
        request = {
            "compare": [{"key": _text(key), "target": "VERSION", "result": "EQUAL", "version": "0"}],
            "success": [{"requestPut": {"key": _text(key), "value": _text(value)}}],
        }
        return self._ask("/v3/kv/txn", request).get("succeeded") is True

    def put(self, key: str, value: str) -> None:
        """Write ``key``."""
        self._ask("/v3/kv/put", {"key": _text(key), "value": _text(value)})

    def get(self, key: str) -> str | None:
        """What ``key`` holds."""
        found = self._ask("/v3/kv/range", {"key": _text(key)}).get("kvs", [])
        return base64.b64decode(found[0].get("value", "")).decode() if found else None

    def forget(self, scope: str) -> int:
        """Delete all that Patroni keeps of its cluster; how many keys there were. Its agents must be stopped."""
        prefix = prefix_of(scope)
        found = self._ask("/v3/kv/deleterange", {"key": _text(prefix), "range_end": _text(end_of(prefix))})
        return int(found.get("deleted", 0))

    def members(self) -> tuple[StoreMember, ...]:
        """The members there are."""
        return read_store_members(self._ask("/v3/cluster/member/list", {}))

    def add_learner(self, peer_url: str) -> None:
        """Let one more join, which has to start then and has no vote yet; one at a time."""
        self._ask("/v3/cluster/member/add", {"peerURLs": [peer_url], "isLearner": True})

    def promote_member(self, member: StoreMember) -> None:
        """Give one that learned enough a vote.

        Raises:
            MachineError: it has not caught up.
        """
        self._ask("/v3/cluster/member/promote", {"ID": member.number})

    def move_leadership(self, member: StoreMember) -> None:
        """Let another one lead; asked of the one that does."""
        self._ask("/v3/maintenance/transfer-leadership", {"targetID": member.number})

    def remove_member(self, member: StoreMember) -> None:
        """Take one out: from then on it has no vote."""
        self._ask("/v3/cluster/member/remove", {"ID": member.number})

    def _make(self, path: str, body: Mapping[str, object]) -> bool:
        """False where there is one of that name."""
        answer = self._call(path, body)
        if not answer.good and b"already exists" in answer.text:
            return False
        self._check(path, answer)
        return True

    def _ask(self, path: str, body: Mapping[str, object]) -> dict[str, Any]:
        answer = self._call(path, body)
        if _wants_account(answer):
            self._login()
            answer = self._call(path, body)
        self._check(path, answer)
        found = answer.json(self._peer.title)
        return found if isinstance(found, dict) else {}

    def _login(self) -> None:
        answer = call(self._peer, "POST", "/v3/auth/authenticate", {"name": ROOT, "password": self._password})
        self._check("/v3/auth/authenticate", answer)
        self._token = str(answer.json(self._peer.title).get("token", ""))

    def _call(self, path: str, body: Mapping[str, object]) -> Answer:
        return call(self._peer, "POST", path, body, token=self._token)

    def _check(self, path: str, answer: Answer) -> None:
        if answer.good:
            return
        if b"authentication failed" in answer.text:
            raise MachineError(
                f"{self._peer.title} refuses the password in secrets/etcd_root_password",
                "put back the one that it was set up with",
            )
        raise MachineError(f"{self._peer.title} refuses {path}: {answer.status} {answer.words}", "see inv status")


def read_store_members(found: Any) -> tuple[StoreMember, ...]:
    """The members of an answer to member/list; one without a name was added and never started."""
    rows = found.get("members", []) if isinstance(found, dict) else []
    return tuple(
        StoreMember(
            name=str(row.get("name", "")),
            number=str(row.get("ID", "")),
            peer_urls=tuple(str(url) for url in row.get("peerURLs", [])),
            started=bool(row.get("name")),
            learns=row.get("isLearner") is True,
        )
        for row in rows
        if isinstance(row, dict)
    )


def prefix_of(scope: str) -> str:
    """Where Patroni keeps what it knows of a cluster."""
    return f"/service/{scope}/"


def config_key(scope: str) -> str:
    """Where its dynamic configuration is."""
    return f"{prefix_of(scope)}config"


def end_of(prefix: str) -> str:
    """The first key behind all those that begin with ``prefix``."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)


def _wants_account(answer: Answer) -> bool:
    return not answer.good and any(
        words in answer.text for words in (b"user name is empty", b"invalid auth token", b"permission denied")
    )


def _text(value: str) -> str:
    return base64.b64encode(value.encode()).decode()
