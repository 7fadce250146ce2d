"""How the virtual iLO takes in and flashes one image: stages by time, the downgrade policy, and when it counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import msgspec

from auditor.policy.versions import compare_versions
from auditor.surfaces.ilo.body import Body, Json, at
from auditor.surfaces.ilo.simulator.images import Image
from auditor.surfaces.ilo.simulator.parts import Message, message

if TYPE_CHECKING:
    from auditor.surfaces.ilo.simulator.state import IloState

ROOT: Final = "/redfish/v1"
MANAGER: Final = f"{ROOT}/Managers/1"
SERVICE: Final = f"{ROOT}/UpdateService"
INVENTORY: Final = f"{SERVICE}/FirmwareInventory"
REPOSITORY: Final = f"{SERVICE}/ComponentRepository"
_HPE: Final = "/Oem/Hpe"

Ended = Callable[["IloState", "Message | None"], None]
"""Told how a job ended: with the message of its failure, or None."""


class Job(msgspec.Struct):
    """One image on its way. ``stages`` are the states that it goes through, each ``stage_s`` seconds long."""

    image: Image | None
    filename: str
    stages: tuple[str, ...]
    started: float
    ended: Ended


class Flasher:
    """One job at a time, as the service has it; ``waiting`` are flashed images that count after the next boot."""

    def __init__(self, stage_s: float) -> None:
        self.stage_s = stage_s
        self.job: Job | None = None
        self.waiting: list[Image] = []

    def start(self, state: IloState, image: Image | None, filename: str, stages: tuple[str, ...], ended: Ended) -> None:
        """Begins with a job. It is the caller's to see that there is none."""
        self.job = Job(image, filename, stages, state.clock(), ended)
        show(state, stages[0], 0)

    def settle(self, state: IloState) -> bool:
        """Goes on as far as time has; whether a job ended."""
        job = self.job
        if job is None:
            return False
        passed = int((state.clock() - job.started) / self.stage_s) if self.stage_s else len(job.stages)
        if passed < len(job.stages):
            stage = job.stages[passed]
            refused = self._refusal(state, job) if stage not in ("Uploading", "Verifying") else None
            if refused is None:
                show(state, stage, 100 * passed // len(job.stages))
                return False
            return self._end(state, job, refused)
        return self._end(state, job, self._refusal(state, job))

    def _end(self, state: IloState, job: Job, refused: Message | None) -> bool:
        self.job = None
        show(state, "Error" if refused else "Complete", 100, refused or message("iLO.2.14.Success"))
        if refused is None and job.image is not None and "Updating" in job.stages:
            self.flashed(state, job.image)
        job.ended(state, refused)
        return True

    def _refusal(self, state: IloState, job: Job) -> Message | None:
        if job.image is None:
            return message("iLO.2.14.UpdateInvalidFile", job.filename)
        return self.refusal(state, job.image) if "Updating" in job.stages else None

    def refusal(self, state: IloState, image: Image) -> Message | None:
        """Why an image is not flashed here, or None."""
        installed = [str(body.get("Version", "")) for body in components(state, image.component)]
        if not installed:
            return message("iLO.2.14.UpdateNotApplicable", image.component)
        policy = at(state.get(SERVICE), f"{_HPE}/DowngradePolicy")
        # Of versions without an order the iLO knows the packages' own; refusing is what a permanent policy would do.
        if policy == "NoDowngrade" and any(compare_versions(image.version, one) in (-1, None) for one in installed):
            return message("iLO.2.14.DowngradeNotAllowed")
        return message(image.fails, image.component) if image.fails else None

    def flashed(self, state: IloState, image: Image) -> None:
        """What follows from flashing: an iLO resets itself, a ROM waits for the boot, the rest counts at once."""
        if image.activates == "AfterReboot":
            self.waiting.append(image)
            return
        install(state, image)
        if image.activates == "AfterDeviceReset":
            state.reset_ilo()

    def booted(self, state: IloState) -> None:
        """What was flashed and waited for the boot counts now."""
        waiting, self.waiting = self.waiting, []
        for image in waiting:
            install(state, image)


def show(state: IloState, stage: str, percent: int, result: Message | None = None) -> None:
    """Shows the service's state, its progress, and how the last job ended."""
    state.set(SERVICE, f"{_HPE}/State", stage)
    state.set(SERVICE, f"{_HPE}/FlashProgressPercent", percent)
    if result is not None:
        state.set(SERVICE, f"{_HPE}/Result", {"MessageId": result[0], "MessageArgs": list[Json](result[1])})


def components(state: IloState, name: str) -> tuple[Body, ...]:
    """The inventory's entries of a component."""
    head = f"{INVENTORY.casefold()}/"
    found = (state.get(uri) for uri in state.uris() if uri.casefold().startswith(head))
    return tuple(body for body in found if body.get("Name") == name)


def install(state: IloState, image: Image) -> None:
    """Puts the version wherever the iLO shows it."""
    for body in components(state, image.component):
        state.set(str(body["@odata.id"]), "/Version", image.version)
    if image.component == "System ROM":
        _set_where(state, f"{ROOT}/Systems/1", "/BiosVersion", image.version)
        _set_where(state, f"{ROOT}/Systems/1", f"{_HPE}/Bios/Current/VersionString", image.version)
    elif image.component.startswith("iLO "):
        shown = at(state.get(MANAGER), "/FirmwareVersion") if state.has(MANAGER) else None
        named = f"{image.component} v{image.version}" if str(shown).startswith("iLO") else image.version
        _set_where(state, MANAGER, "/FirmwareVersion", named)
        managers = at(state.get(ROOT), f"{_HPE}/Manager")
        if isinstance(managers, list):
            told: list[Json] = [
                {**one, "ManagerFirmwareVersion": image.version} if isinstance(one, dict) else one for one in managers
            ]
            state.set(ROOT, f"{_HPE}/Manager", told)


def _set_where(state: IloState, uri: str, pointer: str, value: str) -> None:
    """Sets a member that is there."""
    if state.has(uri) and at(state.get(uri), pointer) is not None:
        state.set(uri, pointer, value)
