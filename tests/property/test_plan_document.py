"""Any plan survives its bytes, and any changed byte is another plan or none."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from auditor.errors import InputError
from auditor.model.plan import (
    AttributeIs,
    BiosAttributes,
    Cohort,
    DirectiveEdit,
    DocumentIs,
    Effect,
    FileChange,
    FindingRef,
    FirmwareUpdate,
    LinkChange,
    LinkIs,
    ManagerReset,
    NothingAt,
    NoUndo,
    Origin,
    Plan,
    RedfishCreate,
    RedfishDelete,
    RedfishPatch,
    Step,
    Wave,
    WholeFile,
)
from auditor.model.resource import Address
from auditor.model.value import Boolean, Duration, Many, NoLimit, Number, Raw, Secret, Text, Undetermined, Version
from auditor.plan.document import decode_plan, encode_plan, id_of, plan_id

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
finite = st.floats(allow_nan=False, allow_infinity=False)
whole = st.integers(-(2**53), 2**53)
value = st.recursive(
    st.one_of(
        st.builds(Text, text),
        st.builds(Number, st.one_of(whole, finite)),
        st.builds(Boolean, st.booleans()),
        st.builds(Duration, finite),
        st.just(NoLimit()),
        st.builds(Version, text),
        st.builds(Secret, text),
        st.builds(Raw, text),
        st.builds(Undetermined, text),
    ),
    lambda inner: st.builds(Many, st.lists(inner, max_size=3).map(tuple)),
    max_leaves=4,
)
address = st.builds(Address, st.just(""), text, text, text)
pairs = st.lists(st.tuples(text, text), max_size=3).map(tuple)
file = st.none() | st.builds(WholeFile, text, text, whole, text, text)
change = st.one_of(
    st.builds(DirectiveEdit, text, whole, whole, text, text),
    st.builds(FileChange, text, file, file),
    st.builds(LinkChange, text, st.none() | text, st.none() | text),
    st.builds(RedfishPatch, text, pairs),
    st.builds(BiosAttributes, text, text, pairs),
    st.builds(RedfishCreate, text, pairs),
    st.builds(RedfishDelete, text, pairs, text),
    st.builds(ManagerReset, text),
    st.builds(FirmwareUpdate, st.lists(text, max_size=2).map(tuple), text, text, text),
)
condition = st.one_of(
    st.builds(DocumentIs, text, text),
    st.builds(AttributeIs, address, st.none() | value),
    st.builds(NothingAt, text),
    st.builds(LinkIs, text, text),
)
conditions = st.lists(condition, max_size=2).map(tuple)
step = st.builds(
    Step,
    text,
    text,
    change,
    st.one_of(change, st.builds(NoUndo, text)),
    st.sampled_from(["none", "reload", "reboot"]),
    conditions,
    conditions,
)
effect = st.builds(Effect, address, st.none() | value, st.none() | value, st.booleans())
names = st.lists(text, max_size=3).map(tuple)
cohort = st.builds(Cohort, names, st.lists(step, max_size=2).map(tuple), st.lists(effect, max_size=2).map(tuple))
plans = st.builds(
    Plan,
    reason=text,
    author=text,
    created=text,
    expires=text,
    origin=st.builds(Origin, st.sampled_from(["set", "to"]), names, text, text, text, text),
    waves=st.lists(st.builds(Wave, text, names, whole, whole), max_size=2).map(tuple),
    cohorts=st.lists(cohort, max_size=2).map(tuple),
    fixes=st.lists(st.builds(FindingRef, text, address), max_size=2).map(tuple),
    notes=names,
)


@given(plans)
def test_a_plan_is_its_bytes(plan: Plan) -> None:
    content = encode_plan(plan)
    assert encode_plan(decode_plan(content)) == content
    assert decode_plan(encode_plan(decode_plan(content))) == decode_plan(content)


@given(plans, st.data())
def test_a_changed_byte_is_another_plan_or_none(plan: Plan, data: st.DataObject) -> None:
    content = bytearray(encode_plan(plan))
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    assert id_of(bytes(content)) != plan_id(plan)
    try:
        changed = decode_plan(bytes(content))
    except InputError:
        return
    assert plan_id(changed) != plan_id(plan)
