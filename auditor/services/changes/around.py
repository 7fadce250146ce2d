"""The site's own commands of a plan, ready to be run for one target."""

from __future__ import annotations

from auditor.errors import ApplyError
from auditor.model.plan import Direction, Plan
from auditor.model.target import IloEndpoint, Target
from auditor.plan.around import RunCommand, When
from auditor.services.changes.desk import Desk
from auditor.services.changes.secrets import secrets_of
from auditor.transport.commands import run_command


def command_for(desk: Desk, plan: Plan, plan_id: str, target: Target, direction: Direction) -> RunCommand | None:
    """Runs the plan's commands for a target, without credentials and secrets; None where the plan has none."""
    commands = plan.around
    if not commands.before and not commands.after:
        return None
    places = (secret.place for secret in secrets_of(plan, "forward"))
    hidden = {place.removeprefix("env:") for place in places if place.startswith("env:")}
    for one in desk.targets.values():
        if isinstance(one.location, IloEndpoint):
            hidden |= {one.location.username_env, one.location.password_env}
    environment = {name: value for name, value in desk.environment.items() if name not in hidden}
    words = {"host": target.host, "target": target.name, "plan": plan_id, "direction": direction}

    async def run(when: When) -> str:
        command = commands.before if when == "before" else commands.after
        if not command:
            return ""
        desk.observe(f"{target.name}: {when} the change: {command[0]}")
        ended = await run_command(command, words, environment, commands.deadline_s, errors_too=True)
        said = ended.output.splitlines()[-1][:300] if ended.output else ""
        if ended.code:
            raise ApplyError(f"{command[0]} ended with exit code {ended.code}" + (f": {said}" if said else ""))
        return f"{command[0]}: {said}" if said else command[0]

    return run
