# A copy of a tree for the server's own check, where no private mount can be made:  copy.sh ROOT COPY
#
# Directories as directories, files as links to the live or the new file: keys are never copied. Each row of the request
# says what is not to be as it is live.
LC_ALL=C
export LC_ALL
umask 077
root=$1 copy=$2
export root copy

text() {
    p=$(printf %b. "$1")
    p=${p%.}
}

each='for p do
    r=$(readlink -f -- "$p" && echo .) || continue
    r=${r%??}
    case $r in
    "$root"/*) [ ! -d "$r" ] || { cp -P -- "$p" "$copy/$p"; continue; } ;;
    esac
    ln -s -- "$r" "$copy/$p"
done'
led='for l do [ "$(readlink "$l")" != "$real" ] || { rm -f -- "$l"; ln -s -- "$new" "$l"; }; done'

rm -rf "$copy"
mkdir -- "$copy" && cd -- "$root" || exit 1
[ "$(find . | head -n 100001 | wc -l)" -le 100000 ] || {
    echo 'many'
    exit 0
}
find . -mindepth 1 -type d -exec sh -c 'for p do mkdir -- "$copy/$p"; done' sh {} + || exit 1
find . -mindepth 1 ! -type d -exec sh -c "$each" sh {} + || exit 1
while read -r key one two; do
    text "$one"
    real=$p
    text "$two"
    new=$p
    export real new
    at=$copy${real#"$root"}
    case $key in
    edit) find "$copy" -type l -exec sh -c "$led" sh {} + ;;
    gone) rm -f -- "$at" ;;
    link | put)
        rm -f -- "$at"
        ln -s -- "$new" "$at"
        ;;
    END) echo 'copied' ;;
    esac
done
