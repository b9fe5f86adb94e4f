// The question that a passkey answers: 32 random bytes, and a sealed note of them that the browser
// carries, so that nothing has to be kept of those who only ask. The note says what for, for whom
// and until when, under HMAC-SHA-256. It may be opened often: whoever takes an answer also
// remembers the challenge until its end, so that no answer counts twice.

import MizuBytes

/// Makes and opens challenges. Any thread.
public struct ChallengeSeal: Sendable {
    private let key: [UInt8]

    public enum Purpose: UInt8, Sendable { case registration = 1, signIn = 2 }

    /// An opened note.
    public struct Challenge: Sendable, Equatable {
        public let bytes: [UInt8]
        /// Milliseconds since 1970.
        public let untilMilliseconds: Int64
    }

    public static let challengeBytes = 32
    /// How long a question may be answered.
    public static let lifeMilliseconds: Int64 = 300_000
    /// What the seal covers before anything else, so that no other signed text is taken for one.
    private static let label = Array("mizu passkey challenge 1\n".utf8)
    private static let codeBytes = 32

    /// - Parameter key: at least 32 random bytes that only this server has.
    public init(key: [UInt8]) { self.key = key }

    /// A note of a new question.
    /// - Parameters:
    ///   - subject: whose credential it is to be; empty where it is not known.
    ///   - now: milliseconds since 1970.
    public func note(
        of bytes: [UInt8], for purpose: Purpose, subject: String, now: Int64
    ) -> String {
        let until = now + Self.lifeMilliseconds
        var note = [purpose.rawValue]
        for shift in stride(from: 56, through: 0, by: -8) {
            note.append(UInt8(truncatingIfNeeded: until >> Int64(shift)))
        }
        note += bytes
        let code = code(of: note, subject)
        return String(decoding: Base64.encode(note + code, alphabet: .url), as: UTF8.self)
    }

    /// What a note says that this server sealed.
    /// - Throws: `.wrongChallenge` for one of another purpose, for somebody else, or not sealed
    ///   here; `.lateChallenge` after its end.
    public func open(
        _ note: String, for purpose: Purpose, subject: String, now: Int64
    ) throws(WebAuthnRefusal) -> Challenge {
        let headBytes = 9 + Self.challengeBytes
        guard note.utf8.count <= 256, let bytes = Base64.decode(Array(note.utf8), alphabet: .url),
            bytes.count == headBytes + Self.codeBytes, bytes[0] == purpose.rawValue
        else { throw .wrongChallenge }
        let head = Array(bytes[..<headBytes])
        guard ConstantTime.equal(code(of: head, subject), Array(bytes[headBytes...])) else {
            throw .wrongChallenge
        }
        let until = (1..<9).reduce(Int64(0)) { $0 << 8 | Int64(head[$1]) }
        guard now < until else { throw .lateChallenge }
        return Challenge(bytes: Array(head[9...]), untilMilliseconds: until)
    }

    private func code(of head: [UInt8], _ subject: String) -> [UInt8] {
        // The head has one length, so no subject can be taken for a part of it.
        SHA256.authenticationCode(of: Self.label + head + Array(subject.utf8), key: key).bytes
    }
}
