"""The iLO's repository of components and its update task queue: what is there, what is added, what is taken away."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from auditor.errors import ApplyError, CollectError, RefusedError
from auditor.surfaces.ilo.body import Body, Json, at, link
from auditor.surfaces.ilo.carry_out.line import Line
from auditor.surfaces.ilo.carry_out.setting import Image
from auditor.surfaces.ilo.client import ROOT
from auditor.surfaces.ilo.links import member_uris
from auditor.surfaces.ilo.membership import shows_all

UPLOAD: Final = "upload"
TASK: Final = "queue update"
MAX_ARTEFACT: Final = 512 * 1024 * 1024
_UPLOAD_S: Final = 1800.0
_HPE: Final = "/Oem/Hpe"
_TO_COME: Final = ("Pending", "InProgress")
_DONE: Final = ("Complete", "Canceled")
_QUIET: Final = ("Idle", "Complete", "Error", "", "None")


@dataclass
class Repository:
    """Components and tasks of one iLO. ``artefacts`` are the files that are at hand, by SHA-256."""

    line: Line
    artefacts: Mapping[str, Path]
    _place: str = ""

    async def refuse_busy(self) -> None:
        """Refuses where the update service does something already, or a task of somebody else is in the queue.

        The queue is strictly ordered: ours would wait behind it, or set it going.

        Errors:
            RefusedError: with the name and state of what is in the way.
        """
        state = at(await self._service(), f"{_HPE}/State")
        found = [f"{at(one, '/Name')} ({at(one, '/State')})" for _, one in await self._tasks() if not _is_done(one)]
        if found or (isinstance(state, str) and state not in _QUIET):
            what = f"the update queue holds {', '.join(found[:5])}" if found else f"the update service is {state}"
            raise RefusedError(
                f"{what}, which is none of this plan's.",
                where=self.line.target.name,
                untouched="Nothing was changed.",
                next_step="Let it end, or take it out of the queue, then try again.",
            )

    async def refuse_missing(self, image: Image) -> None:
        """Refuses where an artefact is neither in the repository nor at hand with the bytes that the plan names.

        Errors:
            RefusedError: it is not, or it is too large to be sent from here.
        """
        if await self.component(image) is None:
            self._content(image)

    async def component(self, image: Image) -> Body | None:
        """The component with that file's name, or None."""
        found = [body async for _, body in self._members(f"{_HPE}/ComponentRepository")]
        return next((body for body in found if at(body, "/Filename") == image.name), None)

    async def upload(self, step: str, image: Image) -> None:
        """Puts an artefact into the repository, unless one of that name is there.

        Errors:
            ApplyError: the iLO refuses it, or does not list it afterwards.
        """
        if await self.component(image) is not None or await self._arrives(step, image):
            return
        content = self._content(image)
        journal = self.line.options.journal
        place = at(await self._service(), "/HttpPushUri")
        if not isinstance(place, str) or not place.startswith("/") or place.startswith("//"):
            raise ApplyError("the iLO takes no uploads.", where=self.line.target.name)
        journal.intent(step, UPLOAD, file=image.name)
        self.line.options.observe(f"{self.line.target.name}: sending {image.name} ({len(content)} bytes)")
        client = await self.line.patient(_UPLOAD_S)
        refusal = await self.line.sent(client.upload(place, lambda key: _form(key, image.name, content)), place)
        if refusal:
            journal.failed(step, UPLOAD, why=refusal)
            raise ApplyError(refusal, where=self.line.place(place))

        async def look() -> Body | None:
            service = await self._service()
            return await self.component(image) or (service if at(service, f"{_HPE}/State") == "Error" else None)

        seen = await self.line.poll(look, self.line.options.deadline_s) or {}
        if at(seen, "/Filename") != image.name:
            why = at(seen, f"{_HPE}/Result/MessageId") or "it does not list it"
            raise ApplyError(f"the iLO did not take {image.name}: {why}.", where=self.line.target.name)
        journal.done(step, UPLOAD, file=image.name)

    async def _arrives(self, step: str, image: Image) -> Body | None:
        """The component that an upload of this run brings, which a kill may have left under way; or None."""
        sent = any(act == UPLOAD and detail["file"] == image.name for act, detail in self.line.begun().get(step, ()))
        if not sent:
            return None

        async def look() -> bool | None:
            return True if at(await self._service(), f"{_HPE}/State") in (None, *_QUIET) else None

        await self.line.poll(look, self.line.options.deadline_s)
        return await self.component(image)

    async def remove(self, step: str, image: Image, *, of_any_run: bool = False) -> None:
        """Takes an artefact out of the repository again that this run put there, or any run of the plan."""
        entries = self.line.options.journal.entries()
        put = any(
            (of, act, mark, detail.get("file")) == (step, UPLOAD, "intent", image.name)
            and (of_any_run or detail.get("run") == self.line.run)
            for of, act, mark, detail in entries
        )
        body = (await self.component(image) or await self._arrives(step, image)) if put else None
        uri = link(body, "") if body else None
        if uri is not None:
            await self.line.sent((await self.line.client()).delete(uri), uri)

    # -- the queue --------------------------------------------------------------------------------------------------

    async def task(self, name: str) -> tuple[str, Body] | None:
        """The task of that name and where it stands, or None."""
        return next((one for one in await self._tasks() if at(one[1], "/Name") == name), None)

    async def queue(self, step: str, name: str, image: Image) -> None:
        """Puts a task into the queue that installs the image, unless one of that name is there: it is never made twice.

        Errors:
            ApplyError: the iLO refuses it, cannot install it by itself, or does not list it.
        """
        if await self.task(name) is not None:
            return
        component = await self.component(image) or {}
        agents = [one for one in _texts(at(component, "/UpdatableBy")) if one in ("Bmc", "Uefi")]
        if not agents:
            raise ApplyError(f"{image.name} is not installed by the iLO or UEFI.", where=self.line.target.name)
        queue = link(await self._service(), f"{_HPE}/UpdateTaskQueue") or ""
        body: Body = {
            "Name": name,
            "Command": "ApplyUpdate",
            "Filename": image.name,
            "UpdatableBy": list[Json](agents),
            "TPMOverride": False,
        }
        journal = self.line.options.journal
        journal.intent(step, TASK, name=name)
        refusal = await self.line.sent((await self.line.client()).post(queue, body), queue)
        if refusal:
            journal.failed(step, TASK, why=refusal)
            raise ApplyError(refusal, where=self.line.place(queue))

        async def look() -> tuple[str, Body] | None:
            return await self.task(name)

        if await self.line.poll(look, 15.0) is None:
            raise ApplyError(f"the update queue does not list {name}.", where=self.line.place(queue))
        journal.done(step, TASK, name=name)

    async def until_ended(self, name: str) -> Body:
        """Waits until a task has ended, whichever way; an iLO may reset itself meanwhile.

        Errors:
            ApplyError: it is gone, or does not end in time.
        """

        async def look() -> Body | None:
            try:
                found = await self.task(name)
            except CollectError:
                await self.line.log_out()  # the next look logs in anew: a reset ends every session
                raise
            gone: Body = {"State": "gone"}
            body = found[1] if found else gone
            return None if at(body, "/State") in _TO_COME else body

        ended = await self.line.poll(look, self.line.options.deadline_s)
        if ended is None or at(ended, "/State") == "gone":
            what = "did not end in time" if ended is None else "is gone from the queue"
            raise ApplyError(f"the update task {name} {what}.", where=self.line.target.name)
        return ended

    async def drop(self, name: str) -> None:
        """Takes a task out of the queue; one that is flashing is waited for first.

        Errors:
            ApplyError: it stays there and is still to be carried out.
        """
        found = await self.task(name)
        if found is not None and at(found[1], "/State") == "InProgress":
            await self.until_ended(name)
        if found is None:
            return
        refusal = await self.line.sent((await self.line.client()).delete(found[0]), found[0])
        left = await self.task(name)
        if left is not None and at(left[1], "/State") in _TO_COME:
            raise ApplyError(
                f"the update task {name} cannot be taken out of the queue: {refusal or 'it stays there'}.",
                where=self.line.place(found[0]),
                next_step="Take it out of the queue on the iLO itself before the system boots.",
            )

    # -- reading ----------------------------------------------------------------------------------------------------

    async def _service(self) -> Body:
        if not self._place:
            self._place = link(await self.line.body(ROOT), "/UpdateService") or f"{ROOT}UpdateService"
        return await self.line.body(self._place)

    async def _tasks(self) -> list[tuple[str, Body]]:
        return [one async for one in self._members(f"{_HPE}/UpdateTaskQueue")]

    async def _members(self, pointer: str) -> AsyncIterator[tuple[str, Body]]:
        collection = link(await self._service(), pointer)
        if collection is None:
            raise RefusedError(
                "this iLO shows no update queue or repository.",
                where=self.line.target.name,
                untouched="Nothing was changed.",
            )
        body = await self.line.body(collection)
        if not shows_all(body):  # what is not shown may be a task that is about to be carried out
            raise RefusedError(
                "the update queue or repository does not show all of its members.",
                where=self.line.place(collection),
                untouched="Nothing was changed.",
            )
        for uri in member_uris(body):
            member = await self.line.body_or_none(uri)
            if member is not None:
                yield uri, {**member, "@odata.id": uri}

    def _content(self, image: Image) -> bytes:
        """The artefact's bytes.

        Errors:
            RefusedError: it is not at hand, has other bytes, or is too large.
        """
        path = self.artefacts.get(image.sha256)
        why = f"{image.file} is neither in the iLO's repository nor beside the catalogue here"
        try:
            if path is not None and path.stat().st_size > MAX_ARTEFACT:
                path, why = None, f"{image.file} is larger than {MAX_ARTEFACT >> 20} MiB; put it there by other means"
            content = path.read_bytes() if path is not None else None
        except OSError as error:
            content, why = None, f"{image.file} cannot be read: {error.strerror or error}"
        if content is not None and hashlib.sha256(content).hexdigest() == image.sha256:
            return content
        raise RefusedError(
            f"{why if content is None else f'{image.file} is not what the catalogue names'}.",
            where=self.line.target.name,
            untouched="Nothing was changed.",
        )


def _form(key: str, name: str, content: bytes) -> tuple[bytes, str]:
    """The form by which an image is pushed into the repository, and its type."""
    mark = secrets.token_hex(16)

    def parts() -> Iterator[bytes]:
        for field, value in (("sessionKey", key), ("parameters", json.dumps(_INTO_REPOSITORY))):
            yield f'--{mark}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'.encode()
        head = f'--{mark}\r\nContent-Disposition: form-data; name="files[]"; filename="{name}"\r\n'
        yield f"{head}Content-Type: application/octet-stream\r\n\r\n".encode()
        yield content
        yield f"\r\n--{mark}--\r\n".encode()

    return b"".join(parts()), f"multipart/form-data; boundary={mark}"


_INTO_REPOSITORY: Final = {"UpdateRepository": True, "UpdateTarget": False, "ETag": "", "Section": 0}


def _is_done(task: Body) -> bool:
    return at(task, "/State") in _DONE


def _texts(value: Json) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
