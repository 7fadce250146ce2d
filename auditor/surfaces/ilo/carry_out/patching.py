"""Setting members of a resource by one PATCH, and reading until the iLO shows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from auditor.errors import ApplyError
from auditor.surfaces.ilo.body import Body, at, nest
from auditor.surfaces.ilo.carry_out import line as timing
from auditor.surfaces.ilo.carry_out import members, secrets
from auditor.surfaces.ilo.carry_out.line import Line, etag_of
from auditor.surfaces.ilo.carry_out.members import Standing
from auditor.surfaces.ilo.carry_out.setting import Setting, shown

PATCH: Final = "patch"
_SAYS_PENDING: Final = ("/Oem/Hpe/ConfigurationSettings", "/ConfigurationSettings")


@dataclass(frozen=True)
class Patching:
    """PATCHes on one iLO."""

    line: Line

    async def patch(self, setting: Setting) -> str:
        """Sets the members, unless they are as wanted already. Sent once: where the answer is lost, reading decides.

        Secrets are sent in any case, since what an iLO does not show cannot be as wanted already.

        Errors:
            ApplyError: somebody else changed them meanwhile, the iLO refuses, or does not show them.
        """
        answer = await self.line.read(setting.uri)
        standing = members.standing(answer.body, setting.wanted, setting.previous)
        if standing == "wanted" and not setting.secrets:
            return f"{setting.uri} is as wanted already"
        self.refuse_other(setting, standing, answer.body)
        values = secrets.revealed(setting.secrets, self.line.options)
        journal = self.line.options.journal
        waits = {"waits": "yes" if await self.reset_waits(setting.uri) else "no"} if setting.resets_ilo else {}
        journal.intent(setting.step, PATCH, uri=setting.uri, before=shown(setting.previous), **waits)
        client = await self.line.client()
        write = client.patch(setting.uri, nest((*setting.sent, *values)), etag=etag_of(answer))
        refusal, answered = await self.line.answered(write, setting.uri)
        if refusal:
            held = {"held": "nothing was set"} if answered is not None and answered.status == 412 else {}
            journal.failed(setting.step, PATCH, why=refusal, **held)
            raise ApplyError(refusal, where=setting.uri)
        if answered is None and secrets.never_shown(setting.secrets):  # no reading can settle what became of it
            raise ApplyError(
                f"no answer came, and whether {secrets.never_shown(setting.secrets)} was taken cannot be read.",
                where=self.line.place(setting.uri),
            )
        if not setting.resets_ilo:
            await self.until_wanted(setting)
        body = await self.line.body(setting.uri) if setting.secrets else {}
        if wrong := secrets.contradicted(body, values):
            raise ApplyError(f"read back: {wrong} is another than was sent.", where=self.line.place(setting.uri))
        journal.done(setting.step, PATCH, uri=setting.uri)
        return f"{setting.uri} set{secrets.not_shown(body, setting.secrets)}"

    async def reset_waits(self, uri: str) -> bool:
        """Whether the iLO, or the resource itself, says that settings wait for a reset of the iLO."""
        bodies = (await self.line.manager(), await self.line.body(uri))
        said = [at(body, pointer) for body in bodies for pointer in _SAYS_PENDING]
        return "SomePendingReset" in said

    def refuse_other(self, setting: Setting, standing: Standing, body: Body) -> None:
        """Stops where members are neither as before nor as wanted.

        Errors:
            ApplyError: somebody else changed them meanwhile.
        """
        if standing == "other":
            raise ApplyError(
                f"{members.differences(body, setting.previous)}: somebody else changed it meanwhile.",
                where=self.line.place(setting.uri),
            )

    async def until_wanted(self, setting: Setting) -> None:
        """Reads until the members are as wanted; only that proves a change.

        Errors:
            ApplyError: they are not after a while.
        """

        async def look() -> Body | None:
            body = await self.line.body(setting.uri)
            return body if members.standing(body, setting.wanted, ()) == "wanted" else None

        if await self.line.poll(look, timing.SHOWN_WITHIN_S) is None:
            body = await self.line.body(setting.uri)
            raise ApplyError(
                f"read back: {members.differences(body, setting.wanted)}.", where=self.line.place(setting.uri)
            )
