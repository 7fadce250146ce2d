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

    def interrupt(number: int, frame: FrameType | None) -> None:
        told.append(number)
        as_ctrl_c = signal.getsignal(signal.SIGINT)  # asyncio's while it runs, which cancels instead of raising
        if callable(as_ctrl_c):
            as_ctrl_c(number, frame)

    ours = threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # Started in the background by a shell: Ctrl-C is still none of ours, but asyncio minds no ignored signal.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if told:
            os.kill(os.getpid(), signal.SIGTERM)
