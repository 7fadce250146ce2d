"""SIGTERM ends a run as Ctrl-C does, sessions closed and changes taken back, and then as SIGTERM should."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def ending_politely() -> Iterator[None]:
    """Within it a SIGTERM interrupts as Ctrl-C does; once all is tidied up, the process ends by that signal."""
    told: list[int] = []

    def interrupt(number: int, _: FrameType | None) -> None:
        told.append(number)
        if signal.getsignal(signal.SIGINT) in (signal.SIG_IGN, signal.SIG_DFL):  # as shells start what is in background
            raise KeyboardInterrupt
        signal.raise_signal(signal.SIGINT)

    ours = threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if told:
            os.kill(os.getpid(), signal.SIGTERM)
