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
selinux=/sys/fs/selinux/enforce

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

blank() { : >"$1"; }

standing() { # what stands at $1, in $s: the sum of a file's bytes, "l" and that of a link's text, or "-"
    if [ -L "$1" ]; then
        s=$(readlink -n -- "$1" | sha256sum) || return 1
        s=l${s%% *}
    elif [ -e "$1" ]; then
        sum "$1"
    else
        s=-
    fi
}

access() { # whether the file $1 has the mode and owner $2, if any
    [ "$2" = - ] || [ "$(stat -c %a:%u:%g -- "$1" 2>/dev/null)" = "$2" ]
}

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

owned() { [ "$(stat -c %u:%g -- "$1" 2>/dev/null)" = "$uid:$gid" ] || try chown "$uid:$gid" -- "$1"; }

plain() { # takes off the access list that a directory hands down to the new file $1
    case $(ls -ld -- "$1") in
    ??????????+*)
        command -v setfacl >/dev/null 2>&1 || {
            e='its directory hands down an access list, which cannot be taken off without setfacl'
            return 1
        }
        try setfacl -b -- "$1"
        ;;
    esac
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

makeable() { # whether the entry $p can become what is wanted: tried beside it
    case $old in
    - | l*)
        place "$p"
        try rm -f -- "$t" && try blank "$t" && plain "$t" || {
            e="nothing can be put there: $e"
            rm -f -- "$t" 2>/dev/null
            return 1
        }
        case $new in - | l*) ;; *) owned "$t" || e="it cannot be given its owner: $e" ;; esac
        case $new in - | l*) ;; *) [ "$(stat -c %u:%g -- "$t")" = "$uid:$gid" ] || { rm -f -- "$t"; return 1; } ;; esac
        try rm -f -- "$t" && try sync "$d"
        ;;
    *)
        m=$mode u=$uid g=$gid
        mode=${was%%:*} gid=${was##*:} uid=${was#*:}
        uid=${uid%:*}
        replaceable
        w=$?
        mode=$m uid=$u gid=$g
        return "$w"
        ;;
    esac
}

as_kept() { # the copy that was kept of the file $word when it was deleted, in $c: it has all that the file had
    c= k=0
    [ -e "$here/before/list" ] || return 1
    while IFS=' ' read -r _ w _ _ _ q _; do
        if [ "$w" = "$word" ] && [ "$q" = "$new" ]; then
            c=$here/before/$k
            return 0
        fi
        k=$((k + 1))
    done <"$here/before/list"
    return 1
}

becomes() { # makes the entry $p what is wanted; $1 holds the bytes of a file
    place "$p"
    case $new in
    -) try rm -f -- "$p" ;;
    l*)
        q=$p
        text "$link"
        w=$p p=$q
        try rm -f -- "$t" && try ln -s -- "$w" "$t" || return 1
        [ "$uid" = - ] || [ "$(stat -c %u:%g -- "$t")" = "$uid:$gid" ] || try chown -h "$uid:$gid" -- "$t" || return 1
        try mv -fT -- "$t" "$p"
        ;;
    *)
        try rm -f -- "$t" || return 1
        case $old in
        - | l*) as_kept || c= ;;
        *) c=$p ;;
        esac
        if [ -n "$c" ]; then try cp -a -- "$c" "$t"; else try blank "$t" && plain "$t"; fi &&
            try chmod u+w -- "$t" && try pour "$1" "$t" && owned "$t" && try chmod "$mode" -- "$t" &&
            { [ -z "$c" ] || labelled "$c" "$t"; } && try sync "$t" || return 1
        e='its new bytes, mode or owner were not written'
        sum "$t" && [ "$s" = "$new" ] && same "$t" && try mv -fT -- "$t" "$p"
        ;;
    esac
}

unchanged() { # whether the file $1 has the mode and owner of before
    if [ "$key" = entry ]; then access "$1" "$was"; else same "$1"; fi
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
    labelled "$p" "$t" || {
        rm -f -- "$t"
        return 1
    }
    try rm -f -- "$t" && try sync "$d"
}

guarded() { # whether nobody else can put another folder in the place of $1
    read -r w q _ </proc/self/uid_map || w=
    d=$(readlink -f -- "$1")
    set --
    while [ "$d" != / ] && [ -n "$d" ]; do
        d=${d%/*}
        set -- "$@" "${d:-/}"
        d=${d:-/}
    done
    stat -c '%a %u' -- "$@" | {
        f=
        while read -r m u; do
            case $m in [1357]???) ;; *[2367]) exit 1 ;; esac
            # In a user namespace of one's own, root's folders are nobody's.
            case $u in 0 | "$me") ;; *) [ "$w $q" != '0 0' ] || exit 1 ;; esac
            f=1
        done
        [ -n "$f" ]
    }
}

case $verb in
open) # NAME TREE: the state folder, where none is named one for this target; the tree's own place; who this is
    lacks=
    for one in cp mv rm ln mkdir chmod chown sync flock env sed id ls stat readlink sha256sum cat; do
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
    guarded "$state" || result "no backups hold secrets, and others could put another folder in the place of $state"
    try sync "$here" "$state/plans" "$state" || result "no backups cannot be kept in $here: $e"
    w=${state%/*}
    set -- "$r"
    while [ -n "$w" ]; do # the names of the folders above, where they were made just now; not all may be read
        set -- "$@" "$w"
        w=${w%/*}
    done
    sync "$@" / 2>/dev/null
    printf 'open\0%s\0%s\0%s\0end\0' "$state" "$1" "$me"
    ;;

read) # ROOT MOST: each file that is named, and where the links that are named lead
    while IFS=' ' read -r key word; do
        case $key in
        link)
            text "$word"
            case $p in /*) ;; *) p=$1/$p ;; esac
            if real "$p"; then printf 'link\0%s\0' "$r"; else printf 'no\0%s\0' "$e"; fi
            ;;
        file | entry)
            text "$word"
            case $p in /*) ;; *) p=$1/$p ;; esac
            if [ "$key" = entry ]; then
                real "${p%/*}/." || {
                    printf 'no\0its directory: %s\0' "$e"
                    continue
                }
                r=${r%/}/${p##*/}
                if [ -L "$r" ]; then
                    w=$(readlink -n -- "$r" && echo .) || {
                        printf 'no\0it changes while it is read\0'
                        continue
                    }
                    printf 'symlink\0%s\0%s\0%s\0' "$r" "$(stat -c '%u %g' -- "$r")" "${w%.}"
                    continue
                elif [ ! -e "$r" ]; then
                    printf 'nothing\0%s\0' "$r"
                    continue
                fi
            else
                real "$p" || {
                    printf 'no\0%s\0' "$e"
                    continue
                }
            fi
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
            acl= more=
            case $(ls -ld -- "$r" 2>/dev/null) in ??????????+*) acl="+ $(getfacl -cnp -- "$r" 2>/dev/null)" ;; esac
            if [ -e "$selinux" ]; then more=$(stat -c %C -- "$r"); fi
            printf 'file\0%s\0%s\0%s\0%s\0' "$r" "$w" "$s" "$more $acl"
            cat -- "$r"
            ;;
        END) printf 'end\0' ;;
        esac
    done
    ;;

ids) # the numbers of each user and group, a line each; empty: there is none
    while IFS=' ' read -r key user group; do
        case $key in
        owner)
            text "$user"
            case $p in '' | *[!0-9]*) u=$(id -u -- "$p" 2>/dev/null) ;; *) u=$p ;; esac
            text "$group"
            g=
            case $p in
            '' | *[!0-9]*)
                while IFS=: read -r w _ q _; do [ "$w" != "$p" ] || g=$q; done </etc/group
                [ -n "$g" ] || {
                    w=$(getent group "$p" 2>/dev/null) && w=${w#*:*:} && g=${w%%:*}
                }
                ;;
            *) g=$p ;;
            esac
            printf '%s\0%s\0' "$u" "$g"
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
    while IFS=' ' read -r key word mode uid gid old new was link; do
        case $key in
        file | entry)
            n=$((n + 1))
            want=$new
            text "$word"
            if [ "$key" = entry ]; then makeable; else replaceable; fi || result "no $n $e"
            try note "$here/stage/list" "$key $word $mode $uid $gid $old $new $was $link" || result "no $n staging failed: $e"
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
    while IFS=' ' read -r key word mode uid gid old after was link; do
        text "$word"
        if [ "$old" = - ]; then try blank "$new/$n"; else try cp -a -- "$p" "$new/$n" && { [ -L "$p" ] || labelled "$p" "$new/$n"; }; fi || result "failed $n $e"
        if [ "$key" = file ]; then
            sum "$new/$n" && [ "$s" = "$old" ] && same "$new/$n" || result "changed $n"
        elif [ "$old" = - ]; then
            standing "$p" && [ "$s" = - ] || result "changed $n"
        else
            standing "$new/$n" && [ "$s" = "$old" ] && access "$new/$n" "$was" || result "changed $n"
        fi
        [ -L "$new/$n" ] || set -- "$@" "$new/$n"
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
        if [ -L "$here/$1/$n" ]; then
            w=$(readlink -n -- "$here/$1/$n" && echo .) || result ""
            w=${w%.}
            printf '%s\0%s' "${#w}" "$w"
        else
            sum "$here/$1/$n" || result ""
            printf '%s\0' "$(stat -c %s -- "$here/$1/$n")"
            cat -- "$here/$1/$n"
        fi
        n=$((n + 1))
    done <"$here/$1/list"
    printf 'end\0'
    ;;

replace) # the staged bytes in the place of each file that is as it was when it was staged, or has them already
    n=0
    while IFS=' ' read -r key word mode uid gid old new was link; do
        text "$word"
        if [ "$key" = entry ]; then
            place "$p"
            real "$d" && [ "$r" = "$d" ] && standing "$p" || result "changed $n"
            [ "$s" != "$old" ] || access "$p" "$was" || result "changed $n"
        else
            real "$p" && [ "$r" = "$p" ] && sum "$p" && same "$p" || result "changed $n"
        fi
        case $s in
        "$old" | "$new") ;;
        *) result "changed $n" ;;
        esac
        n=$((n + 1))
    done <"$here/stage/list"
    [ "$n" -gt 0 ] || result "failed 0 nothing is staged"
    n=0 said=already
    while IFS=' ' read -r key word mode uid gid old new was link; do
        text "$word"
        place "$p"
        standing "$p"
        if [ "$s" = "$new" ]; then
            :
        elif [ "$key" = entry ]; then
            said=replaced
            becomes "$here/stage/$n" || {
                rm -f -- "$t"
                result "failed $n $e"
            }
        else
            said=replaced
            try rm -f -- "$t" && try cp -a -- "$p" "$t" && try chmod u+w -- "$t" && try pour "$here/stage/$n" "$t" &&
                try chmod "$mode" -- "$t" && labelled "$p" "$t" && try sync "$t" || {
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
    while IFS=' ' read -r key word mode uid gid old new was link; do
        case " $2 " in
        *" $n "*) [ "$old" = - ] || { standing "$here/$1/$n" && [ "$s" = "$old" ]; } || result "damaged $n" ;;
        esac
        n=$((n + 1))
    done <"$here/$1/list"
    n=0
    while IFS=' ' read -r key word mode uid gid old new was link; do
        text "$word"
        place "$p"
        case " $2 " in
        *" $n "*)
            rm -f -- "$t"
            if [ "$old" = - ]; then
                try rm -f -- "$p" || result "failed $n $e"
            elif [ -L "$here/$1/$n" ] && try cp -a -- "$here/$1/$n" "$t"; then
                try mv -fT -- "$t" "$p" || result "failed $n $e"
            elif try cp -a -- "$here/$1/$n" "$t" && labelled "$here/$1/$n" "$t" && try sync "$t" && unchanged "$t"; then
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
        text "$word"
        case $p in /*) ;; *) p=$1/$p ;; esac
        case $key in
        file) real "$p" || continue ;;
        entry)
            real "${p%/*}/." || continue
            r=${r%/}/${p##*/}
            ;;
        *) continue ;;
        esac
        place "$r"
        if [ -f "$t" ] && [ ! -L "$t" ] || { [ "$key" = entry ] && [ -L "$t" ]; }; then
            rm -f -- "$t" && sync "$d" 2>/dev/null
        fi
    done
    result "clear"
    ;;
esac
