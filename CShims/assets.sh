#!/bin/sh
# Writes the tables of files that `#embed` puts into binaries. The library has the browser client's
# (client.sh writes it). Each template has one of its own, for
# the app that it is (its CShims/assets.sh writes it, here as in what `mizu new` makes); and
# CShims/CTemplates/CTemplates.c has every file of every template, for `mizu new`, and the texts of
# the licences. The tables are committed, because a SwiftPM plugin cannot write C for a C target;
# `make assets` runs this, and a tidy test fails when a table is not up to date.
# With --check it writes nothing and exits 1 if a table would change.
set -eu
LC_ALL=C
export LC_ALL
cd "$(dirname "$0")/.."
table=CShims/CTemplates/CTemplates.c
new=$(mktemp)
trap 'rm -f "$new"' EXIT

sh CShims/client.sh "$@"
for script in Assets/Templates/*/CShims/assets.sh; do sh "$script" "$@"; done

# What a build leaves behind in a template is not part of it. Links are files that templates share.
list() {
    (cd Assets && find -L Licenses Templates \
        \( -name .build -o -name .swiftpm -o -name data \) -prune -o \
        -type f ! -name Package.resolved ! -name '*~' ! -name '.*.sw?' -print | sort)
}
odd=$(list | grep -v '^[A-Za-z0-9._/-]*$' || true)
if [ -n "$odd" ]; then
    echo "assets: names may hold letters, digits, '.', '_', '-' only: $odd" >&2
    exit 1
fi

{
    echo '// Written by `make assets` from Assets/Licenses and Assets/Templates: do not edit.'
    echo '// Each array ends with a zero byte that its count leaves out, so an empty file has an address too.'
    echo
    echo '#include "CTemplates.h"'
    list | awk '{
        printf "\nstatic const unsigned char file_%d[] = {\n", NR
        printf "#embed \"../../Assets/%s\" suffix(, 0) if_empty(0)\n};\n", $0
    }'
    echo
    echo 'const mizu_template mizu_templates[] = {'
    list | awk '{ printf "    {\"%s\", file_%d, sizeof(file_%d) - 1},\n", $0, NR, NR }'
    echo '    {0, 0, 0},'
    echo '};'
    echo
    echo 'const size_t mizu_templates_count = sizeof(mizu_templates) / sizeof(mizu_templates[0]) - 1;'
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
