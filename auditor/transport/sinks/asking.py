"""Asked instead of a sink: a command of the site's own, or a mailbox."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import mailbox
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from auditor.errors import InputError
from auditor.transport.sinks.inbox import Inbox
from auditor.transport.sinks.mail_content import LARGEST, mail_texts

_MOST_OUTPUT: Final = 65_536
_MOST_MAILS: Final = 20_000
_MOST_MBOX: Final = 64 * 1024 * 1024
ANSWER_S: Final = 30.0


async def asked(command: tuple[str, ...], words: Mapping[str, str], environment: Mapping[str, str]) -> str | None:
    """What a command says to an alert: its output where the alert arrived, None where it has not (yet).

    ``{host}`` and the like in its arguments are replaced by ``words``; there is no shell. Exit 0 with output means
    arrived, exit 0 without and exit 1 not yet.

    Errors:
        InputError: it cannot be run, ends in another way, or gives no answer within 30 s.
    """
    arguments = [_filled(one, words) for one in command]
    try:
        process = await asyncio.create_subprocess_exec(
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=dict(environment),
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise InputError(f"{arguments[0]} cannot be run: {getattr(error, 'strerror', None) or error}") from error
    assert process.stdout is not None  # noqa: S101 - asked for above
    try:
        async with asyncio.timeout(ANSWER_S):
            output = await process.stdout.read(_MOST_OUTPUT)
            while await process.stdout.read(_MOST_OUTPUT):
                pass
            code = await process.wait()
    except TimeoutError:
        raise InputError(f"{arguments[0]} gave no answer within {ANSWER_S:g} s") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)  # with all that it started
            process._transport.close()  # type: ignore[attr-defined]  # what left the group may hold the pipe open
            await process.wait()
    if code not in (0, 1):
        raise InputError(f"{arguments[0]} ended with exit code {code}")
    text = output.decode("utf-8", "replace").strip()
    return text if code == 0 and text else None


def _filled(text: str, words: Mapping[str, str]) -> str:
    for name, value in words.items():
        text = text.replace("{" + name + "}", value)
    return text


class Mailbox:
    """A Maildir (a folder) or mbox (a file) that is looked into; mails that were there at the start do not count."""

    def __init__(self, path: Path, inbox: Inbox) -> None:
        self._path = path
        self._inbox = inbox
        self._known: set[str] = set()
        self.place = f"mailbox {path}"

    async def start(self) -> None:
        """Notes which mails are there already.

        Errors:
            InputError: there is no such mailbox, or it is too large to be looked into.
        """
        self._known = set(await asyncio.to_thread(self._look, False))

    async def look(self) -> None:
        """Puts new mails into the inbox. Errors as for :meth:`start`."""
        for key, content in (await asyncio.to_thread(self._look, True)).items():
            self._known.add(key)
            if self._inbox.admits("mail", self.place):
                self._inbox.put("mail", "", mail_texts(content), self.place)

    def _look(self, contents: bool) -> dict[str, bytes]:
        try:
            return self._maildir(contents) if self._path.is_dir() else self._mbox()
        except (OSError, mailbox.Error) as error:
            raise InputError(f"{self._path} cannot be read as a mailbox: {error}") from error

    def _maildir(self, contents: bool) -> dict[str, bytes]:
        box = mailbox.Maildir(str(self._path), create=False)
        found: dict[str, bytes] = {}
        for number, key in enumerate(box.iterkeys()):
            if number >= _MOST_MAILS:
                raise OSError(f"it holds more than {_MOST_MAILS} mails")
            if key not in self._known:
                with contextlib.suppress(KeyError, OSError):  # read or moved by somebody at this moment
                    found[key] = self._content(box, key) if contents else b""
        return found

    @staticmethod
    def _content(box: mailbox.Maildir, key: str) -> bytes:
        with box.get_file(key) as file:
            return bytes(file.read(LARGEST))

    def _mbox(self) -> dict[str, bytes]:
        if self._path.stat().st_size > _MOST_MBOX:
            raise OSError(f"it is larger than {_MOST_MBOX >> 20} MiB")
        box = mailbox.mbox(str(self._path), create=False)
        try:
            found: dict[str, bytes] = {}
            for key in box.iterkeys():
                content = box.get_bytes(key)[:LARGEST]
                digest = hashlib.sha256(content).hexdigest()
                if digest not in self._known:
                    found[digest] = content
            return found
        finally:
            box.close()
