"""Firmware images of the virtual iLO: what a file's name says that it installs. Nothing is fetched or looked into."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Final, Literal
from urllib.parse import unquote, urlsplit

import msgspec

Activation = Literal["AfterDeviceReset", "AfterReboot", "Immediately"]

_ILO: Final = re.compile(r"ilo(\d)_(?:(\d)(\d\d)|(\d+\.\d+(?:\.\d+)?))\.bin", re.IGNORECASE | re.ASCII)
_ROM: Final = re.compile(r"([A-Z]\d\d)_(\d+\.\d+)_(\d\d)_(\d\d)_(\d{4})\.signed\.flash", re.IGNORECASE | re.ASCII)
_PACKAGE: Final = re.compile(r"(.{1,100})-(\d[^-/]{0,60})\.fwpkg", re.ASCII)


class Image(msgspec.Struct, frozen=True):
    """What an image installs: the component as the inventory names it, the version, and when it counts.

    ``binary`` says that it is an iLO or UEFI binary, the only ones that SimpleUpdate takes. ``fails`` is the id of the
    message with which flashing it fails; empty: it does not.
    """

    component: str
    version: str
    activates: Activation = "Immediately"
    binary: bool = False
    updatable_by: tuple[str, ...] = ("Bmc",)
    fails: str = ""


def image_of(filename: str, known: Mapping[str, Image]) -> Image | None:
    """The image of a file: one that is ``known`` by its name, else what the name says; None where it says nothing.

    Names are those that the vendor gives: ``ilo5_278.bin``, ``ilo7_1.14.00.bin``, ``U46_2.40_06_01_2025.signed.flash``;
    and for rehearsals of anything else the component with ``_`` for blanks: ``Power_Supply_Firmware-2.10.fwpkg``.
    """
    if filename in known:
        return known[filename]
    if ilo := _ILO.fullmatch(filename):
        version = ilo[4] or f"{ilo[2]}.{ilo[3]}"
        return Image(f"iLO {ilo[1]}", version, "AfterDeviceReset", binary=True)
    if rom := _ROM.fullmatch(filename):
        version = f"{rom[1].upper()} v{rom[2]} ({rom[3]}/{rom[4]}/{rom[5]})"
        return Image("System ROM", version, "AfterReboot", binary=True)
    if package := _PACKAGE.fullmatch(filename):
        return Image(package[1].replace("_", " "), package[2])
    return None


def filename_of(uri: str) -> str:
    """The file's name in an image's URI; empty where it is no URI of a web server."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return ""
    usable = parts.scheme in ("http", "https") and parts.hostname
    return PurePosixPath(unquote(parts.path)).name if usable else ""
