"""Runs something in a child under strace, and tells what it and all its children did to a folder, call by call."""

from __future__ import annotations

import os
import re
import shutil
import signal
import struct
import subprocess
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from tests import servers
from tests.crashes.disk import ROOT, Act, Disk, Inode
from tests.unsynced import synced

_CALLS: Final = (
    "open openat creat write pwrite64 writev pwritev ftruncate truncate fallocate rename renameat renameat2 link "
    "linkat symlink symlinkat unlink unlinkat rmdir mkdir mkdirat chmod fchmod fchmodat chown fchown lchown fchownat "
    "setxattr lsetxattr fsetxattr removexattr lremovexattr fremovexattr fsync fdatasync sync syncfs copy_file_range "
    "sendfile splice umask chdir fchdir clone clone3 fork vfork"
)
_LINE: Final = re.compile(r"(\d+) +(\d+\.\d+) (.*)\n?")
_CALL: Final = re.compile(r"(\w+)\((.*)\) += (-?\d+|\?)", re.DOTALL)
_HEX: Final = re.compile(r"(?:\\x[0-9a-f]{2})*")


def strace() -> str:
    """The tracer."""
    found = shutil.which("strace")
    return found or servers.missing("strace")


def options(trace: Path) -> list[str]:
    """How it writes a trace that :func:`read` understands."""
    calls = ",".join(f"?{one}" for one in _CALLS.split())
    return ["-f", "-y", "-xx", "-ttt", "-qq", "-s", "4000000", "-o", str(trace), "-e", f"trace={calls}"]


def read(trace: Path, disk: Disk) -> None:
    """Brings all that a trace tells of the disk's folder into the disk, and removes the trace."""
    _Reader(disk).read(trace)
    trace.unlink()


def traced(run: Callable[[], None], disk: Disk, folder: Path) -> None:
    """Runs it in a child of this process; every act of it on the disk's folder, and every sync, is then in the disk.

    ``folder`` is for the trace. What the child changes in its memory is lost with it.
    """
    tool, trace, (ready, go) = strace(), folder / "trace", os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # no other thread holds what the child needs
        child = os.fork()
    if child == 0:
        _child(run, ready, go)
    os.close(ready)
    command = [one for one in (tool, *options(trace), "-p", str(child)) if one != "-qq"]
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
    tracer = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    try:
        assert tracer.stderr is not None
        first = tracer.stderr.readline()
        assert "attached" in first, f"strace cannot trace a process here: {first}"
        os.close(go)  # the child's read ends with it
        _, status = os.waitpid(child, 0)
    except BaseException:
        os.kill(child, signal.SIGKILL)
        raise
    finally:
        tracer.communicate()
    assert os.waitstatus_to_exitcode(status) == 0, "what was traced failed by itself"
    read(trace, disk)


def _child(run: Callable[[], None], ready: int, go: int) -> None:
    code = 1
    try:
        os.close(go)
        os.read(ready, 1)
        synced()
        run()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _text(words: str) -> bytes:
    return bytes.fromhex(words.replace("\\x", ""))


class _Reader:
    """Turns a trace into acts on a disk."""

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        self.base = os.fsencode(disk.folder)
        self.places: dict[str, bytes] = {}
        self.masks: dict[str, int] = {}
        self.begun: dict[str, str] = {}
        self.at: dict[int, int] = {}

    def read(self, trace: Path) -> None:
        for process, time, call in _whole_calls(trace, self.begun):
            self.disk.time = time
            self._born(process)
            found = _CALL.match(call)
            if found is None or found[3] == "?" or found[3].startswith("-"):
                continue
            handle = getattr(self, f"_{found[1]}", None)
            assert handle is not None, call[:200]
            handle(process, _arguments(found[2]), int(found[3]))

    def _born(self, process: str, parent: str = "") -> None:
        """A process has the directory and the mask of the one that made it."""
        if process in self.masks:
            return
        making = [one for one, call in self.begun.items() if call.startswith(("clone", "fork", "vfork"))]
        parent = parent or (making[-1] if making else "")
        if not parent:
            mask = os.umask(0)
            os.umask(mask)
        self.masks[process] = self.masks[parent] if parent else mask
        self.places[process] = self.places[parent] if parent else os.fsencode(Path.cwd())

    def _clone(self, process: str, words: list[str], result: int) -> None:
        self._born(str(result), process)

    _clone3 = _fork = _vfork = _clone

    # -- paths --------------------------------------------------------------------------------------------------------

    def _path(self, process: str, word: str, folder: str = "") -> bytes:
        path = _text(word.strip('"'))
        if path.startswith(b"/"):
            return path
        if folder and not folder.startswith("AT_FDCWD"):
            return _file(folder) + b"/" + path
        return self.places[process] + b"/" + path

    def _find(self, path: bytes, *, follow: bool = True, depth: int = 0) -> tuple[int, str, int | None] | None:
        """Folder, name and inode of a path; None where it lies outside of the disk's folder."""
        assert depth < 20
        path = os.path.normpath(path)
        if path == self.base:
            return ROOT, "", ROOT
        if not path.startswith(self.base + b"/"):
            return None
        parts = path[len(self.base) + 1 :].split(b"/")
        if os.fsdecode(parts[0]) in self.disk.without:
            return None
        number, walked = ROOT, self.base
        for position, part in enumerate(parts):
            name, last = os.fsdecode(part), position == len(parts) - 1
            inode = self.disk.now[number].names.get(name)
            node = self.disk.now[inode] if inode is not None else None
            if node is not None and node.kind == "link" and (follow or not last):
                rest = b"/".join([node.content, *parts[position + 1 :]])
                whole = rest if rest.startswith(b"/") else walked + b"/" + rest
                return self._find(whole, follow=follow, depth=depth + 1)
            if last:
                return number, name, inode
            assert inode is not None, path
            number, walked = inode, walked + b"/" + part
        return None

    def _inode(self, word: str) -> int | None:
        """The inode of a descriptor; None where it is none of the disk's, or has no name any more."""
        path = _file(word)
        if path.endswith(b" (deleted)"):
            return None
        found = self._find(path, follow=False)
        return found[2] if found else None

    # -- making and naming --------------------------------------------------------------------------------------------

    def _new(self, process: str, kind: str, mode: int, content: bytes = b"") -> Inode:
        return Inode(kind, mode & 0o7777 & ~self.masks[process], os.geteuid(), os.getegid(), content)  # type: ignore[arg-type]

    def _openat(self, process: str, words: list[str], result: int) -> None:
        flags = words[2].split("|")
        if not {"O_CREAT", "O_TRUNC", "O_RDWR", "O_WRONLY"} & set(flags):
            return
        place = self._find(self._path(process, words[1], words[0]))
        if place is None:
            return
        folder, name, inode = place
        if inode is None:
            inode = self.disk.make(self._new(process, "file", int(words[3], 8)))
            self.disk.act(Act("names", names=(((folder, name), inode),)))
        elif "O_TRUNC" in flags and self.disk.now[inode].content:
            self.disk.act(Act("size", inode))
        self.at[inode] = -1 if "O_APPEND" in flags else 0

    def _open(self, process: str, words: list[str], result: int) -> None:
        self._openat(process, ["AT_FDCWD", *words], result)

    def _creat(self, process: str, words: list[str], result: int) -> None:
        self._openat(process, ["AT_FDCWD", words[0], "O_CREAT|O_WRONLY|O_TRUNC", words[1]], result)

    def _mkdirat(self, process: str, words: list[str], result: int) -> None:
        place = self._find(self._path(process, words[1], words[0]), follow=False)
        if place is not None:
            inode = self.disk.make(self._new(process, "folder", int(words[2], 8)))
            self.disk.act(Act("names", names=(((place[0], place[1]), inode),)))

    def _mkdir(self, process: str, words: list[str], result: int) -> None:
        self._mkdirat(process, ["AT_FDCWD", *words], result)

    def _symlinkat(self, process: str, words: list[str], result: int) -> None:
        place = self._find(self._path(process, words[2], words[1]), follow=False)
        if place is not None:
            inode = self.disk.make(self._new(process, "link", 0o777, _text(words[0].strip('"'))))
            self.disk.act(Act("names", names=(((place[0], place[1]), inode),)))

    def _symlink(self, process: str, words: list[str], result: int) -> None:
        self._symlinkat(process, [words[0], "AT_FDCWD", words[1]], result)

    def _linkat(self, process: str, words: list[str], result: int) -> None:
        old = self._find(self._path(process, words[1], words[0]), follow=False)
        new = self._find(self._path(process, words[3], words[2]), follow=False)
        if new is not None:
            assert old is not None
            self.disk.act(Act("names", names=(((new[0], new[1]), old[2]),)))

    def _link(self, process: str, words: list[str], result: int) -> None:
        self._linkat(process, ["AT_FDCWD", words[0], "AT_FDCWD", words[1]], result)

    def _renameat(self, process: str, words: list[str], result: int) -> None:
        assert len(words) < 5 or "EXCHANGE" not in words[4]
        old = self._find(self._path(process, words[1], words[0]), follow=False)
        new = self._find(self._path(process, words[3], words[2]), follow=False)
        if old is None and new is None:
            return
        assert old is not None
        assert new is not None
        if old[2] != new[2]:
            self.disk.act(Act("names", names=(((old[0], old[1]), None), ((new[0], new[1]), old[2]))))

    _renameat2 = _renameat

    def _rename(self, process: str, words: list[str], result: int) -> None:
        self._renameat(process, ["AT_FDCWD", words[0], "AT_FDCWD", words[1]], result)

    def _unlinkat(self, process: str, words: list[str], result: int) -> None:
        place = self._find(self._path(process, words[1], words[0]), follow=False)
        if place is not None:
            self.disk.act(Act("names", names=(((place[0], place[1]), None),)))

    def _unlink(self, process: str, words: list[str], result: int) -> None:
        self._unlinkat(process, ["AT_FDCWD", *words], result)

    _rmdir = _unlink

    # -- bytes --------------------------------------------------------------------------------------------------------

    def _put(self, word: str, data: bytes, offset: int | None = None) -> None:
        inode = self._inode(word)
        if inode is None or not data:
            return
        if offset is None:
            at = self.at.get(inode, 0)
            offset = len(self.disk.now[inode].content) if at < 0 else at
            self.at[inode] = at if at < 0 else offset + len(data)
        self.disk.act(Act("data", inode, offset, data))

    def _write(self, process: str, words: list[str], result: int) -> None:
        self._put(words[0], _text(words[1].strip('"'))[:result])

    def _pwrite64(self, process: str, words: list[str], result: int) -> None:
        self._put(words[0], _text(words[1].strip('"'))[:result], int(words[3]))

    def _writev(self, process: str, words: list[str], result: int) -> None:
        parts = re.findall(r'iov_base="((?:\\x[0-9a-f]{2})*)"', words[1])
        self._put(words[0], b"".join(map(_text, parts))[:result])

    def _copied(self, source: str, place: str, many: int) -> None:
        inode, into = self._inode(source), self._inode(place)
        if into is None or not many:
            return
        content = self.disk.now[inode].content if inode is not None else Path(os.fsdecode(_file(source))).read_bytes()
        done = max(self.at.get(into, 0), 0)
        self._put(place, content[done : done + many])

    def _copy_file_range(self, process: str, words: list[str], result: int) -> None:
        self._copied(words[0], words[2], result)

    def _sendfile(self, process: str, words: list[str], result: int) -> None:
        self._copied(words[1], words[0], result)

    def _splice(self, process: str, words: list[str], result: int) -> None:
        assert self._inode(words[2]) is None, "splice into a file is not followed"

    def _ftruncate(self, process: str, words: list[str], result: int) -> None:
        inode = self._inode(words[0])
        if inode is not None and len(self.disk.now[inode].content) != int(words[1]):
            self.disk.act(Act("size", inode, int(words[1])))

    def _truncate(self, process: str, words: list[str], result: int) -> None:
        place = self._find(self._path(process, words[0]))
        assert place is None or place[2] is None, "truncate is not followed"

    def _fallocate(self, process: str, words: list[str], result: int) -> None:
        inode, end = self._inode(words[0]), int(words[2]) + int(words[3])
        if inode is not None and end > len(self.disk.now[inode].content):
            self.disk.act(Act("size", inode, end))

    # -- access -------------------------------------------------------------------------------------------------------

    def _access(self, inode: int | None, mode: int | None, uid: int | None, gid: int | None) -> None:
        if inode is None:
            return
        node = self.disk.now[inode]
        if (mode, uid, gid) != (node.mode, None, None) and (mode, uid, gid) != (None, node.uid, node.gid):
            self.disk.act(Act("access", inode, access=(mode, uid, gid)))

    def _fchmod(self, process: str, words: list[str], result: int) -> None:
        self._access(self._inode(words[0]), int(words[1], 8) & 0o7777, None, None)

    def _fchmodat(self, process: str, words: list[str], result: int) -> None:
        place = self._find(self._path(process, words[1], words[0]))
        self._access(place[2] if place else None, int(words[2], 8) & 0o7777, None, None)

    def _chmod(self, process: str, words: list[str], result: int) -> None:
        self._fchmodat(process, ["AT_FDCWD", *words], result)

    def _fchown(self, process: str, words: list[str], result: int) -> None:
        self._access(self._inode(words[0]), None, *_owner(words[1:3]))

    def _fchownat(self, process: str, words: list[str], result: int) -> None:
        if words[1] == '""':
            self._fchown(process, [words[0], *words[2:]], result)
            return
        place = self._find(self._path(process, words[1], words[0]), follow="NOFOLLOW" not in words[4])
        self._access(place[2] if place else None, None, *_owner(words[2:4]))

    def _chown(self, process: str, words: list[str], result: int) -> None:
        self._fchownat(process, ["AT_FDCWD", *words, "0"], result)

    def _lchown(self, process: str, words: list[str], result: int) -> None:
        self._fchownat(process, ["AT_FDCWD", *words, "AT_SYMLINK_NOFOLLOW"], result)

    def _fsetxattr(self, process: str, words: list[str], result: int) -> None:
        inode = self._inode(words[0])
        if inode is None:
            return
        assert _text(words[1].strip('"')) == b"system.posix_acl_access", "extended attributes are not followed"
        self._access(inode, _mode_of(_text(words[2].strip('"'))), None, None)

    def _setxattr(self, process: str, words: list[str], result: int) -> None:
        assert self._find(self._path(process, words[0])) is None, "extended attributes are not followed"

    _lsetxattr = _removexattr = _lremovexattr = _setxattr

    def _fremovexattr(self, process: str, words: list[str], result: int) -> None:
        assert self._inode(words[0]) is None, "extended attributes are not followed"

    # -- the rest -----------------------------------------------------------------------------------------------------

    def _fsync(self, process: str, words: list[str], result: int) -> None:
        inode = self._inode(words[0])
        if inode is not None:
            self.disk.sync(inode)

    _fdatasync = _fsync

    def _sync(self, process: str, words: list[str], result: int) -> None:
        self.disk.sync(None)

    _syncfs = _sync

    def _umask(self, process: str, words: list[str], result: int) -> None:
        self.masks[process] = int(words[0], 8)

    def _chdir(self, process: str, words: list[str], result: int) -> None:
        self.places[process] = os.path.normpath(self._path(process, words[0]))

    def _fchdir(self, process: str, words: list[str], result: int) -> None:
        self.places[process] = _file(words[0])


def _file(word: str) -> bytes:
    """The path that strace gives with a descriptor; none of a pipe or socket."""
    path = word[word.index("<") + 1 : word.rindex(">")]
    return _text(path) if _HEX.fullmatch(path) else b""


def _owner(words: list[str]) -> tuple[int | None, int | None]:
    uid, gid = (None if one in ("-1", "4294967295") else int(one) for one in words)
    return uid, gid


def _mode_of(listed: bytes) -> int:
    """The mode that an access list without further entries says."""
    entries = [struct.unpack_from("<HHi", listed, at) for at in range(4, len(listed), 8)]
    bits = {tag: permission for tag, permission, _ in entries}
    assert set(bits) == {0x01, 0x04, 0x20}, "access lists are not followed"
    return bits[0x01] << 6 | bits[0x04] << 3 | bits[0x20]


def _arguments(text: str) -> list[str]:
    """The arguments of a call; in strings and paths every byte is written as ``\\x..``, so that none holds a comma."""
    depth, words = 0, [""]
    for part in re.split(r"([\[\]{}]|, )", text):
        depth += (part in ("[", "{")) - (part in ("]", "}"))
        if part == ", " and not depth:
            words.append("")
        else:
            words[-1] += part
    return words


def _whole_calls(trace: Path, begun: dict[str, str]) -> Iterator[tuple[str, float, str]]:
    """(process, time, call) in the order in which the calls ended; ``begun`` are those that have not."""
    with trace.open(encoding="ascii") as file:
        for line in file:
            found = _LINE.fullmatch(line)
            assert found is not None, line[:200]
            process, time, text = found.groups()
            if text.endswith(" <unfinished ...>"):
                begun[process] = text.removesuffix(" <unfinished ...>")
            elif text.startswith("<... "):
                yield process, float(time), begun.pop(process) + text[text.index("resumed>") + len("resumed>") :]
            elif not text.startswith(("---", "+++")):
                yield process, float(time), text
