# Takes back a change that nobody has confirmed:  revert.sh FOLDER SECONDS|now|boot
#
# It stands in FOLDER, beside copies of the files that are only renamed, so that it needs no network, no controller, no
# free space, and reads nothing of the live configuration. One rename decides between it and a confirmation. Whoever
# finds it broken off starts it again: what is put back already stays.
trap '' HUP PIPE INT
LC_ALL=C
export LC_ALL
set -f
here=$1 when=$2
state=${here%/plans/*}

decided() { [ ! -e "$here/pending" ] && [ ! -e "$here/reverting" ]; }

text() {
    p=$(printf %b. "$1")
    p=${p%.}
}

standing() { # what stands at $1, in $s: the sum of a file's bytes, "l" and that of a link's text, or "-"
    if [ -L "$1" ]; then
        s=l$(readlink -n -- "$1" | sha256sum)
    elif [ -e "$1" ]; then
        s=$(sha256sum <"$1" 2>/dev/null) || s=
    else
        s=-
    fi
    s=${s%% *}
}

locked() { # the target's lock; the shell of a lost connection that still holds it is ended after a minute
    read -r _ _ holder <"$here/server"
    command -v flock >/dev/null 2>&1 && (: >>"$state/lock") 2>/dev/null || return
    exec 9>>"$state/lock"
    tries=0
    until flock -n 9 2>/dev/null; do
        tries=$((tries + 1))
        if [ "$tries" -ge 60 ]; then
            read -r w who 2>/dev/null <"$state/lock"
            case $w in '' | *[!0-9]*) return ;; esac
            [ "$(readlink "/proc/$w/fd/9")" != "$(readlink -f "$state/lock")" ] || kill -9 "$w"
        fi
        [ "$tries" -lt 400 ] || return
        sleep 1
    done
    printf '%s %s reverting\n' "$$" "$holder" >"$state/lock" 2>/dev/null
}

files() { # puts back; says the numbers of those that somebody else changed meanwhile
    n=0 left=
    while IFS=' ' read -r key word mode uid gid old new _; do
        text "$word"
        d=${p%/*}
        standing "$p"
        if [ "$s" = "$new" ] && [ "$old" = - ]; then
            rm -f -- "$p" 9>&- || return 1
        elif [ "$s" = "$new" ]; then
            mv -fT -- "$here/$n" "$p" 9>&- || return 1
        elif [ "$s" != "$old" ]; then
            left="$left $n"
        fi
        sync "${d:-/}" 9>&- 2>/dev/null
        n=$((n + 1))
    done <"$here/list"
}

served() { # has the server read them again; never where its own check fails, since a reload would end it
    set --
    while read -r key one two; do
        case $key in
        env)
            text "$two"
            export "$one=$p"
            ;;
        word)
            text "$one"
            set -- "$@" "$p"
            ;;
        esac
    done <"$here/server"
    if ! said=$("$@" -t 2>&1 </dev/null 9>&-); then
        echo "not reloaded: the server's own check fails: $said"
    elif [ -n "$unit" ] && ! systemctl is-active "$unit" >/dev/null 2>&1 </dev/null 9>&-; then
        # A service that has ended: started by -k it would run outside of it, and none would look after it.
        if said=$(systemctl start "$unit" 2>&1 </dev/null 9>&-); then
            echo "the server had ended and was started as $unit"
        else
            echo "not started: systemctl start $unit: $said"
        fi
    elif said=$("$@" -k "$tell" 2>&1 </dev/null 9>&-); then
        echo 'reloaded'
    else
        echo "not reloaded: $said"
    fi
}

case $when in
*[!0-9]*) ;;
*) sleep "$when" ;;
esac
[ -e "$here/reverting" ] || mv -T -- "$here/pending" "$here/reverting" 2>/dev/null || exit 0
sync "$here" 2>/dev/null # else a confirmation could win after a power cut, with half of the files put back
[ "$when" = now ] || [ "$when" = boot ] || locked
tries=0
until files; do
    tries=$((tries + 1))
    [ "$when" != now ] && [ "$when" != boot ] && [ "$tries" -lt 20 ] || exit 1
    sleep 30 9>&-
done
running=
unit=
while read -r key one two three; do [ "$key" != running ] || running=$one tell=$two unit=$three; done <"$here/server"
if [ "$when" = boot ] || [ "$running" != 1 ]; then how='the server was not told'; else how=$(served); fi
decided && exit 0
# In place of the spaces that were written when it was armed: a full disk has room for that.
printf '%s\n%s\n%s\n' "${left:- }" "$(date -u +%Y-%m-%dT%H:%M:%SZ 2>/dev/null)" "$(printf %s "$how" | head -c 1500)" 1<>"$here/result"
sync "$here" "$here/result" 2>/dev/null
mv -T -- "$here/reverting" "$here/reverted" 2>/dev/null
sync "$here" 2>/dev/null
exit 0
