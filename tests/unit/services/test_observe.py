"""Targets observed: what was seen, and what could not be."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from auditor.errors import CollectError, InputError, StoreError
from auditor.model.secret import Sealer
from auditor.model.snapshot import Collected
from auditor.model.target import Archive, IloEndpoint, LocalTree, StoredSnapshot, Target
from auditor.services import observe as module
from auditor.services.fleet import Fleet
from auditor.services.observe import Observed, interpret_options_for, observe
from auditor.store import Store
from auditor.surfaces.interface import CollectOptions, InterpretOptions
from tests.fakes.stored import FakeSurface, collected, document, night, not_seen

OPTIONS = CollectOptions(Sealer(b"k" * 32), deadline_s=1.0)


def target(name: str = "web1") -> Target:
    return Target(name, "httpd", LocalTree("/etc/httpd"))


def fleet(root: Path, *targets: Target) -> Fleet:
    return Fleet(root, root / "auditor.yaml", "f", "", root / "store.git", targets, {}, root / "approvers")


@pytest.fixture
def machines(monkeypatch: pytest.MonkeyPatch) -> dict[str, Collected | Exception]:
    """What stands on each machine, by the target's name."""
    held: dict[str, Collected | Exception] = {"web1/httpd": collected("web1/httpd")}
    monkeypatch.setattr(module, "surface", lambda _: FakeSurface(held))
    return held


def seen(*targets: Target, of: Fleet | None = None, **more: int) -> dict[str, Observed]:
    async def all_of() -> dict[str, Observed]:
        found = observe(targets, of, OPTIONS, InterpretOptions(), **more)
        return {one.target.name: one async for one in found}

    return asyncio.run(all_of())


def test_a_target_is_collected_and_interpreted(machines: dict[str, Collected | Exception]) -> None:
    one = seen(target())["web1/httpd"]
    assert one.seen
    assert one.collected == collected("web1/httpd")
    assert [resource.name for resource in one.interpretation.resources] == ["conf/httpd.conf Timeout"]


def test_one_failed_target_does_not_stop_the_others(machines: dict[str, Collected | Exception]) -> None:
    machines["web2/httpd"] = CollectError("web2 refused the log-in", cause="refused", next_step="Check the account.")
    machines["web3/httpd"] = InputError("there is no /etc/httpd")
    machines["web4/httpd"] = ZeroDivisionError("a fault of ours")
    machines["web5/httpd"] = StoreError("odd")
    found = seen(*(target(f"web{number}") for number in range(1, 6)), at_once=2)
    assert [name for name, one in sorted(found.items()) if one.seen] == ["web1/httpd"]
    gaps = {name: one.collected.gaps[0] for name, one in found.items() if not one.seen}
    assert {name: gap.cause for name, gap in gaps.items()} == {
        "web2/httpd": "refused",
        "web3/httpd": "absent",
        "web4/httpd": "undetermined",
        "web5/httpd": "undetermined",
    }
    assert gaps["web2/httpd"].next_step == "Check the account."
    assert "a fault of ours" in gaps["web4/httpd"].detail
    assert all(one.interpretation.gaps == one.collected.gaps for one in found.values() if not one.seen)
    assert not any(gap.complete or gap.kinds for gap in gaps.values()), "it may hide everything"


def test_a_single_target_that_names_nothing_is_an_input_error(machines: dict[str, Collected | Exception]) -> None:
    machines["web1/httpd"] = InputError("there is no /etc/htpd")
    with pytest.raises(InputError, match="htpd"):
        seen(target())


def test_a_single_target_that_fails_is_a_gap(machines: dict[str, Collected | Exception]) -> None:
    machines["web1/httpd"] = CollectError("no answer", cause="odd cause")
    assert seen(target())["web1/httpd"].collected.gaps[0].cause == "unreachable"


def test_a_fault_of_ours_on_a_single_target_is_not_hidden(machines: dict[str, Collected | Exception]) -> None:
    machines["web1/httpd"] = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        seen(target())


def test_a_target_that_never_answers_is_given_up(
    machines: dict[str, Collected | Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Silent(FakeSurface):
        async def collect(self, target: Target, options: CollectOptions) -> Collected:
            await asyncio.Event().wait()
            raise AssertionError

    monkeypatch.setattr(module, "surface", lambda _: Silent({}))
    monkeypatch.setattr(module, "_GRACE_S", -0.95)
    assert seen(target())["web1/httpd"].collected.gaps[0].cause == "timed out"


def test_what_was_not_seen_is_not_interpreted(machines: dict[str, Collected | Exception]) -> None:
    machines["web1/httpd"] = not_seen("web1/httpd")
    one = seen(target())["web1/httpd"]
    assert not one.seen
    assert one.interpretation.resources == ()


def test_a_stored_snapshot_is_read_from_the_store(tmp_path: Path, machines: dict[str, Collected | Exception]) -> None:
    with Store.create(tmp_path / "store.git") as store:
        old = store.write([collected("web1/httpd", document("old"))], now=night(0))
        store.write([collected("web1/httpd", document("new"))], now=night(1))
    stored = Target("web1", "httpd", StoredSnapshot(old.revision, "web1/httpd"))
    one = seen(stored, of=fleet(tmp_path))["web1/httpd"]
    assert one.collected == collected("web1/httpd", document("old"))
    with pytest.raises(InputError, match="there is none here"):
        seen(stored)
    with pytest.raises(InputError, match="has no target 'web9/httpd'"):
        seen(Target("web9", "httpd", StoredSnapshot(old.revision, "web9/httpd")), of=fleet(tmp_path))


def test_what_a_person_says_counts_more_than_the_inventory() -> None:
    tree = LocalTree("/x", defines=("SSL", "PORT=80"), environment=(("LANG", "C"),), httpd_version="2.4.6")
    one = Target("web1", "httpd", tree)
    assert interpret_options_for(one, InterpretOptions()) == InterpretOptions(
        "2.4.6", (("SSL", ""), ("PORT", "80")), (("LANG", "C"),)
    )
    said = InterpretOptions("2.4.62", (("PORT", "8080"),), (("LANG", "ja"),), ("proxy_module",))
    assert interpret_options_for(one, said) == InterpretOptions(
        "2.4.62", (("SSL", ""), ("PORT", "8080")), (("LANG", "ja"),), ("proxy_module",)
    )
    ilo = Target("web1", "ilo", IloEndpoint("https://x"))
    assert interpret_options_for(ilo, said) is said
    archive = Target("web1", "httpd", Archive("/x.tar", httpd_version="2.4.6"))
    assert interpret_options_for(archive, InterpretOptions()).httpd_version == "2.4.6"


def test_a_snapshot_is_interpreted_as_its_target_is(tmp_path: Path) -> None:
    live = Target("web1", "httpd", LocalTree("/x", defines=("SSL",)))
    stored = Target("web1", "httpd", StoredSnapshot("0" * 40, "web1/httpd"))
    assert interpret_options_for(stored, InterpretOptions(), fleet(tmp_path, live)).defines == (("SSL", ""),)
    assert interpret_options_for(stored, InterpretOptions()).defines == ()
