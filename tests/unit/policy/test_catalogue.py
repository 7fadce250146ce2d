"""The firmware catalogue: what it refuses, what it says of an installed version, and the order of installations."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.errors import InputError
from auditor.model.catalogue import Catalogue
from auditor.model.resource import Attribute, Resource, make_resource
from auditor.model.snapshot import Interpretation
from auditor.model.value import Boolean, Text, Undetermined, Version, texts
from auditor.policy.catalogue import load_catalogue
from auditor.policy.firmware import Step, newest, standings, way_to, with_catalogue
from auditor.policy.versions import compare_versions

SHA = "ab" * 32
NEC = f"""\
format: auditor.firmware-catalogue/v1
components:
  - id: sps
    match: Server Platform Services*
    device_class: 5B1C0D3E
    targets: [t-1, t-2]
    versions:
      - {{version: 4.4.4.58, file: sps-58.bin, sha256: {SHA}}}
      - version: 4.4.4.62
        file: sps-62.bin
        sha256: {SHA}
        needs: [{{component: ie, at_least: 1.0.0.22}}]
        back: 4.4.4.58
  - id: ie
    match: Innovation Engine*
    versions:
      - {{version: 1.0.0.20}}
      - {{version: 1.0.0.30, file: ie-30.bin, sha256: {SHA}, irreversible: true}}
      - {{version: 1.0.0.22, file: ie-22.bin, sha256: {SHA}, irreversible: true}}
"""


def catalogue(text: str = NEC) -> Catalogue:
    return load_catalogue([("firmware/nec.yaml", text.encode())])


def component(name: str, version: str, *, where: str = "", device_class: str = "", target: str = "") -> Resource:
    attributes = [Attribute("component", Text(name)), Attribute("version", Version(version))]
    attributes += [Attribute("device_class", Text(device_class))] if device_class else []
    attributes += [Attribute("targets", texts(target))] if target else []
    return make_resource("ilo.firmware", f"{name} {where}".strip(), attributes)


def sps(version: str) -> Resource:
    return component("Server Platform Services (SPS) Firmware", version, device_class="5b1c0d3e", target="T-2")


def ie(version: str, where: str = "") -> Resource:
    return component("Innovation Engine (IE) Firmware", version, where=where)


def seen(*resources: Resource, policy: str = "AllowDowngrade") -> Interpretation:
    manager = make_resource("ilo.manager", "1", [Attribute("downgrade_policy", Text(policy))])
    return Interpretation("db1/ilo", "ilo", (manager, *resources), ())


def way(*resources: Resource, wanted: str) -> tuple[Step, ...] | str:
    found = catalogue()
    there = standings(seen(*resources), found)
    entry = next(one for one in there[0].components[0].versions if one.version == wanted)
    return way_to(there[0], entry, there, found)


@pytest.mark.parametrize(
    ("old", "new", "said", "line"),
    [
        ("match: Innovation", "matches: Innovation", 'unknown key "matches"; did you mean match?', 15),
        (f"sha256: {SHA}, irreversible", "sha256: abc, irreversible", "a SHA-256 has 64 hexadecimal digits", 19),
        (f"file: sps-58.bin, sha256: {SHA}", "file: sps-58.bin", "an artefact has both file and sha256", 8),
        ("file: sps-58.bin", "file: ../sps-58.bin", "is not below the catalogue's folder", 8),
        ("file: sps-58.bin", "file: /sps-58.bin", "is not below the catalogue's folder", 8),
        ("back: 4.4.4.58", "back: 4.4.4.57", "is not catalogued", 9),
        ("back: 4.4.4.58", "back: 4.4.4.62", "is not an older one", 9),
        ("back: 4.4.4.58", "back: 4.4.4.58\n        irreversible: true", "called irreversible, and a way back", 9),
        ("component: ie", "component: iee", "no component of the catalogue; did you mean ie?", 9),
        ("at_least: 1.0.0.22", "at_least: 1.0.1", "with an artefact is at least 1.0.1", 9),
        ("version: 1.0.0.20}", "version: 1.0.0.022}", 'the version "1.0.0.22" stands twice', 19),
        ("id: ie\n", "id: sps\n", 'the component "sps" stands twice', 14),
        ("id: ie\n", "id: IE\n", "small letters", 14),
        ("irreversible: true", "irreversible: maybe", "true or false is expected", 19),
        ("catalogue/v1", "catalogue/v2", "is not known", 1),
    ],
)
def test_a_mistake_is_named_with_its_line(old: str, new: str, said: str, line: int) -> None:
    assert old in NEC
    with pytest.raises(InputError, match=r"firmware/nec\.yaml") as caught:
        catalogue(NEC.replace(old, new))
    assert said in str(caught.value)
    assert f"firmware/nec.yaml:{line}:" in str(caught.value)


def test_needs_in_a_circle_are_refused_and_shown() -> None:
    circle = NEC.replace(
        f"version: 1.0.0.22, file: ie-22.bin, sha256: {SHA}, irreversible: true",
        f"version: 1.0.0.22, file: i, sha256: {SHA}, needs: [{{component: sps, at_least: 4.4.4.60}}]",
    )
    with pytest.raises(InputError, match=r"in a circle: sps 4\.4\.4\.62 -> ie 1\.0\.0\.22 -> sps 4\.4\.4\.62"):
        catalogue(circle)
    own = NEC.replace("needs: [{component: ie, at_least: 1.0.0.22}]", "needs: [{component: sps, at_least: 4.4.4.60}]")
    with pytest.raises(InputError, match=r"in a circle: sps 4\.4\.4\.62 -> sps 4\.4\.4\.62"):
        catalogue(own)


def test_a_long_chain_of_needs_is_no_circle_and_no_overflow() -> None:
    rows = [f"      - {{version: '1.{n}', file: f, sha256: {SHA}" for n in range(300)]
    rows = [rows[0] + "}"] + [
        f"{row}, needs: [{{component: a, at_least: '1.{n}'}}]}}" for n, row in enumerate(rows[1:])
    ]
    text = "format: auditor.firmware-catalogue/v1\ncomponents:\n  - id: a\n    match: A\n    versions:\n"
    found = catalogue(text + "\n".join(rows) + "\n")
    there = standings(seen(component("A", "1.0")), found)
    assert way_to(there[0], found.components[0].versions[299], there, found) == "more than 100 steps"
    steps = way_to(there[0], found.components[0].versions[50], there, found)
    assert [step.version for step in steps if isinstance(step, Step)] == [f"1.{n}" for n in range(1, 51)]


def test_a_version_may_need_a_component_of_another_file() -> None:
    head, tail = NEC.split("  - id: ie\n")
    other = f"format: auditor.firmware-catalogue/v1\ncomponents:\n  - id: ie\n{tail}"
    found = load_catalogue([("a.yaml", head.encode()), ("b.yaml", other.encode())])
    assert [one.id for one in found.components] == ["sps", "ie"]
    with pytest.raises(InputError, match='needs "ie", which is no component'):
        load_catalogue([("a.yaml", head.encode())])


def test_predecessors_come_first_and_only_where_they_are_needed() -> None:
    said = way(sps("4.4.4.58"), ie("1.0.0.20"), wanted="4.4.4.62")
    assert not isinstance(said, str)
    assert [(step.component, step.version, step.artefact.file) for step in said] == [
        ("ie", "1.0.0.22", "ie-22.bin"),  # the least that suffices, though a newer one is catalogued
        ("sps", "4.4.4.62", "sps-62.bin"),
    ]
    for enough in ("1.0.0.22", "1.0.0.31"):
        said = way(sps("4.4.4.58"), ie(enough), wanted="4.4.4.62")
        assert [step.component for step in said if isinstance(step, Step)] == ["sps"]
    assert way(sps("04.04.04.062"), ie("1.0.0.20"), wanted="4.4.4.62") == ()


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ((), "the machine shows no such component"),
        ((ie("0x15"),), "'0x15' and '1.0.0.22' have no plain order"),
        ((ie("1.0.0.22", "a"), ie("HPG7", "b")), "have no plain order"),
    ],
)
def test_a_way_that_cannot_be_said_is_not_guessed(others: tuple[Resource, ...], said: str) -> None:
    found = way(sps("4.4.4.58"), *others, wanted="4.4.4.62")
    assert isinstance(found, str)
    assert said in found


def test_all_of_several_components_must_meet_a_need() -> None:
    said = way(sps("4.4.4.58"), ie("1.0.0.22", "a"), ie("1.0.0.20", "b"), wanted="4.4.4.62")
    assert [step.component for step in said if isinstance(step, Step)] == ["ie", "sps"]


@pytest.mark.parametrize(
    ("resource", "policy", "expected"),
    [
        (sps("4.4.4.62"), "AllowDowngrade", {"catalogued": True, "way_back": "catalogued", "back_to": "4.4.4.58"}),
        (sps("4.4.4.62"), "NoDowngrade", {"catalogued": True, "way_back": "forbidden", "back_to": "4.4.4.58"}),
        (sps("4.4.4.58"), "NoDowngrade", {"catalogued": True, "way_back": "none"}),
        (ie("1.0.0.22"), "AllowDowngrade", {"catalogued": True, "way_back": "irreversible"}),
        (sps("4.4.4.63"), "AllowDowngrade", {"catalogued": False}),
        (component("TPM Firmware", "7.2"), "AllowDowngrade", {"catalogued": False}),
        (component("Server Platform Services", "4.4.4.62", device_class="other", target="t-1"), "",
         {"catalogued": False}),
        (component("Server Platform Services", "4.4.4.62", device_class="5b1c0d3e", target="t-3"), "",
         {"catalogued": False}),
    ],
)  # fmt: skip
def test_what_the_catalogue_says_of_an_installed_version(
    resource: Resource, policy: str, expected: dict[str, object]
) -> None:
    _, shown = with_catalogue(seen(resource, policy=policy), catalogue()).resources
    said = {name: shown.value(name) for name in ("catalogued", "way_back", "back_to")}
    plain = {
        name: value.value if isinstance(value, Boolean | Text) else value.text if isinstance(value, Version) else value
        for name, value in said.items()
        if value is not None
    }
    assert plain == expected


def test_no_way_back_is_promised_where_the_policy_is_not_known() -> None:
    manager = make_resource("ilo.manager", "1", [Attribute("downgrade_policy", Undetermined("another form"))])
    for resource, way_back in ((sps("4.4.4.62"), Undetermined), (ie("1.0.0.22"), Text)):
        _, shown = with_catalogue(Interpretation("db1/ilo", "ilo", (manager, resource)), catalogue()).resources
        assert isinstance(shown.value("way_back"), way_back)


def test_a_version_that_cannot_be_compared_is_neither_catalogued_nor_not() -> None:
    found = catalogue(NEC.replace("version: 1.0.0.20}", "version: IE 1.0.0.20}"))
    _, shown = with_catalogue(seen(ie("1.0.0.20")), found).resources
    assert isinstance(shown.value("catalogued"), Undetermined)


def test_the_newest_is_of_the_family_that_is_installed() -> None:
    text = (
        "format: auditor.firmware-catalogue/v1\ncomponents:\n  - id: rom\n    match: System ROM\n    versions:\n"
        "      - version: U46 v2.34\n      - version: U58 v9.99\n      - version: U46 v2.40\n"
    )
    (there,) = standings(seen(component("System ROM", "U46 v1.80 (07/05/2023)")), catalogue(text))
    found = newest(there)
    assert not isinstance(found, str)
    assert found.version == "U46 v2.40"
    (other,) = standings(seen(component("System ROM", "P89 v2.80")), catalogue(text))
    assert "different families" in str(newest(other))


@given(
    st.lists(st.lists(st.tuples(st.integers(0, 4), st.integers(1, 4)), max_size=2), min_size=20, max_size=20),
    st.lists(st.integers(0, 4), min_size=5, max_size=5),
)
def test_every_order_meets_every_need(needs: list[list[tuple[int, int]]], installed: list[int]) -> None:
    """Five components with versions 1.1 to 1.4: whatever is needed, each step's needs are met when its turn comes."""
    text = "format: auditor.firmware-catalogue/v1\ncomponents:\n"
    for component_number in range(5):
        text += f"  - id: c{component_number}\n    match: C{component_number}\n    versions:\n"
        for number in range(1, 5):
            wanted = needs[component_number * 4 + number - 1]
            listed = ", ".join(f"{{component: c{one}, at_least: '1.{least}'}}" for one, least in wanted)
            text += f"      - {{version: '1.{number}', file: f, sha256: {SHA}, needs: [{listed}]}}\n"
    try:
        found = catalogue(text)
    except InputError as error:
        assert "in a circle" in str(error)  # noqa: PT017 - a drawn circle is refused, all else is a good catalogue
        return
    there = standings(seen(*(component(f"C{n}", f"1.{have}") for n, have in enumerate(installed))), found)
    now = {f"c{n}": f"1.{have}" for n, have in enumerate(installed)}
    steps = way_to(there[0], found.components[0].versions[3], there, found)
    assert not isinstance(steps, str)
    for step in steps:
        owner = found.get(step.component)
        assert owner is not None
        entry = next(one for one in owner.versions if one.version == step.version)
        assert all((compare_versions(now[need.component], need.at_least) or 0) >= 0 for need in entry.needs)
        now[step.component] = step.version
    assert now["c0"] == "1.4"
