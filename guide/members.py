"""All nodes read at once. One that keeps us waiting is silent, and keeps nobody else waiting."""

import ssl
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from cluster.guide_config import GuideConfig, GuideMember
from cluster.postgres.connection import Access
from guide.agents import agent_context, read_agent
from guide.servers import ServerProbe
from guide.sighting import AgentReading, MemberReading, ServerReading

SECONDS = 1.0
"""For all of them to answer."""
Answer = TypeVar("Answer", AgentReading, ServerReading)


class MemberReader:
    """Reads the nodes of one configuration again and again."""

    def __init__(self, config: GuideConfig, access: Access, agents_ca: Path) -> None:
        self._members = {member.name: member for member in config.members}
        self._agents_ca = agents_ca
        self._context: ssl.SSLContext | None = None
        self._made_at = 0
        self._probes = {name: ServerProbe(_access(access, member)) for name, member in self._members.items()}
        self._threads = ThreadPoolExecutor(max_workers=2 * max(1, len(self._members)), thread_name_prefix="member")
        self._agents: dict[str, Future[AgentReading]] = {}
        self._servers: dict[str, Future[ServerReading]] = {}

    def read(self) -> tuple[MemberReading, ...]:
        """What each answers within a second."""
        began = time.monotonic()
        self._renew()
        for name, member in self._members.items():
            if _free(self._agents.get(name)):
                self._agents[name] = self._threads.submit(self._agent, member)
            if _free(self._servers.get(name)):
                self._servers[name] = self._threads.submit(self._probes[name].read)
        pending: list[Future[Any]] = [*self._agents.values(), *self._servers.values()]
        wait(pending, timeout=SECONDS - (time.monotonic() - began))
        return tuple(
            MemberReading(
                name=name,
                agent=_result(self._agents[name], AgentReading.SILENT if member.agent else AgentReading.ABSENT),
                server=_result(self._servers[name], ServerReading.SILENT),
            )
            for name, member in self._members.items()
        )

    def descriptor(self, name: str) -> int | None:
        """Of the connection to the node ``name``, which ends when its server does."""
        probe = self._probes.get(name)
        return None if probe is None else probe.descriptor

    def elsewhere(self, leader: str) -> frozenset[str]:
        """The addresses of the other nodes, as far as they were reached; none while that of ``leader`` is not known."""
        known = {name: probe.address for name, probe in self._probes.items() if probe.address}
        if leader not in known:
            return frozenset()
        return frozenset(known.values()) - {known[leader]}

    def _agent(self, member: GuideMember) -> AgentReading:
        if not member.agent:
            return AgentReading.ABSENT
        return AgentReading.SILENT if self._context is None else read_agent(member, self._context)

    def _renew(self) -> None:
        """The CA may be another one since."""
        try:
            made = self._agents_ca.stat().st_mtime_ns
            if self._context is None or made != self._made_at:
                self._context, self._made_at = agent_context(self._agents_ca), made
        except OSError:  # then no agent is believed, and the servers alone count
            self._context = None

    def close(self) -> None:
        """Let everything go; who still waits for an answer is left to it."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for name, probe in self._probes.items():
            if _free(self._servers.get(name)):
                probe.close()


def _access(access: Access, member: GuideMember) -> Access:
    return replace(access, host=member.name, port=member.port)


def _free(reading: "Future[Any] | None") -> bool:
    return reading is None or reading.done()


def _result(reading: "Future[Answer]", otherwise: Answer) -> Answer:
    return reading.result() if reading.done() else otherwise
