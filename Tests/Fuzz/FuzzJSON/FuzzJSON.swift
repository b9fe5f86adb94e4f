// libFuzzer's entry for the JSON reader, writer and decoder. Built only with MIZU_FUZZ set:
//   MIZU_FUZZ=1 swift build --sanitize=fuzzer --scratch-path .build/fuzz --product FuzzJSON
//   SWIFT_BACKTRACE=enable=no .build/fuzz/debug/FuzzJSON -max_total_time=30
// Checks that no bytes trap, that what is taken can be read to the last leaf, and that written
// anew it parses again and writes the same. Keep each crash as a case in `JSONGrammarTests`.

import MizuBytes

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzJSON(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = ByteSlice(copying: UnsafeRawBufferPointer(start: start, count: count))
    // Even what was never checked must be safe to ask.
    visit(JSONValue(validated: bytes), depthMax: 4)

    let strict = try? JSON.parse(bytes)
    guard let value = try? JSON.parse(bytes, surrogates: .allow) else {
        precondition(strict == nil, "refused with less strictness")
        return 0
    }
    precondition(value.depth <= 64, "deeper than the limit")
    precondition((try? value.check()) == nil ? strict == nil : strict != nil, "check disagrees")
    visit(value, depthMax: 64)
    _ = try? value.decode([String: [String: Double]].self)
    _ = try? value.members(named: ["a", "b"])

    let once = written(value)
    guard let again = try? JSON.parse(once, surrogates: .allow) else {
        preconditionFailure("what was written does not parse")
    }
    precondition(written(again) == once, "written twice, not the same")
    precondition(again.depth == value.depth, "depth changed on the way")
    return 0
}

private func visit(_ value: JSONValue, depthMax: Int) {
    _ = value.int
    _ = value.double
    _ = value.string
    _ = value.depth
    guard depthMax > 0 else { return }
    for (key, member) in value.members {
        _ = key.string
        _ = key.equals("scope")
        visit(member, depthMax: depthMax - 1)
    }
    for element in value.elements { visit(element, depthMax: depthMax - 1) }
}

private func written(_ value: JSONValue) -> ByteSlice {
    var json = JSONWriter(escaping: .html)
    write(value, to: &json)
    return json.finish()
}

private func write(_ value: JSONValue, to json: inout JSONWriter) {
    switch value.kind {
    case .object:
        json.beginObject()
        for (key, member) in value.members {
            json.key(key.utf8 ?? "half a surrogate pair")
            write(member, to: &json)
        }
        json.endObject()
    case .array:
        json.beginArray()
        for element in value.elements { write(element, to: &json) }
        json.endArray()
    case .string:
        if let text = value.utf8 { json.string(text) } else { json.value(value) }
    case .number:
        json.value(value)
    case .true, .false:
        json.bool(value.bool == true)
    case .null:
        json.null()
    }
}
