"""Ctrl-C while a plan is carried out: what is under way is taken back or completed, never left by halves."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final, Literal

from auditor.cli import streams
from auditor.cli.asking import can_ask
from auditor.errors import InputError
from auditor.plan.halt import Halt
from auditor.report.messages import Words

OnInterrupt = Literal["ask", "take-back", "complete"]
_WAYS: Final[tuple[OnInterrupt, ...]] = ("ask", "take-back", "complete")
_WHY: Final = "the run was interrupted"


def on_interrupt(text: str) -> OnInterrupt:
    """What Ctrl-C does, as the option says; without one a person at a terminal is asked.

    Errors:
        InputError: it is none of the ways, or nobody is there to be asked.
    """
    if not text:
        return "ask" if can_ask() else "take-back"
    for way in _WAYS:
        if text == way:
            if way == "ask" and not can_ask():
                raise InputError(
                    "--on-interrupt ask: standard input is no terminal, so nobody can answer",
                    next_step="Say  --on-interrupt take-back  or  --on-interrupt complete",
                )
            return way
    raise InputError(f"--on-interrupt {text!r} is not known", next_step=f"Say one of  {', '.join(_WAYS)}")


@contextmanager
def choosing(halt: Halt, way: OnInterrupt, words: Words, progress: streams.Progress) -> Iterator[None]:
    """Within it, in the task that carries the plan out, Ctrl-C does as ``way`` says; SIGTERM takes back unasked."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    listener = _Listener(halt, way, words, progress)
    before = signal.signal(signal.SIGINT, listener.signalled)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        listener.deaf()


class _Listener:
    def __init__(self, halt: Halt, way: OnInterrupt, words: Words, progress: streams.Progress) -> None:
        self._halt, self._way, self._words, self._progress = halt, way, words, progress
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._told = self._reads = False

    def signalled(self, number: int, _: FrameType | None) -> None:
        """The signal's handler: whatever the loop is doing is ended first."""
        self._loop.call_soon_threadsafe(self._interrupted, number)

    def deaf(self) -> None:
        """Reads no answer any more."""
        if self._reads:
            self._loop.remove_reader(sys.stdin.fileno())
            self._reads = False

    def _interrupted(self, number: int) -> None:
        first, self._told = not self._told, True
        if number == signal.SIGTERM or self._way == "take-back" or not first:
            self._take_back()
        elif self._way == "complete":
            self._complete()
        else:
            self._halt.wait()
            self._say(self._words("interrupt.question"), ends=False)
            self._loop.add_reader(sys.stdin.fileno(), self._answered)
            self._reads = True

    def _answered(self) -> None:
        answer = sys.stdin.readline(16)
        self.deaf()
        match answer.strip().casefold()[:1]:
            case "c":
                self._complete()
            case "g":
                self._told = False
                self._halt.go_on()
            case _:  # also where the terminal is gone
                self._take_back()

    def _complete(self) -> None:
        self._say(self._words("interrupt.completes"))
        self._halt.ask(_WHY)

    def _take_back(self) -> None:
        self.deaf()
        self._say(self._words("interrupt.takes_back"))
        self._halt.ask(_WHY)
        if self._task is not None:
            self._task.cancel()

    def _say(self, text: str, *, ends: bool = True) -> None:
        self._progress.clear()
        if ends:
            streams.write_error(text)
        else:
            streams.write_part(f"{text} ")
