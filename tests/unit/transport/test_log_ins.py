"""Who may log in with what, and when: one machine decides, the others wait for it."""

from __future__ import annotations

import asyncio
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from auditor.transport.log_ins import LogIns

VERDICTS = st.sampled_from(["accepted", "refused", "silent"])


async def _go(log_ins: LogIns, place: str, user: str, verdict: str, pauses: int, tried: Counter[str]) -> str:
    for _ in range(pauses):
        await asyncio.sleep(0)
    async with log_ins.turn(user, "password", place) as one:
        if one.refused_by:
            return f"refused by {one.refused_by}"
        tried[user] += 1
        for _ in range(pauses):
            await asyncio.sleep(0)
        if verdict == "accepted":
            one.accepted()
        if verdict == "refused":
            one.refused()
        return verdict


@given(st.lists(st.integers(0, 5), min_size=1, max_size=20))
def test_a_wrong_password_is_tried_once_whoever_comes_first(pauses: list[int]) -> None:
    async def run() -> None:
        log_ins, tried = LogIns(), Counter[str]()
        came = await asyncio.gather(*(_go(log_ins, f"web{n}", "u", "refused", p, tried) for n, p in enumerate(pauses)))
        assert tried["u"] == 1
        [first] = [f"web{n}" for n, what in enumerate(came) if what == "refused"]
        assert all(what in ("refused", f"refused by {first}") for what in came)

    asyncio.run(run())


@given(st.lists(st.tuples(VERDICTS, st.integers(0, 5)), min_size=1, max_size=20))
def test_silence_decides_nothing_and_a_decision_lets_nobody_wait(given_: list[tuple[str, int]]) -> None:
    async def run() -> None:
        log_ins, tried = LogIns(), Counter[str]()
        jobs = (_go(log_ins, f"web{n}", "u", what, p, tried) for n, (what, p) in enumerate(given_))
        async with asyncio.timeout(10):
            came = await asyncio.gather(*jobs)
        if all(verdict != "refused" for verdict, _ in given_):
            assert list(came) == [verdict for verdict, _ in given_]
        if all(verdict != "accepted" for verdict, _ in given_):
            assert came.count("refused") <= 1
        assert len(came) - tried["u"] == sum(what.startswith("refused by") for what in came)

    asyncio.run(run())


def test_another_password_or_name_is_another_credential() -> None:
    async def run() -> None:
        log_ins = LogIns()
        async with log_ins.turn("ab", "c", "web1") as one:
            one.refused()
        for user, password in (("a", "bc"), ("ab", "d"), ("abc", "")):
            async with log_ins.turn(user, password, "web2") as one:
                assert not one.refused_by
        async with log_ins.turn("ab", "c", "web2") as one:
            assert one.refused_by == "web1"

    asyncio.run(run())


def test_after_one_was_let_in_the_others_go_side_by_side() -> None:
    async def run() -> None:
        log_ins = LogIns()
        async with log_ins.turn("u", "p", "web1") as one:
            assert log_ins.is_contended("u", "p")
            one.accepted()
        async with log_ins.turn("u", "p", "web2"), log_ins.turn("u", "p", "web3") as one:
            assert not one.refused_by
            assert not log_ins.is_contended("u", "p")

    asyncio.run(run())


def test_a_machine_that_let_us_in_may_be_asked_again_after_another_refused() -> None:
    async def run() -> None:
        log_ins = LogIns()
        async with log_ins.turn("u", "p", "web1") as one:
            one.accepted()
        async with log_ins.turn("u", "p", "web2") as one:
            one.refused()
        async with log_ins.turn("u", "p", "web1") as one:
            assert not one.refused_by
            one.refused()
        async with log_ins.turn("u", "p", "web1") as one:
            assert one.refused_by == "web2"
        async with log_ins.turn("u", "p", "web3") as one:
            assert one.refused_by == "web2"

    asyncio.run(run())


def test_whoever_is_cancelled_gives_the_turn_on() -> None:
    async def run() -> None:
        log_ins, came = LogIns(), asyncio.Event()

        async def stay() -> None:
            async with log_ins.turn("u", "p", "web1"):
                came.set()
                await asyncio.Event().wait()

        staying, waiting = asyncio.create_task(stay()), asyncio.create_task(stay())
        await came.wait()
        waiting.cancel()
        staying.cancel()
        await asyncio.gather(staying, waiting, return_exceptions=True)
        async with asyncio.timeout(10), log_ins.turn("u", "p", "web3") as one:
            assert not one.refused_by

    asyncio.run(run())


def test_no_name_and_no_password_is_kept() -> None:
    async def run() -> None:
        log_ins = LogIns()
        async with log_ins.turn("a-name-of-somebody", "a-password", "web1") as one:
            one.refused()
        kept = repr([vars(log_ins), [vars(state) for state in log_ins._states.values()], one])
        assert "a-name" not in kept
        assert "a-password" not in kept

    asyncio.run(run())


def test_a_run_may_have_one_loop_after_another() -> None:
    log_ins = LogIns()

    async def run(place: str) -> None:
        tried = Counter[str]()
        await asyncio.gather(*(_go(log_ins, f"{place}{n}", "u", "silent", n, tried) for n in range(4)))
        assert tried["u"] == 4

    asyncio.run(run("web"))
    asyncio.run(run("db"))
