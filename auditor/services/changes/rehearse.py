"""The use case "rehearse": a plan forward, back and forward again on copies of its targets."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from auditor import __version__
from auditor.errors import AuditorError, RefusedError, StoreError
from auditor.model.rehearsal import Rehearsal, RehearsedTarget
from auditor.plan.build import check_plan, cohort_of
from auditor.plan.folder import StoredPlan, read_plan
from auditor.plan.guard import other_key
from auditor.plan.rehearsal import write_rehearsal
from auditor.services.changes.desk import Desk, moment, plan_event, told
from auditor.services.changes.reaching import outcomes_so_far
from auditor.services.changes.rehearsing import Task
from auditor.services.observe import interpret_options_for
from auditor.surfaces.interface import MOUNTED, Copy, InterpretOptions
from auditor.surfaces.registry import surface

_DEADLINE_S: Final = 900.0
_WORDS_LIMIT: Final = 4_000


async def rehearse_plan(desk: Desk, words: str, *, deadline_s: float = _DEADLINE_S) -> Rehearsal:
    """Rehearses the plan that the words name and keeps the record beside it. No target is changed.

    A target that cannot be rehearsed from here, or whose rehearsal fails, is told in the record, never raised.

    Errors:
        InputError: there is no such plan.
        RefusedError: it was applied already, or is another fleet's; an older record stays.
        StoreError: the record cannot be kept; or it stands beside the plan, but the ledger could not be written to.
    """
    stored = read_plan(desk.fleet.plans_path, words)
    check_plan(stored.plan)
    _refuse(desk, stored)
    names = sorted(target for cohort in stored.plan.cohorts for target in cohort.targets)
    found: list[RehearsedTarget] = []
    for name in names:
        desk.observe(f"rehearsing {name}")
        found.append(await _one(desk, stored, name, deadline_s))
    rehearsal = Rehearsal(stored.id, moment(desk), desk.login, __version__, tuple(found))
    try:
        write_rehearsal(stored.folder, rehearsal, desk.acts)
    except OSError as error:
        raise StoreError(
            f"the record cannot be written: {error.strerror or error}.",
            where=str(stored.folder),
            untouched="An older record is unchanged.",
            next_step="Free some space, or run as a user who may write there.",
        ) from error
    text = ", ".join(f"{one.target} {one.outcome}" for one in found)[:1000]
    desk.append(plan_event("rehearsed", stored.id, stored.plan, rehearsal.time, actor=desk.login, text=text))
    return rehearsal


def _refuse(desk: Desk, stored: StoredPlan) -> None:
    """Refuses what could only fail, and would say that of a plan that stands."""
    reasons = other_key(stored.plan, desk.sealer.key_id)
    happened = {outcome for outcomes in outcomes_so_far(desk, stored).values() for outcome in outcomes}
    reasons += ["it was applied already, and a plan is used once"] if "applied" in happened else []
    if reasons:
        raise RefusedError(
            f"plan {stored.id[:8]} cannot be rehearsed: {'; '.join(reasons)}.",
            untouched="Nothing was recorded.",
            next_step=f"Look:  auditor show {stored.id[:8]}      Plan again:  auditor plan --refresh {stored.id[:8]}",
        )


async def _one(desk: Desk, stored: StoredPlan, name: str, deadline_s: float) -> RehearsedTarget:
    target = desk.targets.get(name)
    if target is None:
        return RehearsedTarget(name, "not rehearsed", "it is not in the inventory")
    try:
        with _folder(desk) as folder:
            steps = cohort_of(stored.plan, name).steps
            copy = await surface(target.surface).copy(target, steps, folder, desk.collect_options())
            try:
                if copy.broken:
                    return RehearsedTarget(name, "not rehearsed", copy.broken, copy.text)
                options = interpret_options_for(target, InterpretOptions(), desk.fleet)
                task = Task(stored.plan, stored.id, target, str(folder), desk.sealer.key, options, copy.text)
                return await _run(task, copy, deadline_s)
            finally:
                if copy.leave is not None:
                    await copy.leave()
    except AuditorError as error:
        return RehearsedTarget(name, "not rehearsed", told(error).rstrip("."))
    except OSError as error:
        return RehearsedTarget(name, "not rehearsed", f"{error.filename or name}: {error.strerror or error}")


@contextlib.contextmanager
def _folder(desk: Desk) -> Iterator[Path]:
    """A folder for one copy, root-only, and gone afterwards: a tree's keys are in it."""
    desk.acts.make_directory(desk.fleet.state_path)
    with tempfile.TemporaryDirectory(prefix="rehearsal-", dir=desk.fleet.state_path) as folder:
        yield Path(folder)


async def _run(task: Task, copy: Copy, deadline_s: float) -> RehearsedTarget:
    """Runs the rehearsal in a process of its own, under the copy's command, and believes its last line alone."""
    command = [*copy.wrap, sys.executable, "-m", "auditor.services.changes.rehearsing"]
    pipe = asyncio.subprocess.PIPE
    name = task.target.name
    try:
        process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=pipe, cwd="/")
    except FileNotFoundError:
        return RehearsedTarget(name, "not rehearsed", f"there is no {command[0]} here", copy.text)
    try:
        async with asyncio.timeout(deadline_s):
            output, errors = await process.communicate(msgspec.json.encode(task))
    except TimeoutError:
        return RehearsedTarget(name, "not rehearsed", f"it did not end within {deadline_s:g} s", copy.text)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    said = errors.decode("utf-8", "replace")
    if copy.wrap and MOUNTED not in said:
        return RehearsedTarget(name, "not rehearsed", f"a private mount is not possible here: {_last(said)}", copy.text)
    try:
        return msgspec.json.decode(output.splitlines()[-1], type=RehearsedTarget)
    except (msgspec.DecodeError, IndexError):
        why = f"the rehearsal ended with status {process.returncode}: {_last(said)}"
        return RehearsedTarget(name, "not rehearsed", why, copy.text)


def _last(text: str) -> str:
    lines = [line.strip() for line in text[-_WORDS_LIMIT:].splitlines() if line.strip()]
    return lines[-1][:300] if lines else "it gave no reason"
