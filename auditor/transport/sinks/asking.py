"""Asked instead of a sink: a command of the site's own, or a mailbox."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import mailbox
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from auditor.errors import InputError
from auditor.transport.commands import run_command
from auditor.transport.sinks.inbox import Inbox
from auditor.transport.sinks.mail_content import LARGEST, mail_texts

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
    ended = await run_command(command, words, environment, ANSWER_S)
    if ended.code not in (0, 1):
        raise InputError(f"{command[0]} ended with exit code {ended.code}")
    return ended.output if ended.code == 0 and ended.output else None


def can_be_asked(command: tuple[str, ...], environment: Mapping[str, str]) -> None:
    """Looks whether there is such a program, before anything is sent that only it could find.

    Errors:
        InputError: there is none.
    """
    if "{" not in command[0] and shutil.which(command[0], path=environment.get("PATH")) is None:
        raise InputError(
            f"{command[0]} cannot be run: there is no such program",
            untouched="Nothing was sent.",
            next_step="alerts: ask: CHANNEL: command:  names a program and its arguments.",
        )


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
            why = getattr(error, "strerror", None) or error
            raise InputError(
                f"{self._path} cannot be read as a mailbox: {why}",
                untouched="" if contents else "Nothing was sent.",
                next_step="alerts: ask: mail: mailbox:  names a Maildir or an mbox that is there and may be read.",
            ) from error

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
