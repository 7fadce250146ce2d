# Installed packages, what repositories offer, a trial of a transaction, and the transaction itself: by the machine's own
# package manager. Arguments: the verb, the search path, the manager (apt, rpm), then what the verb needs.
#
# A transaction runs in a session of its own, which no end of a connection ends, and leaves its output and its exit code
# in a folder. Asked for again under the same folder, it is not run again.
umask 077
verb=$1 PATH=$2 manager=$3
export PATH
LC_ALL=C DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 APT_LISTCHANGES_FRONTEND=none
export LC_ALL DEBIAN_FRONTEND NEEDRESTART_SUSPEND APT_LISTCHANGES_FRONTEND
shift 3

have() { command -v "$1" >/dev/null 2>&1; }

tool=none
case $manager in
apt) if have apt-get && have apt-cache && have dpkg-query; then tool=apt-get; fi ;;
rpm) if have rpm && have dnf; then tool=dnf; elif have rpm && have yum; then tool=yum; fi ;;
esac

# Of a configuration file that somebody changed, the one that stands there is kept.
APT_OPTIONS='-o DPkg::Lock::Timeout=120 -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold
    --allow-downgrades --no-install-recommends --no-remove'

part() { printf 'part %s\n' "$1"; }

look() { # NAME…
    echo "tool $tool"
    case $tool in
    apt-get)
        part installed
        dpkg-query -W -f '${Package} ${Version} ${db:Status-Status}\n' "$@" 2>&1
        part offered
        apt-cache madison "$@" 2>&1
        part audit
        dpkg --audit 2>&1
        ;;
    dnf | yum)
        part installed
        rpm -q --qf '%{NAME} %{VERSION}-%{RELEASE} installed\n' "$@" 2>&1
        part offered
        "$tool" -q list --showduplicates "$@" 2>&1
        part audit
        ;;
    esac
    part end
}

try() {
    echo "tool $tool"
    part trial
    case $tool in
    apt-get) apt-get -q -s -o Debug::NoLocking=1 $APT_OPTIONS install "$@" 2>&1 ;;
    dnf | yum) "$tool" --assumeno "$@" 2>&1 </dev/null ;;
    esac
    printf '\n'
    part end
}

started() { # FOLDER: whether a transaction was begun there
    [ -e "$1/rc" ] || [ -s "$1/pid" ]
}

alive() { # FOLDER: whether it still runs; a number that another process has by now is none of it
    read -r p since 2>/dev/null <"$1/pid" || return 1
    [ "$(since_of "$p")" = "$since" ]
}

since_of() { # PID: since when it runs, in ticks after the boot
    sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20
}

# Whoever links its number first runs it; one that was started twice, over a connection that was lost, ends at that.
RUNNER='
f=$1
shift
printf "%s %s\n" "$$" "$(sed "s/.*) //" /proc/$$/stat | cut -d " " -f 20)" >"$f/pid.$$"
ln "$f/pid.$$" "$f/pid" || exit 0
sync
(umask 022; exec "$@")
rc=$?
sync
printf "%s\n" "$rc" >"$f/rc.new" && mv -f "$f/rc.new" "$f/rc"'

start() { # FOLDER WORD…
    folder=$1
    shift
    if started "$folder"; then echo started; return; fi
    case $tool in
    apt-get) set -- apt-get -q -y $APT_OPTIONS install "$@" ;;
    dnf | yum) set -- "$tool" -y "$@" ;;
    *) echo "no the package manager is not there"; return ;;
    esac
    mkdir -p "$folder" && : >>"$folder/log" || { echo "no its folder cannot be written to"; return; }
    setsid sh -c "$RUNNER" sh "$folder" "$@" >>"$folder/log" 2>&1 </dev/null 9>&- &
    n=100
    while ! started "$folder" && [ "$n" -gt 0 ]; do sleep 0.1; n=$((n - 1)); done
    if started "$folder"; then echo started; else echo "no it did not begin"; fi
}

wait_for() { # FOLDER SECONDS
    n=$2
    while [ ! -e "$1/rc" ] && alive "$1" && [ "$n" -gt 0 ]; do
        sleep 1
        n=$((n - 1))
    done
    if [ -s "$1/rc" ]; then
        echo "ended $(cat "$1/rc")"
    elif alive "$1"; then
        echo running
    elif [ -s "$1/pid" ]; then
        echo broken
    else
        echo none
    fi
    tail -c 6000 "$1/log" 2>/dev/null
}

# The tree as it was: packages bring configuration files of their own.
keep() { # FOLDER TREE
    [ -d "$1/tree" ] && { echo kept; return; }
    count=$(find "$2" | wc -l) size=$(du -sk "$2" | cut -f 1)
    if [ "$count" -gt 20000 ] || [ "${size:-0}" -gt 524288 ]; then echo "no the tree is too large to be kept (20000 entries, 512 MiB)"; return; fi
    rm -rf "$1/tree.new" && mkdir -p "$1" || { echo "no its folder cannot be made"; return; }
    said=$(cp -a -- "$2/." "$1/tree.new" 2>&1) || { rm -rf "$1/tree.new"; echo "no $said" | head -n 1; return; }
    sync && mv -T "$1/tree.new" "$1/tree" && sync && echo kept
}

facts() { # FOLDER: what each entry below it is, a line each
    (cd "$1" && find . -mindepth 1 -exec sh -c '
        for f do
            if [ -L "$f" ]; then what="link $(readlink "$f" | sha256sum | cut -d " " -f 1)"
            elif [ -f "$f" ]; then what="file $(stat -c "%a %u %g" "$f") $(sha256sum <"$f" | cut -d " " -f 1)"
            elif [ -d "$f" ]; then what="dir $(stat -c "%a %u %g" "$f")"
            else what=other; fi
            printf "%s\t%s\n" "$(printf %s "${f#./}" | sed "s/[\\\\]/&&/g" | tr "\n\t" "??")" "$what"
        done' sh {} + | sort)
}

mark() { # FOLDER TREE
    facts "$2" >"$1/facts.new" && mv -f "$1/facts.new" "$1/facts.after" && sync && echo marked
}

since() { # FOLDER TREE
    [ -e "$1/facts.after" ] && cp "$1/facts.after" "$1/facts.kept" || { echo "no nothing was remembered"; return; }
    differences "$@"
}

compare() { # FOLDER TREE
    [ -d "$1/tree" ] && facts "$1/tree" >"$1/facts.kept" || { echo "no nothing was kept"; return; }
    differences "$@"
}

differences() { # FOLDER TREE
    facts "$2" >"$1/facts.live" || { echo "no it cannot be read"; return; }
    echo compared
    awk -F '\t' 'NR == FNR { kept[$1] = $2; next }
        !($1 in kept) { print "new\t" $1; next }
        kept[$1] != $2 { print "changed\t" $1 }
        { delete kept[$1] }
        END { for (name in kept) print "gone\t" name }' "$1/facts.kept" "$1/facts.live" >"$1/facts.differ" &&
        sort "$1/facts.differ" && echo end
}

put_back() { # FOLDER TREE, names on standard input: each as it was kept, in one step
    while IFS= read -r name; do
        from=$1/tree/$name to=$2/$name
        if [ -d "$from" ] && [ ! -L "$from" ]; then
            mkdir -p "$to" && chown --reference="$from" "$to" && chmod --reference="$from" "$to" || echo "no $name"
            continue
        fi
        new=${to%/*}/.auditor-back.$$
        rm -f "$new"
        if cp -a -- "$from" "$new" && mv -fT "$new" "$to"; then echo "back $name"; else rm -f "$new"; echo "no $name"; fi
    done
    sync
    echo end
}

put_aside() { # FOLDER TREE, names on standard input: out of the tree, and kept
    while IFS= read -r name; do
        to=$1/aside/$name
        if mkdir -p "${to%/*}" && mv -fT "$2/$name" "$to"; then echo "aside $name"; else echo "no $name"; fi
    done
    sync
    echo end
}

case $verb in
aside) put_aside "$@" ;;
look) look "$@" ;;
try) try "$@" ;;
start) start "$@" ;;
mend)
    # What dpkg was killed in is brought to its end; rpm has nothing of that kind.
    if [ "$tool" = apt-get ]; then dpkg --force-confdef --force-confold --configure -a 2>&1 | tail -c 2000; fi
    echo end
    ;;
wait) wait_for "$@" ;;
keep) keep "$@" ;;
mark) mark "$@" ;;
since) since "$@" ;;
compare) compare "$@" ;;
back) put_back "$@" ;;
esac
