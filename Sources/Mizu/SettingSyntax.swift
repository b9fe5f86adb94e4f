// How the text of a setting is read, and how a value is written. A syntax knows no setting and no
// field; its complaints say what is wrong with which part of the text, and what to write.

/// A way to write `Value`s.
struct SettingSyntax<Value: Sendable>: Sendable {
    /// For help texts, as `SECONDS`.
    let placeholder: String
    /// Stands after "write" in a complaint.
    let expected: String
    var completion = SettingCompletion.nothing
    var isSwitch = false
    /// Whether the text may be a URL with a password, well written or not.
    var mayHoldPassword = false
    let read: @Sendable (String) throws(SettingComplaint) -> Value
    /// What `read` would make `Value` of; for defaults.
    let write: @Sendable (Value) -> String

    /// - Parameter parse: nil: the text is not what is `expected`.
    init(
        _ placeholder: String, expected: String, write: @escaping @Sendable (Value) -> String,
        parse: @escaping @Sendable (String) -> Value?
    ) {
        self.init(
            placeholder, expected: expected,
            read: { (text) throws(SettingComplaint) in
                guard let value = parse(text) else {
                    throw SettingComplaint(description: "write " + expected)
                }
                return value
            }, write: write)
    }

    init(
        _ placeholder: String, expected: String,
        read: @escaping @Sendable (String) throws(SettingComplaint) -> Value,
        write: @escaping @Sendable (Value) -> String
    ) {
        self.placeholder = placeholder
        self.expected = expected
        self.read = read
        self.write = write
    }

    /// The same text for a field that may be nil. No text stands for nil.
    var optional: SettingSyntax<Value?> {
        var same = SettingSyntax<Value?>(
            placeholder, expected: expected,
            read: { (text) throws(SettingComplaint) in try read(text) },
            write: { value in value.map(write) ?? "" })
        same.completion = completion
        same.mayHoldPassword = mayHoldPassword
        return same
    }

    /// `inner`, or `word` for nil.
    static func either<Inner>(
        _ word: String, or inner: SettingSyntax<Inner>
    ) -> SettingSyntax<Inner?> where Value == Inner?, Inner: Equatable {
        either(word, as: nil, or: inner.optional)
    }

    /// `inner`, or `word` for `value`.
    static func either(
        _ word: String, as value: Value, or inner: SettingSyntax<Value>
    ) -> SettingSyntax<Value> where Value: Equatable {
        var either = SettingSyntax(
            "\(inner.placeholder)|\(word)", expected: "\(inner.expected), or \(word)",
            read: { (text) throws(SettingComplaint) in
                if text == word { return value }
                do throws(SettingComplaint) {
                    return try inner.read(text)
                } catch {
                    throw SettingComplaint(description: "\(error), or \(word)")
                }
            }, write: { $0 == value ? word : inner.write($0) })
        either.completion = inner.completion
        either.mayHoldPassword = inner.mayHoldPassword
        return either
    }

    /// One of a few words.
    static func oneOf(_ values: [Value]) -> SettingSyntax
    where Value: RawRepresentable, Value.RawValue == String {
        let words = values.map(\.rawValue)
        let expected = words.dropLast().joined(separator: ", ") + " or " + (words.last ?? "")
        var choice = SettingSyntax(
            words.joined(separator: "|"), expected: expected, write: \.rawValue,
            parse: { Value(rawValue: $0.lowercased()) })
        choice.completion = .oneOf(words)
        return choice
    }
}

extension SettingSyntax where Value: RangeReplaceableCollection, Value.Element: Sendable {
    /// Values with commas between them.
    /// - Parameters:
    ///   - what: many of them in words, as `host names`.
    ///   - complaint: what is wrong with a part that `parse` gives nil for, after its name.
    static func list(
        of what: String, as placeholder: String, write: @escaping @Sendable (Value) -> String,
        complaint: @escaping @Sendable (String) -> String,
        parse: @escaping @Sendable (String) -> Value.Element?
    ) -> SettingSyntax {
        let expected = "\(what), with commas and no spaces between them"
        return SettingSyntax(
            placeholder + ",…", expected: expected,
            read: { (text) throws(SettingComplaint) in
                var values = Value()
                let parts = text.split(separator: ",", omittingEmptySubsequences: false)
                for (index, part) in parts.enumerated() {
                    guard let value = parse(String(part)) else {
                        let place = parts.count == 1 ? "" : " (\(index + 1) of \(parts.count))"
                        let fault = part.isEmpty ? "is empty" : complaint(String(part))
                        throw SettingComplaint(
                            description: "\"\(part)\"\(place) \(fault); write \(expected)")
                    }
                    values.append(value)
                }
                return values
            }, write: write)
    }
}

extension SettingSyntax where Value == Bool {
    private static func flag(_ words: (yes: String, no: String)) -> SettingSyntax {
        var flag = SettingSyntax(
            "\(words.yes)|\(words.no)", expected: "\(words.yes) or \(words.no)",
            write: { $0 ? words.yes : words.no }
        ) { text in
            switch text.lowercased() {
            case "true", "1", "yes", "on": true
            case "false", "0", "no", "off": false
            default: nil
            }
        }
        flag.completion = .oneOf([words.yes, words.no])
        return flag
    }

    static var onOff: SettingSyntax { flag(("on", "off")) }

    /// `true` or `false`; as a flag without a value.
    static var trueFalse: SettingSyntax {
        var flag = flag(("true", "false"))
        flag.isSwitch = true
        return flag
    }
}

extension SettingSyntax where Value == Int {
    static func count(_ range: ClosedRange<Int>) -> SettingSyntax {
        let end = range.upperBound == .max ? "" : " to \(range.upperBound)"
        return SettingSyntax(
            "COUNT", expected: "a number from \(range.lowerBound)\(end)", write: { "\($0)" }
        ) { text in Int(text).flatMap { range.contains($0) ? $0 : nil } }
    }

    /// MiB as they are written, bytes inside.
    static func mebibytes(_ range: ClosedRange<Int>) -> SettingSyntax {
        SettingSyntax(
            "MIB", expected: "MiB from \(range.lowerBound) to \(range.upperBound)",
            write: { "\($0 >> 20)" }
        ) { text in Int(text).flatMap { range.contains($0) ? $0 << 20 : nil } }
    }

    /// Bytes, or K, M or G for powers of 1024.
    /// - Parameter bare: the power of two that a number without a letter counts: 0 bytes, 20 MiB.
    static func bytes(from min: Int, bare: Int = 0) -> SettingSyntax {
        let unit = bare == 20 ? "MiB" : "bytes"
        let expected =
            "\(unit), or a number with K, M or G after it, from \(size(min)) to \(size(sizeMax))"
        return SettingSyntax(
            "SIZE", expected: expected,
            read: { (text) throws(SettingComplaint) in
                guard let amount = amount(text, bare: bare) else {
                    throw SettingComplaint(description: "write " + expected)
                }
                guard amount <= sizeMax else {
                    throw SettingComplaint(
                        description: "this is more than \(size(sizeMax)); write \(expected)")
                }
                guard amount >= min else {
                    throw SettingComplaint(
                        description: "this is less than \(size(min)); write \(expected)")
                }
                return amount
            }, write: size)
    }

    /// The bytes that `text` says; nil if it is no size; `Int.max` if no Int holds them.
    private static func amount(_ text: String, bare: Int) -> Int? {
        var (digits, shift) = (Substring(text), bare)
        for (letter, bits) in [("K", 10), ("M", 20), ("G", 30)]
        where text.hasSuffix(letter) || text.hasSuffix(letter.lowercased()) {
            (digits, shift) = (digits.dropLast(), bits)
        }
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        guard let number = Int(digits), number <= Int.max >> shift else { return .max }
        return number << shift
    }

    private static var sizeMax: Int { 1 << 40 }

    /// In the largest unit that writes it exactly.
    private static func size(_ bytes: Int) -> String {
        for (letter, bits) in [("G", 30), ("M", 20), ("K", 10)]
        where bytes > 0 && bytes & (1 << bits - 1) == 0 {
            return "\(bytes >> bits)\(letter)"
        }
        return "\(bytes)"
    }
}

extension SettingSyntax where Value == UInt64 {
    /// Seconds as they are written, milliseconds inside.
    static func seconds(_ range: ClosedRange<Double>) -> SettingSyntax {
        SettingSyntax(
            "SECONDS",
            expected: "seconds from \(short(range.lowerBound)) to \(short(range.upperBound))",
            write: { short(Double($0) / 1000) }
        ) { text in
            Double(text).flatMap { range.contains($0) ? UInt64($0 * 1000) : nil }
        }
    }

    /// Without `.0`.
    private static func short(_ seconds: Double) -> String {
        seconds == seconds.rounded() ? "\(Int(seconds))" : "\(seconds)"
    }
}

extension SettingSyntax where Value == Int64 {
    /// Days as they are written, milliseconds inside.
    static func days(_ range: ClosedRange<Int64>) -> SettingSyntax {
        SettingSyntax(
            "DAYS", expected: "days from \(range.lowerBound) to \(range.upperBound)",
            write: { "\($0 / 86_400_000)" }
        ) { text in Int64(text).flatMap { range.contains($0) ? $0 * 86_400_000 : nil } }
    }
}

extension SettingSyntax where Value == String {
    /// A path as the kernel takes it.
    static func path(_ completion: SettingCompletion) -> SettingSyntax {
        var path = SettingSyntax("PATH", expected: "a path", write: { $0 }) { text in
            text.utf8.contains(0) ? nil : text
        }
        path.completion = completion
        return path
    }
}

extension SettingSyntax where Value == [String] {
    static var paths: SettingSyntax {
        var paths = SettingSyntax.list(
            of: "paths", as: "PATH", write: { $0.joined(separator: ",") },
            complaint: { _ in "is not a path" }
        ) { $0.isEmpty || $0.utf8.contains(0) ? nil : $0 }
        paths.completion = .files
        return paths
    }
}
