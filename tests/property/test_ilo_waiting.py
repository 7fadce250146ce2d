"""What waits on a BIOS: told until the boot, decided by it, and never called nothing where it was not understood."""

from __future__ import annotations

import copy
import json
from functools import cache
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.model.snapshot import Interpretation
from auditor.model.value import Many, Text, Undetermined, Value, show, texts
from auditor.surfaces.ilo.body import Body, Json, canonical
from auditor.surfaces.ilo.registry import Setting, alike, read_registry
from auditor.surfaces.ilo.resources import interpret
from auditor.surfaces.ilo.simulator.state import IloState
from auditor.surfaces.interface import InterpretOptions
from tests.virtual_ilo import BIOS, PENDING, bodies, collection

SECOND = {BIOS: BIOS.replace("/1/", "/2/"), PENDING: PENDING.replace("/1/", "/2/")}
ODD: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=4,
)


@cache
def _written() -> bytes:
    """The service root, what is below the system, and the attribute registry: all that is read for a BIOS."""
    kept = ("/redfish/v1/systems", "/redfish/v1/registries")
    tree = {
        uri: body
        for uri, body in bodies().items()
        if uri.casefold().startswith(kept) or uri.rstrip("/") == "/redfish/v1" or "RegistryEntries" in body
    }
    return json.dumps(tree).encode()


def _tree() -> dict[str, Body]:
    found: dict[str, Body] = json.loads(_written())
    return found


@cache
def _free() -> dict[str, tuple[str, ...]]:
    """The attributes that no dependency of the registry speaks of, with the values that they may have."""
    tree = _tree()
    (body,) = (one for one in tree.values() if "RegistryEntries" in one)
    entries: Any = body["RegistryEntries"]
    spoken = json.dumps(entries.get("Dependencies", []))
    current: Any = tree[BIOS]["Attributes"]
    return {
        name: rule.values
        for name, rule in read_registry(body).rules.items()
        if rule.values and rule.comparable and name in current and json.dumps(name) not in spoken
    }


def _seen(tree: dict[str, Body]) -> Interpretation:
    return interpret(collection(tree), InterpretOptions())


def _value_of(seen: Interpretation, attribute: str, bios: str = "1") -> Value | None:
    found = seen.find("ilo.bios", bios)
    assert found is not None
    return found.value(attribute)


def _told(seen: Interpretation) -> dict[tuple[str, str], tuple[Value | None, Value | None]]:
    return {(one.address.name, one.address.attribute): (one.now, one.then) for one in seen.waiting}


def _with_a_second_system(tree: dict[str, Body]) -> dict[str, Body]:
    """The tree with another system beside the first, of the same kind and with a BIOS of its own."""
    for uri in [one for one in tree if one.casefold().startswith("/redfish/v1/systems/1")]:
        again = json.loads(json.dumps(tree[uri]).replace("ystems/1", "ystems/2"))
        tree[uri.replace("ystems/1", "ystems/2")] = again | ({"Id": "2"} if again.get("Id") == "1" else {})
    (systems,) = (one for one in tree if one.casefold().rstrip("/") == "/redfish/v1/systems")
    tree[systems]["Members"].append({"@odata.id": f"{systems.rstrip('/')}/2"})  # type: ignore[union-attr]
    return tree


@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_a_boot_takes_what_waits_or_says_what_it_refused(data: st.DataObject) -> None:
    free = _free()
    good = data.draw(st.lists(st.sampled_from(sorted(free)), max_size=3, unique=True))
    asked: dict[str, Setting] = {name: data.draw(st.sampled_from(free[name])) for name in good}
    left = sorted(set(free) - set(good))
    bad: dict[str, Setting] = dict.fromkeys(data.draw(st.lists(st.sampled_from(left), max_size=2, unique=True)), "Odd")
    bad |= {"NoSuchSetting": "x"} if data.draw(st.booleans()) else {}
    tree, now = _tree(), [0.0]
    before: dict[str, Any] = copy.deepcopy(tree[BIOS]["Attributes"])  # type: ignore[assignment]
    changed = {name: value for name, value in {**asked, **bad}.items() if before.get(name) != value}
    state = IloState(tree, post_s=5.0, clock=lambda: now[0])

    def seen() -> Interpretation:
        return _seen({uri: state.get(uri) for uri in state.uris()})

    state.patch(PENDING, {"Attributes": {**asked, **bad}})
    for boots in (False, True):
        if boots:
            state.start_post()
        found = seen()
        assert {name: then for (_, name), (_, then) in _told(found).items()} == {
            name: Text(str(value)) for name, value in changed.items()
        }
        assert _value_of(found, "pending") == texts(*sorted(changed))
        assert all(_value_of(found, name) == Text(before[name]) for name in changed if name in before)
        assert _value_of(found, "verdict") == Text("applied")  # that of the boot before
    now[0] += 5.0
    found = seen()
    assert found.waiting == ()
    assert _value_of(found, "pending") == Many(())
    assert _value_of(found, "verdict") == Text("rejected" if bad else "applied")
    refused = _value_of(found, "rejected")
    assert isinstance(refused, Many)
    assert sorted(show(one).partition(": ")[2] for one in refused.items) == sorted(bad)
    assert all(_value_of(found, name) == Text(str(value)) for name, value in asked.items())
    assert all(_value_of(found, name) == Text(before[name]) for name in bad if name in before)


@settings(deadline=None, max_examples=60)
@given(
    odd=st.dictionaries(st.sampled_from(["BootMode", "AutoPowerOn", "NoSuchSetting"]), ODD, min_size=1),
    now=st.dictionaries(st.sampled_from(["BootMode", "AutoPowerOn"]), ODD, max_size=1),
)
def test_no_odd_pending_value_means_that_nothing_waits(odd: dict[str, Json], now: dict[str, Json]) -> None:
    tree = _with_a_second_system(_tree())
    tree[BIOS]["Attributes"] |= now  # type: ignore[operator]
    tree[PENDING]["Attributes"] |= {**now, **odd}  # type: ignore[operator]
    tree[SECOND[PENDING]]["Attributes"]["BootMode"] = "LegacyBios"  # type: ignore[index, call-overload]
    current: Any = tree[BIOS]["Attributes"]
    seen = _seen(tree)

    def same(one: Json, other: Json) -> bool:
        plain = not isinstance(one, list | dict) and not isinstance(other, list | dict)
        return alike(one, other) if plain else canonical(one) == canonical(other)  # type: ignore[arg-type]

    differs = {name for name, value in odd.items() if not same(current.get(name), value)}
    unclear = {name for name in differs if odd[name] is None or isinstance(odd[name], list | dict)}
    told = {name: then for (bios, name), (_, then) in _told(seen).items() if bios == "1"}
    assert set(told) == differs
    assert {name for name, then in told.items() if isinstance(then, Undetermined)} == unclear
    waits = _value_of(seen, "pending")
    sure = differs - unclear
    assert waits == texts(*sorted(sure)) if sure or not unclear else isinstance(waits, Undetermined)
    assert any(gap.what == PENDING and not gap.complete for gap in seen.gaps) == bool(unclear)
    for name, value in now.items():
        if value is None or isinstance(value, list | dict):
            assert isinstance(_value_of(seen, name), Undetermined)
    # and the neighbour is told as if the first were as any other
    assert _value_of(seen, "pending", "2") == texts("BootMode")
    assert [(key, pair) for key, pair in _told(seen).items() if key[0] == "2"] == [
        (("2", "BootMode"), (Text("Uefi"), Text("LegacyBios")))
    ]


@settings(deadline=None, max_examples=40)
@given(odd=ODD, whole=st.sampled_from(["/Attributes", "/@Redfish.Settings", "/@Redfish.Settings/Messages"]))
def test_odd_settings_are_a_doubt_and_neither_an_error_nor_a_pass(odd: Json, whole: str) -> None:
    tree = _tree()
    where = tree[PENDING] if whole == "/Attributes" else tree[BIOS]
    *path, last = whole.split("/")[1:]
    for name in path:
        where = where[name]  # type: ignore[assignment]
    where[last] = odd
    now = [0.0]
    state = IloState(tree, post_s=5.0, clock=lambda: now[0])
    seen = _seen({uri: state.get(uri) for uri in state.uris()})
    if whole == "/Attributes":
        assert isinstance(_value_of(seen, "pending"), Undetermined) or isinstance(odd, dict)
    elif whole == "/@Redfish.Settings":
        assert isinstance(_value_of(seen, "pending"), Undetermined)
        assert isinstance(_value_of(seen, "verdict"), Undetermined) or isinstance(odd, dict)
    else:
        assert _value_of(seen, "verdict") != Text("applied")
        assert _value_of(seen, "verdict") != Text("none") or odd is None or odd == []
    assert _value_of(seen, "BootMode") == Text("Uefi")
    state.start_post()
    now[0] += 5.0
    seen = _seen({uri: state.get(uri) for uri in state.uris()})
    told = isinstance(odd, dict) or whole.endswith("/Messages")
    assert told or isinstance(_value_of(seen, "pending"), Undetermined), "a boot explains nothing"
