"""Change plans from wish to rollback: propose, show, approve, apply, roll back."""

from auditor.services.changes.apply import apply_plan
from auditor.services.changes.approve import Approved, approve_plan
from auditor.services.changes.confirm import confirm_plan
from auditor.services.changes.desk import Desk, open_desk
from auditor.services.changes.judging import Judged
from auditor.services.changes.propose import Proposed, propose_plan
from auditor.services.changes.rehearse import rehearse_plan
from auditor.services.changes.rollback import lacking, rollback_plan
from auditor.services.changes.show import ShownPlan, show_plan
from auditor.services.changes.ways import BaselineWay, DiffWay, RuleWay, SetWay, ToWay

__all__ = [
    "Approved",
    "BaselineWay",
    "Desk",
    "DiffWay",
    "Judged",
    "Proposed",
    "RuleWay",
    "SetWay",
    "ShownPlan",
    "ToWay",
    "apply_plan",
    "approve_plan",
    "confirm_plan",
    "lacking",
    "open_desk",
    "propose_plan",
    "rehearse_plan",
    "rollback_plan",
    "show_plan",
]
