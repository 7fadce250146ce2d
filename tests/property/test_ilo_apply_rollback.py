"""Apply, then roll back: everything that an iLO holds is as before, whatever it held and whatever was asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.errors import ApplyError
from auditor.model.plan import NoUndo, SecretPlace
from auditor.model.resource import Address
from auditor.model.value import Boolean, Number, Text, Value
from auditor.surfaces.ilo.registry import Setting, read_registry
from tests.ilo_kills import Site, Wished, site
from tests.virtual_ilo import BIOS, PENDING, SNMP, bodies

DESTINATIONS = f"{SNMP}/SNMPAlertDestinations"
HOSTS = ("10.9.0.7", "10.9.0.8", "10.9.0.9")
USERS = ("alerts", "night")
Wishes = dict[str, Value | None]
_WORDS = st.text(st.characters(codec="ascii", exclude_categories=["C"]), max_size=12)


def _bios(names: int) -> st.SearchStrategy[dict[str, Setting]]:
    tree = bodies()
    registry = read_registry(next(body for body in tree.values() if "RegistryEntries" in body))
    there: Any = tree[BIOS]["Attributes"]
    found = [
        st.tuples(st.just(name), st.sampled_from(rule.values))
        for name, rule in registry.rules.items()
        if name in there and rule.type == "Enumeration" and rule.values and not (rule.read_only or rule.write_only)
    ]
    profile = st.tuples(st.just("WorkloadProfile"), st.sampled_from(registry.rules["WorkloadProfile"].values or ()))
    return st.lists(profile | st.one_of(found), max_size=names).map(dict)


_ALERTING = st.dictionaries(
    st.sampled_from(["alerts_enabled", "cold_start_trap", "v3_trap_enabled"]), st.booleans().map(Boolean)
) | st.dictionaries(st.sampled_from(["location", "contact"]), _WORDS.map(Text))
_PORT = st.sampled_from([None, 162, 1162])


@st.composite
def cases(draw: st.DrawFn) -> tuple[dict[str, Setting], dict[str, str], Wishes]:
    """BIOS values and destinations that are there, and what is asked for."""
    there = draw(st.dictionaries(st.sampled_from(HOSTS), st.sampled_from(USERS)))
    asked: Wishes = {
        str(Address("", "ilo.bios", "1", name)): Text(value) if isinstance(value, str) else Number(value)
        for name, value in draw(_bios(3)).items()
    }
    asked |= {str(Address("", "ilo.snmp", "1", name)): value for name, value in draw(_ALERTING).items()}
    for host in draw(st.lists(st.sampled_from(HOSTS), unique=True)):
        said: Wishes = {"present": None}
        if host not in there:
            said = {"present": Boolean(value=True), "protocol": Text("SNMPv3Trap"), "security_name": Text("alerts")}
        asked |= {str(Address("", "ilo.snmp_destination", host, name)): value for name, value in said.items()}
    if (port := draw(_PORT)) is not None:
        asked[str(Address("", "ilo.network_protocol", "1", "snmp_trap_port"))] = Number(port)
    return draw(_bios(3)), there, asked


def test_apply_then_rollback_is_identity(tmp_path: Path) -> None:
    changed: list[bool] = []
    with site(tmp_path) as place:
        pristine = bodies()[BIOS]["Attributes"]

        @given(cases())
        @settings(max_examples=25, suppress_health_check=[HealthCheck.differing_executors])
        def holds(case: tuple[dict[str, Setting], dict[str, str], Wishes]) -> None:
            bios, there, asked = case
            _put(place, {**pristine, **bios}, there)  # type: ignore[dict-item]
            before = place.state()
            steps = place.proposal(*asked.items()).steps
            place.steps = tuple(one for one in steps if not isinstance(one.undo, NoUndo))
            place.afresh()
            try:
                place.run("forward")
            except ApplyError:
                place.run("recover")
            else:
                changed.append(place.state() != before)
                assert changed[-1] == bool(place.steps)
                place.run("back")
            assert place.state() == before

        holds()
    assert sum(changed) > 5


def _put(place: Site, bios: dict[str, Setting], there: dict[str, str]) -> None:
    state = place.ilo.state
    for uri in (BIOS, PENDING):
        state.set(uri, "/Attributes", dict(bios))  # type: ignore[arg-type]
    for uri in [one for one in state.uris() if one.startswith(f"{DESTINATIONS}/")]:
        state.remove(uri)
    for number, (host, user) in enumerate(there.items(), 3):
        said: Any = {"AlertDestination": host, "SNMPAlertProtocol": "SNMPv3Trap", "SecurityName": user}
        body = {"Name": "SNMP Alert Destination", "TrapCommunity": "", "Id": str(number), **said}
        state.add(f"{DESTINATIONS}/{number}", body)


_PHRASES = {"A": "the first phrase", "B": "another phrase", "C": "a third phrase"}
_PHRASE = st.sampled_from(sorted(_PHRASES))
_PROTOCOL = st.sampled_from(["MD5", "SHA", "SHA256"])
Asked = list[tuple[str, Wished]]


@st.composite
def secret_cases(draw: st.DrawFn) -> tuple[dict[str, tuple[str, str]], dict[str, str], Asked]:
    """Users (protocol, variable) and v1 destinations (variable) that are there, and what is asked for."""
    users = draw(st.dictionaries(st.sampled_from(USERS), st.tuples(_PROTOCOL, _PHRASE)))
    places = draw(st.dictionaries(st.sampled_from(HOSTS), _PHRASE))
    asked: Asked = []
    for name in draw(st.lists(st.sampled_from(USERS), unique=True)):
        user = f'ilo.snmp_user["{name}"]'
        phrases = [f"{user}.auth_passphrase", f"{user}.privacy_passphrase"]
        if name not in users:
            asked += [(f"{user}.present", Boolean(value=True)), (f"{user}.auth_protocol", Text(draw(_PROTOCOL))),
                      (f"{user}.privacy_protocol", Text("AES"))]  # fmt: skip
            asked += [(one, SecretPlace(f"env:{draw(_PHRASE)}")) for one in phrases]
            continue
        asked += [(one, SecretPlace(f"env:{users[name][1]}", before=True)) for one in phrases]
        if draw(st.booleans()):
            asked.append((f"{user}.present", None))
        else:
            asked += [(one, SecretPlace(f"env:{draw(_PHRASE)}")) for one in phrases]
            asked.append((f"{user}.auth_protocol", Text(draw(_PROTOCOL))))
    for host in draw(st.lists(st.sampled_from(HOSTS), unique=True)):
        place = f'ilo.snmp_destination["{host}"]'
        if host not in places:
            asked += [(f"{place}.present", Boolean(value=True)), (f"{place}.protocol", Text("SNMPv1Trap")),
                      (f"{place}.community", SecretPlace(f"env:{draw(_PHRASE)}"))]  # fmt: skip
            continue
        old: tuple[str, Wished] = (f"{place}.community", SecretPlace(f"env:{places[host]}", before=True))
        new: tuple[str, Wished] = (f"{place}.community", SecretPlace(f"env:{draw(_PHRASE)}"))
        moved: tuple[str, Wished] = (f"{place}.address", Text(f"new-{host}"))
        asked += draw(st.sampled_from([[old, (f"{place}.present", None)], [old, new], [old, new, moved], [moved]]))
    return users, places, asked


def test_apply_then_rollback_is_identity_for_all_that_holds_a_secret(tmp_path: Path) -> None:
    changed: list[bool] = []
    with site(tmp_path) as place:
        place.secrets = _PHRASES

        @given(secret_cases())
        @settings(max_examples=40, suppress_health_check=[HealthCheck.differing_executors])
        def holds(case: tuple[dict[str, tuple[str, str]], dict[str, str], Asked]) -> None:
            users, places, asked = case
            _with_secrets(place, users, places)
            before = place.state()
            made = place.proposal(*asked)
            assert made.refusals == ()
            assert not [one for one in made.steps if isinstance(one.undo, NoUndo)]
            place.steps = made.steps
            place.afresh()
            place.run("forward")
            changed.append(place.state() != before)
            place.run("back")
            assert place.state() == before

        holds()
    assert sum(changed) > 10


def _with_secrets(place: Site, users: dict[str, tuple[str, str]], places: dict[str, str]) -> None:
    state = place.ilo.state
    for uri in [one for one in state.uris() if one.startswith((f"{DESTINATIONS}/", f"{SNMP}/SNMPUsers/"))]:
        state.remove(uri)
    for name, (protocol, variable) in users.items():
        phrase = _PHRASES[variable]
        said: Any = {"SecurityName": name, "AuthProtocol": protocol, "AuthPassphrase": phrase,
                     "PrivacyProtocol": "AES", "PrivacyPassphrase": phrase}  # fmt: skip
        assert state.create(f"{SNMP}/SNMPUsers", said).status == 201
    for host, variable in places.items():
        told: Any = {"AlertDestination": host, "SNMPAlertProtocol": "SNMPv1Trap", "TrapCommunity": _PHRASES[variable]}
        assert state.create(DESTINATIONS, told).status == 201
