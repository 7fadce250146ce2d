"""The use case "explain": which virtual host, route, proxy worker and setting govern a URL."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from auditor.errors import CollectError, InputError
from auditor.model.plan import Wish
from auditor.model.resource import Address
from auditor.model.snapshot import Collected, Gap, hides
from auditor.model.target import Archive, LocalTree, StoredSnapshot, Target
from auditor.model.value import Duration
from auditor.surfaces.httpd.answer import Answer
from auditor.surfaces.interface import CollectOptions, InterpretOptions
from auditor.transport.threads import need_loop

if TYPE_CHECKING:
    from auditor.services.fleet import Fleet

WHOLE = "whole target"
MAX_URLS: Final = 1_000_000
_TIMEOUT: Final = re.compile(r"timeout=(\d{1,9})", re.ASCII)
_GOVERNING = ("httpd.vhost", "httpd.route", "httpd.worker", "httpd.balancer", "httpd.server")


class OwnTimeout(msgspec.Struct, frozen=True):
    """What a plan would do that gives a route the read time-out which its own line asks for in vain.

    ``others`` are the routes whose read time-out would change with it.
    """

    address: Address
    seconds: int
    others: tuple[str, ...]


class Answers(msgspec.Struct, frozen=True):
    """One answer for each URL, in the order asked. ``gaps`` are those that may hide what governs.

    ``complete`` is False where a gap or an undetermined condition could make an answer another. ``own`` has one entry
    for each answer: None where no time-out is asked for in vain, or no plan can give it.
    """

    target: str
    answers: tuple[Answer, ...]
    gaps: tuple[Gap, ...]
    complete: bool
    own: tuple[OwnTimeout | None, ...] = ()


class Asking:
    """One httpd that can be asked about any number of URLs; its configuration is understood once.

    ``gaps`` are those that may hide what governs. ``complete`` turns False where a gap, or an answer given so far, says
    that an answer could be another.
    """

    def __init__(self, target: str, collected: Collected, options: InterpretOptions) -> None:
        from auditor.surfaces.httpd.collected_files import CollectedFiles
        from auditor.surfaces.httpd.explain import Explainer
        from auditor.surfaces.httpd.refusals import refusals_of
        from auditor.surfaces.httpd.resolving import known_release, resolve_collected

        resolved = resolve_collected(collected, options)
        self._explainer = Explainer(
            resolved, known_release(collected, options), stands=CollectedFiles(collected).standing
        )
        found = collected.gaps + resolved.gaps + refusals_of(resolved, self._explainer.models)
        self.target = target
        self.gaps = tuple(dict.fromkeys(gap for kind in _GOVERNING for gap in hides(found, kind)))
        self.complete = not self.gaps

    def answer(self, url: str) -> Answer:
        """The answer for a URL.

        Errors:
            InputError: the text is none.
        """
        found = self._explainer.explain(url)
        if found.undetermined:
            self.complete = False
        return found


async def begin_explain(
    target: Target,
    urls: Sequence[str],
    collect: CollectOptions,
    interpret: InterpretOptions,
    fleet: Fleet | None = None,
) -> Asking:
    """The httpd, ready to be asked about these URLs (and others).

    Errors:
        InputError: the target is no httpd, or a text is no URL; every such text is named.
        CollectError: nothing of the target can be read.
    """
    return (await _begin(target, urls, collect, interpret, fleet))[0]


async def run_explain(
    target: Target,
    urls: Sequence[str],
    collect: CollectOptions,
    interpret: InterpretOptions,
    fleet: Fleet | None = None,
) -> Answers:
    """The answers for some URLs on one httpd.

    Errors:
        InputError: the target is no httpd, or a text is no URL; every such text is named.
        CollectError: nothing of the target can be read.
    """
    asking, collected, options = await _begin(target, urls, collect, interpret, fleet)
    answers = tuple(asking.answer(url) for url in urls)
    plans: dict[tuple[str, int], OwnTimeout | None] = {}  # a proposal costs as much as understanding everything thrice
    own = []
    for answer in answers:
        asked = _asked_in_vain(answer)
        if asked is not None and asked not in plans:
            plans[asked] = _own_timeout(*asked, target.name, collected, options)
        own.append(None if asked is None else plans[asked])
    return Answers(target.name, answers, asking.gaps, asking.complete, tuple(own))


async def _begin(
    target: Target, urls: Sequence[str], collect: CollectOptions, interpret: InterpretOptions, fleet: Fleet | None
) -> tuple[Asking, Collected, InterpretOptions]:
    from auditor.services.observe import interpret_options_for
    from auditor.surfaces.httpd.explain import split_url

    if target.surface != "httpd":
        raise InputError(f"{target.name} is not an httpd, so no URL leads to it")
    _check_urls(urls, split_url)
    collected = await _collected(target, collect, fleet)
    options = interpret_options_for(target, interpret, fleet)
    return Asking(target.name, collected, options), collected, options


def urls_of(content: bytes) -> tuple[str, ...]:
    """The URLs of a list, one a line; blank lines and those that begin with ``#`` are passed over.

    Errors:
        InputError: there is none in it, or there are too many.
    """
    lines = (line.strip() for line in content.decode("utf-8", "surrogateescape").splitlines())
    found = tuple(line for line in lines if line and not line.startswith("#"))
    if not found:
        raise InputError("the list of URLs is empty", next_step="Write one URL a line.")
    if len(found) > MAX_URLS:
        raise InputError(f"the list holds more than {MAX_URLS:,} URLs", next_step="Ask in several runs.")
    return found


def _asked_in_vain(answer: Answer) -> tuple[str, int] | None:
    """The route whose own line asks for a time-out in vain, and how many seconds; None where none does."""
    asked = next(
        (
            found
            for one in answer.chain
            if one.verdict == "ignored" and one.source == answer.mapped_by_source
            if (found := _TIMEOUT.match(one.setting)) and int(found[1])
        ),
        None,
    )
    return None if asked is None or not answer.route else (answer.route, int(asked[1]))


def _own_timeout(
    route: str, seconds: int, target: str, collected: Collected, options: InterpretOptions
) -> OwnTimeout | None:
    """What ``plan --set`` would do; asked of the surface, so that nothing is promised which it cannot do."""
    from auditor.surfaces.httpd.propose import propose

    address = Address(target, "httpd.route", route, "read_timeout")
    proposal = propose((Wish(address, Duration(seconds)),), collected, options)
    if not proposal.steps:
        return None
    others = tuple(
        one.address.name for one in proposal.effects if not one.asked and one.address.attribute == address.attribute
    )
    return OwnTimeout(address, seconds, others)


def _check_urls(urls: Sequence[str], split: Callable[[str], object]) -> None:
    mistakes: list[InputError] = []
    for url in urls:
        try:
            split(url)
        except InputError as error:
            mistakes.append(error)
    if mistakes:
        raise InputError.gather(mistakes)


async def _collected(target: Target, options: CollectOptions, fleet: Fleet | None) -> Collected:
    """The target's documents, from where it stands or from the store.

    Errors:
        CollectError: nothing of it was seen.
    """
    if isinstance(target.location, StoredSnapshot) and fleet is not None:
        from auditor.store import Store

        with Store.open(fleet.store_path) as store:
            found = store.read(target.location.revision, target.location.target)
    else:
        from auditor.surfaces.httpd.collect import collect

        if not isinstance(target.location, LocalTree | Archive):
            need_loop()
        found = await collect(target, msgspec.structs.replace(options, whole_state=False))
    whole = next((gap for gap in found.gaps if gap.what == WHOLE), None)
    if whole is not None and not found.documents:
        raise CollectError(
            f"{target.name} cannot be read: {(whole.detail or whole.cause).rstrip('.')}.",
            cause=whole.cause,
            next_step=whole.next_step or None,
        )
    return found
