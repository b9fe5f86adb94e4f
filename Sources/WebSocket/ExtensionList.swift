// Reads `Sec-WebSocket-Extensions` (RFC 6455 §9.1): extensions in order, each with its parameters.
// Strict, because a field that is malformed fails the connection. Knows no extension by name.

import CScan
import MizuBytes

/// One extension of the list: what is offered, or what was chosen.
struct ExtensionEntry: Equatable {
    let name: [UInt8]
    /// In order; a value is a token, without the quotes that it may have had.
    var parameters: [Parameter] = []

    struct Parameter: Equatable {
        let name: [UInt8]
        let value: [UInt8]?

        func isNamed(_ name: StaticString) -> Bool {
            self.name.withUnsafeBytes { ASCII.equal($0, name) }
        }
    }

    func isNamed(_ name: StaticString) -> Bool {
        self.name.withUnsafeBytes { ASCII.equal($0, name) }
    }
}

enum ExtensionList {
    /// Extensions of one handshake beyond which it is taken for malformed.
    static let entriesMax = 64

    /// The extensions of all fields together, in order; nil where one is malformed or there are
    /// more than `entriesMax`.
    static func read(_ fields: FieldValues) -> [ExtensionEntry]? {
        var entries: [ExtensionEntry]? = []
        fields("sec-websocket-extensions") { value in
            guard let sofar = entries, let more = read(value),
                sofar.count + more.count <= entriesMax
            else {
                entries = nil
                return
            }
            entries = sofar + more
        }
        return entries
    }

    /// The extensions of one field's value; nil where it is malformed.
    static func read(_ value: UnsafeRawBufferPointer) -> [ExtensionEntry]? {
        var cursor = Cursor(bytes: value)
        var entries: [ExtensionEntry] = []
        // Empty elements of a list are passed over (RFC 9110 §5.6.1.2).
        while true {
            cursor.skipSpace()
            if cursor.take(UInt8(ascii: ",")) { continue }
            guard !cursor.isAtEnd else { return entries }
            guard let entry = cursor.entry(), entries.count < entriesMax else { return nil }
            entries.append(entry)
            cursor.skipSpace()
            guard cursor.isAtEnd || cursor.take(UInt8(ascii: ",")) else { return nil }
        }
    }

    /// Walks one field's value.
    private struct Cursor {
        let bytes: UnsafeRawBufferPointer
        var index = 0

        var isAtEnd: Bool { index == bytes.count }

        mutating func skipSpace() {
            while index < bytes.count, bytes[index] == 0x20 || bytes[index] == 0x09 { index += 1 }
        }

        mutating func take(_ byte: UInt8) -> Bool {
            guard index < bytes.count, bytes[index] == byte else { return false }
            index += 1
            return true
        }

        mutating func token() -> [UInt8]? {
            let start = index
            while index < bytes.count, Self.isTokenByte(bytes[index]) { index += 1 }
            return start < index ? [UInt8](bytes[start..<index]) : nil
        }

        mutating func entry() -> ExtensionEntry? {
            guard let name = token() else { return nil }
            var entry = ExtensionEntry(name: name)
            skipSpace()
            while take(UInt8(ascii: ";")) {
                skipSpace()
                guard let name = token() else { return nil }
                skipSpace()
                var value: [UInt8]?
                if take(UInt8(ascii: "=")) {
                    skipSpace()
                    value = take(UInt8(ascii: "\"")) ? quoted() : token()
                    guard value != nil else { return nil }
                    skipSpace()
                }
                entry.parameters.append(ExtensionEntry.Parameter(name: name, value: value))
            }
            return entry
        }

        /// The rest of a quoted string, whose content must be a token (§9.1).
        mutating func quoted() -> [UInt8]? {
            var content: [UInt8] = []
            while index < bytes.count {
                var byte = bytes[index]
                index += 1
                if byte == UInt8(ascii: "\"") { return content.isEmpty ? nil : content }
                if byte == UInt8(ascii: "\\") {
                    guard index < bytes.count else { return nil }
                    byte = bytes[index]
                    index += 1
                }
                guard Self.isTokenByte(byte) else { return nil }
                content.append(byte)
            }
            return nil
        }

        /// `tchar` (RFC 9110 §5.6.2).
        static func isTokenByte(_ byte: UInt8) -> Bool {
            cscan_class_of(byte) & UInt8(CSCAN_TOKEN) != 0
        }
    }
}
