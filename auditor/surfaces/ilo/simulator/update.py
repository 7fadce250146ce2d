"""The update service of the virtual iLO: images, its repository, install sets, maintenance windows and the queue."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from auditor.surfaces.ilo.body import Body, Json, MalformedError, at, decode
from auditor.surfaces.ilo.simulator.flashing import REPOSITORY, SERVICE, Flasher, components
from auditor.surfaces.ilo.simulator.images import Image, filename_of, image_of
from auditor.surfaces.ilo.simulator.parts import Act, Message, Part, Reply, Upload, message
from auditor.surfaces.ilo.simulator.queue import (
    MAX_TASKS,
    QUEUE,
    WINDOWS,
    Queue,
    component_of,
    identity_of,
    wrong_name_or_time,
    wrong_step,
)

if TYPE_CHECKING:
    from auditor.surfaces.ilo.simulator.state import IloState

INSTALL_SETS: Final = f"{SERVICE}/InstallSets"
MAX_SETS: Final = 8
MAX_COMPONENTS: Final = 128
_OEM: Final = "/updateservice/actions/oem/hpe/hpeiloupdateserviceext"
_BUSY: Final = message("iLO.2.14.FirmwareFlashAlreadyInProgress")
_DONE: Final = Reply(200, (message("Base.1.4.Success"),))


class Updates:
    """One iLO's update service. :attr:`part` is its face to the state.

    ``stage_s`` is how long each stage of an update takes, in seconds. ``images`` says by file name what an image
    installs, where the name does not; nothing is ever fetched. ``now`` is the iLO's clock.
    """

    def __init__(
        self,
        *,
        stage_s: float = 0.02,
        now: Callable[[], datetime.datetime] = lambda: datetime.datetime.now(datetime.UTC),
    ) -> None:
        self.images: dict[str, Image] = {}
        self._flasher = Flasher(stage_s)
        self._queue = Queue(self._flasher, lambda name: image_of(name, self.images), now)
        self._now = now

    @property
    def part(self) -> Part:
        """What the state asks of it. Of a source without an update service, or a part of one, it does nothing."""
        return Part(
            actions={
                "/updateservice/actions/updateservice.simpleupdate": _where(SERVICE, self._simple_update),
                f"{_OEM}.addfromuri": _where(SERVICE, self._add_from_uri),
                f"{_OEM}.deleteupdatetaskqueueitems": _where(QUEUE, self._queue.clear),
                f"{_OEM}.deleteinstallsets": _where(INSTALL_SETS, self._delete_install_sets),
                f"{_OEM}.deletemaintenancewindows": _where(WINDOWS, self._delete_windows),
                f"{_OEM}.deleteunlockedcomponents": _where(REPOSITORY, self._delete_unlocked),
                "/actions/hpecomponentinstallset.invoke": _where(QUEUE, self._invoke),
            },
            creates={
                QUEUE.casefold(): _where(QUEUE, self._queue.create),
                INSTALL_SETS.casefold(): _where(INSTALL_SETS, self._create_install_set),
                WINDOWS.casefold(): _where(WINDOWS, self._create_window),
            },
            deletes={
                QUEUE.casefold(): self._queue.delete,
                INSTALL_SETS.casefold(): _delete_plain,
                WINDOWS.casefold(): _delete_plain,
                REPOSITORY.casefold(): self._delete_component,
            },
            receives={"/cgi-bin/uploadfile": self._receive},
            settle=self._settle,
            booted=self._booted,
        )

    def _settle(self, state: IloState) -> None:
        if not state.has(SERVICE):
            return
        self._flasher.settle(state)
        if state.has(QUEUE):
            self._queue.settle(state)

    def _booted(self, state: IloState) -> None:
        if state.has(QUEUE):
            self._queue.booted(state)
        self._flasher.booted(state)

    # -- images ---------------------------------------------------------------------------------------------------

    def _simple_update(self, state: IloState, _: str, body: Body) -> Reply:
        """Takes iLO and UEFI binaries alone, and flashes them at once."""
        filename = filename_of(str(body.get("ImageURI", "")))
        image = image_of(filename, self.images)
        if not filename or (image is not None and not image.binary):
            return Reply(400, (message("iLO.2.14.SimpleUpdateInvalidImageURI"),))
        return self._begin(state, filename, ("Uploading", "Verifying", "Updating"))

    def _add_from_uri(self, state: IloState, _: str, body: Body) -> Reply:
        filename = filename_of(str(body.get("ImageURI", "")))
        if not filename:
            return Reply(400, (message("iLO.2.14.SimpleUpdateInvalidImageURI"),))
        return self._take(state, filename, 0, body, repository=body.get("UpdateRepository") is not False)

    def _receive(self, state: IloState, _: str, fields: Mapping[str, Upload]) -> Reply:
        """A form that was pushed: the first field with a file's name that is no signature is the image."""
        if not state.has(SERVICE):
            return Reply(404)
        file = next((one for name, one in fields.items() if one.filename and name != "compsig"), None)
        try:
            parameters: Body = {"UpdateTarget": True}
            if "parameters" in fields:
                parameters = decode(fields["parameters"].content)
        except MalformedError:
            return Reply(400, (message("Base.1.4.MalformedJSON"),))
        if file is None:
            return Reply(400, (message("iLO.2.14.UpdateBadParameter"),))
        repository = parameters.get("UpdateRepository", "parameters" in fields) is True
        return self._take(state, file.filename, len(file.content), parameters, repository=repository)

    def _take(self, state: IloState, filename: str, size: int, said: Body, *, repository: bool) -> Reply:
        """An image that goes into the repository, is flashed, or both."""
        target = said.get("UpdateTarget") is True
        there = component_of(state, {"Filename": filename}) if repository else None
        if there is not None and self._locked(state, there):
            return Reply(400, (message("Base.1.4.ResourceInUse"),))
        if repository and there is None and len(self._below(state, REPOSITORY)) >= MAX_COMPONENTS:
            return Reply(400, (message("iLO.2.14.UpdateRepositoryUnavailable"),))
        stages = ("Uploading", "Verifying", *(("Writing",) if repository else ()), *(("Updating",) if target else ()))
        return self._begin(state, filename, stages, size)

    def _begin(self, state: IloState, filename: str, stages: tuple[str, ...], size: int = 0) -> Reply:
        if self._flasher.job is not None:
            return Reply(400, (_BUSY,))
        image = image_of(filename, self.images)

        def ended(of: IloState, refused: Message | None) -> None:
            if (
                "Writing" in stages
                and of.has(REPOSITORY)
                and image is not None
                and (refused is None or not refused[0].endswith("File"))
            ):
                self._keep(of, filename, image, size)

        self._flasher.start(state, image, filename, stages, ended)
        return Reply(200, (message("iLO.2.14.UpdateSimpleStatus"),))

    # -- the repository -------------------------------------------------------------------------------------------

    def _keep(self, state: IloState, filename: str, image: Image, size: int) -> None:
        found = next(iter(components(state, image.component)), {})
        uri = f"{REPOSITORY}/{identity_of(filename)}"
        state.add(
            uri,
            {
                "@odata.type": "#HpeComponent.v1_0_1.HpeComponent",
                "Id": identity_of(filename),
                "Activates": image.activates,
                "ComponentUri": f"/fwrepo/{filename}",
                "Configuration": "",
                "Created": self._now().strftime("%Y-%m-%dT%H:%M:%SZ"),
                "Criticality": "Optional",
                "DeviceClass": at(found, "/Oem/Hpe/DeviceClass"),
                "ExecutionParameters": "",
                "Filename": filename,
                "Filepath": filename,
                "Locked": False,
                "Name": image.component,
                "SizeBytes": size,
                "Targets": at(found, "/Oem/Hpe/Targets"),
                "UpdatableBy": list[Json](image.updatable_by),
                "Version": image.version,
            },
        )

    def _delete_component(self, state: IloState, uri: str, _: Body) -> Reply:
        if self._locked(state, state.get(uri)):
            return Reply(400, (message("Base.1.4.ResourceInUse"),))
        state.remove(uri)
        return _DONE

    def _delete_unlocked(self, state: IloState, _: str, __: Body) -> Reply:
        for uri in self._below(state, REPOSITORY):
            if not self._locked(state, state.get(uri)):
                state.remove(uri)
        return _DONE

    def _locked(self, state: IloState, component: Body) -> bool:
        """Whether a task or an install set refers to it, or it is locked by hand."""
        if component.get("Locked") is True:
            return True
        named = (component.get("@odata.id"), component.get("Filename"))
        steps: list[Json] = list(self._queue.tasks(state))
        for uri in self._below(state, INSTALL_SETS):
            sequence = state.get(uri).get("Sequence")
            steps += sequence if isinstance(sequence, list) else []
        return any(isinstance(one, dict) and (one.get("Component") in named or one.get("Filename") in named)
                   for one in steps)  # fmt: skip

    # -- install sets and maintenance windows ---------------------------------------------------------------------

    def _create_install_set(self, state: IloState, _: str, body: Body) -> Reply:
        if len(self._below(state, INSTALL_SETS)) >= MAX_SETS:
            return Reply(400, (message("iLO.2.14.InstallSetWriteError"),))
        if wrong := self._wrong_set(state, body):
            return Reply(400, (wrong,))
        uri = f"{INSTALL_SETS}/{identity_of(str(body['Name']))}"
        if state.has(uri):
            return Reply(400, (message("Base.1.4.ResourceAlreadyExists", str(body["Name"])),))
        made = self._now().strftime("%Y-%m-%dT%H:%M:%SZ")
        invoke: Body = {"target": f"{uri}/Actions/HpeComponentInstallSet.Invoke"}
        state.add(
            uri,
            {
                "@odata.type": "#HpeComponentInstallSet.v1_4_0.HpeComponentInstallSet",
                "Id": uri.rsplit("/", 1)[-1],
                "Actions": {"#HpeComponentInstallSet.Invoke": invoke},
                "Created": made,
                "Modified": made,
                "IsRecovery": False,
                **body,
            },
        )
        return Reply(201, (message("Base.1.4.Created"),), location=uri)

    def _wrong_set(self, state: IloState, body: Body) -> Message | None:
        sequence = body.get("Sequence")
        if not isinstance(body.get("Name"), str) or not body.get("Name"):
            return message("Base.1.4.PropertyMissing", "Name")
        if not isinstance(sequence, list) or not sequence:
            return message("Base.1.4.PropertyMissing", "Sequence")
        steps = [one for one in sequence if isinstance(one, dict)]
        names = [one.get("Name") for one in steps]
        if len(steps) != len(sequence) or any(names.count(name) > 1 for name in names):
            return message("Base.1.4.PropertyValueNotInList", "Sequence", "Name")
        return next((wrong for one in steps if (wrong := wrong_step(state, one))), None)

    def _invoke(self, state: IloState, uri: str, body: Body) -> Reply:
        """Every step becomes a task at the end of the queue; none where one of them cannot."""
        place = uri.rstrip("/").rsplit("/", 2)[0]
        if not state.has(place):
            return Reply(404)
        when = {name: body[name] for name in ("StartAfter", "Expire", "MaintenanceWindow") if name in body}
        sequence = state.get(place).get("Sequence")
        steps = [{**one, **when} for one in sequence if isinstance(one, dict)] if isinstance(sequence, list) else []
        clear = body.get("ClearTaskQueue") is True
        refuse = wrong_step if clear else self._queue.refusal
        if wrong := next((wrong for one in steps if (wrong := refuse(state, one))), None):
            return Reply(400, (wrong,))
        if len(steps) + (0 if clear else len(self._queue.tasks(state))) > MAX_TASKS:
            return Reply(400, (message("iLO.2.14.UpdateTaskQueueFull"),))
        if clear:
            self._queue.clear(state, uri, {})
        for one in steps:
            self._queue.append(state, one)
        return _DONE

    def _delete_install_sets(self, state: IloState, _: str, __: Body) -> Reply:
        for uri in self._below(state, INSTALL_SETS):
            if state.get(uri).get("IsRecovery") is not True:
                state.remove(uri)
        return _DONE

    def _create_window(self, state: IloState, _: str, body: Body) -> Reply:
        if wrong := wrong_name_or_time(body):
            return Reply(400, (wrong,))
        identity = identity_of(str(body["Name"]))
        uri = f"{WINDOWS}/{identity}"
        if state.has(uri):
            return Reply(400, (message("Base.1.4.ResourceAlreadyExists", str(body["Name"])),))
        kind = "#HpeMaintenanceWindow.v1_0_1.HpeMaintenanceWindow"
        state.add(uri, {"@odata.type": kind, "Id": identity, "StartAfter": None, "Expire": None, **body})
        return Reply(201, (message("Base.1.4.Created"),), location=uri)

    def _delete_windows(self, state: IloState, _: str, __: Body) -> Reply:
        for uri in self._below(state, WINDOWS):
            state.remove(uri)
        return _DONE

    def _below(self, state: IloState, collection: str) -> tuple[str, ...]:
        return tuple(uri for uri in state.uris() if uri.casefold().startswith(f"{collection.casefold()}/"))


def _where(collection: str, act: Act) -> Act:
    """The act where there is such a resource; else what is not there is not found."""
    return lambda state, uri, body: act(state, uri, body) if state.has(collection) else Reply(404)


def _delete_plain(state: IloState, uri: str, _: Body) -> Reply:
    state.remove(uri)
    return _DONE
