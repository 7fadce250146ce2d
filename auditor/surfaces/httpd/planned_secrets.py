"""Secrets that somebody asks for in clear: no plan holds one. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from auditor.errors import RefusedError
from auditor.model.plan import Wish
from auditor.model.secret import Sealer
from auditor.model.snapshot import Collected
from auditor.model.value import Text
from auditor.surfaces.httpd.secrets import learn, seal_text


def refuse_in_clear(wishes: Iterable[Wish], collected: Collected, sealer: Sealer) -> None:
    """Refuses arguments of a directive that hold a secret which would be sealed where it is collected.

    Errors:
        RefusedError: with the address, and without the secret.
    """
    asked = [one for one in wishes if (one.address.kind, one.address.attribute) == ("httpd.directive", "arguments")]
    known = learn(one.content for one in collected.documents) if asked else None
    for wish in asked:
        name = wish.address.name.rpartition(" > ")[2].partition(" ")[0]
        line = f"{name} {wish.value.value}".encode() if isinstance(wish.value, Text) else b""
        if seal_text(line, sealer, known) != line:
            raise RefusedError(
                f"{wish.address}: what is asked for holds a secret, which stands in no plan.",
                untouched="No plan was written.",
                next_step="Write it into the file by hand, or where the server looks it up (${NAME}, exec:PROGRAM).",
            )
