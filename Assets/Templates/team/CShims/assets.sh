#!/bin/sh
# Writes CShims/CAssets/CAssets.c: the table of files that `#embed` puts into the binary, from what
# lies in Assets/views and Assets/static; and CShims/CAssets/app.js: app.js joined with the modules that
# it imports (join.sh), which the table has in place of app.js, so that a browser loads one file. Both
# are committed, because a SwiftPM plugin cannot write for a C target; `make assets` runs this (`make
# build` does, too), and a test fails when one is not up to date. With --check it writes nothing and
# exits 1 if one would change.
set -eu
LC_ALL=C
export LC_ALL
cd "$(dirname "$0")/.."
check=${1:-}
entry=static/js/app.js
new=$(mktemp)
trap 'rm -f "$new"' EXIT

# update FILE: takes what lies in $new as the file's content.
update() {
    if cmp -s "$new" "$1"; then return 0; fi
    if [ "$check" = --check ]; then
        echo "assets: $1 is out of date: run 'make assets' and commit it" >&2
        exit 1
    fi
    cat "$new" >"$1"
    echo "wrote $1"
}

# Names are C strings and `#embed` paths at once, so a name that would need escaping is refused.
list() {
    (cd Assets && find -L views static -type f ! -name '.*' | sort)
}
odd=$(list | grep -v '^[A-Za-z0-9._/-]*$' || true)
if [ -n "$odd" ]; then
    echo "assets: names may hold letters, digits, '.', '_', '-' only: $odd" >&2
    exit 1
fi
symbol() {
    printf 'asset_%s' "$(printf '%s' "$1" | tr -c 'A-Za-z0-9' '_')"
}

{
    echo '// Written by `make assets` from Assets/views and Assets/static: do not edit.'
    echo '// Each array ends with a zero byte that its count leaves out, so an empty file has an address too.'
    echo
    echo '#include "CAssets.h"'
    echo
    echo '#if __has_include("../packed/packed.h")'
    echo '#include "../packed/packed.h"'
    echo '#else'
    echo '#define PACKED_ASSETS'
    echo '#endif'
    list | while read -r name; do
        echo
        echo "static const unsigned char $(symbol "$name")[] = {"
        file=../../Assets/$name
        if [ "$name" = "$entry" ]; then file=app.js; fi
        echo "#embed \"$file\" suffix(, 0) if_empty(0)"
        echo '};'
    done
    echo
    echo 'const mizu_team_asset mizu_team_assets[] = {'
    list | while read -r name; do
        echo "    {\"$name\", $(symbol "$name"), sizeof($(symbol "$name")) - 1},"
    done
    echo '    PACKED_ASSETS'
    echo '    {0, 0, 0},'
    echo '};'
    echo
    echo 'const size_t mizu_team_assets_count ='
    echo '    sizeof(mizu_team_assets) / sizeof(mizu_team_assets[0]) - 1;'
} >"$new"
update CShims/CAssets/CAssets.c

sh CShims/join.sh "Assets/$entry" >"$new"
update CShims/CAssets/app.js

# The static files packed by brotli, for browsers that take it (pack.sh). What is not there is packed
# by gzip when the server starts.
set -- CShims/CAssets/app.js
for name in $(list); do
    case $name in "$entry") ;; static/*) set -- "$@" "Assets/$name" ;; esac
done
if [ "$check" = --check ]; then mode=check; else mode=write; fi
before=$(cat CShims/packed/packed.h 2>/dev/null || true)
sh CShims/pack.sh "$mode" CShims/packed "$@"
# The compiler does not know that a header which was not there would have been read.
if [ "$before" != "$(cat CShims/packed/packed.h 2>/dev/null || true)" ]; then
    touch CShims/CAssets/CAssets.c
fi
