"""What counts as a change, what as a gap, and what an effect comes from."""

from __future__ import annotations

import json

from auditor.evidence.compare import State, compare
from auditor.model.resource import Attribute, Resource, make_resource
from auditor.model.snapshot import Collected, Document, Gap, Interpretation
from auditor.model.source import FileSource, RedfishSource
from auditor.model.value import Duration, Number, Text, Undetermined, Value

TARGET = "web1/httpd"
SHOP = "conf.d/shop.conf"


def line(number: int, file: str = SHOP) -> FileSource:
    return FileSource(file, number, number)


def resource(kind: str, name: str, source: FileSource | RedfishSource | None = None, **values: Value) -> Resource:
    return make_resource(kind, name, [Attribute(key, value, source) for key, value in values.items()], source)


def document(name: str, content: bytes) -> Document:
    return Document(name, f"files/{name}", content)


def state(
    *resources: Resource, documents: tuple[Document, ...] = (), gaps: tuple[Gap, ...] = (), target: str = TARGET
) -> State:
    surface = target.rpartition("/")[2]
    ordered = tuple(sorted(resources, key=lambda one: (one.kind, one.name)))
    return State(Collected(target, surface, documents, gaps=gaps), Interpretation(target, surface, ordered, gaps))


ROUTE = resource("httpd.route", "shop /api", line(31), read_timeout=Duration(60))


def test_a_changed_value_has_both_values_and_both_sources() -> None:
    after = resource("httpd.route", "shop /api", line(32), read_timeout=Duration(300))
    (change,) = compare(state(ROUTE), state(after)).changes
    assert str(change.address) == 'web1/httpd:httpd.route["shop /api"].read_timeout'
    assert (change.kind, change.before, change.after) == ("changed", Duration(60), Duration(300))
    assert (change.before_source, change.after_source) == (line(31), line(32))


def test_a_value_that_only_moved_to_another_line_is_no_change() -> None:
    moved = resource("httpd.route", "shop /api", line(99), read_timeout=Duration(60))
    drift = compare(state(ROUTE), state(moved))
    assert drift.seen
    assert drift.changes == ()
    assert drift.gaps == ()


def test_resources_and_attributes_that_come_and_go() -> None:
    other = resource("httpd.route", "shop /app", line(28), read_timeout=Duration(60))
    wider = resource("httpd.route", "shop /api", line(31), read_timeout=Duration(60), ping=Duration(2))
    drift = compare(state(ROUTE), state(wider, other))
    assert [(one.kind, one.address.name, one.address.attribute) for one in drift.changes] == [
        ("added", "shop /api", "ping"),
        ("added", "shop /app", ""),
    ]
    back = compare(state(wider, other), state(ROUTE))
    assert [one.kind for one in back.changes] == ["removed", "removed"]
    assert back.changes[1].before_source == line(28)


def test_what_a_new_gap_may_hide_is_not_removed() -> None:
    gap = Gap(SHOP, "not permitted", kinds=("httpd.route",))
    drift = compare(state(ROUTE), state(gaps=(gap,)))
    assert drift.changes == ()
    assert gap in drift.gaps
    (said,) = [one for one in drift.gaps if one is not gap and one.cause == "undetermined"]
    assert "shop /api" in said.what
    assert SHOP in said.detail
    assert not said.complete


def test_a_gap_that_was_there_before_hides_nothing_that_was_seen_before() -> None:
    gap = Gap("conf.d/old.conf", "not permitted")
    drift = compare(state(ROUTE, gaps=(gap,)), state(gaps=(gap,)))
    assert [one.kind for one in drift.changes] == ["removed"]


def test_what_a_closed_gap_brings_to_light_is_not_added() -> None:
    gap = Gap(SHOP, "not permitted", kinds=("httpd.route",))
    drift = compare(state(gaps=(gap,)), state(ROUTE))
    assert drift.changes == ()
    assert [one.cause for one in drift.gaps] == ["undetermined"]


def test_a_gap_of_another_kind_hides_nothing() -> None:
    gap = Gap("logs", "not permitted", kinds=("httpd.log",))
    assert [one.kind for one in compare(state(ROUTE), state(gaps=(gap,))).changes] == ["removed"]


def test_an_undetermined_value_is_a_gap_and_no_change() -> None:
    unclear = resource("httpd.route", "shop /api", line(31), read_timeout=Undetermined("give --module"))
    for one, other in ((ROUTE, unclear), (unclear, ROUTE)):
        drift = compare(state(one), state(other))
        assert drift.changes == ()
        (gap,) = drift.gaps
        assert "read_timeout" in gap.what
        assert "give --module" in gap.detail


def test_a_target_not_seen_has_no_changes() -> None:
    gap = Gap("whole target", "unreachable", "no route to host")
    drift = compare(state(ROUTE), state(gaps=(gap,)))
    assert (drift.seen, drift.changes, drift.gaps) == (False, (), (gap,))


def test_secrets_sealed_with_another_key_are_not_compared() -> None:
    def sealed(key: str) -> Document:
        return document(SHOP, f"ProxySet secret=auditor-secret:{key}:{'0' * 32}\n".encode())

    drift = compare(state(ROUTE, documents=(sealed("0" * 8),)), state(documents=(sealed("1" * 8),)))
    assert drift.changes == ()
    assert drift.text_changes == ()
    (gap,) = drift.gaps
    assert "11111111" in gap.detail
    assert "00000000" in gap.detail


def test_effects_name_the_directive_they_come_from() -> None:
    def tree(timeout: str) -> State:
        seconds = float(timeout)
        return state(
            resource(
                "httpd.directive",
                "shop > ProxyPass /app",
                line(28),
                arguments=Text(f"/app http://x/ timeout={timeout}"),
            ),
            resource("httpd.directive", "main > Timeout", line(41, "conf/httpd.conf"), arguments=Text("60")),
            resource("httpd.file", SHOP, None, digest=Text(timeout)),
            resource("httpd.route", "shop /api", line(28), read_timeout=Duration(seconds)),
            Resource(
                "httpd.route",
                "shop /app",
                (
                    Attribute("governed_by", Text(f"timeout={timeout}")),
                    Attribute("read_timeout", Duration(seconds), line(28)),
                ),
                line(28),
            ),
            resource("httpd.package", "openssl", None, version=Text(timeout)),
        )

    drift = compare(tree("60"), tree("300"))
    cause = next(one.address for one in drift.changes if one.address.kind == "httpd.directive")
    assert cause.name == "shop > ProxyPass /app"
    linked = {(one.address.name, one.address.attribute): one.effect_of for one in drift.changes}
    assert linked == {
        ("shop > ProxyPass /app", "arguments"): None,
        (SHOP, "digest"): cause,
        ("shop /api", "read_timeout"): cause,
        ("shop /app", "governed_by"): cause,
        ("shop /app", "read_timeout"): cause,
        ("openssl", "version"): None,
    }


def test_changed_lines_are_told_with_their_numbers() -> None:
    before = document(SHOP, b"# a\nProxyPass /app\n# c\n# d\n")
    after = document(SHOP, b"# a\nProxyPass /app x\n# c\n# d\n# e\xff")
    one, other = compare(state(documents=(before,)), state(documents=(after,))).text_changes
    assert (one.document, one.before_line, one.before, one.after_line, one.after) == (
        SHOP, 2, ("ProxyPass /app",), 2, ("ProxyPass /app x",),
    )  # fmt: skip
    assert (other.before, other.after_line, other.after) == ((), 5, ("# e\\xff",))


def test_members_of_a_body_are_keyed_by_identity_not_position() -> None:
    def body(entries: list[dict[str, object]], **members: object) -> State:
        content = json.dumps({"Members": entries, **members}).encode()
        return state(documents=(Document("/redfish/v1/X", "X.json", content),), target="web1/ilo")

    one, two = {"Id": "1", "Level": 3}, {"Id": "2", "Level": 4}
    assert compare(body([one, two]), body([two, one])).text_changes == ()
    (change,) = compare(body([one, two]), body([{"Id": "2", "Level": 5}, one])).text_changes
    assert (change.before, change.after) == (("/Members/2/Level: 4",), ("/Members/2/Level: 5",))
    assert (change.before_line, change.after_line) == (0, 0)


def test_a_member_that_a_resource_speaks_of_is_not_told_twice() -> None:
    def body(value: int, other: int) -> State:
        content = json.dumps({"Alerts": value, "Unknown": other}).encode()
        source = RedfishSource("/redfish/v1/X", "/Alerts")
        alerts = resource("ilo.snmp", "1", source, alerts=Number(value))
        return state(alerts, documents=(Document("/redfish/v1/X", "X.json", content),), target="web1/ilo")

    drift = compare(body(1, 1), body(2, 2))
    assert [str(one.address) for one in drift.changes] == ['web1/ilo:ilo.snmp["1"].alerts']
    assert [one.after for one in drift.text_changes] == [("/Unknown: 2",)]


def test_a_body_that_nobody_speaks_of_is_told_when_it_comes_and_goes() -> None:
    new = Document("/redfish/v1/New", "New.json", b'{"Id": "1"}')
    drift = compare(state(target="web1/ilo"), state(documents=(new,), target="web1/ilo"))
    assert [(one.before, one.after) for one in drift.text_changes] == [((), ('/Id: "1"',))]
    back = compare(state(documents=(new,), target="web1/ilo"), state(target="web1/ilo"))
    assert [(one.before, one.after) for one in back.text_changes] == [(('/Id: "1"',), ())]


def test_another_spelling_of_a_path_is_no_change_and_another_path_is() -> None:
    def body(path: str) -> bytes:
        return json.dumps({"Bios": {"@odata.id": path}, "Members": [{"@odata.id": path}]}).encode()

    def drift(path: str) -> int:
        documents = [(Document("/redfish/v1/x", "x.json", body(one)),) for one in ("/redfish/v1/Systems/1/Bios", path)]
        before, after = (state(documents=one, target="web1/ilo") for one in documents)
        return len(compare(before, after).text_changes)

    assert drift("/redfish/v1/systems/1/bios/") == 0
    assert drift("/redfish/v1/systems/2/bios/") == 3


def test_a_document_behind_one_that_was_not_read_did_not_go() -> None:
    tail, service = "/redfish/v1/Managers/1/SnmpService/SNMPUsers", "/redfish/v1/Managers/1/SnmpService"
    there = state(
        documents=(document(service, b'{"Id": "0"}'), document(f"{tail}/1", b'{"Id": "1"}')), target="web1/ilo"
    )
    gap = Gap(service, "malformed", kinds=("ilo.snmp",))
    unread = state(gaps=(gap,), target="web1/ilo")
    for drift in (compare(there, unread), compare(unread, there)):
        assert (drift.changes, drift.text_changes) == ((), ())
        (said,) = [one for one in drift.gaps if one != gap]
        assert f"{tail}/1" in said.what
        assert service in said.detail
        assert not said.complete


def test_a_gap_that_hides_nothing_excuses_no_document_that_went() -> None:
    name = "/redfish/v1/Managers/1/SecurityService/SecurityDashboard"
    there = state(documents=(document(name, b'{"Id": "1"}'),), target="web1/ilo")
    refused = state(gaps=(Gap(name, "licence", complete=True),), target="web1/ilo")
    assert [one.document for one in compare(there, refused).text_changes] == [name]


def test_large_rewritten_files_are_one_block_and_not_a_quadratic_search() -> None:
    before = document(SHOP, b"".join(b"a%d\n" % number for number in range(5000)))
    after = document(SHOP, b"".join(b"b%d\n" % number for number in range(5000)))
    (change,) = compare(state(documents=(before,)), state(documents=(after,))).text_changes
    assert (len(change.before), len(change.after)) == (5000, 5000)


def test_deeply_nested_bodies_are_compared_as_text() -> None:
    deep = b'{"a":' * 900 + b"1" + b"}" * 900
    before = Document("/redfish/v1/X", "X.json", deep)
    after = Document("/redfish/v1/X", "X.json", deep.replace(b"1", b"2"))
    drift = compare(state(documents=(before,), target="web1/ilo"), state(documents=(after,), target="web1/ilo"))
    assert len(drift.text_changes) == 1
