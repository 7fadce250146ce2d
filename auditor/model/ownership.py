"""Which package a file belongs to, and what that package's next update makes of a change of it."""

from __future__ import annotations

from typing import Literal

import msgspec

Handling = Literal["noreplace", "config", "ghost", "conffile", "obsolete", "ucf", "shared", "plain", "none", "unknown"]
"""How the package manager handles the file.

========== =====================================================================================================
noreplace  rpm ``%config(noreplace)``: a changed one is kept, the new one put beside it (``.rpmnew``)
config     rpm ``%config``: a changed one is replaced, and put beside the new one (``.rpmsave``)
ghost      rpm ``%ghost``: the package does not deliver it, and takes it along when it is removed
conffile   dpkg: a changed one is kept where nobody is asked, the new one put beside it (``.dpkg-dist``)
obsolete   dpkg: a configuration file that the package no longer delivers; it is left alone
ucf        Debian's ucf, called by the package: as ``conffile``, with ``.ucf-dist``
shared     several packages deliver it
plain      no configuration file: an update overwrites it, and brings it back where it was deleted
none       no package's
unknown    it is not known whose it is: see ``why``
========== =====================================================================================================
"""


class PackageFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Whose a file is. ``package`` and ``manager`` are empty where it is no package's, ``why`` where it is known."""

    handling: Handling
    package: str = ""
    manager: Literal["", "rpm", "dpkg"] = ""
    why: str = ""
