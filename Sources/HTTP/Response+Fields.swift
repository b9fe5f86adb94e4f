// Field lines of an answer: checked once when they are added, then copied as they are.
// Nothing that is added here can end its line (RFC 9110 §5.5): header injection is impossible.

import MizuBytes

/// Why a field was not added.
public enum FieldError: Error, Equatable, Sendable {
    /// The name is not a token (RFC 9110 §5.6.2).
    case badName
    /// The value has a control character, or white space at an end.
    case badValue
    /// The writer alone decides this field: framing, `Date`, `Connection`.
    case reserved
}

extension Response {
    /// Adds a line behind those that are there. The name is compared without case.
    /// - Throws: `FieldError`; nothing is added then.
    public mutating func add(_ name: String, _ value: String) throws(FieldError) {
        var (name, value) = (name, value)
        let result = name.withUTF8 { name in
            value.withUTF8 { value in
                Response.check(name: UnsafeRawBufferPointer(name), UnsafeRawBufferPointer(value))
            }
        }
        if let result { throw result }
        if isContentType(name) {
            mediaType = MediaType(checked: value)
        } else {
            appendLine(name, value)
        }
    }

    /// Adds a line in place of all with the same name.
    /// - Throws: `FieldError`; nothing is changed then.
    public mutating func set(_ name: String, _ value: String) throws(FieldError) {
        let before = fields
        if !isContentType(name) { remove(name) }
        do throws(FieldError) {
            try add(name, value)
        } catch {
            fields = before
            throw error
        }
    }

    /// Sets a field from literals; traps on a bad one, which is our own bug.
    public mutating func set(_ name: StaticString, literal value: StaticString) {
        let (nameText, valueText) = ("\(name)", "\(value)")
        do throws(FieldError) {
            try set(nameText, valueText)
        } catch {
            preconditionFailure("the field \(name): \(value) cannot be set: \(error)")
        }
    }

    /// Drops every line named `name`.
    public mutating func remove(_ name: String) {
        if isContentType(name) { mediaType = nil }
        var name = name
        name.withUTF8 { name in
            let name = UnsafeRawBufferPointer(name)
            while let (line, _) = find(name) { fields.removeSubrange(line) }
        }
    }

    /// The value of the first line named `name`, compared without case.
    public func field(_ name: String) -> String? {
        if isContentType(name) { return mediaType?.text }
        var name = name
        return name.withUTF8 { name in
            find(UnsafeRawBufferPointer(name)).map { found in
                String(decoding: fields[found.value], as: UTF8.self)
            }
        }
    }

    /// Whether a line named `name` (lower case) is there. No allocation.
    public func has(_ name: StaticString) -> Bool {
        if fields.isEmpty { return false }
        return find(UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
            != nil
    }

    /// Whether `text` stands in the first line named `name` (lower case), compared without case. No
    /// allocation.
    func hasValue(of name: StaticString, containing text: StaticString) -> Bool {
        if fields.isEmpty { return false }
        let name = UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
        guard let value = find(name)?.value else { return false }
        let count = text.utf8CodeUnitCount
        return fields.withUnsafeBytes { bytes in
            let value = bytes.part(value)
            var start = 0
            while start + count <= value.count {
                if value.part(start..<start + count).equalsIgnoringCase(text) { return true }
                start += 1
            }
            return false
        }
    }

    /// Adds members to a list field such as `Vary` unless they are there.
    public mutating func addToList(_ name: StaticString, member: StaticString) {
        let bytes = UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
        guard find(bytes) != nil, let present = field("\(name)") else {
            return appendField(name, literal: member)
        }
        var (isThere, present8) = (false, present)
        present8.withUTF8 { value in
            UnsafeRawBufferPointer(value).forEachPart(UInt8(ascii: ",")) { part in
                var wanted = "\(member)"
                isThere = wanted.withUTF8 { part.equalsIgnoringCase(UnsafeRawBufferPointer($0)) }
                return !isThere
            }
        }
        guard !isThere, present != "*" else { return }
        remove("\(name)")
        appendLine("\(name)", present + ", \(member)")
    }

    /// The same with `Cache-Control: no-store`.
    public var uncached: Response {
        var response = self
        response.forbidCaching()
        return response
    }

    /// Says `Cache-Control: no-store`, whatever it said of that.
    public mutating func forbidCaching() {
        switch sharedLines {
        case .nothing: fields = SharedLines.all.noStore
        case .noStore, .noStoreAndVary: break
        case nil, .vary: set("Cache-Control", literal: "no-store")
        }
    }

    /// Says `Cache-Control: private, no-cache` where it says nothing of that yet: what was made for
    /// one person is no shared cache's to keep (RFC 9111 §5.2.2.7), and the person's own browser
    /// asks whether it still holds.
    public mutating func keepPrivate() {
        guard !has("cache-control") else { return }
        appendField("Cache-Control", literal: "private, no-cache")
    }

    /// Says `Vary: Accept-Encoding`, behind what else it varies by.
    mutating func varyByCoding() {
        switch sharedLines {
        case .nothing: fields = SharedLines.all.vary
        case .noStore: fields = SharedLines.all.noStoreAndVary
        case .vary, .noStoreAndVary: break
        case nil: addToList("Vary", member: "Accept-Encoding")
        }
    }

    /// Which of the lines that many answers share are all that this one has; nil: it has memory of
    /// its own for them, whatever they say. O(1).
    var sharedLines: SharedLines.Kind? {
        if fields.isEmpty { return .nothing }
        return SharedLines.all.kind(of: fields)
    }

    // MARK: Lines

    /// For names and values that this room knows to be sound.
    mutating func appendField(_ name: StaticString, literal value: StaticString) {
        appendLine("\(name)", "\(value)")
    }

    mutating func appendField(_ name: StaticString, checked value: String) {
        appendLine("\(name)", value)
    }

    /// Writes a URI reference; bytes that may not stand in one are percent-encoded.
    mutating func appendField(_ name: StaticString, uri: String) {
        var encoded: [UInt8] = []
        for byte in uri.utf8 {
            if byte > 0x20, byte < 0x7F, !"\"<>\\^`{|}".utf8.contains(byte) {
                encoded.append(byte)
            } else {
                encoded += [
                    UInt8(ascii: "%"), Hex.capitalDigit(byte >> 4), Hex.capitalDigit(byte),
                ]
            }
        }
        appendLine("\(name)", String(decoding: encoded, as: UTF8.self))
    }

    private mutating func appendLine(_ name: String, _ value: String) {
        fields.reserveCapacity(fields.count + name.utf8.count + value.utf8.count + 4)
        fields.append(contentsOf: name.utf8)
        fields.append(ASCIIByte.colon)
        fields.append(ASCIIByte.space)
        fields.append(contentsOf: value.utf8)
        fields.append(ASCIIByte.carriageReturn)
        fields.append(ASCIIByte.lineFeed)
    }

    /// The line named `name` with its CR LF, and its value, as ranges of `fields`.
    private func find(
        _ name: UnsafeRawBufferPointer
    ) -> (line: Range<Int>, value: Range<Int>)? {
        fields.withUnsafeBytes { bytes in
            var start = 0
            while start < bytes.count {
                var end = start
                while end < bytes.count, bytes[end] != ASCIIByte.lineFeed { end += 1 }
                // Each line was written by `appendLine`: colon, space, and CR LF are there.
                let nameEnd = start + name.count
                if nameEnd + 2 < end, bytes[nameEnd] == ASCIIByte.colon,
                    bytes.part(start..<nameEnd).equalsIgnoringCase(name)
                {
                    return (start..<end + 1, nameEnd + 2..<end - 1)
                }
                start = end + 1
            }
            return nil
        }
    }

    private static func check(
        name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer
    ) -> FieldError? {
        guard !name.isEmpty, name.allSatisfy({ $0.has(.token) }) else { return .badName }
        guard value.allSatisfy({ $0.has(.value) }), value.trimmed.count == value.count else {
            return .badValue
        }
        let reserved: [StaticString] = [
            "content-length", "transfer-encoding", "connection", "date", "keep-alive", "trailer",
        ]
        return reserved.contains { name.equalsIgnoringCase($0) } ? .reserved : nil
    }

    private func isContentType(_ name: String) -> Bool {
        var name = name
        return name.withUTF8 { UnsafeRawBufferPointer($0).equalsIgnoringCase("content-type") }
    }
}
