"""Ciphers, accounts, Secure Boot, and the licence."""

from __future__ import annotations

from typing import Final

from auditor.surfaces.ilo.members.form import OEM, of, one

SECURITY: Final = (
    *of(
        "ilo.security",
        "security",
        one(
            "security_state",
            "/SecurityState",
            "text",
            "`Production` or `SecureStandard` (iLO 7), `HighSecurity`, `FIPS`, `SuiteB`.",
        ),
        one(
            "weak_ciphers_disabled",
            "/DisableWeakCiphers",
            "boolean",
            "Weak ciphers are refused.",
            settable=True,
            disruption="iLO reset",
        ),
        one(
            "tls_1_0",
            "/TLSVersion/TLS1_0",
            "boolean",
            "TLS 1.0 is spoken.",
            settable=True,
            disruption="iLO reset",
            form="enabled",
        ),
        one(
            "tls_1_1",
            "/TLSVersion/TLS1_1",
            "boolean",
            "TLS 1.1 is spoken.",
            settable=True,
            disruption="iLO reset",
            form="enabled",
        ),
        one(
            "tls_1_2",
            "/TLSVersion/TLS1_2",
            "boolean",
            "TLS 1.2 is spoken.",
            settable=True,
            disruption="iLO reset",
            form="enabled",
        ),
        one(
            "tls_1_3",
            "/TLSVersion/TLS1_3",
            "boolean",
            "TLS 1.3 is spoken.",
            settable=True,
            disruption="iLO reset",
            form="enabled",
        ),
        one(
            "login_banner_enabled",
            "/LoginSecurityBanner/IsEnabled",
            "boolean",
            "A warning is shown before the log-in.",
            settable=True,
        ),
        one("login_banner", "/LoginSecurityBanner/SecurityMessage", "text", "Its text."),
    ),
    *of(
        "ilo.security",
        "security_dashboard",
        one("overall_status", "/OverallSecurityStatus", "text", "The iLO's own judgement: `Ok`, `Risk`, `Ignored`."),
        one("configuration_lock", "/ServerConfigurationLockStatus", "text", "Whether the server's make-up is locked."),
    ),
    *of(
        "ilo.security",
        "secure_boot",
        one("secure_boot_enabled", "/SecureBootEnable", "boolean", "Secure Boot is asked for at the next boot."),
        one("secure_boot_current", "/SecureBootCurrentBoot", "text", "Whether the current boot was a secure one."),
    ),
)

ACCOUNT_POLICY: Final = of(
    "ilo.account_policy",
    "account_service",
    one("min_password_length", f"{OEM}/MinPasswordLength", "number", "The shortest password.", settable=True),
    one(
        "password_complexity",
        f"{OEM}/EnforcePasswordComplexity",
        "boolean",
        "Passwords must mix characters.",
        settable=True,
    ),
    one(
        "auth_failure_delay",
        f"{OEM}/AuthFailureDelayTimeSeconds",
        "duration",
        "How long the iLO waits after a refused log-in.",
        settable=True,
        form="seconds",
    ),
    one(
        "auth_failures_before_delay",
        f"{OEM}/AuthFailuresBeforeDelay",
        "number",
        "Refused log-ins before it starts to wait.",
        settable=True,
    ),
    one(
        "auth_failure_logging_threshold",
        f"{OEM}/AuthFailureLoggingThreshold",
        "number",
        "Every how many refused log-ins one is logged; 0 means never.",
        settable=True,
    ),
    one(
        "lockout_threshold",
        "/AccountLockoutThreshold",
        "number",
        "Refused log-ins before an account is locked.",
        settable=True,
    ),
    one("lockout_duration", "/AccountLockoutDuration", "duration", "For how long.", settable=True, form="seconds"),
    one("local_accounts", "/LocalAccountAuth", "text", "Whether local accounts may log in."),
    one("basic_auth", "/HTTPBasicAuth", "text", "Whether and how HTTP basic authentication is offered."),
    one("two_factor", f"{OEM}/TwoFactorAuth", "text", "Whether a second factor is asked for."),
)

LICENCE: Final = of(
    "ilo.licence",
    "licence",
    one("licence", "/License", "text", "What was bought."),
    one("tier", "/LicenseTier", "text", "Its tier: `STD`, `ESS`, `ADV`…"),
    one("type", "/LicenseType", "text", "`Perpetual`, `Evaluation`…"),
    one("expires", "/LicenseExpire", "text", "When it ends, in the iLO's words; empty means never."),
    one("key", "/LicenseKey", "secret", "The key, as a keyed digest."),
)
