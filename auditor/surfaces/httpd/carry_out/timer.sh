# The timer that takes back an unconfirmed change:  timer.sh VERB STATE PLAN …
#
# For the machine of the tree, this one or another. One of the files pending, confirmed, disarmed, reverting and reverted
# says how it stands; each becomes the next by one rename, which only one of two can win.
trap '' HUP PIPE
LC_ALL=C
PATH=$PATH:/usr/sbin:/sbin
export LC_ALL PATH
umask 077
set -f
verb=$1 state=$2 plan=$3
shift 3
here=$state/plans/$plan/revert
selinux=/sys/fs/selinux/enforce
unit=auditor-revert-$(printf %.16s "$plan")
boot=/etc/systemd/system/$unit-boot.service

result() {
    printf '%s\n' "$*"
    exit 0
}

try() {
    e=$("$@" 2>&1 </dev/null 9>&-) && return 0
    e=${e##*: }
    e=${e:-it failed}
    return 1
}

text() {
    p=$(printf %b. "$1")
    p=${p%.}
}

put() { printf %b "$2" >"$1"; }

note() { printf '%s\n' "$2" >>"$1"; }

labelled() { # gives the file $2 the SELinux label of $1, where there are labels; whether it has it then
    [ -e "$selinux" ] || return 0
    l=$(stat -c %C -- "$1")
    [ -n "$l" ] || {
        e='its SELinux label cannot be read'
        return 1
    }
    [ "$(stat -c %C -- "$2")" != "$l" ] || return 0
    try chcon -- "$l" "$2"
    [ "$(stat -c %C -- "$2")" != "$l" ] || return 0
    e="it cannot be given its SELinux label $l"
    return 1
}

standing() { # what stands at $1, in $s: the sum of a file's bytes, "l" and that of a link's text, or "-"
    if [ -L "$1" ]; then
        s=l$(readlink -n -- "$1" | sha256sum)
    elif [ -e "$1" ]; then
        s=$(sha256sum <"$1") || s=
    else
        s=-
    fi
    s=${s%% *}
}

stands() {
    for one in pending reverting confirmed disarmed reverted; do
        [ ! -e "$here/$one" ] || {
            echo "$one"
            return
        }
    done
    echo none
}

has_systemd() { [ -d /run/systemd/system ] && [ "$(id -u)" = 0 ] && command -v systemctl >/dev/null 2>&1; }

tidy() { # what was to start the taking back, once it is decided
    if has_systemd; then
        systemctl stop "$unit.timer" >/dev/null 2>&1 </dev/null 9>&-
        if [ -e "$boot" ]; then
            systemctl disable "$unit-boot.service" >/dev/null 2>&1 </dev/null 9>&-
            rm -f "$boot"
            systemctl daemon-reload >/dev/null 2>&1 </dev/null 9>&-
        fi
    fi
    if read -r w 2>/dev/null <"$here/pid"; then
        case $w in '' | *[!0-9]*) w=0 ;; esac
        case $(tr '\0' ' ' 2>/dev/null <"/proc/$w/cmdline") in
        *" $here "*) kill -9 "-$w" 2>/dev/null || kill -9 "$w" ;;
        esac
        rm -f "$here/pid"
    fi
}

by_systemd() { # SECONDS
    has_systemd && command -v systemd-run >/dev/null 2>&1 || return 1
    systemctl stop "$unit.timer" >/dev/null 2>&1 </dev/null 9>&-
    try systemd-run --unit="$unit" --on-active="$1" --timer-property=AccuracySec=1s \
        /bin/sh "$here/revert.sh" "$here" 0 || return 1
    try systemctl is-active "$unit.timer"
}

at_boot() {
    has_systemd || return 1
    case $here in *[!A-Za-z0-9/._@+-]*) return 1 ;; esac
    try put "$boot" "[Unit]\\nDescription=Take back an unconfirmed change of httpd\\nConditionPathExists=|$here/pending\\nConditionPathExists=|$here/reverting\\nRequiresMountsFor=$here\\nBefore=httpd.service apache2.service\\n\\n[Service]\\nType=oneshot\\nExecStart=/bin/sh $here/revert.sh $here boot\\n\\n[Install]\\nWantedBy=multi-user.target\\n" || return 1
    chmod 644 "$boot"
    try sync "$boot" /etc/systemd/system && try systemctl daemon-reload && try systemctl enable "$unit-boot.service" ||
        return 1
    sync /etc/systemd/system/multi-user.target.wants 2>/dev/null
    return 0
}

by_itself() { # SECONDS: a process of its own session, that no end of a connection ends
    if command -v setsid >/dev/null 2>&1; then
        setsid sh "$here/revert.sh" "$here" "$1" >/dev/null 2>&1 </dev/null 9>&- &
    else
        sh "$here/revert.sh" "$here" "$1" >/dev/null 2>&1 </dev/null 9>&- &
    fi
    w=$!
    put "$here/pid" "$w\\n"
    kill -0 "$w" 2>/dev/null
}

arm() { # SECONDS HOLDER, with the script, the server's command and environment, and the files
    case $(stands) in pending | reverting) result "no 0 an earlier change of this plan is not confirmed yet" ;; esac
    tidy
    rm -rf "$here"
    try mkdir -p -- "$here" || result "no 0 $e"
    try put "$here/server" "holder - $2\\n" || result "no 0 $e"
    n=0 whole=
    set -- "$1" "$here/server" "$here/revert.sh" "$here/list" "$here/result"
    while IFS=' ' read -r key word mode uid gid old new _; do
        case $key in
        script) try put "$here/revert.sh" "$word" || result "no 0 $e" ;;
        env | word | running) try note "$here/server" "$key $word $mode${uid:+ $uid}" || result "no 0 $e" ;;
        file | entry)
            text "$word"
            d=${p%/*}
            t=$d/.$(printf %.200s "${p##*/}").auditor-$(printf %.16s "$plan")
            if [ "$old" = - ]; then
                standing "$p"
                [ "$s" = - ] || result "changed $n"
                try put "$here/$n" "" || result "no $n $e"
            else
                try cp -a -- "$p" "$here/$n" && { [ -L "$p" ] || labelled "$p" "$here/$n"; } || result "no $n $e"
                standing "$here/$n"
                [ "$s" = "$old" ] || result "changed $n"
            fi
            rm -f -- "$t"
            [ -L "$here/$n" ] || try ln -- "$here/$n" "$t" || result "no $n $state is not on its file system, so that putting it back would need room: $e"
            rm -f -- "$t"
            try note "$here/list" "$key $word $mode $uid $gid $old $new" || result "no $n $e"
            [ -L "$here/$n" ] || set -- "$@" "$here/$n"
            n=$((n + 1))
            ;;
        END) whole=1 ;;
        esac
    done
    [ "$whole" = 1 ] || result "no 0 the request was cut off"
    secs=$1
    shift
    try put "$here/result" "$(printf '%4000s' '')" && try put "$here/pending" "" || result "no 0 $e"
    try sync "$@" "$here/pending" "$here" "$state/plans/$plan" || result "no 0 $e"
    how=
    if by_systemd "$secs"; then how="by systemd"; elif by_itself "$secs"; then how="by a process of its own"; fi
    [ -n "$how" ] || {
        mv -T -- "$here/pending" "$here/disarmed"
        result "no 0 nothing there starts it: $e"
    }
    if at_boot; then result "armed $how, and at boot"; else result "armed $how; it does not outlive a boot"; fi
}

decide() { # confirmed or disarmed: wins, or says what has won
    if mv -T -- "$here/pending" "$here/$1" 2>/dev/null; then
        try sync "$here"
    fi
    tell
}

tell() {
    stand=$(stands)
    case $stand in confirmed | disarmed | reverted) tidy ;; esac
    [ "$stand" != reverted ] || {
        cat "$here/result" 2>/dev/null
        echo
    }
    result "$stand"
}

case $verb in
arm) arm "$@" ;;
confirm) decide confirmed ;;
disarm) decide disarmed ;;
ask) tell ;;
finish) # a taking back that was broken off; the target's lock is held by whoever asks
    [ ! -e "$here/reverting" ] || sh "$here/revert.sh" "$here" now >/dev/null 2>&1 </dev/null 9>&-
    tell
    ;;
esac
