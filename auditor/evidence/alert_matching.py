"""Whose an alert is: matched by what it says and where it came from, or no proof for anybody."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from auditor.model.alert import Channel, Machine, Received, Stranger

_WORD: Final = re.compile(r"[\w.-]+")
"""A name is taken as a whole: ``web1-ilo`` is neither in ``web1-ilo2`` nor in ``web1-ilo.other.example``."""


class Matched(msgspec.Struct, frozen=True):
    """The first alert of each target and channel that came after its test was asked for, and those without a proof."""

    arrived: Mapping[tuple[str, Channel], Received]
    strangers: tuple[Stranger, ...]


class Matcher:
    """Knows the machines of a run by their words and addresses."""

    def __init__(self, machines: Sequence[Machine]) -> None:
        self._machines = {one.target: one for one in machines}
        self._by_mark: dict[str, set[str]] = {}
        for machine in machines:
            for mark in machine.marks:
                self._by_mark.setdefault(mark.casefold(), set()).add(machine.target)
        self._patterns = {mark: _whole(mark) for mark in self._by_mark if not _WORD.fullmatch(mark)}
        self._arrived: dict[tuple[str, Channel], Received] = {}
        self._strangers: Counter[tuple[Channel, str, str]] = Counter()

    def owner(self, alert: Received) -> tuple[str, str]:
        """The one target whose alert it is, and an empty reason; or no target, and why.

        A word that one machine alone has decides. Words that several share leave those; the sender's address decides
        among them. What an alert says and where it came from must not contradict each other, but for mail, which is
        relayed.
        """
        if alert.target:
            return (alert.target, "") if alert.target in self._machines else ("", "asked for no target of this run")
        by_address = {name for name, one in self._machines.items() if alert.source in one.addresses}
        own, shared = self._named(alert)
        named = own or shared
        if len(own) > 1:
            return "", f"names several machines: {_listed(own)}"
        if not named:
            if len(by_address) == 1:
                return next(iter(by_address)), ""
            if by_address:
                return "", f"comes from an address of several machines and names none of them: {_listed(by_address)}"
            return "", "names no machine of this run and comes from no address of one"
        if not own and len(named & by_address) != 1:
            return "", f"names what several machines are called: {_listed(shared)}"
        target = next(iter(own or named & by_address))
        if alert.channel != "mail" and by_address and target not in by_address:
            return "", f"names {target} and comes from the address of {_listed(by_address)}"
        return target, ""

    def take(self, alerts: Iterable[Received]) -> None:
        """Adds alerts to those that were matched before; each is looked at once."""
        for alert in alerts:
            target, why = self.owner(alert)
            sent = dict(self._machines[target].sent).get(alert.channel) if target else None
            if target and sent is None:
                why = f"of {target}, which was not asked for one"
            elif target and sent is not None and alert.at < sent:
                why = f"of {target}, before its test alert was asked for"
            if why:
                self._strangers[alert.channel, alert.source, why] += 1
                continue
            first = self._arrived.get((target, alert.channel))
            if first is None or alert.at < first.at:
                self._arrived[target, alert.channel] = alert

    @property
    def matched(self) -> Matched:
        """What the alerts taken so far prove."""
        listed = tuple(Stranger(*key, count) for key, count in sorted(self._strangers.items()))
        return Matched(self._arrived, listed)

    def _named(self, alert: Received) -> tuple[set[str], set[str]]:
        """The targets named by a word of their own, and those named by one that they share with others."""
        text = "\n".join(alert.texts).casefold()
        words = {word for found in _WORD.findall(text) for word in (found, found.rstrip("."))}
        marks = self._by_mark.keys() & words | {mark for mark, form in self._patterns.items() if form.search(text)}
        own: set[str] = set()
        shared: set[str] = set()
        for targets in (self._by_mark[mark] for mark in marks):
            if len(targets) == 1:
                own |= targets
            else:
                shared |= targets
        return own, shared


def _whole(mark: str) -> re.Pattern[str]:
    """A mark of several words as it stands, not within a longer word."""
    return re.compile(rf"(?<![\w.-]){re.escape(mark)}(?![\w-]|\.\w)")


def _listed(names: set[str]) -> str:
    ordered = sorted(names)
    return ", ".join(ordered[:5]) + (" …" if len(ordered) > 5 else "")
