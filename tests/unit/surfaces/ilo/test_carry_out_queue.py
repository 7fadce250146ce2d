"""The update queue of an iLO that does not do, or show, what it is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from auditor.errors import ApplyError, RefusedError
from auditor.surfaces.ilo.body import Body
from auditor.surfaces.ilo.carry_out.line import Line
from auditor.surfaces.ilo.carry_out.repository import Repository

SERVICE, QUEUE = "/redfish/v1/UpdateService", "/redfish/v1/UpdateService/UpdateTaskQueue"
TASK = f"{QUEUE}/1"


class Queue:
    """The line to an iLO whose queue holds one task; ``refuses`` is its answer to a DELETE, empty where it obeys."""

    def __init__(self, state: str, refuses: str) -> None:
        self.refuses = refuses
        self.target = SimpleNamespace(name="web1/ilo")
        self.bodies: dict[str, Body] = {
            "/redfish/v1/": {"UpdateService": {"@odata.id": SERVICE}},
            SERVICE: {"Oem": {"Hpe": {"UpdateTaskQueue": {"@odata.id": QUEUE}, "State": "Idle"}}},
            QUEUE: {"Members": [{"@odata.id": TASK}]},
            TASK: {"Name": "ours", "State": state},
        }

    def place(self, uri: str) -> str:
        return f"web1/ilo {uri}"

    async def body(self, uri: str) -> Body:
        return self.bodies[uri]

    async def body_or_none(self, uri: str) -> Body | None:
        return self.bodies.get(uri)

    async def client(self) -> Queue:
        return self

    async def delete(self, uri: str) -> None:
        if not self.refuses:
            del self.bodies[uri]
            self.bodies[QUEUE] = {"Members": []}

    async def sent(self, write: Awaitable[Any], _: str) -> str:
        await write
        return self.refuses

    @property
    def repository(self) -> Repository:
        return Repository(cast(Line, self), {})


def test_a_task_that_stays_and_is_to_come_is_not_said_to_be_out_of_the_queue() -> None:
    queue = Queue("Pending", "the iLO refused it: status 503")
    with pytest.raises(ApplyError, match=r"the update task ours cannot be taken out of the queue: .*503"):
        asyncio.run(queue.repository.drop("ours"))
    asyncio.run(Queue("Exception", "the iLO refused it: status 503").repository.drop("ours"))
    obeys = Queue("Pending", "")
    asyncio.run(obeys.repository.drop("ours"))
    assert TASK not in obeys.bodies


@pytest.mark.parametrize(
    "shown",
    [
        {},
        {"Members": [{"@odata.id": "https://elsewhere.example/1"}]},
        {"Members": [], "Members@odata.count": 2},
        {"Members": [], "Members@odata.nextLink": f"{QUEUE}?$skip=1"},
    ],
)
def test_a_queue_that_does_not_show_all_of_its_tasks_is_not_free(shown: Body) -> None:
    queue = Queue("Pending", "")
    queue.bodies[QUEUE] = shown
    with pytest.raises(RefusedError, match="does not show all of its members"):
        asyncio.run(queue.repository.refuse_busy())
    queue.bodies[QUEUE] = {"Members": [], "Members@odata.count": 0}
    asyncio.run(queue.repository.refuse_busy())
