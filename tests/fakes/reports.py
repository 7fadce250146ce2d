"""Results as services give them, for tests of everything that shows them."""

from __future__ import annotations

from auditor.model.drift import AttributeChange, Attribution, DriftReport, TargetDrift, TextChange
from auditor.model.finding import CheckReport, Evidence, Finding, RuleResult, TargetCheck
from auditor.model.policy import Wording
from auditor.model.resource import Address
from auditor.model.snapshot import Gap, Waiting
from auditor.model.source import FileSource, RedfishSource, Source
from auditor.model.value import Boolean, Duration, Many, NoLimit, Number, Raw, Secret, Text, Undetermined, Version

HOSTILE = (
    '\x1b]0;owned\x07\x1b[2J<script>alert("x")</script>\u202egnp.exe\u2066 \r\n\x00\x7f\x9b31m\ud800 &amp; \u65e5\u672c'
)
"""Escape sequences, markup, bidirectional controls, line ends, NUL, C1, a lone surrogate; and honest Japanese."""

WEB1 = "web1/httpd"
ILO1 = "web1/ilo"


def route(name: str, attribute: str = "read_timeout", target: str = WEB1) -> Address:
    """The address of a route's attribute."""
    return Address(target, "httpd.route", name, attribute)


def finding(
    rule: str = "HTTPD-TIMEOUT-004",
    *,
    severity: str = "high",
    title: str = "A worker's timeout is ignored",
    address: Address | None = None,
    message: str = "timeout=60 on /api has no effect; /app's 300 s governs (conf.d/shop.conf:28)",
    source: Source | None = FileSource("conf.d/shop.conf", 31, 32),  # noqa: B008 - frozen
    evidence: tuple[Evidence, ...] = (),
    fingerprint: str = "00112233445566aa",
    known: bool = False,
    ja: Wording | None = None,
) -> Finding:
    """A finding that stands for any."""
    return Finding(
        rule=rule,
        title=title,
        severity=severity,  # type: ignore[arg-type]
        address=address or route("shop.example:443 /api", "own_timeout_ignored"),
        message=message,
        fingerprint=fingerprint,
        source=source,
        evidence=evidence,
        rationale="Two ProxyPass lines to one back end share its worker; the first one sets it up.",
        references=("https://httpd.apache.org/docs/2.4/mod/mod_proxy.html#workers",),
        known=known,
        ja=ja,
    )


def result(rule: str, outcome: str, **members: object) -> RuleResult:
    """A rule's result that stands for any."""
    title = str(members.pop("title", "Something holds"))
    severity = members.pop("severity", "medium")
    target = str(members.pop("target", WEB1))
    examined = members.pop("examined", 7)
    return RuleResult(rule, title, severity, target, outcome, examined, **members)  # type: ignore[arg-type]


def failing_check() -> CheckReport:
    """Two findings' rules, a waiver, a rule not evaluated, gaps of both sorts, a second target of another surface."""
    places = tuple(
        finding(
            address=route(f"shop.example:443 /api/{name}", "own_timeout_ignored"),
            evidence=(Evidence(FileSource("conf.d/shop.conf", 28, 28), "timeout=300 on /app"),),
            fingerprint=f"{number:016x}",
        )
        for number, name in enumerate(("orders", "carts", "users"))
    )
    unit = finding(
        "HTTPD-TIMEOUT-007",
        title="A unit is dropped in silence",
        severity="critical",
        address=route("shop.example:443 /rest", "timeout_unit_dropped"),
        message="timeout=500ms means 500 seconds here",
        source=FileSource("conf.d/rest.conf", 9, 9),
        fingerprint="00000000000000ff",
        ja=Wording("単位が黙って捨てられないこと", "timeout=500ms は 500 秒の意味になります", "構文検査は成功します。"),
    )
    trap = finding(
        "ILO-ALERT-001",
        title="Alerts leave the machine",
        severity="low",
        address=Address(ILO1, "ilo.snmp", "1", "alerts"),
        message="SNMP alerts are off",
        source=RedfishSource("/redfish/v1/Managers/1/SnmpService", "/AlertsEnabled"),
        fingerprint="00000000000000ee",
        known=True,
    )
    waived = finding("HTTPD-TIMEOUT-001", title="A read time-out is bounded", fingerprint="00000000000000dd")
    httpd = TargetCheck(
        WEB1,
        "httpd",
        (
            result("HTTPD-ALERT-001", "pass", title="An access log says how long a request took"),
            result(
                "HTTPD-ALERT-003",
                "not evaluated",
                reason="needs the list of loaded modules: give --module or run on the host",
                examined=0,
                title="Requests can be joined with the error log",
            ),
            result("HTTPD-BALANCER-001", "not applicable", examined=0),
            result(
                "HTTPD-TIMEOUT-001",
                "waived",
                reason="until 2026-12-31, ticket OPS-12",
                waived=(waived,),
                severity="high",
            ),
            result("HTTPD-TIMEOUT-004", "fail", findings=places, severity="high", title=places[0].title),
            result("HTTPD-TIMEOUT-007", "fail", findings=(unit,), severity="critical", title=unit.title),
        ),
        (
            Gap(
                "conf.d/secret.conf",
                "not permitted",
                "permission denied",
                "Run as a user who may read it.",
                ("httpd.route", "httpd.directive"),
            ),
        ),
    )
    ilo = TargetCheck(
        ILO1,
        "ilo",
        (result("ILO-ALERT-001", "fail", target=ILO1, findings=(trap,), severity="low", title=trap.title),),
        (
            Gap(
                "/redfish/v1/Managers/1/RemoteSyslog",
                "licence",
                "needs iLO Advanced",
                kinds=("ilo.remote_syslog",),
                complete=True,
            ),
        ),
    )
    return CheckReport((httpd, ilo), 7, False, "2026-11-22T22:14:05Z", ("waiver HTTPD-OLD-001 expired 2026-01-31",))


def clean_check() -> CheckReport:
    """One target on which everything holds."""
    checked = TargetCheck(WEB1, "httpd", (result("HTTPD-ALERT-001", "pass"), result("HTTPD-TIMEOUT-001", "pass")))
    return CheckReport((checked,), 2, True, "2026-11-22T22:14:05Z")


def empty_check() -> CheckReport:
    """Nothing was examined."""
    return CheckReport((), 0, False, "2026-11-22T22:14:05Z")


def waiting(target: str = ILO1) -> tuple[Waiting, ...]:
    """A BIOS setting and an order that wait for the boot, and something that waits for the iLO's reset."""
    settings = "/redfish/v1/systems/1/bios/settings/"
    reset = RedfishSource("/redfish/v1/Managers/1", "/Oem/Hpe/ConfigurationSettings")
    return (
        Waiting(
            Address(target, "ilo.bios", "1", "BootMode"),
            Text("LegacyBios"),
            Text("Uefi"),
            "reboot",
            RedfishSource(settings, "/Attributes/BootMode"),
        ),
        Waiting(
            Address(target, "ilo.bios", "1", "RestoreDefaults"),
            None,
            Text("Yes"),
            "reboot",
            RedfishSource(settings, "/Attributes/RestoreDefaults"),
        ),
        Waiting(Address(target, "ilo.manager", "1", "some_pending_reset"), None, None, "iLO reset", reset),
    )


def waiting_check() -> CheckReport:
    """No findings, and settings that are not yet effective."""
    checked = TargetCheck(ILO1, "ilo", (result("ILO-ALERT-001", "pass"),), waiting=waiting())
    return CheckReport((checked,), 1, True, "2026-11-22T22:14:05Z")


def waiting_drift() -> DriftReport:
    """What a baseline agrees on is set and not yet effective; beside it a target as agreed where something waits."""
    boot = Address(ILO1, "ilo.bios", "1", "BootMode")
    source = RedfishSource("/redfish/v1/systems/1/bios/", "/Attributes/BootMode")
    change = AttributeChange(
        boot, "changed", Text("Uefi"), Text("LegacyBios"), after_source=source, agreed_by="baselines/web.yaml"
    )
    differs = TargetDrift(ILO1, "ilo", True, (change,), since="2026-11-21T02:00:00Z", waiting=waiting())
    same = TargetDrift("web2/ilo", "ilo", True, since="2026-11-21T02:00:00Z", waiting=waiting("web2/ilo")[2:])
    return DriftReport((differs, same), True, "2026-11-22T22:14:05Z")


def changed_drift() -> DriftReport:
    """A directive's change with its effects, a removed destination, a package, a target not seen, others unchanged."""
    cause = Address(WEB1, "httpd.directive", "shop.example:443 > ProxyPass /app", "arguments")
    line = FileSource("conf.d/shop.conf", 28, 28)
    by_hand = Attribution("out of band", 'login "ops1", 22:14')
    changes = [
        AttributeChange(
            cause,
            "changed",
            Text("/app http://10.0.0.5:8080/ timeout=60"),
            Text("/app http://10.0.0.5:8080/ timeout=300"),
            line,
            line,
            attribution=by_hand,
        ),
        *(
            AttributeChange(
                route(f"shop.example:443 /{number}"),
                "changed",
                Duration(60),
                Duration(300),
                line,
                line,
                effect_of=cause,
                attribution=by_hand,
            )
            for number in range(12)
        ),
        AttributeChange(
            Address(WEB1, "httpd.package", "openssl", "version"),
            "changed",
            Version("1.0.2k-25"),
            Version("1.0.2k-26"),
            attribution=Attribution("package", "yum, 21:02"),
        ),
        AttributeChange(
            Address(WEB1, "httpd.server", "main", "timeout"),
            "changed",
            NoLimit(),
            Duration(60),
            agreed_by="baselines/web.yaml:14",
        ),
    ]
    web1 = TargetDrift(
        WEB1,
        "httpd",
        True,
        tuple(changes),
        (
            TextChange(
                "conf.d/shop.conf",
                28,
                ("ProxyPass /app http://10.0.0.5:8080/ timeout=60",),
                28,
                ("ProxyPass /app http://10.0.0.5:8080/ timeout=300",),
            ),
        ),
        since="2026-11-21T02:00:00Z",
        since_revision="a1b2c3d4",
    )
    ilo = TargetDrift(
        ILO1,
        "ilo",
        True,
        (AttributeChange(Address(ILO1, "ilo.snmp_destination", "10.9.0.4"), "removed", None, None),),
        since="2026-11-21T02:00:00Z",
    )
    unseen = TargetDrift(
        "web42/httpd", "httpd", False, gaps=(Gap("whole target", "not trusted", "host key changed", "Look at it."),)
    )
    same = tuple(TargetDrift(f"web{number}/httpd", "httpd", True) for number in range(2, 12))
    return DriftReport((web1, ilo, unseen, *same), False, "2026-11-22T22:14:05Z")


def unchanged_drift() -> DriftReport:
    """Everything as agreed."""
    return DriftReport((TargetDrift(WEB1, "httpd", True, since="2026-11-21T02:00:00Z"),), True, "2026-11-22T22:14:05Z")


def _hostile_waiting() -> tuple[Waiting, ...]:
    place = RedfishSource(HOSTILE, HOSTILE)
    return (Waiting(Address(HOSTILE, HOSTILE, HOSTILE, HOSTILE), Text(HOSTILE), Text(HOSTILE), "reboot", place),)


def hostile_check() -> CheckReport:
    """Foreign text in every place that can hold any."""
    address = Address(HOSTILE, "httpd.route", HOSTILE, HOSTILE)
    found = Finding(
        "R-1", HOSTILE, "high", address, HOSTILE, "0" * 16, FileSource(HOSTILE, 1, 2),
        (Evidence(RedfishSource(HOSTILE, HOSTILE), HOSTILE),), HOSTILE, (HOSTILE,),
        ja=Wording(HOSTILE, HOSTILE, HOSTILE),
    )  # fmt: skip
    results = (
        RuleResult("R-1", HOSTILE, "high", HOSTILE, "fail", 1, HOSTILE, (found,), (found,), ((address, HOSTILE),)),
        RuleResult("R-2", HOSTILE, "high", HOSTILE, "not evaluated", 1, HOSTILE),
        RuleResult("R-3", HOSTILE, "high", HOSTILE, "waived", 1, HOSTILE, waived=(found,), ja=Wording(HOSTILE)),
    )
    gaps = (Gap(HOSTILE, "malformed", HOSTILE, HOSTILE, (HOSTILE,)),)
    return CheckReport(
        (TargetCheck(HOSTILE, "httpd", results, gaps, _hostile_waiting()),), 3, False, HOSTILE, (HOSTILE,)
    )


def hostile_drift() -> DriftReport:
    """Foreign text in every place that can hold any, and every type of value."""
    values = (
        Text(HOSTILE), Raw("/w=="), Secret("auditor-secret:00000000:" + "0" * 32), Number(1.5), Boolean(True),
        NoLimit(), Number(float("inf")), Undetermined(HOSTILE), Many((Text(HOSTILE), Many(()))), Version(HOSTILE),
        Duration(0.02),
    )  # fmt: skip
    cause = Address(HOSTILE, "httpd.directive", HOSTILE, "arguments")
    changes = tuple(
        AttributeChange(
            Address(HOSTILE, "httpd.route", HOSTILE, f"{HOSTILE}{number}"),
            "changed",
            value,
            Text(HOSTILE),
            FileSource(HOSTILE, 1, 1),
            RedfishSource(HOSTILE, HOSTILE),
            HOSTILE,
            cause if number % 2 else None,
            Attribution("out of band", HOSTILE, HOSTILE),
        )
        for number, value in enumerate(values)
    )
    own = AttributeChange(cause, "changed", Text(HOSTILE), Text(HOSTILE + "x"))
    texts = (TextChange(HOSTILE, 1, (HOSTILE,), 1, (HOSTILE, "x")), TextChange(HOSTILE, 0, (HOSTILE,), 0, ()))
    gaps = (Gap(HOSTILE, "malformed", HOSTILE, HOSTILE, (HOSTILE,)),)
    seen = TargetDrift(HOSTILE, "httpd", True, (own, *changes), texts, gaps, HOSTILE, HOSTILE, _hostile_waiting())
    unseen = TargetDrift(HOSTILE, "httpd", False, gaps=gaps)
    same = TargetDrift(HOSTILE, "httpd", True)
    return DriftReport((seen, unseen, same), False, HOSTILE)
