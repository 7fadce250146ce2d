"""The least edits that fulfil wishes about an httpd, with every effect: computed by interpreting the edited files."""

from __future__ import annotations

from itertools import pairwise

import msgspec

from auditor.model.plan import (
    AttributeIs,
    Condition,
    DirectiveEdit,
    Disruption,
    DocumentIs,
    Effect,
    FileChange,
    Proposal,
    Step,
    Wish,
)
from auditor.model.resource import Address
from auditor.model.snapshot import Collected, Document, Interpretation
from auditor.model.value import Boolean, Duration, Number, Text, Undetermined, Value, show
from auditor.surfaces.httpd.activation import heaviest, needed, sentence, unknown
from auditor.surfaces.httpd.apart import apart
from auditor.surfaces.httpd.edited_files import EditedFiles, Made
from auditor.surfaces.httpd.governing import Model, build_model
from auditor.surfaces.httpd.leading import KIND, Led, lead
from auditor.surfaces.httpd.operations import undone
from auditor.surfaces.httpd.owned import with_owners
from auditor.surfaces.httpd.package_steps import KIND as PACKAGE
from auditor.surfaces.httpd.package_steps import propose_packages
from auditor.surfaces.httpd.plain_files import missed_by, newly_refused
from auditor.surfaces.httpd.planned_secrets import refuse_in_clear
from auditor.surfaces.httpd.refusals import features
from auditor.surfaces.httpd.resolving import known_release, resolve_collected
from auditor.surfaces.httpd.resources import interpret
from auditor.surfaces.httpd.rewording import WordingError, physical_lines, same_arguments
from auditor.surfaces.httpd.versions import behaviours
from auditor.surfaces.httpd.wanted import RefusedWish
from auditor.surfaces.httpd.whole_files import activated, in_order
from auditor.surfaces.httpd.wishes import LineChange, changes_for
from auditor.surfaces.httpd.worlds import worlds
from auditor.surfaces.interface import InterpretOptions, WholeFiles

_Key = tuple[str, str, str]


def propose(wishes: tuple[Wish, ...], collected: Collected, options: InterpretOptions) -> Proposal:
    """Steps in order, every effect on other attributes, and what cannot be done, a sentence each. Pure.

    A step's line numbers are those of the file as the steps before it leave it. All steps are activated at once, by
    what the heaviest of them needs.

    Errors:
        RefusedError: for a plan, a secret is asked for in clear.
    """
    if any(wish.address.kind == PACKAGE for wish in wishes):
        return propose_packages(wishes, collected)
    if isinstance(options, WholeFiles) and options.sealer is not None:
        refuse_in_clear(wishes, collected, options.sealer)
    before = interpret(collected, options)
    led = lead([wish for wish in wishes if wish.address.kind == KIND], collected, options)
    state, refusals, notes = led.state, led.refusals, led.notes
    edits: list[tuple[Made, Wish]] = []
    fulfilled: list[Wish] = []
    for wish in wishes:
        if wish.address.kind == KIND:
            continue
        try:
            made = _fulfil(wish, _alike(wish, wishes), state, before, options)
        except RefusedWish as refusal:
            refusals.append(str(refusal))
            continue
        if not made:
            now = "absent" if wish.value is None else show(wish.value)
            notes.append(f"already so: {_local(wish.address)} is {now}")
            continue
        for one in made:
            state = _apply(state, one.edit)
            edits.append((one, wish))
            notes += [note for note in one.notes if note not in notes]
        fulfilled.append(wish)
    if not edits and not led.steps:
        return Proposal(collected.target, (), (), tuple(refusals), tuple(notes))
    after = interpret(state, options)
    missed = [sentence for wish in fulfilled if (sentence := _missed(wish, before, after))]
    if any(isinstance(step.change, FileChange) for step in led.steps):
        missed += _needed(led, [one.edit for one, _ in edits], collected, state, options)
    if missed:
        return Proposal(collected.target, (), (), (*refusals, *missed), tuple(notes))
    links, reasons = activated(led.steps, collected, led.state, options) if led.steps else ((), ())
    ways, others = _activated(led.state, [one for one, _ in edits], options)
    notes += [reason for reason in (*reasons, *others) if reason not in notes]
    steps = tuple(
        _step(number, one, wish, collected, (before, after), way, options)
        for number, ((one, wish), way) in enumerate(zip(edits, ways, strict=True), 1)
    )
    asked = {_key(wish.address) for wish in fulfilled}
    effects = _effects(before, after, asked, frozenset(led.asked))
    count = sum(1 for one in effects if not one.asked and one.address.attribute == "read_timeout")
    if count:
        notes.append(f"the read time-out of {count} other {'route' if count == 1 else 'routes'} changes too")
    proposal = Proposal(collected.target, in_order((*links, *steps)), effects, tuple(refusals), tuple(notes))
    return with_owners(proposal, collected, options)


def _alike(wish: Wish, wishes: tuple[Wish, ...]) -> frozenset[str]:
    """The resources that the same is asked for: those may share what is changed."""
    return frozenset(
        one.address.name
        for one in wishes
        if (one.address.kind, one.address.attribute, one.value)
        == (wish.address.kind, wish.address.attribute, wish.value)
    )


def _fulfil(
    wish: Wish, alike: frozenset[str], state: Collected, before: Interpretation, options: InterpretOptions
) -> list[Made]:
    """The edits for one wish, each against the state that the ones before leave."""
    if not _known(wish, before):
        return []
    model, files = _model(state, options), EditedFiles(state)
    changes = changes_for(model, wish, files.read)
    made = _made(changes, state, model, wish)
    if wish.address.kind != "httpd.route" or not (others := _others(alike, state, made, options)):
        return made
    return _apart(wish, state, model, made, others, options)


def _made(changes: list[LineChange], state: Collected, model: Model, wish: Wish) -> list[Made]:
    """The edits of changes that do not depend on each other."""
    files = EditedFiles(state)
    # Two links to one file are one file, and a line of a macro that is used twice is one line.
    distinct = {(files.document(one.file).name, one.line, one.why): one for one in reversed(changes)}
    made: list[Made] = []
    # From the last line up, so that a change does not move the lines of the next.
    for _, change in sorted(distinct.items(), key=lambda item: (item[0][0], -item[0][1])):
        one = EditedFiles(state).make(change, model.resolved, wish)
        if one.edit.before != one.edit.after:
            made.append(one)
            state = _apply(state, one.edit)
    return made


def _apart(
    wish: Wish, state: Collected, model: Model, shared: list[Made], others: list[str], options: InterpretOptions
) -> list[Made]:
    """The edits that change no other route, where there are such; else those that do, with the reason as a note."""
    try:
        made: list[Made] = []
        left = state
        for change in apart(model, wish):
            made.append(EditedFiles(left).make(change, model.resolved, wish))
            left = _apply(left, made[-1].edit)
        if _others(frozenset({wish.address.name}), state, made, options) or _missed(
            wish, interpret(state, options), interpret(left, options)
        ):
            raise RefusedWish("what was tried changes others too")
    except (RefusedWish, WordingError) as refusal:
        named = ", ".join(others[:8]) + (f" and {len(others) - 8} more" if len(others) > 8 else "")
        note = f"{wish.address.name} cannot be separated from {named}: {refusal}"
        return [msgspec.structs.replace(shared[0], notes=(*shared[0].notes, note)), *shared[1:]]
    note = f"{wish.address.name} gets a proxy worker of its own, so that no other route changes"
    return [msgspec.structs.replace(made[0], notes=(*made[0].notes, note)), *made[1:]]


def _others(asked: frozenset[str], state: Collected, made: list[Made], options: InterpretOptions) -> list[str]:
    """The other routes whose time-outs or back ends the edits change, or that go or come by them."""
    after = state
    for one in made:
        after = _apply(after, one.edit)
    old, new = _routes(interpret(state, options)), _routes(interpret(after, options))
    names = sorted(old.keys() | new.keys())
    return [name for name in names if name not in asked and old.get(name) != new.get(name)]


def _routes(interpretation: Interpretation) -> dict[str, tuple[Value | None, ...]]:
    what = ("read_timeout", "connect_timeout", "back_end")
    return {one.name: tuple(one.value(name) for name in what) for one in interpretation.of_kind("httpd.route")}


def _known(wish: Wish, before: Interpretation) -> bool:
    """Whether there is something to change: what is wished gone may be gone already.

    Errors:
        RefusedWish: the resource is not there, and cannot be made; or its value cannot be known.
    """
    address = wish.address
    resource = before.find(address.kind, address.name)
    if resource is None:
        if address.kind == "httpd.directive":
            return wish.value not in (None, Boolean(False))
        raise RefusedWish(f"{_local(address)}: there is no such resource")
    value = resource.value(address.attribute)
    if isinstance(value, Undetermined):
        raise RefusedWish(f"{_local(address)} cannot be known now: {value.cause}")
    return True


def _model(collected: Collected, options: InterpretOptions) -> Model:
    resolved = resolve_collected(collected, options)
    first = worlds(resolved, behaviours(known_release(collected, options), features(resolved))).first
    return build_model(msgspec.structs.replace(resolved, directives=first.directives), first.behaviour)


def _apply(state: Collected, edit: DirectiveEdit) -> Collected:
    """The collection as it will be once an edit is done."""
    documents = []
    for document in state.documents:
        if document.name == edit.file:
            lines = physical_lines(document.content.decode("latin-1"))
            lines[edit.line - 1 : edit.last_line] = [edit.after] if edit.after else []
            document = msgspec.structs.replace(document, content="".join(lines).encode("latin-1"))
        documents.append(document)
    return msgspec.structs.replace(state, documents=tuple(documents))


def _missed(wish: Wish, before: Interpretation, after: Interpretation) -> str:
    """Why the edits do not fulfil a wish; empty where they do."""
    address = wish.address
    if wish.value is None:
        return ""
    resource = after.find(address.kind, address.name)
    if resource is None:
        if address.attribute == "present" and wish.value == Boolean(False):
            return ""
        # A directive whose key is part of the value has another name now: what was asked for stands there.
        return (
            ""
            if before.find(address.kind, address.name)
            else (f"{_local(address)} would not be there: its arguments {show(wish.value)} give it another name")
        )
    value = resource.value(address.attribute)
    if wish.value == Boolean(False) and address.attribute == "present":
        return ""  # the next of that name has taken it over
    if address.attribute == "arguments" and value is not None and same_arguments(show(value), show(wish.value)):
        return ""
    if value == wish.value or (value is not None and show(value) == show(_same_type(wish.value, value))):
        return ""
    shown = "nothing" if value is None else show(value)
    return f"{_local(address)} would be {shown}, not {show(wish.value)}: another setting governs"


def _same_type(wanted: Value, like: Value) -> Value:
    """A wanted text or number, compared as the attribute's own type."""
    if isinstance(like, Duration) and isinstance(wanted, Number):
        return Duration(float(wanted.value))
    if isinstance(like, Text) and isinstance(wanted, Number):
        return Text(show(wanted))
    return wanted


def _step(
    number: int,
    made: Made,
    wish: Wish,
    collected: Collected,
    seen: tuple[Interpretation, Interpretation],
    way: Disruption,
    options: InterpretOptions,
) -> Step:
    before, after = seen
    edit = made.edit
    address = msgspec.structs.replace(wish.address, target="")
    preconditions: list[Condition] = []
    document = collected.document(edit.file)
    if document is not None and (digest := document.fingerprint or _digest(document, options)):
        preconditions.append(DocumentIs(edit.file, digest))
    preconditions.append(AttributeIs(address, _value(before, wish.address)))
    return Step(
        id=f"{number}",
        why=made.why,
        change=edit,
        undo=undone(edit),
        disruption=way,
        preconditions=tuple(preconditions),
        postconditions=(AttributeIs(address, _value(after, wish.address)),),
    )


def _digest(document: Document, options: InterpretOptions) -> str:
    """The keyed digest of a file without secrets; empty where there is no key."""
    sealer = options.sealer if isinstance(options, WholeFiles) else None
    return sealer.fingerprint(document.content) if sealer is not None else ""


def _activated(
    collected: Collected, edits: list[Made], options: InterpretOptions
) -> tuple[list[Disruption], list[str]]:
    """What each edit needs to take effect, and why it is more than a reload."""
    states = [collected]
    for one in edits:
        states.append(_apply(states[-1], one.edit))
    first, last = (resolve_collected(one, options) for one in (collected, states[-1]))
    found = needed(first, last)
    notes = [sentence(one) for one in found]
    notes += [f"whether a reload is enough for {name}, its module's manual says" for name in unknown(first, last)]
    if not found:
        return [heaviest(())] * len(edits), notes
    read = [first, *(resolve_collected(one, options) for one in states[1:-1]), last]
    ways = [heaviest(needed(*pair)) for pair in pairwise(read)]
    if heaviest(found) not in ways:  # the steps need it together: a Listen goes, and another of its port comes
        ways[-1] = heaviest(found)
    return ways, notes


def _needed(
    led: Led, edits: list[DirectiveEdit], before: Collected, after: Collected, options: InterpretOptions
) -> list[str]:
    """Why files cannot come or go, for what else the tree then holds, a sentence each."""
    then = resolve_collected(after, options)
    edited = frozenset(edit.file for edit in edits)
    found = missed_by(led.steps, edited, before, after, then)
    return found or newly_refused(resolve_collected(before, options), then)


def _value(interpretation: Interpretation, address: Address) -> Value | None:
    resource = interpretation.find(address.kind, address.name)
    return None if resource is None else resource.value(address.attribute)


def _effects(
    before: Interpretation, after: Interpretation, asked: set[_Key], files: frozenset[str]
) -> tuple[Effect, ...]:
    """Every attribute that differs, sorted by address; a file's digest goes without saying. ``files`` are asked for."""
    old, new = _values(before), _values(after)
    found = []
    for key in sorted(old.keys() | new.keys()):
        was, is_ = old.get(key), new.get(key)
        if was == is_ or (isinstance(was, Undetermined) and isinstance(is_, Undetermined)):
            continue
        found.append(Effect(Address("", *key), was, is_, asked=key in asked or (key[0] == KIND and key[1] in files)))
    return tuple(found)


def _values(interpretation: Interpretation) -> dict[_Key, Value]:
    return {
        (resource.kind, resource.name, attribute.name): attribute.value
        for resource in interpretation.resources
        for attribute in resource.attributes
        if (resource.kind, attribute.name) != ("httpd.file", "digest")
    }


def _key(address: Address) -> _Key:
    return address.kind, address.name, address.attribute


def _local(address: Address) -> Address:
    return msgspec.structs.replace(address, target="")
