"""Reading over SSH gives what reading the disk gives, whatever shell and tools the far side has."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from auditor.errors import CollectError
from auditor.surfaces.httpd.secrets import PRIVATE_KEY
from auditor.transport.interface import Entry, Reader, WithheldError
from auditor.transport.local import LocalReader
from auditor.transport.ssh.address import Patience, SshAddress
from auditor.transport.ssh.connection import SshConnection
from auditor.transport.ssh.reader import SshReader
from tests.far_shells import KINDS, far_shell

T = TypeVar("T")
LIMIT = 4096
NOBODY = 65534


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hostile tree."""
    top = tmp_path_factory.mktemp("tree")
    for folder in (top, *top.parents[:-2]):
        folder.chmod(folder.stat().st_mode | 0o055)
    root = top / "t"
    for name in ("conf/deep/er", "conf.d", "htdocs/much", "empty", "日本語"):
        (root / name).mkdir(parents=True)
    for name, content in {
        "conf/httpd.conf": b"Timeout 60\n",
        "conf/empty.conf": b"",
        "conf/no line feed": b"x",
        "conf/deep/er/a.conf": b"\r\n\0\xff" * 100,
        "conf.d/ leading and trailing ": b"1",
        "conf.d/-e": b"2",
        "conf.d/quote'\"`$(touch never);*?[a]\\": b"3",
        "conf.d/line\nfeed.conf": b"4",
        "conf.d/ends in line feed\n": b"5",
        "日本語/設定.conf": "# タイムアウト\n".encode(),
        "htdocs/much/index.html": b"<html>",
        "key": b"text\n-----BEGIN RSA PRIVATE KEY-----\nPLANTED\n",
        "large": b"y" * (LIMIT + 1),
        "limit": b"z" * LIMIT,
    }.items():
        (root / name).write_bytes(content)
    (Path(os.fsdecode(os.fsencode(root) + b"/conf.d/\xff\xfe.conf"))).write_bytes(b"6")
    for name, text in {
        "link": "conf/httpd.conf",
        "conf/up": "../conf.d",
        "absolute": f"{root}/conf/httpd.conf",
        "outside": str(top / "elsewhere/x"),
        "loop": "loop",
        "ring1": "ring2",
        "ring2": "ring1",
        "dangling": "nowhere",
        "through": "conf/up/-e",
        "odd\nlink": "odd\ntext\n",
    }.items():
        (root / name).symlink_to(text)
    (top / "elsewhere").mkdir()
    (top / "elsewhere/x").write_bytes(b"outside")
    os.mkfifo(root / "fifo")
    (root / "conf/httpd.conf").chmod(0o640)
    (root / "conf.d").chmod(0o2775)
    if os.geteuid() == 0:
        os.chown(root / "conf/empty.conf", 12345, 54321)
        os.mknod(root / "null", 0o20666, os.makedev(1, 3))
    return root


def reading(
    folder: Path, kind: str, work: Callable[[SshReader], T], *, user: int | None = None, answer_s: float = 60
) -> tuple[T, SshConnection]:
    """What some work with a reader gives, and the connection it used."""
    far = far_shell(folder / "far", kind, user=user)

    async def run() -> tuple[T, SshConnection]:
        connection = SshConnection(SshAddress("web1"), Patience(answer_s=answer_s))
        try:
            await connection.open(far.environment)
            loop = asyncio.get_running_loop()
            reader = SshReader(connection, loop, withheld=PRIVATE_KEY, deadline=time.monotonic() + 60)
            return await asyncio.to_thread(work, reader), connection
        finally:
            await connection.close()

    result = asyncio.run(run())
    assert far.refusals.read_text() == ""
    return result


def seen(reader: Reader, root: str) -> dict[str, object]:
    """All that a reader tells of a tree: entries, where they lead, bytes, and errors in their words."""

    def told(ask: Callable[[], object]) -> object:
        try:
            return ask()
        except CollectError as error:
            return f"{type(error).__name__} {error.cause}: {error.what}"

    found: dict[str, object] = {"": told(lambda: reader.entry(root)), "/": told(lambda: reader.resolve(root))}
    todo = [root]
    while todo:
        folder = todo.pop()
        entries = told(lambda folder=folder: reader.list(folder))
        found[f"list {folder}"] = entries
        for entry in entries if isinstance(entries, tuple) else ():
            path = entry.path
            assert entry == reader.entry(path)
            found[f"resolve {path}"] = told(lambda path=path: reader.resolve(path))
            if entry.type == "directory":
                todo.append(path)
            else:
                content = told(lambda path=path: reader.read(path, LIMIT))
                held = isinstance(content, bytes) and b"PRIVATE KEY" in content
                found[f"read {path}"] = "WithheldError" if held or "WithheldError" in str(content) else content
    for name in ("absent", "conf/absent", "conf/httpd.conf/below", "absent/below"):
        found[name] = (told(lambda name=name: reader.entry(f"{root}/{name}")), reader.resolve(f"{root}/{name}"))
    return found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("walked", [True, False])
def test_a_hostile_tree_reads_as_on_the_disk(tmp_path: Path, tree: Path, kind: str, walked: bool) -> None:
    def work(reader: SshReader) -> dict[str, object]:
        if walked:
            reader.walk(str(tree), frozenset({"htdocs"}), 65)
        return seen(reader, str(tree))

    found, _ = reading(tmp_path, kind, work)
    assert found == seen(LocalReader(), str(tree))
    assert not Path("never").exists()


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_fetched_at_once_is_asked_for_once_whatever_the_number_of_files(
    tmp_path: Path, tree: Path, kind: str
) -> None:
    def work(reader: SshReader) -> int:
        reader.walk(str(tree), frozenset({"htdocs"}), 65)
        files = reader.known_files(str(tree))
        reader.fetch([str(tree / "outside"), "/nowhere"], files, LIMIT)
        before = reader.connection.round_trips
        for path in files:
            try:
                reader.read(path, LIMIT)
            except CollectError:
                continue
        assert reader.resolve(str(tree / "outside")) == str(tree.parent / "elsewhere/x")
        assert reader.entry("/nowhere") is None
        assert reader.list(str(tree / "conf/deep")) != ()
        assert reader.connection.round_trips == before
        return before

    trips, _ = reading(tmp_path, kind, work)
    assert trips == 3  # the login, the walk, the files


@pytest.mark.parametrize("kind", KINDS)
def test_a_private_key_is_not_sent(tmp_path: Path, tree: Path, kind: str) -> None:
    came: list[bytes] = []

    def work(reader: SshReader) -> None:
        until = reader.connection._until

        async def listening(*arguments: object) -> bytes:
            piece = await until(*arguments)  # type: ignore[arg-type]
            came.append(piece)
            return piece

        reader.connection._until = listening  # type: ignore[method-assign,assignment]
        reader.fetch((), [str(tree / "key"), str(tree / "conf/httpd.conf")], LIMIT)
        with pytest.raises(WithheldError):
            reader.read(str(tree / "key"), LIMIT)
        assert reader.read(str(tree / "conf/httpd.conf"), LIMIT) == b"Timeout 60\n"

    reading(tmp_path, kind, work)
    assert b"Timeout 60" in b"".join(came)
    assert b"PLANTED" not in b"".join(came)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may log in as somebody else")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("walked", [True, False])
def test_what_the_account_may_not_read_is_an_error_and_never_a_smaller_tree(
    tmp_path: Path, kind: str, walked: bool
) -> None:
    for folder in (tmp_path, *tmp_path.parents[:-2]):
        folder.chmod(folder.stat().st_mode | 0o055)
    root = tmp_path / "t"
    for name in ("open", "no r", "no x", "nothing"):
        (root / name / "below").mkdir(parents=True)
        (root / name / "a.conf").write_text("x")
    (root / "secret.conf").write_text("x")
    for name, mode in (("no r", 0o711), ("no x", 0o744), ("nothing", 0o700), ("secret.conf", 0o600)):
        (root / name).chmod(mode)

    def work(reader: SshReader) -> None:
        if walked:
            reader.walk(str(root), frozenset(), 65)
        assert [entry.path for entry in reader.list(str(root / "open"))] == [
            str(root / "open/a.conf"),
            str(root / "open/below"),
        ]
        for name in ("no r", "no x", "nothing"):
            with pytest.raises(CollectError) as caught:
                reader.list(str(root / name))
            assert caught.value.cause == "not permitted"
        for name in ("secret.conf", "nothing/a.conf", "no x/a.conf"):
            with pytest.raises(CollectError) as caught:
                reader.read(str(root / name), LIMIT)
            assert (caught.value.cause, "sudo: true" in str(caught.value.next_step)) == ("not permitted", True)
        assert reader.read(str(root / "no r/a.conf"), LIMIT) == b"x"
        with pytest.raises(CollectError, match="may not be read"):
            reader.resolve(str(root / "nothing/a.conf"))

    reading(tmp_path, kind, work, user=NOBODY)


@pytest.mark.parametrize("kind", KINDS)
def test_a_script_runs_with_its_arguments_and_input_as_they_are(tmp_path: Path, kind: str) -> None:
    async def run() -> None:
        connection = SshConnection(SshAddress("web1"))
        await connection.open(far_shell(tmp_path / "far", kind).environment)
        try:
            words = ("", "a b", "line\nfeed\n", "'\"$(id)`id`\\0101", "日本\udcff", "-n")
            script = 'for word do printf "<%s>" "$word"; done; cat'
            output = await connection.run(script, words, given=b"in\0\xff\n\n", limit=1000, deadline_s=30)
            shown = "".join(f"<{word}>" for word in words).encode("utf-8", "surrogateescape")
            assert output == shown + b"in\0\xff\n\n"
            assert await connection.run("printf 12345", limit=5, deadline_s=30) == b"12345"
            with pytest.raises(CollectError) as caught:
                await connection.run("printf 123456", limit=5, deadline_s=30)
            assert caught.value.cause == "too large"
            with pytest.raises(CollectError, match="status 3: no such thing") as caught:
                await connection.run("echo no such thing >&2; exit 3", limit=5, deadline_s=30)
            assert caught.value.cause == "malformed"
            assert await connection.run("echo still here", limit=100, deadline_s=30) == b"still here\n"
        finally:
            await connection.close()

    asyncio.run(run())


@pytest.mark.parametrize("kind", ["dash", "busybox"])
def test_a_script_that_takes_too_long_is_ended_there_and_the_connection_goes_on(tmp_path: Path, kind: str) -> None:
    async def run() -> None:
        connection = SshConnection(SshAddress("web1"))
        await connection.open(far_shell(tmp_path / "far", kind).environment)
        try:
            with pytest.raises(CollectError) as caught:
                await connection.run("exec cat <>/dev/zero >/dev/null", limit=5, deadline_s=1)
            assert caught.value.cause == "timed out"
            assert await connection.run("echo on", limit=100, deadline_s=30) == b"on\n"
        finally:
            await connection.close()

    asyncio.run(run())


def test_missing_tools_are_named(tmp_path: Path) -> None:
    async def run() -> None:
        connection = SshConnection(SshAddress("web1"))
        try:
            await connection.open(far_shell(tmp_path / "far", "busybox", without="readlink").environment)
        finally:
            await connection.close()

    with pytest.raises(CollectError, match="missing there: readlink") as caught:
        asyncio.run(run())
    assert caught.value.cause == "unsupported"


ACTS = {
    "grows": ("echo more >>{file}", "undetermined", "changed while it was read"),
    "shrinks": (": >{file}; echo y >>{file}.log; head -c $((70 - $(wc -l <{file}.log))) /dev/zero >{file}",
                "undetermined", "changed while it was read"),
    "vanishes": ("rm -f {file}", "absent", "does not exist"),
    "becomes a folder": ("rm -f {file}; mkdir {file}", "unsupported", "no regular file"),
}  # fmt: skip
"""What happens to a file between its being summed and its being sent, and what is said of it then."""


@pytest.mark.parametrize("kind", ["dash", "busybox"])
@pytest.mark.parametrize("act", ACTS)
def test_a_file_that_changes_under_the_reader_is_an_error_and_the_others_are_read(
    tmp_path: Path, tree: Path, kind: str, act: str
) -> None:
    does, cause, says = ACTS[act]
    changing = tmp_path / "changing.conf"
    changing.write_text("Timeout 60\n" * 10)
    far = far_shell(tmp_path / "far", kind)
    cat = tmp_path / "far/there/cat"
    real = f"{cat.resolve()}{' cat' if kind == 'busybox' else ''}"
    cat.unlink()
    for_it = does.format(file=changing)
    cat.write_text(
        f"#!/bin/sh\nPATH=$PATH:/usr/bin:/bin\n"
        f'for one do if [ "$one" = {changing} ]; then {for_it}; fi; done\nexec {real} "$@"\n'
    )
    cat.chmod(0o755)

    async def run() -> None:
        connection = SshConnection(SshAddress("web1"))
        await connection.open(far.environment)
        loop = asyncio.get_running_loop()
        reader = SshReader(connection, loop, withheld=PRIVATE_KEY, deadline=time.monotonic() + 60)

        def work() -> None:
            paths = [str(tree / "conf/httpd.conf"), str(changing), str(tree / "limit")]
            reader.fetch((), paths, LIMIT)
            assert reader.read(paths[0], LIMIT) == b"Timeout 60\n"
            assert reader.read(paths[2], LIMIT) == b"z" * LIMIT
            with pytest.raises(CollectError, match=says) as caught:
                reader.read(paths[1], LIMIT)
            assert caught.value.cause == cause

        try:
            await asyncio.to_thread(work)
        finally:
            await connection.close()

    asyncio.run(run())


def test_names_that_are_too_many_are_asked_for_by_folder_and_one_folder_too_large_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "t"
    (root / "few").mkdir(parents=True)
    (root / "many").mkdir()
    (root / "few/a").write_text("")
    for number in range(40):
        (root / f"many/{number:03}").write_text("")
    monkeypatch.setattr("auditor.transport.ssh.reader.MAX_NAMES", 20 * (len(str(root)) + 10))

    def work(reader: SshReader) -> tuple[tuple[Entry, ...], CollectError]:
        reader.walk(str(root), frozenset(), 65)
        with pytest.raises(CollectError, match="not all of its entries") as caught:
            reader.list(str(root / "many"))
        return reader.list(str(root / "few")), caught.value

    (few, error), _ = reading(tmp_path, "dash", work)
    assert [entry.path for entry in few] == [str(root / "few/a")]
    assert error.cause == "undetermined"


def test_no_more_is_fetched_than_a_target_may_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [str(tmp_path / f"{number}.conf") for number in range(20)]
    for path in paths:
        Path(path).write_bytes(b"x" * 1000)
    monkeypatch.setattr("auditor.transport.ssh.reader.MAX_TOTAL", 4000)
    monkeypatch.setattr("auditor.transport.ssh.reader.MAX_AT_ONCE", 3000)

    def work(reader: SshReader) -> None:
        reader.walk(str(tmp_path), frozenset(), 3)
        reader.fetch((), paths, LIMIT)
        came = [path for path in paths if path in reader._contents]
        assert 4 <= len(came) < 8
        assert reader.read(came[0], LIMIT) == b"x" * 1000
        with pytest.raises(CollectError, match="already") as caught:
            reader.read(paths[-1], LIMIT)
        assert caught.value.cause == "too large"

    reading(tmp_path, "dash", work)
