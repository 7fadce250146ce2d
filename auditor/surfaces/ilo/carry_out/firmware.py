"""Updating firmware on one iLO, and taking it back by the artefact that the plan names.

Tasks live in the iLO and run without us. So a run, and whoever recovers it, looks at queue and inventory first, and
sends nothing that is there already. Only the inventory says that a version is installed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from auditor.errors import ApplyError, CollectError, RefusedError
from auditor.policy.versions import same_version
from auditor.surfaces.ilo.body import at
from auditor.surfaces.ilo.carry_out import line as timing
from auditor.surfaces.ilo.carry_out.bios import BiosChange
from auditor.surfaces.ilo.carry_out.line import Line
from auditor.surfaces.ilo.carry_out.repository import TASK, Repository
from auditor.surfaces.ilo.carry_out.setting import Flash, Image

FLASH: Final = "flash"
T = TypeVar("T")
_AT_BOOT: Final = ("AfterReboot", "AfterHardPowerCycle")


@dataclass(frozen=True)
class Firmware:
    """The firmware of one iLO's machine."""

    line: Line
    repository: Repository
    bios: BiosChange

    async def check(self, one: Flash) -> str:
        """What is installed, as a sentence.

        Errors:
            RefusedError: it is neither as before nor as wanted, something else is being updated, or an artefact is
                missing, the one that takes it back included.
        """
        if one.wanted is None:
            raise RefusedError(f"step {one.step} cannot be taken back.", untouched="Nothing was changed.")
        shown = await self._shown(one)
        if all(same_version(version, one.wanted.version) for version in shown):
            return f"{one.wanted.version} is installed already"
        if one.previous is not None and not all(same_version(version, one.previous.version) for version in shown):
            raise RefusedError(
                f"{', '.join(shown)} is installed, not {one.previous.version}: changed since the plan.",
                where=self.line.place(one.uris[0]),
                untouched="Nothing was changed.",
                next_step=f"Look:  auditor drift {self.line.target.name}",
            )
        await self.repository.refuse_busy()
        for image in (one.previous, one.wanted):
            if image is not None:
                await self.repository.refuse_missing(image)
        return f"{', '.join(shown)} is installed; the update queue is free"

    async def install(self, one: Flash) -> list[str]:
        """Installs the wanted version, unless the inventory shows it; it may count only after a boot.

        Errors:
            ApplyError: the iLO takes or installs it not.
        """
        wanted = _image(one.wanted)
        if all(same_version(version, wanted.version) for version in await self._shown(one)):
            return [f"{wanted.version} is installed already"]
        self.line.options.journal.intent(one.step, FLASH, version=wanted.version)
        for image in (one.previous, wanted):
            if image is not None:
                await self.repository.upload(one.step, image)
        await self._flash(one.step, wanted)
        return [f"{wanted.name} flashed"]

    async def activate(self, flashes: Sequence[Flash]) -> list[str]:
        """Waits until the inventory shows what was flashed; resets the system once where that takes a boot.

        Errors:
            ApplyError: it does not show it.
        """
        if not flashes:
            return []

        async def look() -> bool | None:
            return True if await self._all_shown(flashes) else None

        said: list[str] = []
        if not await self._patiently(lambda: self._all_shown(flashes)):
            if await self._patiently(lambda: self._wait_for_boot(flashes)):
                said.append(await self.bios.restart(flashes[0].step, lambda: self._all_shown(flashes)))
            elif await self.line.poll(look, timing.BACK_WITHIN_S) is None:
                shown = ", ".join([version for one in flashes for version in await self._shown(one)])
                raise ApplyError(f"read back: {shown} is installed.", where=self.line.target.name)
        return [*said, *(f"read back: {_image(one.wanted).version} is installed" for one in flashes)]

    async def take_back(self, forward: Sequence[Flash]) -> list[str]:
        """Takes back what was begun, the last first; nothing is flashed that was not flashed before.

        Errors:
            ApplyError: nothing takes a version back, or the iLO does not install it.
        """
        said: list[str] = []
        for one in reversed(forward):
            name = self._task_name(one.step, _image(one.wanted))
            if await self._was_flashed(one, name):
                if one.previous is None:
                    raise ApplyError("nothing takes it back.", where=self.line.place(one.uris[0]))
                await self._flash(one.step, one.previous)
                said.append(f"{one.previous.name} flashed")
            await self.repository.drop(name)
        back = [one.reverse() for one in forward if one.previous is not None]
        if said:
            said += await self.activate(back)
        await self.clear(forward)
        return said or ["the firmware was as before"]

    async def clear(self, flashes: Sequence[Flash], *, of_any_run: bool = False) -> None:
        """Takes out of the repository what was put there for these."""
        for one in flashes:
            for image in (one.wanted, one.previous):
                if image is not None:
                    await self.repository.remove(one.step, image, of_any_run=of_any_run)

    async def _was_flashed(self, one: Flash, name: str) -> bool:
        """Whether the wanted version was flashed, also where it counts after the next boot only."""
        task = await self.repository.task(name)
        if task is not None and at(task[1], "/State") == "InProgress":
            task = (task[0], await self.repository.until_ended(name))
            await self.line.reached()
        complete = task is not None and at(task[1], "/State") == "Complete"
        last = self.line.done(one.step, FLASH).get("version", _image(one.wanted).version if complete else "")
        if last:
            return last == _image(one.wanted).version
        shown = await self._shown(one)
        return one.previous is None or not all(same_version(each, one.previous.version) for each in shown)

    async def _flash(self, step: str, image: Image) -> None:
        """Queues the image and waits for its task; it is not sent where it is in the repository, nor queued twice."""
        await self.repository.upload(step, image)
        name = self._task_name(step, image)
        await self.repository.queue(step, name, image)
        self.line.options.observe(f"{self.line.target.name}: {image.name} is being installed")
        ended = await self.repository.until_ended(name)
        await self.line.reached()
        if at(ended, "/State") != "Complete":
            why = at(ended, "/Result/MessageId") or at(ended, "/State")
            self.line.options.journal.failed(step, TASK, why=str(why))
            raise ApplyError(f"{image.name} was not installed: {why}.", where=self.line.target.name)
        self.line.options.journal.done(step, FLASH, version=image.version)
        await self._patiently(lambda: self.repository.drop(name))

    async def _patiently(self, act: Callable[[], Awaitable[T]]) -> T:
        """What ``act`` gives; repeated while the iLO is away, since its own update resets it."""

        async def look() -> tuple[T] | None:
            try:
                return (await act(),)
            except CollectError:
                await self.line.log_out()
                raise

        found = await self.line.poll(look, timing.BACK_WITHIN_S)
        if found is None:
            raise ApplyError("it does not answer any more.", where=self.line.target.name)
        return found[0]

    async def _wait_for_boot(self, flashes: Sequence[Flash]) -> bool:
        """Whether one of these counts after a boot only."""
        found = [await self.repository.component(_image(one.wanted)) for one in flashes]
        return any(at(body or {}, "/Activates") in _AT_BOOT for body in found)

    def _task_name(self, step: str, image: Image) -> str:
        """A name of its own in each run, the same for whoever recovers it."""
        return f"auditor {self.line.options.plan_id[:8]} run {self.line.run} {step} to {image.version}"[:120]

    async def _all_shown(self, flashes: Sequence[Flash]) -> bool:
        for one in flashes:
            wanted = _image(one.wanted)
            shown = await self._shown(one)
            if not all(same_version(version, wanted.version) for version in shown):
                return False
        return True

    async def _shown(self, one: Flash) -> list[str]:
        return [str(at(await self.line.body(uri), "/Version")) for uri in one.uris]


def _image(image: Image | None) -> Image:
    if image is None:
        raise ApplyError("there is no artefact for it.")
    return image
