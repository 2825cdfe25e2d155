"""A mail server that takes every mail and sends none: STARTTLS, TLS at once, AUTH; or one that refuses or is silent."""

import asyncio
import base64
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage

from tests.fix_ports import one_free_port


@dataclass(frozen=True)
class Mail:
    """One that was taken: from whom to whom, by which login, over TLS or not, and what stood in it."""

    sender: str
    recipients: tuple[str, ...]
    login: str
    secure: bool
    message: EmailMessage


@dataclass
class MailServer:
    """What it knows and what it got. ``refusal``: its answer to every recipient; ``silent``: it says nothing."""

    port: int
    tls: ssl.SSLContext | None = None
    at_once: bool = False
    password: str = ""
    refusal: str = ""
    silent: bool = False
    mails: list[Mail] = field(default_factory=list)
    open: list[asyncio.StreamWriter] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, to its end."""
        self.open.append(writer)
        try:
            if self.silent:
                await reader.read()
                return
            await _Session(self, reader, writer).run()
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            writer.close()


class _Session:
    def __init__(self, server: MailServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.server, self.reader, self.writer = server, reader, writer
        self.secure = server.at_once
        self.sender, self.login = "", ""
        self.recipients: list[str] = []

    async def answer(self, *lines: str) -> None:
        self.writer.write("".join(f"{line}\r\n" for line in lines).encode())
        await self.writer.drain()

    async def line(self) -> str:
        return (await self.reader.readuntil(b"\r\n")).decode().strip()

    async def run(self) -> None:
        await self.answer("220 mx.example ESMTP")
        while (line := await self.line()).upper() != "QUIT":
            await self.command(line)
        await self.answer("221 bye")

    async def command(self, line: str) -> None:
        verb = line.upper().partition(" ")[0]
        if verb in ("EHLO", "HELO"):
            offers = ["AUTH PLAIN LOGIN"] if self.server.password and (self.secure or self.server.tls is None) else []
            offers += ["STARTTLS"] if self.server.tls is not None and not self.secure else []
            names = ["mx.example", *offers]
            await self.answer(*(f"250-{name}" for name in names[:-1]), f"250 {names[-1]}")
        elif verb == "STARTTLS":
            await self.answer("220 go ahead")
            await self.writer.start_tls(self.server.tls)  # type: ignore[arg-type]
            self.secure = True
        elif verb == "AUTH":
            await self.auth(line.split(" ", 2)[2])
        elif verb == "MAIL":
            self.sender = line.partition("<")[2].partition(">")[0]
            await self.answer("250 ok")
        elif verb == "RCPT":
            self.recipients.append(line.partition("<")[2].partition(">")[0])
            await self.answer(self.server.refusal or "250 ok")
        elif verb == "DATA":
            await self.data()
        else:
            await self.answer("250 ok")

    async def auth(self, text: str) -> None:
        _, user, password = base64.b64decode(text).decode().split("\0")
        right = password == self.server.password
        self.login = user if right else ""
        await self.answer("235 ok" if right else "535 5.7.8 wrong password")

    async def data(self) -> None:
        await self.answer("354 go on")
        text = (await self.reader.readuntil(b"\r\n.\r\n"))[:-3].replace(b"\r\n..", b"\r\n.")
        message = message_from_bytes(text, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.server.mails.append(Mail(self.sender, tuple(self.recipients), self.login, self.secure, message))
        self.recipients = []
        await self.answer("250 2.0.0 kept")


@contextmanager
def mail_server(**options: object) -> Iterator[MailServer]:
    """One on a port of its own, for as long as the body runs."""
    server = MailServer(one_free_port(), **options)  # type: ignore[arg-type]
    loop, ready = asyncio.new_event_loop(), threading.Event()
    end = asyncio.Event()

    async def run() -> None:
        tls = server.tls if server.at_once else None
        listening = await asyncio.start_server(server.serve, "127.0.0.1", server.port, ssl=tls)
        ready.set()
        await end.wait()
        listening.close()
        for writer in server.open:
            writer.transport.abort()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*others, return_exceptions=True)
        await asyncio.sleep(0)

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join(30)
        loop.close()
