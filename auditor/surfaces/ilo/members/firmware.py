"""The installed firmware."""

from __future__ import annotations

from typing import Final

from auditor.surfaces.ilo.members.form import OEM, of, one

FIRMWARE: Final = of(
    "ilo.firmware",
    "firmware",
    one("version", "/Version", "version", "The installed version, as the vendor writes it.", made=True),
    one("component", "/Name", "text", "What it is the firmware of."),
    one("device", f"{OEM}/DeviceContext", "text", "Where in the server."),
    one("device_class", f"{OEM}/DeviceClass", "text", "The class by which packages find it."),
    one("targets", f"{OEM}/Targets", "list", "The hardware that packages are for.", form="texts"),
    one("updateable", "/Updateable", "boolean", "It can be updated through the iLO."),
)
