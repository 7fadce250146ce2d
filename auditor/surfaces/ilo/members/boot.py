"""What the BIOS keeps beside its attributes: boot order, TLS, keys of disks, the configuration lock."""

from __future__ import annotations

from typing import Final

from auditor.surfaces.ilo.members.form import of, one

_KIND: Final = "ilo.boot"

BOOT: Final = (
    *of(
        _KIND,
        "bios_boot",
        one("order", "/PersistentBootConfigOrder", "list", "The boot options in their order.", form="texts"),
        one(
            "default_order", "/DefaultBootOrder", "list", "The classes of device in their default order.", form="texts"
        ),
    ),
    *of(
        _KIND,
        "bios_tls",
        one("tls_verification", "/VerifyMode", "text", "How boot over HTTPS verifies its server: `PEER`, `NONE`."),
        one("tls_version", "/ProtocolVersion", "text", "The version of TLS: `AUTO`, `1.2`…"),
        one("tls_ciphers", "/Ciphers", "text", "The ciphers, separated by colons."),
        one("tls_host_name_check", "/HostnameCheck", "text", "Whether the certificate must name the host."),
        one("tls_authorities", "/TlsCaCertificateCount", "number", "How many authorities are enrolled."),
    ),
    *of(
        _KIND,
        "bios_kms",
        one("key_management", "/KeyManagementType", "text", "Where keys of encrypted disks are kept: `Disabled`…"),
        one("opal_block_sid", "/OpalBlockSid", "text", "Whether the operating system may take over self-encryption."),
    ),
    *of(
        _KIND,
        "bios_lock",
        one("configuration_lock", "/ServerConfigLockState", "text", "Whether the server's make-up is locked."),
    ),
)
