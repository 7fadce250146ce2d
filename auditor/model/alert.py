"""Alerts that were sent to see whether they arrive: channels, what was received, and what that proves."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

Channel = Literal["snmp", "mail", "syslog", "event"]
CHANNELS: Final[tuple[Channel, ...]] = ("snmp", "mail", "syslog", "event")

ProofState = Literal["arrived", "not arrived", "not tested", "not set up"]


class Received(msgspec.Struct, frozen=True):
    """One alert that arrived somewhere.

    ``at`` is a moment of the clock that the run uses, in seconds. ``source`` is the sender's address; empty where it
    is not known (a mailbox). ``texts`` are the readable parts of its content. ``via`` says where it arrived.
    ``target`` is the one it was asked for, where a command was asked about one; else empty.
    """

    channel: Channel
    at: float
    source: str
    texts: tuple[str, ...]
    via: str
    target: str = ""


class Machine(msgspec.Struct, frozen=True):
    """How a target is known among alerts: addresses that it sends from, and words that its alerts hold.

    Words are host names, serial number, engine ids, and the id of its test event. ``sent`` is, by channel, the moment
    just before its test alert was asked for.
    """

    target: str
    addresses: frozenset[str]
    marks: tuple[str, ...]
    sent: tuple[tuple[Channel, float], ...] = ()


class Stranger(msgspec.Struct, frozen=True):
    """Alerts that prove nothing, and why: their channel, the sender's address, how many of them."""

    channel: Channel
    source: str
    why: str
    count: int = 1


class ChannelProof(msgspec.Struct, frozen=True):
    """What became of one test alert.

    ``accepted``: the iLO said that it would send it. ``seconds`` is how long it took to arrive, None where it did not.
    ``destinations`` is where the iLO sends alerts of this channel; ``via`` where arrivals were watched for.
    ``text`` says why, where there is something to say. ``code`` holds the iLO's status, 0 where it gave none.
    """

    channel: Channel
    state: ProofState
    accepted: bool = False
    seconds: float | None = None
    destinations: tuple[str, ...] = ()
    via: str = ""
    text: str = ""
    next_step: str = ""
    code: int = 0


class TargetProof(msgspec.Struct, frozen=True):
    """The channels of one target, in their order; ``failure`` says why nothing could be tested, else empty."""

    target: str
    channels: tuple[ChannelProof, ...] = ()
    failure: str = ""
    next_step: str = ""
    recorded: bool = False


class ProofReport(msgspec.Struct, frozen=True):
    """A run of alert tests: targets sorted by name. ``time`` is UTC, ISO 8601 with ``Z``.

    ``strangers`` arrived and prove nothing. ``warnings`` are sentences.
    """

    time: str
    waited_s: float
    targets: tuple[TargetProof, ...]
    strangers: tuple[Stranger, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every channel that was asked for could be tested, and at least one on every target."""
        return bool(self.targets) and all(
            not one.failure
            and any(proof.state in ("arrived", "not arrived") for proof in one.channels)
            and all(proof.state != "not tested" for proof in one.channels)
            for one in self.targets
        )

    @property
    def lost(self) -> bool:
        """Whether a test alert did not arrive."""
        return any(proof.state == "not arrived" for one in self.targets for proof in one.channels)
