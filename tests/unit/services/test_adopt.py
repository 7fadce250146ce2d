from __future__ import annotations

import pytest

from auditor.errors import InputError
from auditor.model.resource import Attribute, Resource, make_resource
from auditor.model.snapshot import Gap, Interpretation
from auditor.model.source import FileSource
from auditor.model.target import LocalTree, Target
from auditor.model.value import Boolean, Duration, NoLimit, Number, Secret, Text, Undetermined, Value, Version
from auditor.policy.baselines import compare_baseline
from auditor.services.adopt import adopt
from auditor.services.check import kinds_of

KINDS = kinds_of()


def _host(number: int, *resources: Resource, gaps: tuple[Gap, ...] = (), surface: str = "httpd") -> Interpretation:
    ordered = tuple(sorted(resources, key=lambda one: (one.kind, one.name)))
    return Interpretation(f"web{number}/{surface}", surface, ordered, gaps)


def _route(name: str = "*:80 /api", **values: Value) -> Resource:
    attributes = [Attribute(key, value, FileSource("x.conf", 7, 7)) for key, value in values.items()]
    return make_resource("httpd.route", name, attributes)


def _agreed(report_text: str) -> list[str]:
    return [line.strip() for line in report_text.splitlines() if "exactly:" in line]


def test_what_most_have_is_agreed_and_who_differs_is_shown_with_both_values() -> None:
    hosts = [_host(n, _route(read_timeout=Duration(60 if n < 4 else 300))) for n in range(1, 5)]
    report = adopt("proxies", hosts, KINDS)
    assert _agreed(report.text) == ["read_timeout: {exactly: 60s} # 3 of 4; web4/httpd: 300 s"]
    (outlier,) = report.outliers
    assert (outlier.address.target, outlier.value, outlier.agreed) == ("web4/httpd", Duration(300), Duration(60))
    assert str(outlier.source) == "x.conf:7"
    assert report.targets == ("web1/httpd", "web2/httpd", "web3/httpd", "web4/httpd")


def test_that_a_directive_is_there_is_not_agreed_beside_its_arguments() -> None:
    values = [Attribute("arguments", Text("60")), Attribute("present", Boolean(True))]
    report = adopt("proxies", [_host(1, make_resource("httpd.directive", "main > Timeout", values))], KINDS)
    assert _agreed(report.text) == ['arguments: {exactly: "60"}']


def test_without_a_majority_nothing_is_agreed_and_the_votes_are_shown() -> None:
    hosts = [_host(n, _route(read_timeout=Duration(60 * n), connect_timeout=Duration(5))) for n in (1, 2)]
    report = adopt("proxies", hosts, KINDS)
    assert _agreed(report.text) == ["connect_timeout: {exactly: 5s}"]
    (tie,) = report.not_adopted
    assert (tie.attribute, tie.votes) == ("read_timeout", (("60 s", ("web1/httpd",)), ("120 s", ("web2/httpd",))))
    assert '# Not adopted: httpd.route["*:80 /api"].read_timeout: no value has more than half' in report.text


def test_a_group_of_one_is_agreed_as_it_is() -> None:
    values = {"read_timeout": NoLimit(), "connect_timeout": Duration(0.02), "reuse": Boolean(False)}
    report = adopt("proxies", [_host(1, _route(**values))], KINDS)
    assert _agreed(report.text) == [
        "connect_timeout: {exactly: 0.02s}",
        "read_timeout: {exactly: no limit}",
        "reuse: {exactly: false}",
    ]


def test_what_was_not_seen_has_no_vote_and_is_named() -> None:
    blind = _host(3, gaps=(Gap("whole target", "not trusted", "host key changed"),))
    partly = _host(4, _route(read_timeout=Duration(1)), gaps=(Gap("x.conf", "not permitted"),))
    odd = _host(5, _route(read_timeout=Undetermined("odd")))
    hosts = [_host(n, _route(read_timeout=Duration(60))) for n in (1, 2)]
    report = adopt("proxies", [*hosts, blind, partly, odd], KINDS)
    assert report.not_seen == (
        ("web3/httpd", "host key changed"),
        ("web4/httpd", "in part: x.conf: not permitted"),
    )
    assert "# Not seen: web3/httpd (host key changed)" in report.text
    agreed = "read_timeout: {exactly: 60s} # 2 of 2 that can tell; web4/httpd, web5/httpd cannot"
    assert _agreed(report.text) == [agreed]
    assert report.outliers == ()


def test_a_kind_that_no_target_showed_is_not_left_out_in_silence() -> None:
    route = _route(read_timeout=Duration(60))
    gaps = (
        Gap("modules", "timed out", "asked in vain", kinds=("httpd.module",)),
        Gap("y", "malformed", kinds=("httpd.log",)),
    )
    report = adopt("proxies", [_host(1, route, gaps=gaps)], KINDS)
    assert report.not_seen == (("web1/httpd", "in part: modules: asked in vain (+1)"),)
    assert "# Not seen: web1/httpd (in part: modules" in report.text
    known = Gap("/redfish/v1/x", "absent", complete=True)
    assert adopt("proxies", [_host(1, route, gaps=(known,))], KINDS).not_seen == ()


def test_a_majority_is_one_of_those_that_can_tell_and_the_words_say_so() -> None:
    values: list[Value] = [Duration(60), Duration(60), Duration(90), Undetermined("odd"), Undetermined("odd")]
    same = {"connect_timeout": Duration(5)}
    hosts = [_host(n, _route(read_timeout=value, **same)) for n, value in enumerate(values, 1)]
    report = adopt("proxies", hosts, KINDS)
    assert _agreed(report.text)[1:] == [
        "read_timeout: {exactly: 60s} # 2 of 3 that can tell; web3/httpd: 90 s; web4/httpd, web5/httpd cannot"
    ]
    hidden = _host(7, _route(read_timeout=Duration(90)), gaps=(Gap("x.conf", "not permitted"),))
    report = adopt("proxies", [*hosts, _host(8, _route(read_timeout=Duration(90), **same)), hidden], KINDS)
    (refused,) = report.not_adopted
    assert refused.reason == (
        "no value has more than half of the 4 targets that can tell; web4/httpd, web5/httpd, web7/httpd cannot"
    )


def test_where_nothing_was_seen_there_is_nothing_to_adopt() -> None:
    with pytest.raises(InputError, match="no target of the group 'proxies' could be seen"):
        adopt("proxies", [_host(1, gaps=(Gap("whole target", "unreachable"),))], KINDS)


def test_a_resource_that_few_have_is_an_outlier() -> None:
    hosts = [_host(n, _route(read_timeout=Duration(60))) for n in (1, 2, 3)]
    hosts[2] = _host(3, *hosts[2].resources, _route("extra", read_timeout=Duration(1)))
    report = adopt("proxies", hosts, KINDS)
    assert [(one.address.name, one.agreed) for one in report.outliers] == [("extra", None)]
    assert "extra" not in report.text


def test_the_set_of_modules_is_agreed() -> None:
    def modules(*names: str) -> list[Resource]:
        return [make_resource("httpd.module", name, [Attribute("built_in", Boolean(False))]) for name in names]

    hosts = [_host(n, *modules("a_module", "b_module", *(["c_module"] if n == 3 else []))) for n in (1, 2, 3)]
    report = adopt("proxies", hosts, KINDS)
    assert report.outliers[0].address.target == "web3/httpd"
    target = Target("web3", "httpd", LocalTree("/"), groups=("proxies",))
    (change,) = compare_baseline([report.baseline], target, hosts[2])
    assert (change.kind, change.address.name) == ("added", "c_module")


def test_a_bios_is_agreed_without_its_state_and_firmware_by_version() -> None:
    bios = make_resource(
        "ilo.bios",
        "1",
        [Attribute("BootMode", Text("Uefi")), Attribute("Cores", Number(8)), Attribute("verdict", Text("applied"))],
    )
    rom = make_resource("ilo.firmware", "System ROM", [Attribute("version", Version("U46 v2.34 (03/11/2025)"))])
    report = adopt("servers", [_host(1, bios, rom, surface="ilo")], KINDS)
    assert _agreed(report.text) == [
        'BootMode: {exactly: "Uefi"}',
        "Cores: {exactly: 8}",
        'version: {exactly: "U46 v2.34 (03/11/2025)"}',
    ]


def test_neither_a_secret_nor_what_is_the_machines_own_is_adopted() -> None:
    snmp = make_resource(
        "ilo.snmp",
        "1",
        [
            Attribute("v3_engine_id", Secret("auditor-secret:00000000:1234")),
            Attribute("location", Text("rack 7")),
            Attribute("contact", Text("ops")),
        ],
    )
    report = adopt("servers", [_host(1, snmp, surface="ilo")], KINDS)
    assert _agreed(report.text) == ['contact: {exactly: "ops"}']
    assert "1234" not in report.text


def test_foreign_text_neither_breaks_out_of_a_comment_nor_of_a_value() -> None:
    hostile = 'x"\n  - kind: httpd.server\n#'
    hosts = [_host(n, _route(url=Text(hostile if n < 3 else f"{hostile}\u2028{n}"))) for n in (1, 2, 3)]
    report = adopt("proxies", hosts, KINDS)
    assert [value.attribute for value in report.baseline.values] == ["url"]
    assert report.baseline.values[0].values == (Text(hostile),)
    assert "\u2028" not in report.text


def test_a_name_with_a_star_agrees_on_that_resource_alone() -> None:
    report = adopt("proxies", [_host(1, _route("*:80 /api", read_timeout=Duration(60)))], KINDS)
    other = _host(1, _route("*:80 /api", read_timeout=Duration(60)), _route("x:80 /api", read_timeout=Duration(9)))
    target = Target("web1", "httpd", LocalTree("/"), groups=("proxies",))
    assert compare_baseline([report.baseline], target, other) == ()


@pytest.mark.parametrize("name", [" /api", "/api ", "\n", " ", "\t", "~", "- x", "a: b", "\\*", "#", "unmanaged"])
def test_what_was_adopted_is_no_drift_whatever_its_name(name: str) -> None:
    host = _host(1, _route(name, read_timeout=Duration(60)))
    report = adopt("proxies", [host], KINDS)
    target = Target("web1", "httpd", LocalTree("/"), groups=("proxies",))
    assert report.baseline.values
    assert compare_baseline([report.baseline], target, host) == ()


def test_a_host_without_a_resource_is_one_outlier() -> None:
    there = _route(read_timeout=Duration(60), connect_timeout=Duration(5), url=Text("http://a/"))
    report = adopt("proxies", [_host(1, there), _host(2, there), _host(3)], KINDS)
    assert report.outliers == ()  # nothing at all was found on web3, so it has no vote
    other = _route("*:80 /x", read_timeout=Duration(60))
    report = adopt("proxies", [_host(1, there), _host(2, there), _host(3, other)], KINDS)
    assert [(str(one.address), one.value is None) for one in report.outliers] == [
        ('web3/httpd:httpd.route["*:80 /api"]', True),
        ('web3/httpd:httpd.route["*:80 /x"]', False),
    ]


def test_a_host_without_a_destination_is_an_outlier_where_the_set_of_them_is_not_agreed() -> None:
    def ilo(number: int, *names: str) -> Interpretation:
        protocol = [Attribute("protocol", Text("SNMPv3Trap"))]
        found = [make_resource("ilo.snmp_destination", name, protocol) for name in names]
        return _host(number, *found, make_resource("ilo.bios", "1", []), surface="ilo")

    report = adopt("proxies", [ilo(1, "a", "b"), ilo(2, "a", "b"), ilo(3, "a"), ilo(4)], KINDS)
    assert [str(one.address) for one in report.outliers] == ['web4/ilo:ilo.snmp_destination["a"]']
