"""The use case "alerts test": test alerts asked for, watched for, matched to their machines, and recorded."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from auditor.errors import CollectError, InputError
from auditor.evidence.alert_matching import Matched, Matcher
from auditor.model.alert import CHANNELS, Channel, ChannelProof, Machine, ProofReport, TargetProof
from auditor.model.target import IloEndpoint, Target
from auditor.services.alert_settings import AlertSettings, SnmpVariables
from auditor.surfaces.ilo.alert_tests import Answered, Setup, TrapUser, Way, read_setup, trigger
from auditor.surfaces.ilo.client import IloClient, credentials_of
from auditor.surfaces.interface import Observe, ignore
from auditor.transport.executor import run_bounded
from auditor.transport.log_ins import LogIns
from auditor.transport.sinks import USUAL_PORTS, Sink, SnmpUser, sink_for
from auditor.transport.sinks.asking import Mailbox, asked, can_be_asked
from auditor.transport.sinks.certificate import context_of
from auditor.transport.sinks.inbox import Inbox

_AT_ONCE: Final = 8
_ASK_EVERY_S: Final = 3.0
_ONE_TARGET_S: Final = 120.0

OnListening = Callable[[Mapping[Channel, int]], None]
"""Told the port of every sink, once all listen and before anything is sent."""


@dataclass(frozen=True)
class ProofOptions:
    """How alerts are tested. ``channels``: those that must be tested; none: those that each iLO is set up for.

    ``environment`` holds credentials and pass phrases. ``clock`` only goes forward; ``now`` is the time in UTC.
    """

    settings: AlertSettings = field(default_factory=AlertSettings)
    channels: tuple[Channel, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    observe: Observe = ignore
    on_listening: OnListening | None = None
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = lambda: datetime.now(UTC)


@dataclass
class _Tested:
    """One target on its way: what was read of it, what it answered, and why nothing could be, where that is so."""

    target: Target
    machine: Machine
    setup: Setup | None = None
    answers: dict[Channel, Answered] = field(default_factory=dict)
    hindered: dict[Channel, str] = field(default_factory=dict)
    failure: str = ""
    next_step: str = ""


async def prove(targets: Sequence[Target], options: ProofOptions) -> ProofReport:
    """Asks every target for its test alerts, once each, and tells which arrived.

    Errors:
        InputError: a target is no iLO, a sink cannot listen, or a library is missing. Nothing was sent then.
    """
    others = [one.name for one in targets if not isinstance(one.location, IloEndpoint)]
    if others:
        raise InputError(
            f"{others[0]} is not read from an iLO itself: nothing else sends test alerts",
            untouched="Nothing was sent.",
            next_step="Name the iLO:  web1/ilo  of the inventory, or  ilo://HOST",
        )
    started = options.now()
    run = _Run(options)
    async with run.watching():
        tested = [one async for one in run.sent(targets)]
        matched, waited = await run.arrivals(tested)
        return run.report(tested, matched, started, waited)


@dataclass
class _Run:
    options: ProofOptions
    sinks: dict[Channel, Sink] = field(default_factory=dict)
    mailbox: Mailbox | None = None
    log_ins: LogIns = field(default_factory=LogIns)
    broken: dict[tuple[str, Channel], str] = field(default_factory=dict)
    started: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __post_init__(self) -> None:
        self.inbox = Inbox(self.options.clock)
        self.started = self.options.now()

    @property
    def wanted(self) -> tuple[Channel, ...]:
        return self.options.channels or CHANNELS

    # -- watching -------------------------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Everything that alerts may arrive at, open."""
        settings = self.options.settings
        async with AsyncExitStack() as stack:
            context = context_of(settings.certificate, settings.listen)
            for channel in self.wanted:
                ask = settings.ask.get(channel)
                if ask is None:
                    port = settings.ports.get(channel, USUAL_PORTS[channel])
                    sink = sink_for(channel, self.inbox, settings.listen, port, context)
                    self.sinks[channel] = await stack.enter_async_context(sink)
                elif ask.mailbox:
                    self.mailbox = Mailbox(Path(ask.mailbox), self.inbox)
                    await self.mailbox.start()
                else:
                    can_be_asked(ask.command, self.options.environment)
            if self.options.on_listening is not None:
                self.options.on_listening({channel: sink.port for channel, sink in self.sinks.items()})
            yield

    def place(self, channel: Channel) -> str:
        """Where arrivals of a channel are watched for."""
        if channel in self.sinks:
            return self.sinks[channel].place
        ask = self.options.settings.ask[channel]
        return f"command {ask.command[0]}" if ask.command else f"mailbox {ask.mailbox}"

    # -- sending --------------------------------------------------------------------------------------------------

    async def sent(self, targets: Sequence[Target]) -> AsyncIterator[_Tested]:
        """Each target once its test alerts were asked for, or it is known why not."""
        async for done in run_bounded(targets, self._one, at_once=_AT_ONCE):
            if done.result is None:
                raise done.error or AssertionError("a job gives a result or an error")
            yield done.result

    async def _one(self, target: Target) -> _Tested:
        assert isinstance(target.location, IloEndpoint)  # noqa: S101 - refused before
        self.options.observe(f"{target.name}: asking for test alerts")
        found = _Tested(target, Machine(target.name, await _addresses(target.location.url), ()))
        try:
            async with asyncio.timeout(_ONE_TARGET_S):
                credentials = credentials_of(target.location, self.options.environment)
                async with IloClient(target.location, credentials, log_ins=self.log_ins) as client:
                    await self._ask(client, found)
        except (CollectError, InputError) as error:
            found.failure, found.next_step = error.what, error.next_step or ""
        except TimeoutError:
            found.failure = f"it did not answer within {_ONE_TARGET_S:g} s"
        except Exception as error:  # others were asked already, and what became of their alerts has to be told
            found.failure = f"the auditor failed on it ({type(error).__name__}: {str(error)[:200]})"
        return found

    async def _ask(self, client: IloClient, found: _Tested) -> None:
        setup = await read_setup(client)
        found.setup = setup
        self._prepare(setup, found)
        event = f"auditor-{secrets.token_hex(8)}"
        moment = self.options.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        marks = (*setup.marks, event)
        for way in setup.ways:
            if way.channel not in self.wanted or way.state != "ready" or way.channel in found.hindered:
                continue
            sent = (*found.machine.sent, (way.channel, self.options.clock()))
            found.machine = Machine(found.target.name, found.machine.addresses, marks, sent)
            found.answers[way.channel] = await trigger(client, way, event, moment)
        if not found.machine.marks:
            found.machine = Machine(found.target.name, found.machine.addresses, marks, found.machine.sent)

    def _prepare(self, setup: Setup, found: _Tested) -> None:
        """Tells the SNMP sink whose v3 notifications to expect; nothing is sent that a sink could not take."""
        if setup.mail_logs_in and "mail" in self.sinks:
            found.hindered["mail"] = "the iLO logs in to its mail server, and a sink takes no password: ask a mailbox"
        sink = self.sinks.get("snmp")
        if sink is None:
            return
        missing: list[str] = []
        for user in setup.users:
            try:
                sink.know(self._with_passphrases(user))
            except InputError as error:
                missing.append(error.what)
        if setup.only_v3 and (missing or not setup.users):
            found.hindered["snmp"] = missing[0] if missing else "no user of its SNMP v3 destinations is set up"

    def _with_passphrases(self, user: TrapUser) -> SnmpUser:
        names = self.options.settings.users.get(user.name, SnmpVariables())
        environment = self.options.environment
        unset = [name for name in (names.auth_env, names.privacy_env) if not environment.get(name)]
        if unset:
            raise InputError(
                f"the pass phrases of the SNMP v3 user {user.name!r} are needed to verify its traps: "
                f"{' and '.join(unset)} not set"
            )
        auth, privacy = environment[names.auth_env], environment[names.privacy_env]
        return SnmpUser(user.name, user.auth, auth, user.privacy, privacy, user.engine_id)

    # -- waiting --------------------------------------------------------------------------------------------------

    async def arrivals(self, tested: Sequence[_Tested]) -> tuple[Matched, float]:
        """What arrived, once all did or the time was up; and how long that took, in seconds."""
        matcher = Matcher([one.machine for one in tested])
        awaited = {(one.target.name, channel) for one in tested for channel in one.answers if _may_come(one, channel)}
        started, looked_at = self.options.clock(), 0
        asking = [asyncio.ensure_future(one) for one in self._asking(tested)]
        try:
            while True:
                self.inbox.changed.clear()
                fresh, looked_at = self.inbox.received[looked_at:], len(self.inbox.received)
                matcher.take(fresh)
                left = self.options.settings.wait_s - (self.options.clock() - started)
                open_ = awaited - matcher.matched.arrived.keys() - self.broken.keys()
                if not open_ or left <= 0:
                    return matcher.matched, self.options.clock() - started
                self.options.observe(f"waiting for {len(open_)} of {len(awaited)} test alerts, {left:.0f} s left")
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(min(left, 1.0)):
                        await self.inbox.changed.wait()
        finally:
            for task in asking:
                task.cancel()
            await asyncio.gather(*asking, return_exceptions=True)

    def _asking(self, tested: Sequence[_Tested]) -> list[asyncio.Task[None]]:
        jobs = []
        for one in tested:
            for channel in one.answers:
                ask = self.options.settings.ask.get(channel)
                if ask is not None and ask.command and _may_come(one, channel):
                    jobs.append(asyncio.ensure_future(self._ask_command(one, channel, ask.command)))
        if self.mailbox is not None:
            jobs.append(asyncio.ensure_future(self._look_into(self.mailbox, tested)))
        return jobs

    async def _ask_command(self, one: _Tested, channel: Channel, command: tuple[str, ...]) -> None:
        environment = self._without_ours(one.target)
        words = {
            "host": one.target.host,
            "target": one.target.name,
            "channel": channel,
            "since": self.started.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        try:
            while True:
                words["until"] = self.options.now().strftime("%Y-%m-%dT%H:%M:%SZ")
                said = await asked(command, words, environment)
                if said is not None:
                    self.inbox.put(channel, "", (said,), self.place(channel), one.target.name)
                    return
                await asyncio.sleep(_ASK_EVERY_S)
        except InputError as error:
            self.broken[one.target.name, channel] = error.what
            self.inbox.changed.set()

    def _without_ours(self, target: Target) -> dict[str, str]:
        """The environment for a command of the site's own, without the credentials that are ours."""
        location = target.location
        hidden = {location.username_env, location.password_env} if isinstance(location, IloEndpoint) else set()
        for one in (SnmpVariables(), *self.options.settings.users.values()):
            hidden |= {one.auth_env, one.privacy_env}
        return {name: value for name, value in self.options.environment.items() if name not in hidden}

    async def _look_into(self, mailbox: Mailbox, tested: Sequence[_Tested]) -> None:
        try:
            while True:
                await mailbox.look()
                await asyncio.sleep(1.0)
        except InputError as error:
            self.broken.update({(one.target.name, "mail"): error.what for one in tested})
            self.inbox.changed.set()

    # -- telling --------------------------------------------------------------------------------------------------

    def report(self, tested: Sequence[_Tested], matched: Matched, started: datetime, waited: float) -> ProofReport:
        """What became of every alert."""
        proofs = []
        for one in sorted(tested, key=lambda found: found.target.name):
            ways = one.setup.ways if one.setup else ()
            channels = tuple(self._proof(one, way, matched) for way in ways if way.channel in self.wanted)
            proofs.append(TargetProof(one.target.name, channels, one.failure, one.next_step))
        moment = started.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return ProofReport(moment, waited, tuple(proofs), matched.strangers)

    def _proof(self, one: _Tested, way: Way, matched: Matched) -> ChannelProof:
        channel, said = way.channel, one.answers.get(way.channel)
        proof = ChannelProof(channel, "not tested", destinations=way.destinations, via=self.place(channel))
        if said is None:
            return self._untested(one, way, proof)
        replace = _replacing(proof, accepted=said.accepted, code=said.status)
        arrived = matched.arrived.get((one.target.name, channel))
        if arrived is not None:
            sent = dict(one.machine.sent)[channel]
            return replace(state="arrived", seconds=max(0.0, arrived.at - sent), via=arrived.via)
        if said.status and not said.accepted:
            return replace(text=said.text)
        if broken := self.broken.get((one.target.name, channel)):
            return replace(text=broken)
        if self.inbox.refused[channel]:
            return replace(text=f"{self.inbox.refused[channel]} messages more than can be looked at came in")
        unreadable = sum(self.inbox.unreadable[channel, address] for address in one.machine.addresses)
        if unreadable > 0:
            return replace(
                text=f"{unreadable} messages from its address could not be read or verified",
                next_step="SNMP v3: compare user, protocols, pass phrases and engine id with the iLO's.",
            )
        if not said.status:
            return replace(text=f"the iLO gave no answer, and nothing arrived ({said.text})")
        return replace(
            state="not arrived",
            text="the iLO said that it would send it",
            next_step="Compare where the iLO sends with where arrivals are watched for; then network and filters.",
        )

    def _untested(self, one: _Tested, way: Way, proof: ChannelProof) -> ChannelProof:
        replace = _replacing(proof)
        if one.failure:
            return replace(text=f"not asked for: {one.failure}")
        if way.channel in one.hindered:
            return replace(text=one.hindered[way.channel])
        if way.state == "not set up" and way.channel not in self.options.channels:
            return replace(state="not set up", text=way.why)
        return replace(text=way.why)


def _replacing(proof: ChannelProof, **known: object) -> Callable[..., ChannelProof]:
    import msgspec

    def replace(**changes: object) -> ChannelProof:
        return msgspec.structs.replace(proof, **known, **changes)

    return replace


def _may_come(one: _Tested, channel: Channel) -> bool:
    """Whether an alert may still arrive: the iLO took the request, or gave no answer to it."""
    said = one.answers[channel]
    return said.accepted or not said.status


async def _addresses(url: str) -> frozenset[str]:
    """The addresses of an iLO's name; none where it cannot be resolved."""
    host = urlsplit(url).hostname or ""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None)
    except (OSError, UnicodeError):
        return frozenset()
    return frozenset(str(one[4][0]) for one in found)
