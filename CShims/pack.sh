#!/bin/sh
# Packs files by brotli, once and for all who ask for them: `pack.sh write|check FOLDER FILE…` keeps
# FOLDER/SHA1.br for each FILE that is text of at least 860 bytes, where SHA1 is of the file's content,
# and FOLDER/packed.h, which embeds them and lists them in PACKED_ASSETS. A server looks for a file's
# packed form by the hash of what it serves, so a form that is out of date is never sent.
# `check` writes nothing, needs no brotli, and exits 1 if something would change; a folder that is not
# there is no fault: then nothing is packed.
set -eu
LC_ALL=C
export LC_ALL
mode=$1 folder=$2
shift 2
hashes=
if [ "$mode" = check ] && [ ! -d "$folder" ]; then exit 0; fi
new=$(mktemp)
trap 'rm -f "$new"' EXIT

for file in "$@"; do
    case $file in
    *.css | *.html | *.js | *.json | *.map | *.md | *.mjs | *.svg | *.txt | *.wasm | *.webmanifest | *.xml) ;;
    *) continue ;;
    esac
    if [ "$(wc -c <"$file")" -lt 860 ]; then continue; fi
    hash=$(sha1sum "$file" | cut -c 1-40)
    if [ ! -f "$folder/$hash.br" ]; then
        if [ "$mode" = check ]; then
            echo "assets: $file is not packed: run 'make assets' and commit what it writes" >&2
            exit 1
        fi
        if ! command -v brotli >/dev/null; then
            echo "assets: $file goes without brotli: apt-get install brotli" >&2
            continue
        fi
        mkdir -p "$folder"
        brotli --quality=11 --lgwin=22 --stdout "$file" >"$new"
        cat "$new" >"$folder/$hash.br"
        echo "packed $file: $(wc -c <"$file") to $(wc -c <"$new") bytes"
    fi
    case $hashes in *$hash*) ;; *) hashes="$hashes $hash" ;; esac
done
if [ -z "$hashes" ] && [ ! -d "$folder" ]; then exit 0; fi

for packed in "$folder"/*.br; do
    [ -f "$packed" ] || continue
    hash=$(basename "$packed" .br)
    case $hashes in *$hash*) continue ;; esac
    if [ "$mode" = check ]; then
        echo "assets: $packed is of no file: run 'make assets' and commit what it writes" >&2
        exit 1
    fi
    rm -f "$packed"
done

{
    echo '// Written by `make assets`: do not edit. Files packed by brotli (RFC 7932), each named by the'
    echo '// SHA-1 of its content.'
    number=0
    for hash in $hashes; do
        printf '\nstatic const unsigned char packed_%d[] = {\n#embed "%s.br"\n};\n' $number "$hash"
        number=$((number + 1))
    done
    printf '\n#define PACKED_ASSETS'
    number=0
    for hash in $hashes; do
        printf ' \\\n    {"packed/%s.br", packed_%d, sizeof packed_%d},' "$hash" $number $number
        number=$((number + 1))
    done
    echo
} >"$new"
if cmp -s "$new" "$folder/packed.h"; then exit 0; fi
if [ "$mode" = check ]; then
    echo "assets: $folder/packed.h is out of date: run 'make assets' and commit it" >&2
    exit 1
fi
cat "$new" >"$folder/packed.h"
echo "wrote $folder/packed.h"
