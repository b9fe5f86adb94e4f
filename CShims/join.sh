#!/bin/sh
# Joins an ES module and the modules that it imports from beside it into one file: `join.sh ENTRY.js`
# writes it to standard output. It is a concatenation: each module once, after those that it imports,
# without its `import` lines, the word `export`, and lines that are nothing but a comment (they would be
# a third of what a browser loads); nothing is renamed or rewritten. So modules that are to be joined
# keep a few rules, and a line that breaks one ends this with a message:
#
#   import { a, b } from "./other.js";     names as they are: no `as`, no default, no `*`
#   import { c } from "mizu";              from elsewhere: stays, once, at the head of the result
#   export class | function | const …      at the start of a line
#   export { a } from "./other.js";        in the entry alone, which says what the result exports
#
# Names at the top level must differ in all of them, modules must not import in a circle, and no line
# within a text begins with `//` or `/*`.
set -eu
exec awk -v entry="$1" '
function fail(file, text) {
    print "join: " file ": " text >"/dev/stderr"
    failed = 1
    exit 1
}

# The names between the braces of an import or export, into `names`; returns how many.
function names_of(file, statement, names,   list, count, i) {
    if (statement !~ /^(import|export) *[{][^}]*[}] *from *"[^"]+" *;$/)
        fail(file, "cannot join: " statement)
    list = statement
    sub(/^[^{]*[{]/, "", list)
    sub(/[}].*$/, "", list)
    gsub(/[ \t]/, "", list)
    sub(/,$/, "", list)
    count = split(list, names, ",")
    for (i = 1; i <= count; i++)
        if (names[i] !~ /^[A-Za-z_$][A-Za-z0-9_$]*$/) fail(file, "cannot join: " statement)
    return count
}

function source_of(statement) {
    sub(/^.*from *"/, "", statement)
    sub(/".*$/, "", statement)
    return statement
}

function beside(file, source,   folder) {
    folder = file
    sub(/[^\/]*$/, "", folder)
    return folder substr(source, 3)
}

function declare(name, file) {
    if (name in owner && owner[name] != file) fail(file, name " is a name of " owner[name] ", too")
    owner[name] = file
}

function imported(file, statement,   names, count, source, other, i) {
    count = names_of(file, statement, names)
    source = source_of(statement)
    if (source !~ /^\.\//) {
        for (i = 1; i <= count; i++) {
            declare(names[i], source)
            if (!((source, names[i]) in outside)) {
                outside[source, names[i]] = 1
                if (!(source in outside_list)) outside_order[++outside_count] = source
                outside_list[source] = outside_list[source] ", " names[i]
            }
        }
        return
    }
    other = beside(file, source)
    load(other)
    for (i = 1; i <= count; i++) {
        if (!((other, names[i]) in exported)) fail(file, other " does not export " names[i])
        if (statement ~ /^export/) exports = exports ", " names[i]
    }
}

function load(file,   line, statement, body, rest, name, isBlank, isComment, status) {
    if (state[file] == "done") return
    if (state[file] == "open") fail(file, "is imported in a circle")
    state[file] = "open"
    body = ""
    isBlank = 1
    statement = ""
    while ((status = (getline line <file)) > 0) {
        if (statement != "" || line ~ /^import[ {]/ || line ~ /^export *[{*]/) {
            statement = statement line
            if (line !~ /;$/) continue
            if (statement ~ /^export/ && file != entry) fail(file, "only the entry may: " statement)
            imported(file, statement)
            statement = ""
            continue
        }
        if (line ~ /^export /) {
            rest = substr(line, 8)
            if (rest !~ /^(async )?(class|function|const|let) [A-Za-z_$]/)
                fail(file, "cannot join: " line)
            name = rest
            sub(/^(async )?(class|function|const|let) /, "", name)
            sub(/[^A-Za-z0-9_$].*$/, "", name)
            exported[file, name] = 1
            if (file == entry) exports = exports ", " name
            line = rest
        }
        if (line ~ /^(async )?(class|function|const|let|var)[ *]/) {
            name = line
            sub(/^(async )?(class|function|const|let|var)[ *]+/, "", name)
            if (name !~ /^[A-Za-z_$]/) fail(file, "cannot join: " line)
            sub(/[^A-Za-z0-9_$].*$/, "", name)
            declare(name, file)
        }
        if (line ~ /^ *\/\//) continue
        if (line ~ /^ *\/[*]/) isComment = 1
        if (isComment) {
            if (line ~ /[*]\/ *$/) isComment = 0
            continue
        }
        if (line == "" && isBlank) continue
        isBlank = (line == "")
        body = body line "\n"
    }
    if (status < 0) fail(file, "cannot be read")
    close(file)
    if (statement != "") fail(file, "cannot join: " statement)
    state[file] = "done"
    name = file
    sub(/^.*\//, "", name)
    sub(/\n+$/, "\n", body)
    joined = joined "\n// ── " name "\n\n" body
}

BEGIN {
    load(entry)
    if (failed) exit 1
    print "// Joined by CShims/join.sh from the modules named below, without comments: do not edit."
    if (outside_count > 0) print ""
    for (i = 1; i <= outside_count; i++)
        print "import { " substr(outside_list[outside_order[i]], 3) " } from \"" outside_order[i] "\";"
    printf "%s", joined
    if (exports != "") print "\nexport { " substr(exports, 3) " };"
}
'
