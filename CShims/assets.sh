#!/bin/sh
# Writes CShims/CAssets/CAssets.c: the table of files that `#embed` puts into the binary, from what
# lies in Assets/Templates/sync/Assets. The table is committed, because a SwiftPM plugin cannot write
# C for a C target; `make assets` runs this, and a tidy test fails when the table is not up to date.
# With --check it writes nothing and exits 1 if the table would change.
set -eu
LC_ALL=C
export LC_ALL
cd "$(dirname "$0")/.."
root=Assets/Templates/sync/Assets
table=CShims/CAssets/CAssets.c
new=$(mktemp)
trap 'rm -f "$new"' EXIT

# Names are C strings and `#embed` paths at once, so a name that would need escaping is refused.
list() {
    [ -d "$root" ] || return 0
    (cd "$root" && find . -type f ! -name '.*' | sed 's|^\./||' | sort)
}
odd=$(list | grep -v '^[A-Za-z0-9._/-]*$' || true)
if [ -n "$odd" ]; then
    echo "assets: names may hold letters, digits, '.', '_', '-' only: $odd" >&2
    exit 1
fi

{
    echo '// Written by `make assets` from Assets/Templates/sync/Assets: do not edit.'
    echo '// Each array ends with a zero byte that its count leaves out, so an empty file has an address too.'
    echo
    echo '#include "CAssets.h"'
    list | while read -r name; do
        symbol=asset_$(printf '%s' "$name" | tr -c 'A-Za-z0-9' '_')
        echo
        echo "static const unsigned char $symbol[] = {"
        echo "#embed \"../../$root/$name\" suffix(, 0) if_empty(0)"
        echo '};'
    done
    echo
    echo 'const mizu_asset mizu_assets[] = {'
    list | while read -r name; do
        symbol=asset_$(printf '%s' "$name" | tr -c 'A-Za-z0-9' '_')
        echo "    {\"$name\", $symbol, sizeof($symbol) - 1},"
    done
    echo '    {0, 0, 0},'
    echo '};'
    echo
    echo 'const size_t mizu_assets_count = sizeof(mizu_assets) / sizeof(mizu_assets[0]) - 1;'
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
