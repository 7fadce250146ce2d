# Changes the files of one httpd tree on the machine where it stands:  carry.sh VERB STATE PLAN …
#
# POSIX sh, for dash, bash and busybox, with the tools of RHEL 7 or busybox. Requests come as lines on standard input,
# foreign text in them as printf %b reads it, and end with END: what was cut off is never acted on. Each verb says one
# thing at its end, and may be asked again: what is done already is not done twice. Losing the connection must not end
# it midway, so that it ignores the signals of that.
trap '' HUP PIPE
LC_ALL=C
PATH=$PATH:/usr/sbin:/sbin
export LC_ALL PATH
umask 077
set -f
verb=$1 state=$2 plan=$3
shift 3
here=$state/plans/$plan

result() {
    printf '%s\n' "$*"
    exit 0
}

# Runs a command; why it failed is left in $e, in the system's words.
try() {
    e=$("$@" 2>&1 </dev/null 9>&-) && return 0
    e=${e##*: }
    e=${e:-it failed}
    return 1
}

text() { # the text in a word, in $p
    p=$(printf %b. "$1")
    p=${p%.}
}

put() { printf %b "$2" >"$1"; }

note() { printf '%s\n' "$2" >>"$1"; }

pour() { cat -- "$1" >"$2"; }

sum() { # the SHA-256 of a file's bytes, in $s
    s=$(sha256sum <"$1" 2>/dev/null) || return 1
    s=${s%% *}
}

place() { # the directory of $1 in $d, and in $t the name of its new bytes, which no wildcard of an Include matches
    d=${1%/*}
    t=$d/.$(printf %.200s "${1##*/}").auditor-$(printf %.16s "$plan")
    d=${d:-/}
}

real() { # where $1 leads, in $r
    r=$(readlink -f -- "$1" 2>/dev/null && echo .)
    r=${r%??}
    [ -n "$r" ] && [ -e "$r" ] && return 0
    try stat -L -c %f -- "$1"
    return 1
}

same() { # whether the file $1 has the mode and owner that are wanted
    [ "$(stat -c '%a %u %g' -- "$1" 2>/dev/null)" = "$mode $uid $gid" ]
}

discard() { rm -rf "$here/stage" "$here/new.before" "$here/old.before" "$here/new.before-rollback" "$here/old.before-rollback"; }

# Whether $p can be replaced: tried with its new name, which is removed again.
replaceable() {
    while read -r _ _ _ _ at _; do
        [ "$at" != "$p" ] || {
            e='it is a mount of its own and cannot be replaced'
            return 1
        }
    done 2>/dev/null </proc/self/mountinfo
    w=$(lsattr -d -- "$p" 2>/dev/null)
    case ${w%% *} in
    *[ia]*)
        e='it is immutable (chattr +i or +a)'
        return 1
        ;;
    esac
    place "$p"
    w=$(lsattr -d -- "$d" 2>/dev/null)
    case ${w%% *} in
    *[ia]*)
        e='its directory is immutable (chattr +i or +a)'
        return 1
        ;;
    esac
    try rm -f -- "$t" && try cp -a -- "$p" "$t" || {
        e="it cannot be replaced: $e"
        rm -f -- "$t" 2>/dev/null
        return 1
    }
    same "$t" || {
        e='it cannot be replaced with the mode and owner that it has'
        rm -f -- "$t"
        return 1
    }
    try rm -f -- "$t"
}

case $verb in
open) # NAME TREE: the state folder, where none is named one for this target; the tree's own place; who this is
    lacks=
    for one in cp mv rm ln mkdir chmod sync flock env sed id ls stat readlink sha256sum cat; do
        command -v "$one" >/dev/null 2>&1 || lacks="$lacks $one"
    done
    [ -z "$lacks" ] || result "lacks$lacks"
    real "$2" && [ -d "$r" ] || result "no the tree is not there: $e"
    me=$(id -u)
    if [ -z "$state" ] && [ "$me" = 0 ]; then
        state=/var/lib/auditor/targets/$1
        beside=${r%/*}/.auditor/targets/$1
        if [ ! -d "$state" ] && { [ -d "$beside" ] || [ "$(stat -c %d /var/lib)" != "$(stat -c %d "$r")" ]; }; then
            state=$beside # what is put back from there needs no room
        fi
    elif [ -z "$state" ]; then
        state=${XDG_STATE_HOME:-$HOME/.local/state}/auditor/targets/$1
    fi
    here=$state/plans/$plan
    for one in "$state" "$here"; do
        try mkdir -p -- "$one" || result "no backups cannot be kept in $one: $e"
        w=$(stat -c '%a %u' -- "$one")
        case $w in
        700\ "$me" | [0-7]700\ "$me") ;;
        *) result "no backups hold secrets, and others may look into $one: make it yours alone (chmod 700)" ;;
        esac
    done
    sync "$here" "$state/plans" "$state" 2>/dev/null
    printf 'open\0%s\0%s\0%s\0end\0' "$state" "$r" "$me"
    ;;

read) # ROOT MOST: each file that is named, and where the links that are named lead
    while IFS=' ' read -r key word; do
        case $key in
        link)
            text "$word"
            case $p in /*) ;; *) p=$1/$p ;; esac
            if real "$p"; then printf 'link\0%s\0' "$r"; else printf 'no\0%s\0' "$e"; fi
            ;;
        file)
            text "$word"
            case $p in /*) ;; *) p=$1/$p ;; esac
            real "$p" || {
                printf 'no\0%s\0' "$e"
                continue
            }
            [ -f "$r" ] || {
                printf 'no\0it is no regular file\0'
                continue
            }
            if ! w=$(stat -c '%a %u %g %h %s' -- "$r" 2>/dev/null); then
                printf 'no\0it changes while it is read\0'
                continue
            fi
            if [ "${w##* }" -gt "$2" ]; then
                printf 'no\0it is larger than %s bytes\0' "$2"
                continue
            fi
            if ! sum "$r"; then
                printf 'no\0Permission denied\0'
                continue
            fi
            more=$(ls -ld -- "$r" 2>/dev/null)
            if [ -e /sys/fs/selinux/enforce ]; then more="${more%% *} $(stat -c %C -- "$r")"; else more=${more%% *}; fi
            acl=$(getfacl -cnp -- "$r" 2>/dev/null)
            printf 'file\0%s\0%s\0%s\0%s\0' "$r" "$w" "$s" "$more $acl"
            cat -- "$r"
            ;;
        END) printf 'end\0' ;;
        esac
    done
    ;;

real) # where each path leads that is given
    while IFS=' ' read -r key word; do
        case $key in
        path)
            text "$word"
            real "$p" || r=
            printf '%s\0' "$r"
            ;;
        END) printf 'end\0' ;;
        esac
    done
    ;;

stage) # the new bytes, each file tried; what is to be replaced is written down beside them
    discard
    try mkdir -- "$here/stage" || result "no 0 $e"
    n=-1 whole=
    while IFS=' ' read -r key word mode uid gid old new; do
        case $key in
        file)
            n=$((n + 1))
            want=$new
            text "$word"
            replaceable || result "no $n $e"
            try note "$here/stage/list" "file $word $mode $uid $gid $old $new" || result "no $n staging failed: $e"
            ;;
        data)
            try put "$here/stage/$n" "$word" || result "no $n staging failed: $e"
            sum "$here/stage/$n" && [ "$s" = "$want" ] || result "no $n staging failed: its new bytes are not whole"
            ;;
        END) whole=1 ;;
        esac
    done
    [ "$whole" = 1 ] || result "no 0 the request was cut off"
    result "staged"
    ;;

keep) # DIR: each live file as it is, with what this request says of them; whole or not there
    IFS= read -r manifest && IFS= read -r end && [ "$end" = END ] || result "no 0 the request was cut off"
    new=$here/new.$1
    rm -rf "$new" "$here/old.$1"
    try mkdir -- "$new" || result "failed 0 $e"
    n=0
    set -- "$1" "$new" "$new/list" "$new/manifest.json"
    while IFS=' ' read -r key word mode uid gid old after; do
        text "$word"
        try cp -a -- "$p" "$new/$n" || result "failed $n $e"
        sum "$new/$n" && [ "$s" = "$old" ] && same "$new/$n" || result "changed $n"
        set -- "$@" "$new/$n"
        n=$((n + 1))
    done <"$here/stage/list"
    try cp -- "$here/stage/list" "$new/list" && try put "$new/manifest.json" "$manifest" || result "failed 0 $e"
    dir=$1
    shift
    try sync "$@" || result "failed 0 $e"
    if [ -e "$here/$dir" ]; then try mv -T -- "$here/$dir" "$here/old.$dir" || result "failed 0 $e"; fi
    try mv -T -- "$new" "$here/$dir" && try sync "$here" || result "failed 0 $e"
    rm -rf "$here/old.$dir"
    result "kept"
    ;;

kept) # DIR: the request of its keeping
    [ -e "$here/$1/manifest.json" ] || result none
    echo some
    cat -- "$here/$1/manifest.json"
    ;;

bytes) # DIR: each file as it was
    n=0
    while IFS=' ' read -r key word; do
        sum "$here/$1/$n" || result ""
        printf '%s\0' "$(stat -c %s -- "$here/$1/$n")"
        cat -- "$here/$1/$n"
        n=$((n + 1))
    done <"$here/$1/list"
    printf 'end\0'
    ;;

replace) # the staged bytes in the place of each file that is as it was when it was staged, or has them already
    n=0
    while IFS=' ' read -r key word mode uid gid old new; do
        text "$word"
        real "$p" && [ "$r" = "$p" ] && sum "$p" && same "$p" || result "changed $n"
        case $s in
        "$old" | "$new") ;;
        *) result "changed $n" ;;
        esac
        n=$((n + 1))
    done <"$here/stage/list"
    [ "$n" -gt 0 ] || result "failed 0 nothing is staged"
    n=0 said=already
    while IFS=' ' read -r key word mode uid gid old new; do
        text "$word"
        place "$p"
        sum "$p"
        if [ "$s" != "$new" ]; then
            said=replaced
            try rm -f -- "$t" && try cp -a -- "$p" "$t" && try chmod u+w -- "$t" && try pour "$here/stage/$n" "$t" &&
                try chmod "$mode" -- "$t" && try sync "$t" || {
                rm -f -- "$t"
                result "failed $n $e"
            }
            sum "$t" && [ "$s" = "$new" ] && same "$t" || {
                rm -f -- "$t"
                result "failed $n its new bytes, mode or owner were not written"
            }
            try mv -fT -- "$t" "$p" || {
                rm -f -- "$t"
                result "failed $n $e"
            }
        fi
        try sync "$d" || result "failed $n $e"
        n=$((n + 1))
    done <"$here/stage/list"
    result "$said"
    ;;

back) # DIR NUMBERS: these files as they were kept; of the others only the names are synced
    n=0
    while IFS=' ' read -r key word mode uid gid old new; do
        case " $2 " in
        *" $n "*) sum "$here/$1/$n" && [ "$s" = "$old" ] || result "damaged $n" ;;
        esac
        n=$((n + 1))
    done <"$here/$1/list"
    n=0
    while IFS=' ' read -r key word mode uid gid old new; do
        text "$word"
        place "$p"
        case " $2 " in
        *" $n "*)
            rm -f -- "$t"
            if try cp -a -- "$here/$1/$n" "$t" && try sync "$t" && same "$t"; then
                try mv -fT -- "$t" "$p" || result "failed $n $e"
            else # a full disk: what was kept takes the place itself
                rm -f -- "$t"
                try ln -- "$here/$1/$n" "$t" && try mv -fT -- "$t" "$p" || result "failed $n $e"
                rm -f -- "$here/$1/$n"
            fi
            ;;
        esac
        try sync "$d" || result "failed $n $e"
        n=$((n + 1))
    done <"$here/$1/list"
    result "back"
    ;;

clear) # ROOT: what was staged, and new bytes that never took the place of the files that are named
    discard
    while IFS=' ' read -r key word; do
        [ "$key" = file ] || continue
        text "$word"
        case $p in /*) ;; *) p=$1/$p ;; esac
        real "$p" || continue
        place "$r"
        if [ -f "$t" ] && [ ! -L "$t" ]; then rm -f -- "$t"; fi
    done
    result "clear"
    ;;
esac
