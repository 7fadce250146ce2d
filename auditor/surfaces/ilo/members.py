"""Which member of which Redfish resource is which attribute: the one table that reading and planning share.

A :class:`Member` names an attribute, where it stands, what it means, whether a plan may set it, what setting it
disturbs, and which licence feature it needs. Members that a generation does not have are simply absent.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from auditor.model.plan import Disruption
from auditor.model.resource import AttributeSpec, AttributeType

Form = Literal["plain", "seconds", "minutes", "enabled", "addresses", "version", "texts", "secrets", "pending"]
"""How the JSON value is written: as it is, a length of time, ``Enabled``/``Disabled``, a list of addresses padded
with empty ones, a version, a list of texts or secrets padded with empty ones, ``SomePendingReset``."""


class Member(msgspec.Struct, frozen=True):
    """One member of a resource of role ``role`` (:mod:`auditor.surfaces.ilo.links`) as an attribute of ``kind``.

    ``pointer`` is a JSON pointer (RFC 6901). ``licence`` names the feature of ``LicenseFeatures`` without which the
    iLO refuses to set it; empty means none is needed.
    """

    kind: str
    role: str
    name: str
    pointer: str
    type: AttributeType
    meaning: str
    settable: bool = False
    disruption: Disruption = "none"
    licence: str = ""
    form: Form = "plain"

    @property
    def spec(self) -> AttributeSpec:
        """The attribute's description."""
        return AttributeSpec(self.name, self.type, self.meaning, self.settable)


def _of(kind: str, role: str, *members: Member) -> tuple[Member, ...]:
    return tuple(msgspec.structs.replace(member, kind=kind, role=role) for member in members)


def _m(
    name: str,
    pointer: str,
    type_: AttributeType,
    meaning: str,
    *,
    settable: bool = False,
    disruption: Disruption = "none",
    licence: str = "",
    form: Form = "plain",
) -> Member:
    return Member("", "", name, pointer, type_, meaning, settable, disruption, licence, form)


_OEM: Final = "/Oem/Hpe"

_MANAGER: Final = (
    *_of(
        "ilo.manager",
        "manager",
        _m("generation", "/Model", "text", "The generation as the iLO names itself: `iLO 5`."),
        _m("firmware_version", "/FirmwareVersion", "version", "The iLO's own firmware."),
        _m(
            "idle_timeout",
            f"{_OEM}/IdleConnectionTimeoutMinutes",
            "duration",
            "After how long without use a session ends.",
            settable=True,
            form="minutes",
        ),
        _m(
            "some_pending_reset",
            f"{_OEM}/ConfigurationSettings",
            "boolean",
            "Settings are stored that take effect only after a reset of the iLO.",
            form="pending",
        ),
        _m(
            "virtual_nic_enabled",
            f"{_OEM}/VirtualNICEnabled",
            "boolean",
            "The operating system reaches the iLO over a virtual network card.",
        ),
        _m(
            "host_authentication_required",
            f"{_OEM}/RequireHostAuthentication",
            "boolean",
            "Tools on the host must log in before they may configure the iLO.",
            settable=True,
        ),
        _m(
            "rbsu_login_required",
            f"{_OEM}/RequiredLoginForiLORBSU",
            "boolean",
            "The iLO's settings in the boot menu ask for a log-in.",
            settable=True,
        ),
        _m("web_gui_enabled", f"{_OEM}/WebGuiEnabled", "boolean", "The web interface is offered."),
    ),
    *_of(
        "ilo.manager",
        "update_service",
        _m(
            "downgrade_policy",
            f"{_OEM}/DowngradePolicy",
            "text",
            "`AllowDowngrade`, `RecoveryDowngrade`, or `NoDowngrade`, which is permanent.",
            settable=True,
            licence="DowngradePolicy",
        ),
        _m(
            "accept_third_party_firmware",
            f"{_OEM}/Accept3rdPartyFirmware",
            "boolean",
            "Firmware packages that the vendor did not sign are accepted.",
            settable=True,
        ),
        _m(
            "firmware_scan_enabled",
            f"{_OEM}/FirmwareIntegrity/EnableBackgroundScan",
            "boolean",
            "The iLO verifies its firmware images by itself.",
            settable=True,
            licence="FWScan",
        ),
        _m(
            "firmware_scan_days",
            f"{_OEM}/FirmwareIntegrity/ScanEveryDays",
            "number",
            "Days between two scans.",
            settable=True,
            licence="FWScan",
        ),
        _m(
            "on_integrity_failure",
            f"{_OEM}/FirmwareIntegrity/OnIntegrityFailure",
            "text",
            "What happens when a scan fails: `LogOnly` or `LogAndRepairAuto`.",
            settable=True,
            licence="FWScan",
        ),
    ),
    *_of(
        "ilo.manager",
        "system",
        _m("system_model", "/Model", "text", "The server's model."),
        _m("system_rom_version", "/BiosVersion", "version", "The system ROM that is in use."),
    ),
)

_SNMP: Final = _of(
    "ilo.snmp",
    "snmp",
    _m("alerts_enabled", "/AlertsEnabled", "boolean", "Traps are sent to the alert destinations.", settable=True),
    _m(
        "cold_start_trap",
        f"{_OEM}/SNMPColdStartTrapBroadcast",
        "boolean",
        "A cold start trap is broadcast when no destination is set.",
        settable=True,
    ),
    _m(
        "periodic_hsa_trap",
        "/PeriodicHSATrapConfig",
        "text",
        "How often the health status is sent without a cause: `Disabled`, `Daily`, `Weekly`, `Monthly`.",
        settable=True,
    ),
    _m(
        "trap_source_hostname",
        "/TrapSourceHostname",
        "text",
        "Which name a trap carries: the iLO's (`Manager`) or the host's (`System`).",
        settable=True,
    ),
    _m(
        "v1_enabled",
        "/SNMPv1Enabled",
        "boolean",
        "SNMP v1, whose communities travel in clear, is spoken.",
        settable=True,
        disruption="iLO reset",
    ),
    _m("v1_requests_enabled", "/SNMPv1RequestsEnabled", "boolean", "SNMP v1 requests are answered.", settable=True),
    _m("v1_trap_enabled", "/SNMPv1TrapEnabled", "boolean", "SNMP v1 traps are sent.", settable=True),
    _m("v3_requests_enabled", "/SNMPv3RequestsEnabled", "boolean", "SNMP v3 requests are answered.", settable=True),
    _m("v3_trap_enabled", "/SNMPv3TrapEnabled", "boolean", "SNMP v3 traps are sent.", settable=True),
    _m(
        "v3_inform_retries",
        "/SNMPv3InformRetryAttempt",
        "number",
        "How often an unacknowledged inform is sent again.",
        settable=True,
    ),
    _m(
        "v3_inform_interval",
        "/SNMPv3InformRetryIntervalSeconds",
        "duration",
        "Time between two of these.",
        settable=True,
        form="seconds",
    ),
    _m("v3_engine_id", "/SNMPv3EngineID", "secret", "The engine id of SNMP v3, as a keyed digest."),
    _m(
        "read_communities",
        "/ReadCommunities",
        "list",
        "The communities that may read, as keyed digests.",
        form="secrets",
    ),
    _m("contact", "/Contact", "text", "Whom to call (sysContact).", settable=True),
    _m("location", "/Location", "text", "Where the server stands (sysLocation).", settable=True),
)

_SNMP_DESTINATION: Final = _of(
    "ilo.snmp_destination",
    "snmp_destination",
    _m("address", "/AlertDestination", "text", "Where traps are sent: a host name or address."),
    _m("protocol", "/SNMPAlertProtocol", "text", "`SNMPv1Trap`, `SNMPv3Trap` or `SNMPv3Inform`."),
    _m("community", "/TrapCommunity", "secret", "The community of an SNMP v1 trap, as a keyed digest."),
    _m("security_name", "/SecurityName", "text", "The SNMP v3 user of the trap."),
)

_ALERT_MAIL: Final = _of(
    "ilo.alert_mail",
    "network_protocol",
    _m(
        "enabled",
        f"{_OEM}/AlertMailEnabled",
        "boolean",
        "Alerts are sent by mail.",
        settable=True,
        licence="EmailAlert",
    ),
    _m("recipient", f"{_OEM}/AlertMailEmail", "text", "Who gets them.", settable=True, licence="EmailAlert"),
    _m(
        "sender_domain",
        f"{_OEM}/AlertMailSenderDomain",
        "text",
        "The domain they come from.",
        settable=True,
        licence="EmailAlert",
    ),
    _m("smtp_server", f"{_OEM}/AlertMailSMTPServer", "text", "The mail server.", settable=True, licence="EmailAlert"),
    _m("smtp_port", f"{_OEM}/AlertMailSMTPPort", "number", "Its port.", settable=True, licence="EmailAlert"),
    _m(
        "smtp_tls",
        f"{_OEM}/AlertMailSMTPSecureEnabled",
        "boolean",
        "The connection to it is encrypted.",
        settable=True,
        licence="EmailAlert",
    ),
    _m("smtp_auth", f"{_OEM}/AlertMailSMTPAuthEnabled", "boolean", "The iLO logs in to it."),
    _m("smtp_user", f"{_OEM}/AlertMailSMTPAuthUser", "secret", "As whom, as a keyed digest."),
)

_REMOTE_SYSLOG: Final = _of(
    "ilo.remote_syslog",
    "network_protocol",
    _m(
        "enabled",
        f"{_OEM}/RemoteSyslogEnabled",
        "boolean",
        "Events are sent to a syslog server.",
        settable=True,
        licence="RemoteSyslog",
    ),
    _m("server", f"{_OEM}/RemoteSyslogServer", "text", "The syslog server.", settable=True, licence="RemoteSyslog"),
    _m("port", f"{_OEM}/RemoteSyslogPort", "number", "Its port.", settable=True, licence="RemoteSyslog"),
)

_EVENT_SUBSCRIPTION: Final = _of(
    "ilo.event_subscription",
    "event_subscription",
    _m("destination", "/Destination", "text", "The URL to which events are posted, without a user and query."),
    _m("protocol", "/Protocol", "text", "The protocol, `Redfish`."),
    _m("event_types", "/EventTypes", "list", "Which types are sent (iLO 5).", form="texts"),
    _m(
        "registry_prefixes",
        "/RegistryPrefixes",
        "list",
        "Events of which registries are sent (iLO 6 on).",
        form="texts",
    ),
    _m("context", "/Context", "text", "The text that each event carries."),
)

_THRESHOLD: Final = (
    *_of(
        "ilo.threshold",
        "temperature",
        _m("upper_critical", "/UpperThresholdCritical", "number", "Degrees Celsius that count as critical."),
        _m("upper_fatal", "/UpperThresholdFatal", "number", "Degrees Celsius at which the server is switched off."),
        _m(
            "user_warning",
            f"{_OEM}/WarningTempUserThreshold",
            "number",
            "Degrees Celsius at which a warning is sent, set by people; 0 means none.",
        ),
        _m(
            "user_critical",
            f"{_OEM}/CriticalTempUserThreshold",
            "number",
            "Degrees Celsius at which a critical alert is sent, set by people; 0 means none.",
        ),
    ),
    *_of(
        "ilo.threshold",
        "thermal",
        _m(
            "thermal_configuration",
            f"{_OEM}/ThermalConfiguration",
            "text",
            "How the fans are driven: `OptimalCooling`, `IncreasedCooling`, `MaximumCooling`…",
        ),
        _m("fan_percent_minimum", f"{_OEM}/FanPercentMinimum", "number", "The least speed of the fans in per cent."),
    ),
    *_of(
        "ilo.threshold",
        "power",
        _m(
            "power_trigger",
            f"{_OEM}/SNMPPowerThresholdAlert/Trigger",
            "text",
            "What the power alert watches: `Disabled`, `PeakPowerConsumption`, `AveragePowerConsumption`.",
        ),
        _m("power_watts", f"{_OEM}/SNMPPowerThresholdAlert/ThresholdWatts", "number", "Watts that raise it."),
        _m("power_minutes", f"{_OEM}/SNMPPowerThresholdAlert/DurationInMin", "number", "For how many minutes."),
        _m("high_efficiency_mode", f"{_OEM}/HighEfficiencyMode", "text", "How the power supplies share the load."),
        _m("brownout_recovery", f"{_OEM}/BrownoutRecoveryEnabled", "boolean", "A brownout is ridden out."),
    ),
)


def _service(name: str, member: str, meaning: str, disruption: Disruption = "none") -> tuple[Member, ...]:
    settable = disruption != "none"
    return (
        _m(
            f"{name}_enabled",
            f"/{member}/ProtocolEnabled",
            "boolean",
            f"{meaning} is offered.",
            settable=settable,
            disruption=disruption,
        ),
        _m(f"{name}_port", f"/{member}/Port", "number", f"The port of {meaning}."),
    )


_NETWORK_PROTOCOL: Final = _of(
    "ilo.network_protocol",
    "network_protocol",
    _m("host_name", "/HostName", "text", "The iLO's name."),
    *_service("http", "HTTP", "HTTP"),
    *_service("https", "HTTPS", "HTTPS"),
    *_service("ssh", "SSH", "SSH", "iLO reset"),
    *_service("ipmi", "IPMI", "IPMI over LAN", "iLO reset"),
    *_service("snmp", "SNMP", "SNMP", "iLO reset"),
    *_service("console", "KVMIP", "the remote console"),
    *_service("virtual_media", "VirtualMedia", "virtual media"),
    *_service("ssdp", "SSDP", "discovery by SSDP"),
    _m(
        "snmp_trap_port",
        f"{_OEM}/SNMPTrapPort",
        "number",
        "The port to which traps are sent.",
        settable=True,
        disruption="iLO reset",
    ),
    _m(
        "xml_reply_enabled",
        f"{_OEM}/XMLResponseEnabled",
        "boolean",
        "The iLO says who it is to anybody who asks (/xmldata).",
    ),
    _m("federation_enabled", f"{_OEM}/FederationEnabled", "boolean", "iLO federation is on."),
    _m("virtual_media_encrypted", f"{_OEM}/VirtualMediaEncryptionEnabled", "boolean", "Virtual media is encrypted."),
    _m(
        "some_pending_reset",
        f"{_OEM}/ConfigurationSettings",
        "boolean",
        "Settings are stored that take effect only after a reset of the iLO.",
        form="pending",
    ),
)

_TIME: Final = _of(
    "ilo.time",
    "date_time",
    _m(
        "ntp_servers",
        "/StaticNTPServers",
        "list",
        "The time servers that people set, without empty places; not in use while DHCP names them.",
        settable=True,
        form="addresses",
    ),
    _m(
        "propagate_to_host",
        "/PropagateTimeToHost",
        "boolean",
        "The host's clock is set from the iLO's at boot.",
        settable=True,
    ),
    _m("time_zone", "/TimeZone/Name", "text", "The time zone's name."),
    _m(
        "time_zone_index", "/TimeZone/Index", "number", "The time zone's number.", settable=True, disruption="iLO reset"
    ),
)

_SECURITY: Final = (
    *_of(
        "ilo.security",
        "security",
        _m(
            "security_state",
            "/SecurityState",
            "text",
            "`Production` or `SecureStandard` (iLO 7), `HighSecurity`, `FIPS`, `SuiteB`.",
        ),
        _m(
            "weak_ciphers_disabled",
            "/DisableWeakCiphers",
            "boolean",
            "Weak ciphers are refused.",
            settable=True,
            disruption="iLO reset",
        ),
        _m(
            "tls_1_0",
            "/TLSVersion/TLS1_0",
            "boolean",
            "TLS 1.0 is spoken.",
            settable=True,
            disruption="iLO reset",
            form="enabled",
        ),
        _m(
            "tls_1_1",
            "/TLSVersion/TLS1_1",
            "boolean",
            "TLS 1.1 is spoken.",
            settable=True,
            disruption="iLO reset",
            form="enabled",
        ),
        _m(
            "tls_1_2",
            "/TLSVersion/TLS1_2",
            "boolean",
            "TLS 1.2 is spoken.",
            settable=True,
            disruption="iLO reset",
            form="enabled",
        ),
        _m(
            "tls_1_3",
            "/TLSVersion/TLS1_3",
            "boolean",
            "TLS 1.3 is spoken.",
            settable=True,
            disruption="iLO reset",
            form="enabled",
        ),
        _m(
            "login_banner_enabled",
            "/LoginSecurityBanner/IsEnabled",
            "boolean",
            "A warning is shown before the log-in.",
            settable=True,
        ),
        _m("login_banner", "/LoginSecurityBanner/SecurityMessage", "text", "Its text."),
    ),
    *_of(
        "ilo.security",
        "security_dashboard",
        _m("overall_status", "/OverallSecurityStatus", "text", "The iLO's own judgement: `Ok`, `Risk`, `Ignored`."),
        _m("configuration_lock", "/ServerConfigurationLockStatus", "text", "Whether the server's make-up is locked."),
    ),
    *_of(
        "ilo.security",
        "secure_boot",
        _m("secure_boot_enabled", "/SecureBootEnable", "boolean", "Secure Boot is asked for at the next boot."),
        _m("secure_boot_current", "/SecureBootCurrentBoot", "text", "Whether the current boot was a secure one."),
    ),
)

_ACCOUNT_POLICY: Final = _of(
    "ilo.account_policy",
    "account_service",
    _m("min_password_length", f"{_OEM}/MinPasswordLength", "number", "The shortest password.", settable=True),
    _m(
        "password_complexity",
        f"{_OEM}/EnforcePasswordComplexity",
        "boolean",
        "Passwords must mix characters.",
        settable=True,
    ),
    _m(
        "auth_failure_delay",
        f"{_OEM}/AuthFailureDelayTimeSeconds",
        "duration",
        "How long the iLO waits after a refused log-in.",
        settable=True,
        form="seconds",
    ),
    _m(
        "auth_failures_before_delay",
        f"{_OEM}/AuthFailuresBeforeDelay",
        "number",
        "Refused log-ins before it starts to wait.",
        settable=True,
    ),
    _m(
        "auth_failure_logging_threshold",
        f"{_OEM}/AuthFailureLoggingThreshold",
        "number",
        "Every how many refused log-ins one is logged; 0 means never.",
        settable=True,
    ),
    _m(
        "lockout_threshold",
        "/AccountLockoutThreshold",
        "number",
        "Refused log-ins before an account is locked.",
        settable=True,
    ),
    _m("lockout_duration", "/AccountLockoutDuration", "duration", "For how long.", settable=True, form="seconds"),
    _m("local_accounts", "/LocalAccountAuth", "text", "Whether local accounts may log in."),
    _m("basic_auth", "/HTTPBasicAuth", "text", "Whether and how HTTP basic authentication is offered."),
    _m("two_factor", f"{_OEM}/TwoFactorAuth", "text", "Whether a second factor is asked for."),
)

_LICENCE: Final = _of(
    "ilo.licence",
    "licence",
    _m("licence", "/License", "text", "What was bought."),
    _m("tier", "/LicenseTier", "text", "Its tier: `STD`, `ESS`, `ADV`…"),
    _m("type", "/LicenseType", "text", "`Perpetual`, `Evaluation`…"),
    _m("expires", "/LicenseExpire", "text", "When it ends, in the iLO's words; empty means never."),
    _m("key", "/LicenseKey", "secret", "The key, as a keyed digest."),
)

_FIRMWARE: Final = _of(
    "ilo.firmware",
    "firmware",
    _m("version", "/Version", "version", "The installed version, as the vendor writes it."),
    _m("component", "/Name", "text", "What it is the firmware of."),
    _m("device", f"{_OEM}/DeviceContext", "text", "Where in the server."),
    _m("device_class", f"{_OEM}/DeviceClass", "text", "The class by which packages find it."),
    _m("updateable", "/Updateable", "boolean", "It can be updated through the iLO."),
)

MEMBERS: Final = (
    *_MANAGER,
    *_SNMP,
    *_SNMP_DESTINATION,
    *_ALERT_MAIL,
    *_REMOTE_SYSLOG,
    *_EVENT_SUBSCRIPTION,
    *_THRESHOLD,
    *_NETWORK_PROTOCOL,
    *_TIME,
    *_SECURITY,
    *_ACCOUNT_POLICY,
    *_LICENCE,
    *_FIRMWARE,
)


def members_of(kind: str) -> tuple[Member, ...]:
    """The members of a kind, in the table's order."""
    return tuple(member for member in MEMBERS if member.kind == kind)


def member(kind: str, name: str) -> Member | None:
    """The member behind an attribute, or None where the attribute is computed or unknown."""
    return next((one for one in MEMBERS if one.kind == kind and one.name == name), None)
