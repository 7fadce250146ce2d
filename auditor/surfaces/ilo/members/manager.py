"""The iLO itself: its policy for firmware, its network services, its clock."""

from __future__ import annotations

from typing import Final

from auditor.model.plan import Disruption
from auditor.surfaces.ilo.members.form import OEM, Member, of, one

MANAGER: Final = (
    *of(
        "ilo.manager",
        "manager",
        one("generation", "/Model", "text", "The generation as the iLO names itself: `iLO 5`."),
        one("firmware_version", "/FirmwareVersion", "version", "The iLO's own firmware."),
        one(
            "idle_timeout",
            f"{OEM}/IdleConnectionTimeoutMinutes",
            "duration",
            "After how long without use a session ends.",
            settable=True,
            form="minutes",
        ),
        one(
            "some_pending_reset",
            f"{OEM}/ConfigurationSettings",
            "boolean",
            "Settings are stored that take effect only after a reset of the iLO. A plan that asks for false resets it.",
            form="pending",
            made=True,
        ),
        one(
            "virtual_nic_enabled",
            f"{OEM}/VirtualNICEnabled",
            "boolean",
            "The operating system reaches the iLO over a virtual network card.",
        ),
        one(
            "host_authentication_required",
            f"{OEM}/RequireHostAuthentication",
            "boolean",
            "Tools on the host must log in before they may configure the iLO.",
            settable=True,
        ),
        one(
            "rbsu_login_required",
            f"{OEM}/RequiredLoginForiLORBSU",
            "boolean",
            "The iLO's settings in the boot menu ask for a log-in.",
            settable=True,
        ),
        one("web_gui_enabled", f"{OEM}/WebGuiEnabled", "boolean", "The web interface is offered."),
    ),
    *of(
        "ilo.manager",
        "update_service",
        one(
            "downgrade_policy",
            f"{OEM}/DowngradePolicy",
            "text",
            "`AllowDowngrade`, `RecoveryDowngrade`, or `NoDowngrade`, which is permanent.",
            settable=True,
            licence="DowngradePolicy",
        ),
        one(
            "accept_third_party_firmware",
            f"{OEM}/Accept3rdPartyFirmware",
            "boolean",
            "Firmware packages that the vendor did not sign are accepted.",
            settable=True,
        ),
        one(
            "firmware_scan_enabled",
            f"{OEM}/FirmwareIntegrity/EnableBackgroundScan",
            "boolean",
            "The iLO verifies its firmware images by itself.",
            settable=True,
            licence="FWScan",
        ),
        one(
            "firmware_scan_days",
            f"{OEM}/FirmwareIntegrity/ScanEveryDays",
            "number",
            "Days between two scans.",
            settable=True,
            licence="FWScan",
        ),
        one(
            "on_integrity_failure",
            f"{OEM}/FirmwareIntegrity/OnIntegrityFailure",
            "text",
            "What happens when a scan fails: `LogOnly` or `LogAndRepairAuto`.",
            settable=True,
            licence="FWScan",
        ),
    ),
    *of(
        "ilo.manager",
        "system",
        one("system_model", "/Model", "text", "The server's model."),
        one("system_rom_version", "/BiosVersion", "version", "The system ROM that is in use."),
    ),
)


def _service(name: str, member: str, meaning: str, disruption: Disruption = "none") -> tuple[Member, ...]:
    settable = disruption != "none"
    return (
        one(
            f"{name}_enabled",
            f"/{member}/ProtocolEnabled",
            "boolean",
            f"{meaning} is offered.",
            settable=settable,
            disruption=disruption,
        ),
        one(f"{name}_port", f"/{member}/Port", "number", f"The port of {meaning}."),
    )


NETWORK_PROTOCOL: Final = of(
    "ilo.network_protocol",
    "network_protocol",
    one("host_name", "/HostName", "text", "The iLO's name."),
    *_service("http", "HTTP", "HTTP"),
    *_service("https", "HTTPS", "HTTPS"),
    *_service("ssh", "SSH", "SSH", "iLO reset"),
    *_service("ipmi", "IPMI", "IPMI over LAN", "iLO reset"),
    *_service("snmp", "SNMP", "SNMP", "iLO reset"),
    *_service("console", "KVMIP", "the remote console"),
    *_service("virtual_media", "VirtualMedia", "virtual media"),
    *_service("ssdp", "SSDP", "discovery by SSDP"),
    one(
        "snmp_trap_port",
        f"{OEM}/SNMPTrapPort",
        "number",
        "The port to which traps are sent.",
        settable=True,
        disruption="iLO reset",
    ),
    one(
        "xml_reply_enabled",
        f"{OEM}/XMLResponseEnabled",
        "boolean",
        "The iLO says who it is to anybody who asks (/xmldata).",
    ),
    one("federation_enabled", f"{OEM}/FederationEnabled", "boolean", "iLO federation is on."),
    one("virtual_media_encrypted", f"{OEM}/VirtualMediaEncryptionEnabled", "boolean", "Virtual media is encrypted."),
    one(
        "some_pending_reset",
        f"{OEM}/ConfigurationSettings",
        "boolean",
        "Settings are stored that take effect only after a reset of the iLO.",
        form="pending",
    ),
)

TIME: Final = of(
    "ilo.time",
    "date_time",
    one(
        "ntp_servers",
        "/StaticNTPServers",
        "list",
        "The time servers that people set, without empty places; not in use while DHCP names them.",
        settable=True,
        form="addresses",
    ),
    one(
        "propagate_to_host",
        "/PropagateTimeToHost",
        "boolean",
        "The host's clock is set from the iLO's at boot.",
        settable=True,
    ),
    one("time_zone", "/TimeZone/Name", "text", "The time zone's name."),
    one(
        "time_zone_index", "/TimeZone/Index", "number", "The time zone's number.", settable=True, disruption="iLO reset"
    ),
)
