// Reads the two kinds of HTTP field values that a handshake has: one value that must stand alone,
// and comma-separated lists (RFC 9110 §5.6.1). Copies what it reads: a handshake is short and rare.

import MizuBytes

enum FieldList {
    /// Whether the list field `name` holds `token`, whatever the case of its letters.
    static func contains(
        _ token: StaticString, in name: StaticString, of fields: FieldValues
    ) -> Bool {
        anyElement(of: name, in: fields) { ASCII.equalIgnoringCase($0, token) }
    }

    /// Whether the list field `name` holds `token`, byte for byte.
    static func containsExactly(
        _ token: ByteSlice, in name: StaticString, of fields: FieldValues
    ) -> Bool {
        anyElement(of: name, in: fields) { element in
            token.withUnsafeBytes { ASCII.equal(element, $0) }
        }
    }

    /// The value of `name` without white space around it; nil if it is missing or stands twice.
    static func only(_ name: StaticString, of fields: FieldValues) -> [UInt8]? {
        var found: [UInt8]?
        var count = 0
        fields(name) { value in
            count += 1
            found = [UInt8](value[ASCII.trimmingOWS(value)])
        }
        return count == 1 ? found : nil
    }

    /// How often `name` stands there.
    static func count(_ name: StaticString, of fields: FieldValues) -> Int {
        var count = 0
        fields(name) { _ in count += 1 }
        return count
    }

    private static func anyElement(
        of name: StaticString, in fields: FieldValues,
        matches: (UnsafeRawBufferPointer) -> Bool
    ) -> Bool {
        var elements: [[UInt8]] = []
        fields(name) { value in
            for element in value.split(separator: UInt8(ascii: ",")) {
                elements.append([UInt8](element))
            }
        }
        return elements.contains { element in
            element.withUnsafeBytes { raw in
                matches(raw.part(ASCII.trimmingOWS(raw)))
            }
        }
    }
}
