"""The store when writers are killed, meet, or have no room; and when it is not what it should be."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from auditor.errors import RefusedError, StoreError
from auditor.store import Store, lock
from tests import servers
from tests.fakes.stored import NIGHT, collected, document, night
from tests.servers import ROOT
from tests.unsynced import OF_GIT

pytestmark = pytest.mark.integration


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store with one snapshot of one target."""
    with Store.create(tmp_path / "store.git") as store:
        store.write([collected("web1/httpd")], now=night(0))
    return tmp_path / "store.git"


def fsck(path: Path) -> None:
    subprocess.run(["git", "-C", str(path), "fsck", "--strict", "--full"], check=True, capture_output=True)


def python(code: str, *arguments: str, **more: object) -> subprocess.Popen[bytes]:
    """A Python process that has this project at hand."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", textwrap.dedent(code), *arguments]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)  # type: ignore[call-overload,no-any-return]


def litter(path: Path) -> list[str]:
    kept = {lock.WRITER, lock.IMPORTERS}
    found = [
        one for one in path.rglob("*") if one.name.endswith(".lock") or one.name.startswith(("tmp_", "fast_import"))
    ]
    return sorted(one.name for one in found if one.name not in kept)


def test_a_killed_import_leaves_the_store_as_it_was_and_the_next_run_cleans_up(path: Path) -> None:
    before = _tip(path)
    with Store.open(path) as store, pytest.raises(StoreError) as caught, store.session() as session:  # noqa: PT012
        session.add(collected("web2/httpd", document("x", os.urandom(200_000))))
        importer = session._importer
        assert importer is not None
        os.kill(importer.pid, signal.SIGKILL)
        for number in range(200):
            session.add(collected(f"web{number + 3}/httpd", document("x", os.urandom(20_000))))
        session.commit(night(1))
    assert "fast-import failed" in str(caught.value)
    assert caught.value.untouched
    assert _tip(path) == before
    with Store.open(path) as store:
        store.write([collected("web2/httpd")], now=night(1))
        assert store.targets() == ("web1/httpd", "web2/httpd")
    assert litter(path) == []
    fsck(path)


def test_a_killed_auditor_leaves_the_store_as_it_was(path: Path) -> None:
    before = _tip(path)
    writer = python(
        """
        import os, sys, pathlib
        from auditor.store import Store
        from tests.fakes.stored import collected, document
        with Store.open(pathlib.Path(sys.argv[1])) as store, store.session() as session:
            for number in range(300):
                session.add(collected(f"db{number}/httpd", document("x", os.urandom(3000))))
            print(session._importer.pid, flush=True)
            sys.stdin.read()
        """,
        str(path),
        stdin=subprocess.PIPE,
    )
    assert writer.stdout is not None
    importer = int(writer.stdout.readline())
    writer.kill()
    writer.communicate()
    assert _tip(path) == before
    for name in ("refs/heads/snapshots.lock", "packed-refs.lock", "HEAD.lock", "objects/pack/tmp_pack_x"):
        (path / name).touch()
    _until(lambda: not Path(f"/proc/{importer}").exists())  # it ends by itself where its input does
    with Store.open(path) as store:
        assert store.write([collected("web1/httpd")], now=night(1)).unchanged
    assert litter(path) == []
    fsck(path)


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not true() and time.monotonic() < deadline:
        time.sleep(0.02)


def _tip(path: Path) -> str:
    with Store.open(path) as store:
        return store.resolve_revision("latest")


def test_writers_that_meet_all_get_their_snapshot_in(path: Path) -> None:
    code = """
        import sys, pathlib
        from auditor.model.event import Event
        from auditor.store import Store
        from tests.fakes.stored import collected, document, night
        name = sys.argv[2]
        for number in range(6):
            with Store.open(pathlib.Path(sys.argv[1])) as store:
                store.write([collected(f"{name}-{number}/httpd")], now=night(number))
                store.append_event(Event("planned", "2026-11-22T02:00:00Z", plan=f"{name}{number}"))
        """
    writers = [python(code, str(path), name) for name in ("a", "b", "c")]
    for writer in writers:
        _, words = writer.communicate(timeout=60)
        assert writer.returncode == 0, words.decode()
    with Store.open(path) as store:
        assert len(store.targets()) == 19
        assert len(store.targets("agreed")) == 19
        assert len(store.events()) == 18
        assert len(list(store.log())) == 19
    fsck(path)


def test_a_writer_that_waits_too_long_is_refused_with_the_holder_s_number(path: Path) -> None:
    holder = python(
        """
        import sys, pathlib
        from auditor.store import lock
        with lock.writing(pathlib.Path(sys.argv[1]), 5):
            print("held", flush=True)
            sys.stdin.read()
        """,
        str(path),
        stdin=subprocess.PIPE,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with Store.open(path, wait_s=0.05) as store:
            assert store.targets() == ("web1/httpd",), "reading needs no lock"
            with pytest.raises(RefusedError, match=f"process {holder.pid} is writing") as caught:
                store.write([collected("web2/httpd")], now=night(1))
            assert "Wait until it has finished" in str(caught.value)
    finally:
        holder.communicate(b"")
    with Store.open(path) as store:
        store.write([collected("web2/httpd")], now=night(1))


def test_a_lock_is_not_inherited_by_git(path: Path) -> None:
    with Store.open(path) as store, lock.writing(path, 1):
        store.targets()  # starts a process that outlives the lock
        with lock._open(path, lock.WRITER) as other:
            assert not lock._take(other, 2, 0)
        done = subprocess.run(["sh", "-c", "ls -l /proc/self/fd"], capture_output=True, check=True, close_fds=False)
        assert b"auditor.lock" not in done.stdout


@contextlib.contextmanager
def small_disk(path: Path, kilobytes: int) -> Iterator[list[str]]:
    """The start of a command that sees ``path`` on a disk of its own with so much room, in a private mount."""
    servers.private_mounts()
    script = f'mount -t tmpfs -o size={kilobytes}k tmpfs "$0" && shift 0 && exec "$@"'
    yield ["unshare", "-m", "sh", "-c", script, str(path)]


def test_a_full_disk_is_said_and_the_store_stays_whole(tmp_path: Path) -> None:
    mounted = tmp_path / "disk"
    mounted.mkdir()
    code = """
        import os, pathlib, subprocess, sys
        from auditor.errors import StoreError
        from auditor.store import Store
        from tests.fakes.stored import collected, document, night
        path = pathlib.Path(sys.argv[1], "store.git")
        with Store.create(path) as store:
            first = store.write([collected("web1/httpd")], now=night(0))
        try:
            with Store.open(path) as store:
                store.write([collected("web2/httpd", document("x", os.urandom(3_000_000)))], now=night(1))
        except StoreError as error:
            print(error)
        with Store.open(path) as store:
            assert store.resolve_revision("latest") == first.revision
            assert store.targets() == ("web1/httpd",)
            store.write([collected("web3/httpd")], now=night(2))
            assert store.targets() == ("web1/httpd", "web3/httpd")
        subprocess.run(["git", "-C", str(path), "fsck", "--strict"], check=True, capture_output=True)
        """
    with small_disk(mounted, 1500) as prefix:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        command = [*prefix, sys.executable, "-c", textwrap.dedent(code), str(mounted)]
        done = subprocess.run(command, env=environment, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert f"the disk that holds the store {mounted}/store.git is full" in done.stdout.decode()
    assert "Make room" in done.stdout.decode()


@pytest.fixture
def shared() -> Iterator[Path]:
    """A store in a folder that every user of the machine may enter."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    with Store.create(folder / "store.git") as store:
        store.write([collected("web1/httpd")], now=night(0))
    for one in folder.rglob("*"):
        one.chmod(0o555 if one.is_dir() else 0o444)
    (folder / "store.git").chmod(0o555)
    yield folder / "store.git"
    for one in folder.rglob("*"):
        if one.is_dir():
            one.chmod(0o755)
    shutil.rmtree(folder)


def test_a_store_that_may_only_be_read_is_read_and_says_so_when_written(shared: Path) -> None:
    """Root may write anywhere, so the writer becomes somebody else where the tests run as root."""
    code = """
        import os, pathlib, sys
        import git
        from auditor.errors import StoreError
        from auditor.store import Store
        from tests.fakes.stored import collected, night
        with Store.open(pathlib.Path(sys.argv[1])) as store:
            store.targets()  # what is imported late is imported while it may be read
        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
        with Store.open(pathlib.Path(sys.argv[1])) as store:
            assert store.targets() == ("web1/httpd",)
            try:
                store.write([collected("web2/httpd")], now=night(1))
            except StoreError as error:
                print(error)
        """
    done = python(code, str(shared), cwd=shared.parent)
    words, errors = done.communicate(timeout=60)
    assert done.returncode == 0, errors.decode()
    assert "cannot be written to: Permission denied" in words.decode()
    assert "Run as the user that owns the store" in words.decode()


def test_a_place_without_a_store_says_how_to_make_one(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(StoreError, match="there is no store") as caught:
            Store.open(place)
        assert "auditor init" in str(caught.value)


def test_a_repository_of_people_is_not_taken_for_a_store(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path / "code")], check=True)
    with pytest.raises(StoreError, match="with a work tree, not a store"):
        Store.open(tmp_path / "code" / ".git")


def test_a_store_is_not_made_where_something_stands(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("x")
    with pytest.raises(StoreError, match="is not empty"):
        Store.create(tmp_path)
    assert [one.name for one in tmp_path.iterdir()] == ["precious"]


def test_damage_is_said_and_never_read_as_absence(path: Path) -> None:
    with Store.open(path) as store:
        tree = store.tree("latest", "web1/httpd")
    loose = path / "objects" / tree[:2] / tree[2:]
    loose.chmod(0o644)
    kept = loose.read_bytes()
    for content in (b"", kept[: len(kept) // 2], b"garbage" * 10, None):
        if content is None:
            loose.unlink()
        else:
            loose.write_bytes(content)
        with Store.open(path) as store:
            with pytest.raises(StoreError, match="damaged") as caught:
                store.read("latest", "web1/httpd")
            assert "fsck" in str(caught.value)
            with pytest.raises(StoreError, match=r"damaged|failed"):
                store.write([collected("web1/httpd", document("new"))], now=night(1))


def test_a_store_without_its_head_is_damaged_and_not_replaced(path: Path) -> None:
    (path / "HEAD").unlink()
    with pytest.raises(StoreError, match="damaged: HEAD is missing"):
        Store.open(path)


def test_what_is_written_is_flushed_to_disk(path: Path) -> None:
    """With git's defaults a power cut can take loose objects and references that were reported as written."""
    found = shutil.which("strace")
    if found is None:
        servers.missing("strace")
    version = subprocess.run(["git", "version"], capture_output=True, check=True).stdout.split()[2].split(b".")
    if (int(version[0]), int(version[1])) < (2, 36):  # it cannot sync references, as tests/unit/store says
        servers.missing("git 2.36 or later")
    log = path.parent / "trace"
    code = """
        import sys, pathlib
        from auditor.store import Store
        from tests.fakes.stored import collected, document, night
        with Store.open(pathlib.Path(sys.argv[1])) as store:
            store.write([collected("web1/httpd", document("new"))], now=night(1))
        """
    environment = {name: value for name, value in os.environ.items() if name != OF_GIT} | {"PYTHONPATH": str(ROOT)}
    command = [found, "-f", "-y", "-e", "trace=fsync,fdatasync", "-o", str(log), sys.executable, "-c"]
    subprocess.run([*command, textwrap.dedent(code), str(path)], env=environment, check=True, capture_output=True)
    synced = log.read_text()
    assert "refs/heads/snapshots.lock" in synced
    assert "objects/" in synced


def test_only_the_owner_can_read_the_store(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    with Store.open(path) as store:
        assert store.write([collected("web1/httpd")], now=NIGHT).unchanged
