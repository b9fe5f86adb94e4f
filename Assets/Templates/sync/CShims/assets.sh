#!/bin/sh
# Writes CShims/CAssets/CAssets.c: the table of files that `#embed` puts into the binary, from what
# lies in Assets/views and Assets/static. The table is committed, because a SwiftPM plugin cannot
# write C for a C target; `make assets` runs this (`make build` does, too), and a test fails when the
# table is not up to date. With --check it writes nothing and exits 1 if the table would change.
set -eu
LC_ALL=C
export LC_ALL
cd "$(dirname "$0")/.."
table=CShims/CAssets/CAssets.c
new=$(mktemp)
trap 'rm -f "$new"' EXIT

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
    list | while read -r name; do
        echo
        echo "static const unsigned char $(symbol "$name")[] = {"
        echo "#embed \"../../Assets/$name\" suffix(, 0) if_empty(0)"
        echo '};'
    done
    echo
    echo 'const mizu_todo_asset mizu_todo_assets[] = {'
    list | while read -r name; do
        echo "    {\"$name\", $(symbol "$name"), sizeof($(symbol "$name")) - 1},"
    done
    echo '    {0, 0, 0},'
    echo '};'
    echo
    echo 'const size_t mizu_todo_assets_count ='
    echo '    sizeof(mizu_todo_assets) / sizeof(mizu_todo_assets[0]) - 1;'
} >"$new"

if cmp -s "$new" "$table"; then
    exit 0
fi
if [ "${1:-}" = --check ]; then
    echo "assets: $table is out of date: run 'make assets' and commit it" >&2
    exit 1
fi
cat "$new" >"$table"
echo "wrote $table: $(list | wc -l) files"
