"""``declared:`` of the inventory: the hops in front and behind, and the load, which no configuration of httpd says."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Final, Protocol

from auditor.model.declared import About, Declaration, Level, What
from auditor.model.source import InventorySource
from auditor.model.value import Duration, NoLimit
from auditor.policy.document import Item
from auditor.policy.values import read_duration

MAX_DECLARATIONS: Final = 5_000
_LONGEST_S: Final = 10 * 365 * 86_400.0
_RATE: Final = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)\s*(?:/\s*(s|min|h))?")
_PER: Final = {None: 1.0, "s": 1.0, "min": 60.0, "h": 3600.0}
_BYTES: Final = re.compile(r"(\d{1,15}(?:\.\d{1,6})?)\s*([kKMGT]i?)?(B|bit)?")
_SCALES: Final = {"k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12, "ki": 2.0**10, "mi": 2.0**20, "gi": 2.0**30, "ti": 2.0**40}


class Reader(Protocol):
    """What reads the inventory's items and gathers its mistakes."""

    def wrong(self, item: Item | None, what: str, next_step: str | None = None) -> None:
        """Notes a mistake."""
        ...

    def mapping(self, item: Item | None) -> tuple[tuple[str, Item], ...]:
        """The members of a mapping of names."""
        ...

    def members(self, item: Item | None, known: list[str]) -> dict[str, Item]:
        """The members of a mapping whose keys are known."""
        ...

    def text(self, item: Item | None, usual: str) -> str:
        """A text as written."""
        ...


def read_declared(reader: Reader, item: Item | None, level: Level, file: str) -> tuple[Declaration, ...]:
    """The declarations below one ``declared:``; ``file`` is the name that reports show. Mistakes go to the reader."""
    return _Declared(reader, level, file).all(item)


def together(reader: Reader, item: Item | None, levels: Iterable[Iterable[Declaration]]) -> tuple[Declaration, ...]:
    """The declarations of all levels for one target.

    Groups that contradict each other are a mistake, and half of what a rule compares is.
    """
    found = tuple(one for level in levels for one in level)
    uploads = {one.what: one for one in found if one.what in ("upload_size", "upload_rate")}
    if len(uploads) == 1:
        (one,) = uploads.values()
        missing = "no rate" if one.what == "upload_size" else "no size"
        reader.wrong(
            item,
            f"upload has {missing}, so nothing could be judged by {one.source}",
            "Write  upload: {size: 50MB, rate: 2Mbit/s}",
        )
    of_groups: dict[tuple[About, str, What], Declaration] = {}
    for one in found:
        if one.level != "group":
            continue
        other = of_groups.setdefault((one.about, one.pattern, one.what), one)
        settled = any(
            (own.about, own.pattern, own.what) == (one.about, one.pattern, one.what)
            for own in found
            if own.level in ("target", "host")
        )
        if other.value != one.value and not settled:
            reader.wrong(
                item,
                f"two of its groups declare {one.what} differently ({other.source} and {one.source})",
                "Say for the host itself which of them counts.",
            )
    return found


class _Declared:
    """One ``declared:`` being read."""

    def __init__(self, reader: Reader, level: Level, file: str) -> None:
        self.reader = reader
        self.level = level
        self.file = file
        self.found: list[Declaration] = []

    def all(self, item: Item | None) -> tuple[Declaration, ...]:
        parts = self.reader.members(item, ["front", "arrivals", "upload", "routes", "backends"])
        self.about(parts, "server", "")
        for name, entry in self.reader.mapping(parts.get("routes")):
            if self.named(name, entry, "route"):
                self.about(self.reader.members(entry, ["front", "arrivals", "upload"]), "route", name)
        for name, entry in self.reader.mapping(parts.get("backends")):
            if self.named(name, entry, "back end"):
                self.back_end(name, entry)
        if len(self.found) > MAX_DECLARATIONS:
            self.reader.wrong(item, f"more than {MAX_DECLARATIONS} values are declared here")
            return ()
        return tuple(self.found)

    def named(self, name: str, entry: Item, what: str) -> bool:
        """Whether a name of a route or back end may be one."""
        if name.strip() and name.isprintable():
            return True
        self.reader.wrong(entry, f"{name!r} names no {what}")
        return False

    def about(self, parts: Mapping[str, Item], about: About, pattern: str) -> None:
        """What is said of a server or a route."""
        keys = ["timeout", "keep_alive"] if about == "server" else ["timeout"]
        front = self.reader.members(parts.get("front"), keys)
        self.seconds(front.get("timeout"), about, pattern, "front_timeout")
        self.seconds(front.get("keep_alive"), about, pattern, "front_keep_alive")
        self.arrivals(parts.get("arrivals"), about, pattern)
        upload = self.reader.members(parts.get("upload"), ["size", "rate"])
        self.bytes(upload.get("size"), about, pattern, "upload_size")
        self.bytes(upload.get("rate"), about, pattern, "upload_rate")

    def back_end(self, pattern: str, entry: Item) -> None:
        """What is said of a back end."""
        if "://" not in pattern and not pattern.startswith(("unix:", "*")):
            self.reader.wrong(
                entry, f"{pattern!r} is no URL of a back end", "Write  http://10.0.0.5:8080  or  unix:/run/app.sock"
            )
            return
        parts = self.reader.members(entry, ["timeout", "keep_alive"])
        self.seconds(parts.get("timeout"), "back end", pattern, "timeout")
        self.seconds(parts.get("keep_alive"), "back end", pattern, "keep_alive")

    def say(self, item: Item, about: About, pattern: str, what: What, value: float, measured: str = "") -> None:
        source = InventorySource(self.file, item.place.line)
        self.found.append(Declaration(self.level, about, pattern, what, value, source, measured))

    def seconds(self, item: Item | None, about: About, pattern: str, what: What) -> None:
        """A time as people write it; ``no limit`` too."""
        if item is None:
            return
        value = read_duration(item.text) if item.text is not None else None
        match value:
            case NoLimit():
                self.say(item, about, pattern, what, math.inf)
            case Duration(seconds) if seconds <= _LONGEST_S and (seconds > 0 or what == "keep_alive"):
                self.say(item, about, pattern, what, seconds)
            case _:
                written = repr(item.text) if item.text is not None else item.what()
                self.reader.wrong(item, f"a time such as 60s, 2m or `no limit` is expected, not {written}")

    def arrivals(self, item: Item | None, about: About, pattern: str) -> None:
        """``40``, ``40/s``, ``2400/min``; with ``measured`` a mapping."""
        if item is None:
            return
        measured = ""
        place = item
        if item.members is not None:
            parts = self.reader.members(item, ["rate", "measured"])
            measured = self.reader.text(parts.get("measured"), "")
            if "rate" not in parts:
                self.reader.wrong(item, "rate is missing", "Write  {rate: 40/s, measured: access log of 2026-11-20}")
                return
            place = parts["rate"]
        found = _RATE.fullmatch((place.text or "").strip())
        rate = float(found[1]) / _PER[found[2]] if found else 0.0
        if rate <= 0:
            written = repr(place.text) if place.text is not None else place.what()
            self.reader.wrong(place, f"requests a second are expected, such as 40, 40/s or 2400/min, not {written}")
            return
        self.say(place, about, pattern, "arrivals", rate, measured)

    def bytes(self, item: Item | None, about: About, pattern: str, what: What) -> None:
        """``2GB``, ``250KiB``; of a rate ``250kB/s`` or ``2Mbit/s``."""
        if item is None:
            return
        is_rate = what == "upload_rate"
        text = (item.text or "").strip()
        found = _BYTES.fullmatch(text.removesuffix("/s").rstrip() if is_rate else text)
        value = float(found[1]) * _SCALES.get((found[2] or "").lower(), 1.0) if found else 0.0
        if found and found[3] == "bit":
            value = value / 8 if is_rate else 0.0
        if value <= 0:
            examples = "250kB/s or 2Mbit/s" if is_rate else "50MB or 2GiB"
            written = repr(item.text) if item.text is not None else item.what()
            expected = "bytes a second are expected" if is_rate else "bytes are expected"
            self.reader.wrong(item, f"{expected}, such as {examples}, not {written}")
            return
        self.say(item, about, pattern, what, value)
