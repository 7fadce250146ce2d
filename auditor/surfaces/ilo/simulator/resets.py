"""The two resets of the virtual iLO: the system's, which runs its POST, and the iLO's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from auditor.surfaces.ilo.body import Body
from auditor.surfaces.ilo.simulator.parts import Part, Reply, message

if TYPE_CHECKING:
    from auditor.surfaces.ilo.simulator.state import IloState

_SYSTEM_RESETS: Final = ("ForceRestart", "GracefulRestart", "ColdBoot", "PushPowerButton", "On")


def _reset_system(state: IloState, _: str, body: Body) -> Reply:
    if body.get("ResetType") not in _SYSTEM_RESETS:
        return Reply(400, (message("Base.1.4.ActionParameterNotSupported", "ResetType"),))
    state.start_post()
    return Reply(200, (message("Base.1.4.Success"),))


def _reset_ilo(state: IloState, _: str, __: Body) -> Reply:
    state.reset_ilo()
    return Reply(200, (message("iLO.2.14.ResetInProgress"),))


PART: Final = Part(
    actions={"/actions/computersystem.reset": _reset_system, "/actions/manager.reset": _reset_ilo},
)
