"""Drift of a thing with itself is empty; exchanging the two states exchanges added and removed."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from auditor.evidence.compare import State, compare
from auditor.model.resource import Attribute, Resource, make_resource
from auditor.model.snapshot import Collected, Document, Gap, Interpretation
from auditor.model.source import FileSource
from auditor.model.value import Boolean, Duration, Many, NoLimit, Number, Text, Undetermined

_NAMES = st.sampled_from(["a", "b", "c"])
_VALUES = st.one_of(
    st.text(max_size=3).map(Text),
    st.integers(0, 3).map(Number),
    st.booleans().map(Boolean),
    st.sampled_from([60.0, 300.0]).map(Duration),
    st.just(NoLimit()),
    st.just(Undetermined("not known")),
    st.lists(st.integers(0, 1).map(Number), max_size=2).map(lambda items: Many(tuple(items))),
)
_SOURCES = st.one_of(st.none(), st.integers(1, 3).map(lambda line: FileSource("conf", line, line)))
_KINDS = st.sampled_from(["httpd.directive", "httpd.route", "httpd.file"])


@st.composite
def _resources(draw: st.DrawFn) -> tuple[Resource, ...]:
    keys = draw(st.sets(st.tuples(_KINDS, _NAMES), max_size=4))
    found = []
    for kind, name in sorted(keys):
        values = draw(st.dictionaries(_NAMES, st.tuples(_VALUES, _SOURCES), max_size=3))
        attributes = [Attribute(key, value, source) for key, (value, source) in values.items()]
        found.append(make_resource(kind, name, attributes, draw(_SOURCES)))
    return tuple(found)


_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-2, 2), st.text(max_size=2)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["Id", "x"]), inner)),
    max_leaves=6,
)


@st.composite
def _documents(draw: st.DrawFn) -> tuple[Document, ...]:
    texts = draw(
        st.dictionaries(_NAMES, st.lists(st.sampled_from([b"one\n", b"two\n", b"\xff"]), max_size=4), max_size=2)
    )
    bodies = draw(st.dictionaries(_NAMES, _JSON, max_size=2))
    found = [Document(name, f"files/{name}", b"".join(lines)) for name, lines in texts.items()]
    found += [Document(f"/{name}", f"{name}.json", json.dumps(body).encode()) for name, body in bodies.items()]
    return tuple(sorted(found, key=lambda document: document.name))


_GAPS = st.lists(
    st.builds(
        Gap,
        what=_NAMES,
        cause=st.just("not permitted"),
        kinds=st.sampled_from([(), ("httpd.route",)]),
        complete=st.booleans(),
    ),
    max_size=2,
    unique_by=lambda gap: gap.what,
).map(tuple)


@st.composite
def _states(draw: st.DrawFn) -> State:
    gaps = draw(_GAPS)
    collected = Collected("web1/httpd", "httpd", draw(_documents()), gaps=gaps)
    return State(collected, Interpretation("web1/httpd", "httpd", draw(_resources()), gaps))


@given(_states())
def test_drift_of_a_thing_with_itself_is_empty(state: State) -> None:
    drift = compare(state, state)
    assert drift.changes == ()
    assert drift.text_changes == ()
    assert set(drift.gaps) == set(state.collected.gaps)


@given(_states(), _states())
def test_exchanging_the_states_exchanges_added_and_removed(one: State, other: State) -> None:
    swapped = {"added": "removed", "removed": "added", "changed": "changed"}
    there, back = compare(one, other), compare(other, one)
    forward = sorted(
        (str(change.address), change.kind, repr(change.before), repr(change.after)) for change in there.changes
    )
    mirrored = sorted(
        (str(change.address), swapped[change.kind], repr(change.after), repr(change.before)) for change in back.changes
    )
    assert forward == mirrored


@given(_states(), _states())
def test_every_effect_comes_from_a_change_of_a_directive_that_is_told(one: State, other: State) -> None:
    changes = compare(one, other).changes
    told = {change.address for change in changes if change.address.kind == "httpd.directive"}
    for change in changes:
        assert change.effect_of is None or change.effect_of in told
        assert change.effect_of is None or change.address.kind != "httpd.directive"
