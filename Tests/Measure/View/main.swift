// Renders the to-do page of Assets/Templates/sync again and again, for Tests/Measure/view.py: how
// long a page takes, how many instructions and how many allocations.
//
//     measure-view FOLDER ITEMS (list | rows) ROUNDS
//
// FOLDER is that of the views, ITEMS the number of to-dos. `list` makes data of the stored JSON
// first, `rows` has it read in place. Prints the processor's nanoseconds for each page, and the
// bytes of one.

import Glibc
import MizuBytes
import MizuView

func read(_ path: String) -> ByteSlice? {
    guard let file = fopen(path, "r") else { return nil }
    defer { fclose(file) }
    var buffer = ByteBuffer(capacity: 1 << 16)
    while true {
        buffer.reserve(1 << 14)
        let count = fread(buffer.writable.baseAddress, 1, 1 << 14, file)
        guard count > 0 else { return buffer.takeSlice() }
        buffer.advance(written: count)
    }
}

func processorNanoseconds() -> Int {
    var now = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now)
    return now.tv_sec * 1_000_000_000 + now.tv_nsec
}

func context(_ todos: ViewValue, _ count: Int) -> ViewValue {
    [
        "scope": "todos", "todos": todos, "count": ViewValue(count), "remaining": ViewValue(count),
        "has_done": .bool(count > 0), "done_ids": .list([]), "filter": "all", "filter_all": true,
        "filter_active": false, "filter_done": false, "after": nil, "is_part": false,
        "is_empty": .bool(count == 0), "empty_text": "Nothing to do yet. Add the first one above.",
        "first_page": nil, "next_page": nil,
        "state": "u7Jq2cX0R5mK9tWb.1234", "cursor": 1234, "mutation": "u7Jq2cX0R5mK9tWb",
        "error": nil,
        "mizu": ["head": "<script type=\"importmap\">{\"imports\":{}}</script>"],
    ]
}

let arguments = CommandLine.arguments
guard arguments.count == 5, let items = Int(arguments[2]), let rounds = Int(arguments[4]) else {
    print("usage: measure-view FOLDER ITEMS (list | rows) ROUNDS")
    exit(64)
}
let folder = arguments[1]
let names = [
    "pages/home", "layouts/default", "partials/header", "partials/footer",
    "components/sync-status", "components/todo-list", "components/todo-item",
].map { $0 + ".html" }
let views = try ViewSet(paths: names, mode: .compiledOnce) { read(folder + "/" + $0) }
let rows = (0..<items).map { index in
    let number = String(1_000_000 + index).dropFirst()
    return JSONValue(
        validated: ByteSlice(
            """
            {"id":"01jd0z4q8v6k2m9t3x5c\(number)","title":"Buy milk & bread, number \(index)",\
            "done":\(index % 3 == 0),"created":"2026-11-27T21:\(10 + index % 50):07.123Z"}
            """))
}
let reads = arguments[3] == "rows"

var bytes = 0
let started = processorNanoseconds()
for _ in 0..<rounds {
    let todos: ViewValue = reads ? .rows(rows) : .list(rows.map { ViewValue($0) })
    bytes = try views.render("home", context(todos, items)).count
}
let nanoseconds = (processorNanoseconds() - started) / max(1, rounds)
print("\(nanoseconds) ns, \(bytes) bytes")
