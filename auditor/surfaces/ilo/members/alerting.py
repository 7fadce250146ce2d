"""The ways by which alerts leave an iLO, and what raises them."""

from __future__ import annotations

from typing import Final

from auditor.surfaces.ilo.members.form import OEM, of, one

SNMP: Final = of(
    "ilo.snmp",
    "snmp",
    one("alerts_enabled", "/AlertsEnabled", "boolean", "Traps are sent to the alert destinations.", settable=True),
    one(
        "cold_start_trap",
        f"{OEM}/SNMPColdStartTrapBroadcast",
        "boolean",
        "A cold start trap is broadcast when no destination is set.",
        settable=True,
    ),
    one(
        "periodic_hsa_trap",
        "/PeriodicHSATrapConfig",
        "text",
        "How often a trap is sent again while a component is degraded or failed: `Disabled`, `Daily`, `Weekly`, "
        "`Monthly`.",
        settable=True,
    ),
    one(
        "trap_source_hostname",
        "/TrapSourceHostname",
        "text",
        "Which name a trap carries: the iLO's (`Manager`) or the host's (`System`).",
        settable=True,
    ),
    one(
        "v1_enabled",
        "/SNMPv1Enabled",
        "boolean",
        "SNMP v1, whose communities travel in clear, is spoken.",
        settable=True,
        disruption="iLO reset",
    ),
    one("v1_requests_enabled", "/SNMPv1RequestsEnabled", "boolean", "SNMP v1 requests are answered.", settable=True),
    one("v1_trap_enabled", "/SNMPv1TrapEnabled", "boolean", "SNMP v1 traps are sent.", settable=True),
    one("v3_requests_enabled", "/SNMPv3RequestsEnabled", "boolean", "SNMP v3 requests are answered.", settable=True),
    one("v3_trap_enabled", "/SNMPv3TrapEnabled", "boolean", "SNMP v3 traps are sent.", settable=True),
    one(
        "v3_inform_retries",
        "/SNMPv3InformRetryAttempt",
        "number",
        "How often an unacknowledged inform is sent again.",
        settable=True,
    ),
    one(
        "v3_inform_interval",
        "/SNMPv3InformRetryIntervalSeconds",
        "duration",
        "Time between two of these.",
        settable=True,
        form="seconds",
    ),
    one("v3_engine_id", "/SNMPv3EngineID", "secret", "The engine id of SNMP v3, as a keyed digest."),
    one(
        "read_communities",
        "/ReadCommunities",
        "list",
        "The communities that may read, as keyed digests.",
        form="secrets",
    ),
    one("contact", "/Contact", "text", "Whom to call (sysContact).", settable=True),
    one("location", "/Location", "text", "Where the server stands (sysLocation).", settable=True),
)

SNMP_DESTINATION: Final = of(
    "ilo.snmp_destination",
    "snmp_destination",
    one(
        "address",
        "/AlertDestination",
        "text",
        "Where traps are sent: a host name or address.",
        settable=True,
        made=True,
    ),
    one(
        "protocol",
        "/SNMPAlertProtocol",
        "text",
        "`SNMPv1Trap`, `SNMPv3Trap` or `SNMPv3Inform`.",
        settable=True,
        made=True,
    ),
    one(
        "community",
        "/TrapCommunity",
        "secret",
        "The community of an SNMP v1 trap, as a keyed digest.",
        settable=True,
        made=True,
    ),
    one("security_name", "/SecurityName", "text", "The SNMP v3 user of the trap.", settable=True, made=True),
)

ALERT_MAIL: Final = of(
    "ilo.alert_mail",
    "network_protocol",
    one(
        "enabled",
        f"{OEM}/AlertMailEnabled",
        "boolean",
        "Alerts are sent by mail.",
        settable=True,
        licence="EmailAlert",
    ),
    one("recipient", f"{OEM}/AlertMailEmail", "text", "Who gets them.", settable=True, licence="EmailAlert"),
    one(
        "sender_domain",
        f"{OEM}/AlertMailSenderDomain",
        "text",
        "The domain they come from.",
        settable=True,
        licence="EmailAlert",
    ),
    one("smtp_server", f"{OEM}/AlertMailSMTPServer", "text", "The mail server.", settable=True, licence="EmailAlert"),
    one("smtp_port", f"{OEM}/AlertMailSMTPPort", "number", "Its port.", settable=True, licence="EmailAlert"),
    one(
        "smtp_tls",
        f"{OEM}/AlertMailSMTPSecureEnabled",
        "boolean",
        "The connection to it is encrypted.",
        settable=True,
        licence="EmailAlert",
    ),
    one("smtp_auth", f"{OEM}/AlertMailSMTPAuthEnabled", "boolean", "The iLO logs in to it.", licence="EmailAlert"),
    one("smtp_user", f"{OEM}/AlertMailSMTPAuthUser", "secret", "As whom, as a keyed digest.", licence="EmailAlert"),
)

REMOTE_SYSLOG: Final = of(
    "ilo.remote_syslog",
    "network_protocol",
    one(
        "enabled",
        f"{OEM}/RemoteSyslogEnabled",
        "boolean",
        "Events are sent to a syslog server.",
        settable=True,
        licence="RemoteSyslog",
    ),
    one("server", f"{OEM}/RemoteSyslogServer", "text", "The syslog server.", settable=True, licence="RemoteSyslog"),
    one("port", f"{OEM}/RemoteSyslogPort", "number", "Its port.", settable=True, licence="RemoteSyslog"),
)

SNMP_USER: Final = of(
    "ilo.snmp_user",
    "snmp_user",
    one("security_name", "/SecurityName", "text", "The user's name.", made=True),
    one(
        "auth_protocol",
        "/AuthProtocol",
        "text",
        "How it authenticates: `MD5`, `SHA`, `SHA256`.",
        settable=True,
        made=True,
    ),
    one(
        "auth_passphrase",
        "/AuthPassphrase",
        "secret",
        "The pass phrase it authenticates with. It is set and never shown: absent in every reading.",
        settable=True,
        made=True,
    ),
    one("privacy_protocol", "/PrivacyProtocol", "text", "How it encrypts: `DES`, `AES`.", settable=True, made=True),
    one(
        "privacy_passphrase",
        "/PrivacyPassphrase",
        "secret",
        "The pass phrase it encrypts with. It is set and never shown: absent in every reading.",
        settable=True,
        made=True,
    ),
    one(
        "engine_id",
        "/UserEngineID",
        "secret",
        "Its engine id, for informs, as a keyed digest.",
        settable=True,
        made=True,
    ),
)

EVENT_SERVICE: Final = of(
    "ilo.event_service",
    "event_service",
    one("enabled", "/ServiceEnabled", "boolean", "Events are sent to subscriptions."),
    one(
        "delivery_retries",
        "/DeliveryRetryAttempts",
        "number",
        "How often an event that was not taken is sent again; after that the subscription may be ended.",
    ),
    one("retry_interval", "/DeliveryRetryIntervalSeconds", "duration", "Time between two of these.", form="seconds"),
    one("event_types", "/EventTypesForSubscription", "list", "Types that may be asked for (iLO 5).", form="texts"),
    one("registry_prefixes", "/RegistryPrefixes", "list", "Registries that may be asked for (iLO 6 on).", form="texts"),
)

EVENT_SUBSCRIPTION: Final = of(
    "ilo.event_subscription",
    "event_subscription",
    one(
        "destination",
        "/Destination",
        "text",
        "The URL to which events are posted, without a user and query.",
        made=True,
    ),
    one("protocol", "/Protocol", "text", "The protocol, `Redfish`.", made=True),
    one("event_types", "/EventTypes", "list", "Which types are sent (iLO 5).", form="texts", made=True),
    one(
        "registry_prefixes",
        "/RegistryPrefixes",
        "list",
        "Events of which registries are sent (iLO 6 on).",
        form="texts",
        made=True,
    ),
    one("context", "/Context", "text", "The text that each event carries.", made=True),
    one("subscription_type", "/SubscriptionType", "text", "`RedfishEvent`, `SSE`…"),
    one("format", "/EventFormatType", "text", "`Event`, or `MetricReport`, which carries no alerts.", made=True),
)
