"""The update task queue of the virtual iLO: strictly in order, so that one failed or expired task blocks the rest."""

from __future__ import annotations

import datetime
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from auditor.surfaces.ilo.body import Body, Json
from auditor.surfaces.ilo.simulator.flashing import REPOSITORY, SERVICE, Flasher
from auditor.surfaces.ilo.simulator.images import Image
from auditor.surfaces.ilo.simulator.parts import Message, Reply, message

if TYPE_CHECKING:
    from auditor.surfaces.ilo.simulator.state import IloState

QUEUE: Final = f"{SERVICE}/UpdateTaskQueue"
WINDOWS: Final = f"{SERVICE}/MaintenanceWindows"
MAX_TASKS: Final = 64
_COMMANDS: Final = ("ApplyUpdate", "ResetServer", "ResetBmc", "Wait")
_AGENTS: Final = ("Bmc", "Uefi", "RuntimeAgent")
_PASSED_OVER: Final = ("Complete", "Canceled")

ImageOf = Callable[[str], "Image | None"]


class Queue:
    """Tasks in the order in which they were made. ``now`` is the iLO's clock, by which tasks start and expire."""

    def __init__(self, flasher: Flasher, image_of: ImageOf, now: Callable[[], datetime.datetime]) -> None:
        self._flasher = flasher
        self._image_of = image_of
        self._now = now
        self._order: list[str] = []
        self._waits_until: dict[str, float] = {}

    def tasks(self, state: IloState) -> list[Body]:
        """The tasks that are there, in order; those that were there from the beginning come first."""
        there = {str(uri): None for uri in state.uris() if uri.casefold().startswith(f"{QUEUE.casefold()}/")}
        known = [uri for uri in self._order if uri in there]
        return [state.get(uri) for uri in (*(uri for uri in there if uri not in known), *known)]

    def create(self, state: IloState, _: str, body: Body) -> Reply:
        """A new task at the end of the queue."""
        if wrong := self.refusal(state, body):
            return Reply(400, (wrong,))
        uri = self.append(state, body)
        return Reply(201, (message("Base.1.4.Created"),), location=uri)

    def delete(self, state: IloState, uri: str, _: Body) -> Reply:
        """A task goes, whatever its state."""
        state.remove(uri)
        self._list(state)
        return Reply(200, (message("Base.1.4.Success"),))

    def clear(self, state: IloState, _: str, __: Body) -> Reply:
        """All tasks go."""
        for task in self.tasks(state):
            state.remove(str(task["@odata.id"]))
        return Reply(200, (message("Base.1.4.Success"),))

    def refusal(self, state: IloState, body: Body) -> Message | None:
        """Why a task cannot be made, or None."""
        tasks = self.tasks(state)
        if any(task.get("Name") == body.get("Name") for task in tasks):
            return message("Base.1.4.ResourceAlreadyExists", str(body.get("Name")))
        if len(tasks) >= MAX_TASKS:
            return message("iLO.2.14.UpdateTaskQueueFull")
        return wrong_step(state, body)

    def append(self, state: IloState, body: Body) -> str:
        """Puts a task that is in order at the end; its URI."""
        uri = f"{QUEUE}/{identity_of(str(body['Name']))}"
        component = component_of(state, body)
        task: Body = {
            "@odata.type": "#HpeComponentUpdateTask.v1_4_0.HpeComponentUpdateTask",
            "Id": uri.rsplit("/", 1)[-1],
            "Command": "ApplyUpdate",
            "Created": _written(self._now()),
            "ExecutionTimeoutMinutes": 0,
            "Modified": _written(self._now()),
            "RecoveryPrivilege": False,
            "TPMOverride": False,
            "UpdateRecoverySet": False,
            **body,
            "State": "Pending",
        }
        if component is not None:
            task |= {"Component": component["@odata.id"], "Filename": component["Filename"]}
        state.add(uri, task)
        self._order = [*(one for one in self._order if one != uri), uri]
        self._list(state)
        return uri

    def _list(self, state: IloState) -> None:
        """The collection names its tasks in their order."""
        links: list[Json] = [{"@odata.id": task["@odata.id"]} for task in self.tasks(state)]
        state.set(QUEUE, "/Members", links)

    def settle(self, state: IloState) -> None:
        """Goes on with the queue as the iLO does: from its head, as long as each task is done or the iLO's own."""
        self._expire(state)
        for _ in range(2 * MAX_TASKS):
            head = self._head(state)
            if head is None or self._flasher.job is not None or not self._go_on(state, head, "Bmc"):
                return

    def booted(self, state: IloState) -> None:
        """UEFI works on the queue in POST: tasks of its own from the head, and none behind another's."""
        self._expire(state)
        for _ in range(2 * MAX_TASKS):
            head = self._head(state)
            if head is None or head.get("State") != "Pending" or not self._go_on(state, head, "Uefi"):
                return

    def _head(self, state: IloState) -> Body | None:
        return next((task for task in self.tasks(state) if task.get("State") not in _PASSED_OVER), None)

    def _go_on(self, state: IloState, task: Body, agent: str) -> bool:
        """Begins with the task at the head or ends it; False where it waits, blocks or is another's."""
        uri = str(task["@odata.id"])
        if agent not in _texts(task.get("UpdatableBy")):
            return False
        if task.get("State") == "InProgress" and uri in self._waits_until:
            if state.clock() < self._waits_until[uri]:
                return False
            del self._waits_until[uri]
            return self._finish(state, uri, None)
        if task.get("State") != "Pending" or not self._may_start(state, task):
            return False
        match task.get("Command"):
            case "Wait" if agent == "Uefi":  # POST has lasted that much longer
                return self._finish(state, uri, None)
            case "Wait":
                seconds = task.get("WaitTimeSeconds")
                self._waits_until[uri] = state.clock() + (seconds if isinstance(seconds, int) else 0)
                state.set(uri, "/State", "InProgress")
                return True
            case "ResetServer":
                state.start_post()
                return self._finish(state, uri, None)
            case "ResetBmc":
                self._finish(state, uri, None)
                state.reset_ilo()
                return False
            case _:
                return self._apply(state, uri, task, agent)

    def _apply(self, state: IloState, uri: str, task: Body, agent: str) -> bool:
        filename = str(task.get("Filename", ""))
        image = self._image_of(filename)
        if component_of(state, task) is None or image is None:
            return self._finish(state, uri, message("iLO.2.14.UnableToModifyDueToMissingComponent", filename))
        if agent == "Uefi":
            refused = self._flasher.refusal(state, image)
            if refused is None:
                self._flasher.flashed(state, image)
            return self._finish(state, uri, refused)
        state.set(uri, "/State", "InProgress")
        self._flasher.start(
            state, image, filename, ("Verifying", "Updating"), lambda of, refused: self._ended(of, uri, refused)
        )
        return True

    def _ended(self, state: IloState, uri: str, refused: Message | None) -> None:
        if state.has(uri):  # a task in progress may be deleted
            self._finish(state, uri, refused)

    def _finish(self, state: IloState, uri: str, refused: Message | None) -> bool:
        said = refused or message("iLO.2.14.UpdateSimpleStatus")
        state.set(uri, "/Result", {"MessageId": said[0], "MessageArgs": list[Json](said[1])})
        state.set(uri, "/State", "Exception" if refused else "Complete")
        state.set(uri, "/Modified", _written(self._now()))
        return True

    def _expire(self, state: IloState) -> None:
        for task in self.tasks(state):
            expire = _time(self._moment(state, task, "Expire"))
            if task.get("State") == "Pending" and expire is not None and self._now() >= expire:
                state.set(str(task["@odata.id"]), "/State", "Expired")

    def _may_start(self, state: IloState, task: Body) -> bool:
        start = _time(self._moment(state, task, "StartAfter"))
        return start is None or self._now() >= start

    def _moment(self, state: IloState, task: Body, name: str) -> Json:
        """A task's own time, else that of its maintenance window, which may have been moved since."""
        window = f"{WINDOWS}/{task.get('MaintenanceWindow')}"
        if task.get(name) is None and state.has(window):
            return state.get(window).get(name)
        return task.get(name)


def wrong_step(state: IloState, body: Body) -> Message | None:
    """What is wrong with a task, or with a step of an install set that would become one; None: nothing."""
    agents, command, wait = body.get("UpdatableBy"), body.get("Command"), body.get("WaitTimeSeconds", 0)
    if wrong := wrong_name_or_time(body):
        return wrong
    if command not in _COMMANDS:
        return message("Base.1.4.PropertyValueNotInList", str(command), "Command")
    if not isinstance(agents, list) or not agents or not all(agent in _AGENTS for agent in agents):
        return message("Base.1.4.PropertyMissing", "UpdatableBy")
    if not isinstance(wait, int) or isinstance(wait, bool) or not 0 <= wait <= 3600:
        return message("Base.1.4.PropertyValueNotInList", str(wait), "WaitTimeSeconds")
    window = body.get("MaintenanceWindow")
    if window is not None and not state.has(f"{WINDOWS}/{window}"):
        return message("Base.1.4.PropertyValueNotInList", str(window), "MaintenanceWindow")
    if command == "ApplyUpdate" and component_of(state, body) is None:
        return message("iLO.2.14.UnableToModifyDueToMissingComponent", str(body.get("Filename")))
    return None


def wrong_name_or_time(body: Body) -> Message | None:
    """What is wrong with the name or the times of a task or window; None: nothing."""
    name = body.get("Name")
    if not isinstance(name, str) or not name:
        return message("Base.1.4.PropertyMissing", "Name")
    for moment in ("StartAfter", "Expire"):
        if body.get(moment) is not None and _time(body.get(moment)) is None:
            return message("Base.1.4.PropertyValueFormatError", str(body.get(moment)), moment)
    return None


def component_of(state: IloState, body: Body) -> Body | None:
    """The component in the repository that a task or a step of an install set names, or None."""
    wanted = body.get("Component") or body.get("Filename")
    for uri in state.uris():
        if uri.casefold().startswith(f"{REPOSITORY.casefold()}/"):
            component = state.get(uri)
            if wanted in (uri, component.get("Filename")):
                return component
    return None


def identity_of(name: str) -> str:
    """The id that the iLO derives from a name: the same name has the same id on every iLO."""
    return f"{zlib.crc32(name.encode('utf-8', 'surrogatepass')):08x}"


def _texts(value: Json) -> tuple[str, ...]:
    return tuple(one for one in value if isinstance(one, str)) if isinstance(value, list) else ()


def _time(value: Json) -> datetime.datetime | None:
    if not isinstance(value, str):
        return None
    try:
        found = datetime.datetime.fromisoformat(value)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=datetime.UTC)


def _written(moment: datetime.datetime) -> str:
    return moment.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
