// What is kept of a password: its Argon2id hash in PHC form (RFC 9106; the "PHC string format"), as
//
//   $argon2id$v=19$m=19456,t=2,p=1$SALT$HASH        both in base 64 without padding
//
// so that each hash says how it was made, and is made anew by stronger parameters at the next
// sign-in when those have risen. What is read from a store is checked before it costs anything: a
// damaged record must not ask for a terabyte. Values; any thread.

import CArgon2
import MizuBytes
import MizuEventLoop

/// How much work a hash is.
public struct PasswordParameters: Sendable, Hashable {
    /// KiB of memory.
    public var memory: UInt32
    /// Passes over the memory.
    public var passes: UInt32
    /// Lanes; they are worked on one after the other.
    public var lanes: UInt32

    public init(memory: UInt32, passes: UInt32, lanes: UInt32 = 1) {
        self.memory = memory
        self.passes = passes
        self.lanes = lanes
    }

    /// What OWASP's Password Storage Cheat Sheet recommends as the least: 19 MiB, two passes.
    public static let recommended = PasswordParameters(memory: 19_456, passes: 2)
    /// As little as the function takes. For tests alone.
    public static let weakest = PasswordParameters(memory: 8, passes: 1)

    /// 8 KiB to 1 GiB, 1 to 64 passes, 1 to 16 lanes.
    var isAllowed: Bool {
        (1...16).contains(lanes) && (1...64).contains(passes) && memory <= 1 << 20
            && memory >= 8 * lanes
    }
}

/// A password's hash with its salt and its parameters.
public struct PasswordHash: Sendable, Hashable {
    public let parameters: PasswordParameters
    let salt: [UInt8]
    let hash: [UInt8]

    private static let saltCount = 16
    private static let hashCount = 32
    /// Bytes of a password; beyond it, it is refused before it is hashed.
    public static let passwordBytesMax = 1_024

    /// Hashes `password` with a fresh salt. Takes tens of milliseconds and the parameters' memory.
    /// - Returns: nil if there is no memory for it.
    static func make(_ password: [UInt8], _ parameters: PasswordParameters) -> PasswordHash? {
        let salt = Randomness.bytes(saltCount)
        guard let hash = compute(password, salt, parameters, count: hashCount) else { return nil }
        return PasswordHash(parameters: parameters, salt: salt, hash: hash)
    }

    /// Whether `password` is the one; takes as long as `make` with these parameters.
    /// - Returns: nil if there is no memory for it.
    func matches(_ password: [UInt8]) -> Bool? {
        guard let made = Self.compute(password, salt, parameters, count: hash.count) else {
            return nil
        }
        return ConstantTime.equal(made, hash)
    }

    private static func compute(
        _ password: [UInt8], _ salt: [UInt8], _ parameters: PasswordParameters, count: Int
    ) -> [UInt8]? {
        guard parameters.isAllowed, password.count <= passwordBytesMax else { return nil }
        var status: Int32 = 0
        let hash = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            status = password.withUnsafeBytes { password in
                salt.withUnsafeBytes { salt in
                    ca_hash(
                        parameters.passes, parameters.memory, parameters.lanes,
                        password.baseAddress, password.count, salt.baseAddress, salt.count,
                        buffer.baseAddress, count)
                }
            }
            if status != 0 { buffer.initialize(repeating: 0) }
            initialized = count
        }
        return status == 0 ? hash : nil
    }

    // MARK: PHC form

    /// The hash as it is stored.
    public var text: String {
        func base64(_ bytes: [UInt8]) -> String {
            // The standard alphabet, but without padding: the PHC format's "B64".
            String(decoding: Base64.encode(bytes).filter { $0 != UInt8(ascii: "=") }, as: UTF8.self)
        }
        return "$argon2id$v=19$m=\(parameters.memory),t=\(parameters.passes),p=\(parameters.lanes)$"
            + base64(salt) + "$" + base64(hash)
    }

    /// Reads a stored hash; nil if it is none, or if its parameters are out of all proportion.
    public init?(_ text: String) {
        let parts = text.split(separator: "$", omittingEmptySubsequences: false)
        guard parts.count == 6, parts[0].isEmpty, parts[1] == "argon2id", parts[2] == "v=19",
            let parameters = Self.parameters(parts[3]), parameters.isAllowed,
            let salt = Self.bytes(parts[4]), (8...64).contains(salt.count),
            let hash = Self.bytes(parts[5]), (16...64).contains(hash.count)
        else { return nil }
        self.init(parameters: parameters, salt: salt, hash: hash)
    }

    private init(parameters: PasswordParameters, salt: [UInt8], hash: [UInt8]) {
        self.parameters = parameters
        self.salt = salt
        self.hash = hash
    }

    private static func parameters(_ text: Substring) -> PasswordParameters? {
        let parts = text.split(separator: ",", omittingEmptySubsequences: false)
        func number(_ index: Int, _ name: String) -> UInt32? {
            guard parts[index].hasPrefix(name) else { return nil }
            return ASCII.decimal(parts[index].dropFirst(name.count)).flatMap(UInt32.init(exactly:))
        }
        guard parts.count == 3, let memory = number(0, "m="), let passes = number(1, "t="),
            let lanes = number(2, "p=")
        else { return nil }
        return PasswordParameters(memory: memory, passes: passes, lanes: lanes)
    }

    private static func bytes(_ text: Substring) -> [UInt8]? {
        let padding = String(repeating: "=", count: (4 - text.utf8.count % 4) % 4)
        return Base64.decode(Array((text + padding).utf8))
    }
}

extension PasswordHash: CustomStringConvertible {
    /// Says how it was made, and nothing of what it is: it may come into a log.
    public var description: String {
        "argon2id m=\(parameters.memory),t=\(parameters.passes),p=\(parameters.lanes)"
    }
}
