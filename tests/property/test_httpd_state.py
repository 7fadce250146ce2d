"""What is said of a running server hangs on what happened, never on when it was asked."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from auditor.model.snapshot import Fact
from auditor.surfaces.httpd.machine.answer import read_answer
from auditor.surfaces.httpd.machine.facts import Reading, state_facts
from auditor.surfaces.httpd.machine.processes import running

FILES = ("/etc/httpd/conf/httpd.conf", "/etc/httpd/conf.d/shop.conf")
READING = Reading(
    FILES, ("/etc/httpd/conf.d",), (), "/var/log/httpd/error_log", lambda path: path.removeprefix("/etc/httpd/")
)
START = 1_700_000_000

moments = st.integers(min_value=-100_000, max_value=100_000)


def answer(asked: int, pid: int, booted: int, times: list[int], loaded: int | None, children: list[int]) -> bytes:
    """What the probe would write, asked at that second; ``times``, ``loaded`` and ``children`` count from the start."""
    lines = [
        "begin processes",
        " sees all",
        f" clock {asked}.000000000 {asked - booted}.00 100",
        f" parent {pid} {(START - booted) * 100}",
        f" exe {pid} /usr/sbin/httpd",
        *(f" child {pid + 1 + n} {pid} {(START + one - booted) * 100}" for n, one in enumerate(children)),
        "end processes ok",
        "begin times",
    ]
    for path, moment in zip((*FILES, "/etc/httpd/conf.d"), times, strict=True):
        lines.append(f" to {START + moment}.500000000 {START + moment}.500000000 {path}")
    lines += ["end times ok", "begin pidfiles"]
    if loaded is not None:
        written = f"{START + loaded}.250000000"
        lines += [f" pid {pid} {written} {written} /run/httpd.pid", " local Nov 27 06:00:00"]
    lines += ["end pidfiles ok", f"begin memory {pid}", " r-x /usr/sbin/httpd", f"end memory {pid} ok", "done", ""]
    return "\n".join(lines).encode()


def facts(output: bytes) -> list[Fact]:
    read = read_answer(output)
    found = running(read)
    assert found is not None
    return state_facts(read, found.parents[0], found.sees_all, READING)


@given(
    st.lists(moments, min_size=3, max_size=3),
    st.none() | st.integers(min_value=0, max_value=100_000),
    st.lists(st.integers(min_value=0, max_value=100_000), max_size=4),
    st.integers(min_value=100_001, max_value=10**8),
    st.integers(min_value=1, max_value=10**6),
    st.integers(min_value=2, max_value=4_000_000),
)
def test_asked_later_and_with_other_numbers_the_facts_are_the_same(
    times: list[int], loaded: int | None, children: list[int], later: int, up: int, pid: int
) -> None:
    first = facts(answer(START + 100_001, 77, START - 1000, times, loaded, children))
    second = facts(answer(START + later, pid, START - up, times, loaded, children))
    assert first == second


@given(st.lists(moments, min_size=3, max_size=3), st.integers(min_value=0, max_value=100_000))
def test_with_a_pid_file_nothing_is_left_open_and_nothing_newer_passes(times: list[int], loaded: int) -> None:
    found = {fact.name: fact.value for fact in facts(answer(START + 200_000, 77, START - 9, times, loaded, []))}
    newer = {path.removeprefix("/etc/httpd/") for path, one in zip(FILES, times, strict=False) if one >= loaded}
    told = found["changed_not_loaded"]
    assert isinstance(told, tuple)
    assert {name for name in told if not name.endswith("/")} == newer
    if times[2] >= loaded:
        assert "conf.d/" in told or "conf.d/shop.conf" in told
    unknown = found.get("state_unknown", ())
    assert isinstance(unknown, tuple)
    assert not any(text.startswith("changed_not_loaded") for text in unknown)


@given(
    st.lists(moments, min_size=3, max_size=3),
    st.integers(min_value=0, max_value=100_000),
    st.lists(st.integers(min_value=0, max_value=100_000), min_size=1, max_size=4),
)
def test_the_children_alone_never_contradict_the_pid_file(times: list[int], loaded: int, children: list[int]) -> None:
    """A reload starts children, so some child is as young as the last reload; what is said without it must agree."""
    young = [*children, loaded]
    with_file = {fact.name: fact.value for fact in facts(answer(START + 200_000, 7, START - 9, times, loaded, young))}
    without = {fact.name: fact.value for fact in facts(answer(START + 200_000, 7, START - 9, times, None, young))}
    known, said = with_file["changed_not_loaded"], without["changed_not_loaded"]
    assert isinstance(known, tuple)
    assert isinstance(said, tuple)
    assert set(said) <= set(known) | {"conf.d/"}
    if set(said) != set(known):
        assert "state_unknown" in without
