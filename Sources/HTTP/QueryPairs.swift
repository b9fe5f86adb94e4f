// `name=value` pairs of a query or a form (URL Standard, "application/x-www-form-urlencoded").
// Owns one copy of the bytes; pairs are found and decoded when they are asked for.

import MizuBytes

public struct QueryPairs: Sendable {
    private let bytes: ByteSlice
    /// Pairs behind the first so many are not looked at.
    private let pairsMax: Int

    init(_ bytes: ByteSlice, pairsMax: Int) {
        self.bytes = bytes
        self.pairsMax = pairsMax
    }

    /// The decoded value of the first pair named `name`; nil where there is none, or where it
    /// does not decode to UTF-8. O(bytes).
    public subscript(name: String) -> String? {
        var found: String?
        forEach { pairName, value in
            guard pairName == name else { return true }
            found = value
            return false
        }
        return found
    }

    /// The decoded values of all pairs named `name`, in order.
    public func all(_ name: String) -> [String] {
        var values: [String] = []
        forEach { pairName, value in
            if pairName == name { values.append(value) }
            return true
        }
        return values
    }

    /// Calls `body` with each decoded pair, in order, until it returns false. A pair that does
    /// not decode to UTF-8 is left out.
    public func forEach(_ body: (String, String) -> Bool) {
        bytes.withUnsafeBytes { bytes in
            var left = pairsMax
            bytes.forEachPart(UInt8(ascii: "&")) { pair in
                guard left > 0 else { return false }
                left -= 1
                let split = pair.firstIndex(of: UInt8(ascii: "="))
                let name = PercentDecoder.form(pair.part(0..<(split ?? pair.count)))
                let value = PercentDecoder.form(
                    pair.part(split.map { $0 + 1..<pair.count } ?? pair.count..<pair.count))
                guard let name, let value else { return true }
                return body(name, value)
            }
        }
    }

    /// Pairs in all, those behind the limit included.
    var count: Int {
        var count = 0
        bytes.withUnsafeBytes { bytes in
            bytes.forEachPart(UInt8(ascii: "&")) { _ in
                count += 1
                return true
            }
        }
        return count
    }
}

extension Request {
    /// Pairs that a form may have; beyond it 413.
    public static var formPairsMax: Int { 1_000 }

    /// The body as a form.
    /// - Throws: `HTTPError` 415 for any other media type (`multipart/form-data` too: files are
    ///   not read here), 413 beyond `formPairsMax` pairs.
    public func form() throws(HTTPError) -> QueryPairs {
        guard hasMediaType("application/x-www-form-urlencoded") else {
            throw HTTPError(
                .unsupportedMediaType, code: "unsupported_media_type",
                message: "This form is read as application/x-www-form-urlencoded.")
        }
        let pairs = QueryPairs(bodySlice(), pairsMax: Request.formPairsMax)
        guard pairs.count <= Request.formPairsMax else {
            throw HTTPError(
                .contentTooLarge, code: "too_large", message: "The form has too many fields.")
        }
        return pairs
    }
}

/// Percent-decoding to text (RFC 3986 §2.1). Nil for a broken escape or ill-formed UTF-8.
enum PercentDecoder {
    /// A path segment: `+` stays.
    static func path(_ bytes: UnsafeRawBufferPointer) -> String? {
        PercentCoding.decode(bytes).flatMap { String(validating: $0, as: UTF8.self) }
    }

    /// A form field: `+` is a space.
    static func form(_ bytes: UnsafeRawBufferPointer) -> String? {
        PercentCoding.decode(bytes, plus: .space).flatMap { String(validating: $0, as: UTF8.self) }
    }
}
