"""The far side: a constant POSIX sh script that answers requests, and how requests and foreign text travel to it.

It runs in dash, bash and busybox, with the tools of RHEL 7 (coreutils 8.22, findutils 4.5.11) or busybox; it writes no
file but the lock of a target that is changed, which the shell holds as long as the connection lasts. A request is one
line of plain words and, after it, lines of data in which every byte that is not harmless is written as ``printf %b``
reads it: foreign text is never shell text. A reply is a row of records, ``MARK BODY LF`` each, and ends with the
record ``.``; the mark is a random word that travels by standard input alone, so nothing that is read over there can
hold it.

Records: ``e`` an entry (mode in hex, uid, user, gid, group, size, time, label and path, parted by slashes), ``l`` and
``t`` a link and its text, ``u`` a directory that may not be searched, ``!`` why something failed and its path, ``=``
that the names were complete and find's exit status, ``p`` a path asked for and ``r`` where it leads, ``x`` why it
leads nowhere, ``d`` a directory whose entries come next, ``k`` a file withheld, ``f``, ``z``, ``h`` and ``b`` files,
their sizes, sums and bytes, ``o`` a script's output and ``s`` its exit status, ``g`` who holds a lock (nobody else:
empty).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from typing import Final

BOOT: Final = "auditor-sh"
"""Said by the first shell: whoever logs in reached a POSIX shell."""
RIGHTS: Final = "auditor-sudo"
"""Said by the shell that sudo started."""
TOOLS: Final = ("find", "xargs", "stat", "readlink", "sha256sum", "cat", "grep", "head")

_READ_AND_RUN: Final = 'IFS= read -r s; eval "$s"'
COMMAND: Final = "exec sh -c " + shlex.quote(f"echo {BOOT}; {_READ_AND_RUN}")
"""What ssh runs: one line that every login shell understands. All else comes by standard input."""
AS_ROOT: Final = "exec sudo -n sh -c " + shlex.quote(f"echo {RIGHTS}; {_READ_AND_RUN}")
"""The first line where rights are needed that the account does not have."""
INSIDE: Final = "auditor-inside"
"""Said by the shell of a namespace of its own."""
NAMESPACES: Final = "unshare --mount --propagation private --pid --fork --kill-child --mount-proc"
APART: Final = (
    "IFS= read -r a_c; IFS= read -r a_p; exec "
    + NAMESPACES
    + " sh -c "
    + shlex.quote(f'mount --bind "$1" "$2" || exit; echo {INSIDE}; {_READ_AND_RUN}')
    + ' sh "$(printf %b "$a_c")" "$(printf %b "$a_p")"'
)
"""The line behind which all runs in mount and process namespaces of its own, with a folder at the place of another.

It takes both names, each encoded and in a line.
"""
RUN: Final = "run"
"""The verb before a script, which is an empty line where it is the one that was run last."""
START: Final = 'IFS= read -r a_n; IFS= read -r s; eval "$(printf %b "$s")"'
"""The line that takes the mark and the script."""

# What one run of xargs does with the paths it is given. All paths are absolute, so none is taken for an option.
# $a_f is stat's format; a word that is no path is find's exit status, sent behind the last name.
_ENTRIES: Final = r"""
i=$#
while [ "$i" -gt 0 ]; do
    p=$1; shift; i=$((i - 1))
    case $p in
    /*) set -- "$@" "$p" ;;
    *) printf '%s %s\n' "$a_n" "$p" ;;
    esac
done
[ "$#" -gt 0 ] || exit 0
stat -c "$a_f" "$@" 2>/dev/null || for p do
    stat -c "$a_f" "$p" 2>/dev/null && continue
    e=$(stat -c %f "$p" 2>&1 >/dev/null)
    printf '%s !%s/%s\n' "$a_n" "${e##*: }" "$p"
done
for p do
    if [ -L "$p" ]; then
        printf '%s l%s\n%s t' "$a_n" "$p" "$a_n"
        readlink "$p" || echo
    elif [ -d "$p" ]; then
        [ -r "$p" ] && [ -x "$p" ] || printf '%s u%s\n' "$a_n" "$p"
    fi
done
"""

# Directories right below a tree, but those that stand apart: all that is in them.
_DEEPER: Final = r"""
i=$#
while [ "$i" -gt 0 ]; do
    p=$1; shift; i=$((i - 1))
    case $a_apart in
    *"/${p##*/}/"*) ;;
    *) set -- "$@" "$p" ;;
    esac
done
[ "$#" -gt 0 ] || exit 0
find "$@" -mindepth 1 -maxdepth "$a_depth" -print0 2>/dev/null
printf '=%s\0' "$?"
"""

# What stands at a path, where it leads, and (where $a_list says so) what is in it.
_LOOK: Final = r"""
[ "$#" -gt 0 ] || exit 0
sh -c "$a_entries" sh "$@"
for p do
    r=$(readlink -f "$p" 2>/dev/null && echo .)
    r=${r%??}
    if [ -z "$r" ] || [ ! -e "$r" ]; then
        e=$(stat -L -c %f "$p" 2>&1 >/dev/null)
        printf '%s p%s\n%s x%s\n' "$a_n" "$p" "$a_n" "${e##*: }"
        continue
    fi
    printf '%s p%s\n%s r%s\n' "$a_n" "$p" "$a_n" "$r"
    [ "$r" = "$p" ] || sh -c "$a_entries" sh "$r"
    if [ "$a_list" = 1 ] && [ -d "$r" ]; then
        printf '%s d%s\n' "$a_n" "$r"
        { find "$r" -mindepth 1 -maxdepth 1 -print0 2>/dev/null; printf '=%s\0' "$?"; } |
            head -c "$a_names" | xargs -0 -n 250 sh -c "$a_entries" sh
    fi
done
"""

# The bytes of files. What cannot be given for all at once is left unanswered and asked for again, one by one. A file
# may become a FIFO behind our back, so what opens it is ended after a while, also when nobody waits for it any more.
_READ: Final = r"""
i=$#
while [ "$i" -gt 0 ]; do
    p=$1; shift; i=$((i - 1))
    if [ -f "$p" ] && [ -r "$p" ]; then
        set -- "$@" "$p"
    elif e=$(stat -L -c %f "$p" 2>&1 >/dev/null); then
        if [ -f "$p" ]; then e='Permission denied'; else e='no regular file'; fi
        printf '%s !%s/%s\n' "$a_n" "$e" "$p"
    else
        printf '%s !%s/%s\n' "$a_n" "${e##*: }" "$p"
    fi
done
[ "$#" -gt 0 ] || exit 0
sizes=$(stat -L -c %s "$@" 2>/dev/null) || exit 0
for s in $sizes; do
    p=$1; shift
    if [ "$s" -gt "$a_most" ]; then printf '%s !too large/%s\n' "$a_n" "$p"; else set -- "$@" "$p"; fi
done
[ "$#" -gt 0 ] || exit 0
$a_within grep -q -e "$a_secret" "$@" 2>/dev/null
if [ "$?" != 1 ]; then
    i=$#
    while [ "$i" -gt 0 ]; do
        p=$1; shift; i=$((i - 1))
        e=$($a_within grep -q -e "$a_secret" "$p" 2>&1)
        case $? in
        0) printf '%s k%s\n' "$a_n" "$p" ;;
        1) set -- "$@" "$p" ;;
        *) printf '%s !%s/%s\n' "$a_n" "${e##*: }" "$p" ;;
        esac
    done
    [ "$#" -gt 0 ] || exit 0
fi
for p do printf '%s f%s\n' "$a_n" "$p"; done
printf '%s z' "$a_n"
stat -L -c %s "$@" 2>/dev/null
printf '\n%s h' "$a_n"
$a_within sha256sum "$@" 2>/dev/null
printf '\n%s b' "$a_n"
$a_within cat "$@" 2>/dev/null
printf '\n'
"""

_SERVE: Final = r"""
LC_ALL=C; PATH=$PATH:/usr/sbin:/sbin; export LC_ALL PATH; set -f
unset ENV CDPATH GREP_OPTIONS POSIXLY_CORRECT
a_f="$a_n e%f/%u/%U/%g/%G/%s/%Y/"
if [ -e /sys/fs/selinux/enforce ] || [ -e /selinux/enforce ]; then a_f="$a_f%C"; fi
a_f="$a_f/%n"
export a_n a_f a_entries a_apart a_depth a_list a_names a_most a_secret a_within
within=
if timeout -s KILL 9 true 2>/dev/null; then within='timeout -s KILL'; fi
lacks=
for t in TOOLS; do command -v "$t" >/dev/null 2>&1 || lacks="$lacks $t"; done
exec 3<&0 4>&1 </dev/null
printf '\n%s ready%s\n%s .\n' "$a_n" "$lacks" "$a_n"
data() { IFS= read -r d <&3 || exit 0; }
while IFS=' ' read -r verb one two three four <&3; do
    case $verb in
    walk)
        a_depth=$one a_names=$two
        data; a_apart=$(printf %b "$d")
        data; p=$(printf %b. "$d"); p=${p%.}
        {
            find -H "$p" -mindepth 1 -maxdepth 1 -print0 2>/dev/null; printf '=%s\0' "$?"
            find -H "$p" -mindepth 1 -maxdepth 1 -type d -print0 2>/dev/null |
                xargs -0 -n 250 sh -c "$a_deeper" sh
            printf '=end\0'
        } | head -c "$a_names" | xargs -0 -n 250 sh -c "$a_entries" sh
        ;;
    look)
        a_list=$one a_names=$two
        data; printf %b "$d" | xargs -0 -n 250 sh -c "$a_look" sh
        ;;
    read)
        a_most=$one a_within=${within:+$within $four}
        data; a_secret=$(printf %b "$d")
        data; printf %b "$d" | xargs -0 -n "$three" sh -c "$a_read" sh | head -c "$two"
        ;;
    run)
        data; [ -z "$d" ] || script=$(printf %b "$d")
        data; given=$d
        set --
        while [ "$three" -gt 0 ]; do
            data; d=$(printf %b. "$d"); set -- "$@" "${d%.}"; three=$((three - 1))
        done
        printf '%s o' "$a_n"
        a_within=${within:+$within $two}
        status=$({
            { printf %b "$given" | $a_within sh -c "$script" sh "$@" 3>&- 4>&- 5>&-; echo "$?" >&5; } |
                head -c "$one" >&4
        } 5>&1)
        printf '\n%s s%s\n' "$a_n" "$status"
        ;;
    hold)
        data; p=$(printf %b. "$d"); p=${p%.}
        data; who=$(printf %b. "$d"); who=${who%.}
        if ! command -v flock >/dev/null 2>&1; then e='flock is missing there'
        elif ! e=$( (: >>"$p") 2>&1 ); then e="nobody: it cannot be opened: ${e##*: }"
        else
            exec 9>>"$p"
            if flock -n 9; then printf '%s %s\n' "$$" "$who" >"$p"; e=
            else exec 9>&-; e=$(head -c 400 "$p"); e=${e:-another run}; fi
        fi
        printf '%s g%s\n' "$a_n" "$e"
        ;;
    esac
    printf '\n%s .\n' "$a_n"
done
"""


def _given(name: str, text: str) -> str:
    return f"{name}={shlex.quote(text)}\n"


SCRIPT: Final = (
    _given("a_entries", _ENTRIES)
    + _given("a_deeper", _DEEPER)
    + _given("a_look", _LOOK)
    + _given("a_read", _READ)
    + _SERVE.replace("TOOLS", " ".join(TOOLS))
)

_HARMLESS: Final = re.compile(r"[A-Za-z0-9/._,:=@+-]")
_WRITTEN: Final = tuple(
    chr(byte) if byte < 128 and _HARMLESS.fullmatch(chr(byte)) else f"\\0{byte:03o}" for byte in range(256)
)


def encoded(data: bytes) -> str:
    """Bytes as a line that ``printf %b`` turns into them again."""
    return "".join(map(_WRITTEN.__getitem__, data))


def names(paths: Iterable[bytes]) -> str:
    """Paths as one line, each ended by NUL, as ``xargs -0`` takes them."""
    return "".join(f"{encoded(path)}\\0000" for path in paths)
