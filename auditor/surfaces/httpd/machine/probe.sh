# What a machine says of its httpd. It only reads, and runs in dash, busybox and bash 4.2, with the tools of RHEL 7.
#
# Arguments: the parts to answer (server, packages, owners, state, tools; blanks between), the tree, its main file, and
# the server's program where it is known. Standard input: one path a line, behind `F ` for a file whose times are asked,
# `P ` for a pid file, `L ` for an error log, `O ` for a file whose package is asked.
#
# Every answer stands between `begin NAME` and `end NAME STATUS`, each of its lines behind a blank; the last line is
# `done`. STATUS: ok, absent (no such tool), refused, timed out, or the tool's own code.
set -u
PATH=$PATH:/usr/sbin:/sbin:/usr/bin:/bin
LC_ALL=C
export PATH LC_ALL
parts=" $1 " root=$2 main=$3 program=$4
line_end='
'
given=$(cat)
begun=$(date +%s)

wanted() { case $parts in *" $1 "*) return 0 ;; esac; return 1; }
have() { command -v "$1" >/dev/null 2>&1; }
timer=
if have timeout && timeout 5 id -u >/dev/null 2>&1; then timer=1; fi
limited() { seconds=$1; shift; if [ "$timer" ]; then timeout "$seconds" "$@"; else "$@"; fi; }
say() {
    printf 'begin %s\n' "$1"
    if [ ${#out} -gt 4096 ]; then
        printf '%s\n' "$out" | sed 's/^/ /'
    elif [ -n "$out" ]; then # most answers are short, and a process costs more than a loop
        rest=$out$line_end
        while [ -n "$rest" ]; do
            printf ' %s\n' "${rest%%"$line_end"*}"
            rest=${rest#*"$line_end"}
        done
    fi
    case $2 in 0) word=ok ;; 124 | 143) word='timed out' ;; 126) word=refused ;; 127) word=absent ;; *) word=$2 ;; esac
    printf 'end %s %s\n' "$1" "$word"
}
ask() {
    name=$1 seconds=$2
    shift 2
    out=
    if ! have "$1"; then say "$name" 127; return; fi
    out=$(limited "$seconds" "$@" 2>/dev/null </dev/null)
    say "$name" $?
}
# As `ask`, of a program that may talk without end: that is no answer, and ends it.
ask_bounded() {
    name=$1 seconds=$2
    shift 2
    out=$({ limited "$seconds" "$@" 2>/dev/null </dev/null; printf '\nstatus %s' $?; } | head -c 16384)
    code=${out##*"${line_end}status "}
    case $code in *[!0-9]* | '') out= code='too much' ;; *) out=${out%"${line_end}status $code"} ;; esac
    while [ "$out" != "${out%"$line_end"}" ]; do out=${out%"$line_end"}; done
    say "$name" "$code"
}
inode_of() { stat -L -c %d:%i "$1" 2>/dev/null; }
paths() { printf '%s\n' "$given" | sed -n "s/^$1 //p"; }

# A program is run only where nobody but its owner (root, or who asks) could have put it there.
trusted() {
    [ -x "$1" ] && [ -n "$(find -L "$1" -prune -type f \( -user 0 -o -user "$(id -u)" \) ! -perm -020 ! -perm -002 2>/dev/null)" ]
}

usual_programs() {
    for one in "$program" $runs /usr/sbin/httpd /usr/sbin/apache2 /usr/sbin/httpd-prefork /usr/sbin/httpd-worker \
        /usr/sbin/httpd-event /usr/sbin/httpd2 /opt/rh/*/root/usr/sbin/httpd /opt/jbcs-*/root/usr/sbin/httpd \
        /usr/local/apache2/bin/httpd /usr/local/sbin/httpd; do
        case $one in /*) if [ -f "$one" ]; then printf '%s\n' "$one"; fi ;; esac
    done | awk '!seen[$0]++' | head -n 12
}

list_processes() {
    if [ ! -e /proc/self/stat ]; then out=; say processes 127; return; fi
    found=' '
    every=
    here="$(inode_of /.) $(inode_of "$root/$main")"
    for at in /proc/[0-9]*; do
        { IFS= read -r line <"$at/stat"; } 2>/dev/null || continue
        case $line in *' (httpd'*') '* | *' (apache2'*') '*) ;; *) continue ;; esac
        case ${line##*) } in Z* | X*) continue ;; esac
        pid=${at#/proc/}
        set -- ${line##*) }
        found="$found$pid "
        every="$every$pid $2 ${20}
"
    done
    parents=
    runs=
    out=$(
        if [ -r /proc/1/stat ] && { read -r line </proc/1/stat; } 2>/dev/null; then echo sees all; else echo sees own; fi
        # Whose processes may be this tree's server: anybody can call a program httpd and give it any arguments.
        echo "trusted 0"
        echo "trusted $(id -u)"
        ls -ldn "$root/$main" 2>/dev/null | awk '{ print "trusted " $3 }'
        echo "clock $(date +%s.%N) $(cut -d ' ' -f 1 /proc/uptime) $(getconf CLK_TCK 2>/dev/null || echo 100)"
        printf '%s' "$every" | while read -r pid parent start; do
            case $found in
            *" $parent "*) echo "child $pid $parent $start" ;;
            *)
                echo "parent $pid $start"
                echo "exe $pid $(readlink "/proc/$pid/exe" 2>/dev/null)"
                tr '\000\012' '\012\040' <"/proc/$pid/cmdline" 2>/dev/null | head -n 200 | sed "s/^/arg $pid /"
                sed -n "s/^NSpid:[[:blank:]]*/nspid $pid /p; s/^Uid:[[:blank:]]*\([0-9]*\).*/uid $pid \1/p" \
                    "/proc/$pid/status" 2>/dev/null
                sed "s/^/cgroup $pid /" "/proc/$pid/cgroup" 2>/dev/null
                # A container or a chroot: what this machine has at the main file's place is not what the server reads,
                # or it is that alone.
                there=$(stat -L -c %d:%i "/proc/$pid/root/." "/proc/$pid/root$root/$main" 2>/dev/null)
                if [ -z "$there" ]; then continue; fi
                case $there in *"$line_end"*) ;; *) there=$there$line_end ;; esac
                if [ "${there#*"$line_end"}" != "${here#* }" ]; then
                    echo "view $pid other"
                elif [ "${there%%"$line_end"*}" = "${here%% *}" ]; then
                    echo "view $pid same"
                else
                    echo "view $pid shared"
                fi
                ;;
            esac
        done
    )
    say processes 0
    parents=$(printf '%s\n' "$out" | sed -n 's/^parent \([0-9]*\) .*/\1/p' | head -n 20)
    runs=$(printf '%s\n' "$out" | sed -n 's/^exe [0-9]* \(\/[^ ]*\)$/\1/p')
}

ask_programs() {
    usual_programs | while IFS= read -r one; do
        if trusted "$one"; then
            ask_bounded "version $one" 10 "$one" -v
            ask_bounded "builtin $one" 10 "$one" -l
            ask_bounded "settings $one" 10 "$one" -V -f /dev/null
        else
            out=
            say "version $one" 126
        fi
    done
}

list_units() {
    out=$(
        for unit in httpd apache2 httpd24-httpd jbcs-httpd24-httpd; do
            for folder in /usr/lib/systemd/system /lib/systemd/system /etc/systemd/system /run/systemd/system; do
                for file in "$folder/$unit.service" "$folder/$unit@.service" "$folder/$unit.service.d"/*.conf; do
                    [ -f "$file" ] || continue
                    echo "file $file"
                    head -c 65536 "$file" 2>/dev/null | sed -n 's/^[[:blank:]]*\(EnvironmentFile\|ExecStart\|PIDFile\)[[:blank:]]*=[[:blank:]]*/\1=/p'
                done
            done
        done
    )
    say units 0
}

list_trees() {
    out=$(
        for file in /etc/httpd/conf/httpd.conf /etc/apache2/apache2.conf /etc/apache2/httpd.conf \
            /etc/apache2-*/apache2.conf /opt/rh/*/root/etc/httpd/conf/httpd.conf \
            /opt/jbcs-*/root/etc/httpd/conf/httpd.conf /usr/local/apache2/conf/httpd.conf /opt/*/conf/httpd.conf \
            /etc/httpd-*/conf/httpd.conf; do
            if [ -f "$file" ]; then printf '%s\n' "$file"; fi
        done
    )
    say trees 0
}

read_memory() {
    for pid in $parents; do
        out=
        if { read -r line <"/proc/$pid/maps"; } 2>/dev/null; then
            out=$(sed -n 's/^[^ ]* *\(..x.\) [^/]*\(\/.*\)$/\1 \2/p' "/proc/$pid/maps" | awk '!seen[$0]++' | head -n 2000)
            say "memory $pid" 0
            out=$(printf '%s\n' "$out" | sed -n '/ (deleted)$/d; s/^..x. //p' | tr '\n' '\000' |
                xargs -0 stat -L -c '%Z %n' 2>/dev/null)
            say "code $pid" 0
        else
            say "memory $pid" 126
        fi
        out=
        if ls "/proc/$pid/fd" >/dev/null 2>&1; then
            out=$(ls -l "/proc/$pid/fd" 2>/dev/null | sed -n 's/.* socket:\[\([0-9]*\)\]$/\1/p')
            say "sockets $pid" 0
        else
            say "sockets $pid" 126
        fi
    done
}

read_times() {
    format='%Y %Z'
    case $(stat -c %.9Y / 2>/dev/null) in *[0-9].[0-9]*) format='%.9Y %.9Z' ;; esac
    out=$(
        paths F | tr '\n' '\000' | xargs -0 stat -c "own:%f $format %n" 2>/dev/null
        paths F | tr '\n' '\000' | xargs -0 stat -L -c "to $format %n" 2>/dev/null
    )
    have stat && have xargs
    say times $(($? ? 127 : 0))
    out=$(
        paths P | while IFS= read -r one; do
            if [ ! -f "$one" ] || [ ! -r "$one" ]; then
                # What is not there does not count; what cannot be looked for does.
                near=$one
                while [ ! -e "$near" ] && [ "$near" != / ]; do near=$(dirname "$near"); done
                if [ "$near" = "$one" ] || [ ! -x "$near" ]; then echo "hidden $one"; fi
                continue
            fi
            moment=$(stat -L -c "$format" "$one") || continue
            second=${moment%%[. ]*}
            echo "pid $(head -c 20 "$one" | tr -dc 0-9) $moment $one"
            echo "local $(date -d "@$second" '+%b %d %H:%M:%S' 2>/dev/null)"
        done
    )
    say pidfiles 0
}

read_logs() {
    paths L | while IFS= read -r log; do
        out=
        if [ ! -f "$log" ] || [ ! -r "$log" ]; then say "log $log" 126; continue; fi
        before=$(ls -t "$log".1 "$log"-* 2>/dev/null | grep -v '\.[gxb]z2*$' | head -n 1)
        out=$(
            for one in "$before" "$log"; do
                if [ -n "$one" ] && [ -f "$one" ] && [ -r "$one" ]; then
                    tail -c 2097152 "$one" | tr -d '\000' |
                        grep -E 'resuming normal operations|Doing graceful restart|Graceful restart requested|Attempting to restart|not allowed during restart|shutting down' |
                        cut -c 1-600 | tail -n 200
                fi
            done
        )
        say "log $log" 0
    done
}

time_left() { [ $(($(date +%s) - begun)) -lt 25 ]; }

# dpkg finds nothing changed in a package whose sums it does not have.
has_sums() {
    for sums in "/var/lib/dpkg/info/$1.md5sums" "/var/lib/dpkg/info/$1":*.md5sums; do
        if [ -s "$sums" ]; then return 0; fi
    done
    return 1
}

verify_with() {
    # Arguments: the answer's name, then the command to which a package's name is added. Packages: standard input.
    answer=$1 asked=0 whole=
    shift
    names=$(
        grep -E '^(httpd|httpd-[a-z]+|httpd24-httpd.*|jbcs-httpd24-.*|mod_.*|apache2.*|libapache2-.*|openssl|openssl-libs|libssl[0-9.]+|apr|apr-util|libapr1|libaprutil1)$' |
            grep -v -E -e '-(devel|dev|doc|manual|debuginfo|debugsource)$' | awk '!seen[$0]++' | head -n 1000
    )
    # dpkg reads its whole list each time. Where it says anything of all at once, or fails, each is asked for itself; rpm
    # has something to say on most machines (an edited httpd.conf), and would compare everything twice.
    if [ "$1" = dpkg ]; then
        summed=$(for one in $names; do if has_sums "$one"; then echo "$one"; fi; done)
        if [ -n "$summed" ] && out=$(limited 10 "$@" $summed 2>&1 </dev/null) && [ -z "$out" ]; then whole=yes; fi
    fi
    for one in $names; do
        out=
        asked=$((asked + 1))
        if [ "$1" = dpkg ] && ! has_sums "$one"; then
            say "$answer $one" 'without sums'
        elif [ "$whole" ]; then
            say "$answer $one" 0
        elif [ "$asked" -le 40 ] && time_left; then ask "$answer $one" 10 "$@" "$one"; else say "$answer $one" 124; fi
    done
}

have_dpkg() { have dpkg-query && [ -r /var/lib/dpkg/status ]; }
# The applet of busybox keeps no list of what is installed, and rpm as a mere tool on a machine of another kind has none.
have_rpm() {
    if [ -z "$rpm_there" ]; then if asks_rpm; then rpm_there=yes; else rpm_there=no; fi; fi
    [ "$rpm_there" = yes ]
}
rpm_there=
asks_rpm() {
    have rpm && case $(readlink -f "$(command -v rpm)" 2>/dev/null) in */busybox*) false ;; esac && has_rpm_list
}

# Asking for packages where there is no list would make one. A folder that may not be looked into may hold one.
has_rpm_list() {
    below=$(rpm --eval '%{_dbpath}' 2>/dev/null) || return 0
    case $below in /*) ;; *) return 0 ;; esac
    [ -d "$below" ] || return 1
    [ -r "$below" ] && [ -x "$below" ] || return 0
    [ -e "$below/Packages" ] || [ -e "$below/Packages.db" ] || [ -e "$below/rpmdb.sqlite" ]
}

list_packages() {
    if have_dpkg; then
        ask debs 15 dpkg-query -W -f '${db:Status-Abbrev} ${Package} ${Version}\n' 'apache2*' 'libapache2-mod*' openssl \
            'libssl*' 'libapr*'
        printf '%s\n' "$out" | sed -n 's/^[hi]i  *\([^ ]*\) .*/\1/p' | verify_with deb-verify dpkg --verify
        if ! wanted owners; then ask deb-owner 15 dpkg-query -S "$root/$main"; fi # else told with the other files
    fi
    if have_rpm; then
        ask rpms 15 rpm -qa --qf '%{NAME} %{VERSION}-%{RELEASE}\n' 'httpd*' 'mod_*' 'openssl*' 'apr*' 'nss*' 'php*' \
            'jbcs-*' 'apache2*'
        printf '%s\n' "$out" | cut -d ' ' -f 1 | verify_with rpm-verify rpm -V --nodeps --noscripts
        ask rpm-owner 15 rpm -qf --qf '%{NAME}\n' "$root/$main"
    fi
    out=
    say package-tools 0
}

# Also of files that a package delivered below the tree and that are not there.
list_owners() {
    out=
    if have_dpkg; then
        quoted='s/[][*?\\]/\\&/g'
        out=$({
            printf '%s\n' "$root" | sed "$quoted; s|$|/*|"
            paths O | below=$root/ awk 'index($0, ENVIRON["below"]) != 1' | sed "$quoted"
        } | tr '\n' '\000' | limited 20 xargs -0 /bin/sh -c 'dpkg-query -S "$@" 2>/dev/null; [ $? -lt 2 ]' x)
        say deb-files $?
        files=$out
        out=$(printf '%s\n' "$files" | path=$root/$main awk '
            BEGIN { end = ": " ENVIRON["path"] }
            !/^(local )?diversion / && substr($0, length($0) - length(end) + 1) == end')
        if wanted packages; then say deb-owner 0; fi
        names=$(printf '%s\n' "$files" | sed -n '/^diversion by /d; /^local diversion /d; s/: \/.*//p' | tr -d ' ' |
            tr ',' '\n' | awk '!seen[$0]++')
        out=
        if [ -n "$names" ]; then
            out=$(printf '%s\n' "$names" | tr '\n' '\000' | limited 20 xargs -0 dpkg-query -W -f '${Conffiles}\n' 2>/dev/null)
        fi
        say deb-conffiles $?
        out=$(head -c 1048576 /var/lib/ucf/registry 2>/dev/null)
        say ucf-files 0
    fi
    if have_rpm; then
        out=$({
            paths O
            echo
            limited 20 rpm -qa --qf '[%{FILEMODES:perms}-%{FILEFLAGS:fflags} %{=NAME} %{FILENAMES}\n]' 2>/dev/null
            echo "status $?"
        } | below=$root/ awk '
            !listed && $0 == "" { listed = 1; next }
            !listed { asked[$0]; next }
            /^status / { print $0, known + 0; next }
            { known++; name = $0; sub(/^[^ ]* [^ ]* /, "", name) }
            /^d/ { next }
            name in asked || index(name, ENVIRON["below"]) == 1 { print substr($0, 11) }')
        say rpm-files 0
        # By what the file is, links on the way followed; its code is the number of files that nothing owns.
        out=$(paths O | tr '\n' '\000' | limited 20 xargs -0 /bin/sh -c 'rpm -qf --qf "%{NAME}\n" "$@" 2>/dev/null; :' x |
            sed -n 's/^file \(.*\) is not owned by any package$/\1/p')
        say rpm-unowned 0
    fi
    out=
    say owners 0
}

list_tools() {
    out=$(
        id -un
        for tool in git ssh ssh-keygen httpd apache2 apachectl sudo visudo rpm dpkg systemctl ss stat xargs timeout tar flock \
            sha256sum rsync python3; do
            echo "$tool $(command -v "$tool")"
        done
    )
    say tools 0
    ask sudo 10 sudo -n -l
    out=$(for one in "$root" "$root/$main"; do if [ -r "$one" ]; then echo "readable $one"; else echo "hidden $one"; fi; done)
    say tree 0
}

parents=
runs=
if wanted server || wanted state || wanted tools; then list_processes; fi
if wanted server; then
    ask_programs
    list_units
    list_trees
fi
if wanted packages; then list_packages; fi
if wanted owners; then list_owners; fi
if wanted state; then
    read_memory
    ask listening 10 ss -ltne
    out=$(cat /proc/sys/net/core/somaxconn 2>/dev/null)
    say somaxconn 0
    read_times
    read_logs
fi
if wanted tools; then list_tools; fi
echo done
