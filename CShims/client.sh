#!/bin/sh
# Writes what the library embeds of the browser client (Assets/Client): Assets/Client/version.js, its
# name by content; CShims/CClient/mizu.js, all of its modules as one (join.sh); CShims/CClient/CClient.c,
# the table of its files, packed by brotli too (pack.sh), with the import map that pages get and the map's hash for their
# Content-Security-Policy. `make assets` runs this. With --check it writes nothing and exits 1 if a
# file would change.
set -eu
LC_ALL=C
export LC_ALL
cd "$(dirname "$0")/.."
check=${1:-}
new=$(mktemp)
trap 'rm -f "$new"' EXIT

# update FILE: takes standard input as the file's content.
update() {
    cat >"$new"
    if cmp -s "$new" "$1"; then return 0; fi
    if [ "$check" = --check ]; then
        echo "assets: $1 is out of date: run 'make assets' and commit it" >&2
        exit 1
    fi
    cat "$new" >"$1"
    echo "wrote $1"
}

parts() { (cd Assets/Client && ls -- *.js); }
odd=$(parts | grep -v '^[a-z-]*\.js$' || true)
if [ -n "$odd" ]; then
    echo "assets: names of the client's files hold small letters and '-' only: $odd" >&2
    exit 1
fi

# The package's version for people, and for caches what the files are: another content, another name.
place=Sources/Mizu/MetricsPage.swift
package=$(sed -n 's/^ *package static let version = "\(.*\)"$/\1/p' "$place")
if [ -z "$package" ]; then
    echo "assets: $place says no version" >&2
    exit 1
fi
content=$(parts | grep -v '^version\.js$' | sed 's#^#Assets/Client/#' | xargs cat CShims/join.sh |
    sha256sum | cut -c 1-12)
version=$package-$content
update Assets/Client/version.js <<END
// Written by \`make assets\` from the content of the client's files: do not edit.

export const version = "$version";
END

# Not in a pipe: what it says of a file that cannot be joined ends this script, too.
joined=$(sh CShims/join.sh Assets/Client/mizu.js)
printf '%s\n' "$joined" | update CShims/CClient/mizu.js

# For browsers that take brotli.
if [ "$check" = --check ]; then mode=check; else mode=write; fi
sh CShims/pack.sh "$mode" CShims/packed CShims/CClient/mizu.js

# The hash by which a policy lets an inline script through: sha256 in base64 (CSP Level 3 §2.3.1).
hash() { printf %s "$1" | sha256sum | cut -c 1-64 | tr a-f A-F | basenc --base16 -d | base64; }
# map VERSION ENTRY: the import map (HTML §8.1.5.3); "mizu/" is for the parts, one by one.
map() { printf '{"imports":{"mizu":"/_mizu/%s/%s","mizu/":"/_mizu/%s/parts/"}}' "$1" "$2" "$1"; }
quoted() { printf '"%s"' "$(printf %s "$1" | sed 's/["\\]/\\&/g')"; }
served=$(map "$version" mizu.js)
edited=$(map dev parts/mizu.js)

{
    echo '// Written by `make assets` from Assets/Client: do not edit.'
    echo '// Each array ends with a zero byte that its count leaves out.'
    echo
    echo '#include "CClient.h"'
    echo
    echo '#if __has_include("../packed/packed.h")'
    echo '#include "../packed/packed.h"'
    echo '#else'
    echo '#define PACKED_ASSETS'
    echo '#endif'
    echo
    echo 'static const unsigned char joined[] = {'
    echo '#embed "mizu.js" suffix(, 0)'
    echo '};'
    parts | awk '{
        printf "\nstatic const unsigned char part_%d[] = {\n", NR
        printf "#embed \"../../Assets/Client/%s\" suffix(, 0)\n};\n", $0
    }'
    echo
    echo 'static const mizu_client_file files[] = {'
    echo '    {"mizu.js", joined, sizeof joined - 1},'
    parts | awk '{ printf "    {\"parts/%s\", part_%d, sizeof part_%d - 1},\n", $0, NR, NR }'
    echo '    PACKED_ASSETS'
    echo '};'
    echo
    echo 'const size_t mizu_client_files_count = sizeof files / sizeof files[0];'
    echo 'mizu_client_file mizu_client_file_at(size_t index) { return files[index]; }'
    echo
    echo "const char *mizu_client_version(void) { return \"$version\"; }"
    echo "const char *mizu_client_map(void) { return $(quoted "$served"); }"
    echo "const char *mizu_client_map_hash(void) { return \"sha256-$(hash "$served")\"; }"
    echo "const char *mizu_client_dev_map(void) { return $(quoted "$edited"); }"
    echo "const char *mizu_client_dev_map_hash(void) { return \"sha256-$(hash "$edited")\"; }"
} | update CShims/CClient/CClient.c
