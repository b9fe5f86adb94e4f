// Which passwords are taken (NIST SP 800-63B §3.1.1.2): long enough, not one of those that
// everybody tries first, not made of what is known of the person. No rules of the kind "a digit and
// a sign": they make passwords worse. Pure functions; any thread.
//
// "Those that everybody tries first" are a short list of words that people build passwords from,
// and the ways in which they do: digits and signs behind or before, letters replaced by digits, a
// run on the keyboard, a pattern that repeats. That refuses more than a list of whole passwords of
// ten times the size. The words are written from general knowledge; no list was copied.

import MizuBytes

public struct PasswordRules: Sendable {
    /// Characters at least. Default: 8.
    public var countMin = 8

    public init() {}

    /// Why a password is not taken.
    public enum Objection: Sendable, Equatable {
        case tooShort(countMin: Int)
        case tooLong
        /// It is one of those that are tried first.
        case common
        /// It holds the person's name or address and little else.
        case personal

        /// For the person who typed it.
        public var words: String {
            switch self {
            case .tooShort(let count): "The password needs at least \(count) characters."
            case .tooLong: "The password is too long."
            case .common: "This password is one of those that are tried first. Take another."
            case .personal: "The password must not be made of your name or address."
            }
        }
    }

    /// Why `password` is not taken; nil if it is.
    /// - Parameter personal: the person's name and the parts of their address.
    public func objection(to password: String, personal: [String] = []) -> Objection? {
        guard password.utf8.count <= PasswordHash.passwordBytesMax else { return .tooLong }
        guard password.count >= countMin else { return .tooShort(countMin: countMin) }
        let plain = Self.plain(password)
        for text in personal {
            let known = Self.plain(text)
            guard known.count >= 3, let range = Self.range(of: known, in: plain) else { continue }
            if plain.count - range.count < countMin / 2 + 1 { return .personal }
        }
        return Self.isCommon(plain) ? .common : nil
    }

    /// In lower case, as bytes.
    private static func plain(_ text: String) -> [UInt8] { Array(text.lowercased().utf8) }

    private static func range(of part: [UInt8], in whole: [UInt8]) -> Range<Int>? {
        guard part.count <= whole.count else { return nil }
        for start in 0...(whole.count - part.count)
        where whole[start..<start + part.count].elementsEqual(part) {
            return start..<start + part.count
        }
        return nil
    }

    // MARK: Those that are tried first

    /// - Parameter password: in lower case.
    static func isCommon(_ password: [UInt8]) -> Bool {
        if repeats(password) || runs(password) { return true }
        let letters = password.map { replaced[$0] ?? $0 }
        for form in [password, letters] {
            let core = stripped(form)
            if core.isEmpty || runs(core) { return true }
            if CommonWords.all.contains(String(decoding: core, as: UTF8.self)) { return true }
            if isTwoWords(core) { return true }
        }
        return false
    }

    /// Letters that are written as digits and signs.
    private static let replaced: [UInt8: UInt8] = [
        UInt8(ascii: "0"): UInt8(ascii: "o"), UInt8(ascii: "1"): UInt8(ascii: "i"),
        UInt8(ascii: "3"): UInt8(ascii: "e"), UInt8(ascii: "4"): UInt8(ascii: "a"),
        UInt8(ascii: "5"): UInt8(ascii: "s"), UInt8(ascii: "7"): UInt8(ascii: "t"),
        UInt8(ascii: "@"): UInt8(ascii: "a"), UInt8(ascii: "$"): UInt8(ascii: "s"),
        UInt8(ascii: "!"): UInt8(ascii: "i"),
    ]

    /// Without what is no letter at both ends: "12password!" is "password". Other than ASCII counts
    /// as letters.
    private static func stripped(_ password: [UInt8]) -> [UInt8] {
        func isLetter(_ byte: UInt8) -> Bool {
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || byte >= 0x80
        }
        guard let first = password.firstIndex(where: isLetter),
            let last = password.lastIndex(where: isLetter)
        else { return digits(password) }
        return Array(password[first...last])
    }

    /// Digits alone have no core: eight of them are a date or a telephone number. More than that
    /// are kept.
    private static func digits(_ password: [UInt8]) -> [UInt8] {
        password.count <= 10 ? [] : password
    }

    /// Two words of the list beside each other: "iloveyou" and "dragonmaster" alike.
    private static func isTwoWords(_ core: [UInt8]) -> Bool {
        guard (6...24).contains(core.count) else { return false }
        return (3...(core.count - 3)).contains { cut in
            CommonWords.all.contains(String(decoding: core[..<cut], as: UTF8.self))
                && CommonWords.all.contains(String(decoding: core[cut...], as: UTF8.self))
        }
    }

    /// One to five characters again and again.
    private static func repeats(_ password: [UInt8]) -> Bool {
        (1...5).contains { period in
            password.count >= period * 2
                && password.indices.dropFirst(period).allSatisfy {
                    password[$0] == password[$0 - period]
                }
        }
    }

    private static let rows = [
        "qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiopü", "yxcvbnm", "azertyuiop",
        "qsdfghjklm", "1234567890", "0123456789", "abcdefghijklmnopqrstuvwxyz",
        "1qaz2wsx3edc4rfv5tgb6yhn7ujm", "1q2w3e4r5t6y7u8i9o0p", "q1w2e3r4t5y6u7i8o9p0",
        "qazwsxedcrfvtgbyhnujm",
    ].map { Array($0.utf8) }

    /// A run on the keyboard or in the alphabet, forwards or backwards, perhaps of two pieces.
    private static func runs(_ password: [UInt8]) -> Bool {
        guard password.count >= 3 else { return false }
        let lines = rows + rows.map { $0.reversed() }
        var (start, pieces) = (0, 0)
        while start < password.count {
            let longest =
                lines.map { line -> Int in
                    guard let place = line.firstIndex(of: password[start]) else { return 0 }
                    return zip(line[place...], password[start...]).prefix { $0 == $1 }.count
                }.max() ?? 0
            guard longest >= 3 else { return false }
            start += longest
            pieces += 1
        }
        return pieces <= 3
    }
}
