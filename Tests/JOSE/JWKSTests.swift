// Sets of keys: good ones are read, weak ones and those of other uses are left out with a reason,
// and what is no set is refused.

import MizuBytes
import MizuCrypto
import MizuTestSupport
import Testing

@testable import MizuJOSE

@Suite("JWK and JWKS (RFC 7517)")
struct JWKSTests {
    private func parse(_ text: String) -> Result<JWKS, JWKS.Problem> {
        do throws(JWKS.Problem) {
            return .success(try JWKS(parsing: ByteSlice(text)))
        } catch {
            return .failure(error)
        }
    }

    private func number(_ count: Int, first: UInt8 = 0x80, last: UInt8 = 1) -> String {
        var bytes = [UInt8](repeating: 0, count: count)
        bytes[0] = first
        bytes[count - 1] |= last
        return Signing.base64(bytes)
    }

    @Test("each type of key has its algorithm, and a name keeps it or is refused")
    func algorithms() throws {
        let table: [(Vector, JWSAlgorithm)] = [
            (.hs256, .hs256), (.rs256, .rs256), (.es256, .es256), (.edDSA, .edDSA),
        ]
        for (vector, algorithm) in table {
            #expect(try Signing.keys(vector.key).keys.map(\.algorithm) == [algorithm])
            for name in JWSAlgorithm.allCases {
                let named = vector.key.replacing(
                    #"{"kty""#, with: #"{"alg":"\#(name.rawValue)","kty""#)
                let fits = name == algorithm || (algorithm == .rs256 && name == .ps256)
                if fits {
                    #expect(try Signing.keys(named).keys.map(\.algorithm) == [name])
                } else {
                    #expect(throws: JWKS.Problem.self) { try Signing.keys(named) }
                }
            }
        }
        let ed = Vector.edDSA.key.replacing(#"{"kty""#, with: #"{"alg":"Ed25519","kty""#)
        #expect(try Signing.keys(ed).keys.map(\.algorithm) == [.edDSA])
    }

    @Test("a key that is weak, broken or for something else is left out, and the reason is given")
    func ignored() throws {
        let short = Signing.base64([UInt8](repeating: 1, count: 31))
        let table = [
            (#"{"kty":"oct","k":"\#(short)"}"#, "248 bits"),
            (#"{"kty":"oct","k":"AA=="}"#, "base64url"),
            (#"{"kty":"oct"}"#, "base64url"),
            (#"{"kty":"RSA","n":"\#(number(128))","e":"AQAB"}"#, "1024 bits"),
            (#"{"kty":"RSA","n":"\#(number(256, first: 0x7F))","e":"AQAB"}"#, "2047 bits"),
            (#"{"kty":"RSA","n":"\#(number(1_025))","e":"AQAB"}"#, "8200 bits"),
            (#"{"kty":"RSA","n":"\#(number(256))","e":"AQ"}"#, "exponent"),
            (#"{"kty":"RSA","n":"\#(number(256))","e":"AA"}"#, "exponent"),
            (#"{"kty":"RSA","n":"\#(number(256))","e":"Ag"}"#, "exponent"),
            (#"{"kty":"RSA","n":"\#(number(256))","e":"\#(number(9))"}"#, "exponent"),
            (#"{"kty":"RSA","n":"\#(number(256))"}"#, "no key"),
            (#"{"kty":"EC","crv":"P-384","x":"AA","y":"AA"}"#, "crv"),
            (#"{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}"#, "32 bytes"),
            (#"{"kty":"EC","crv":"P-256","x":"\#(number(32))","y":"\#(number(32))"}"#, "no key"),
            (#"{"kty":"OKP","crv":"X25519","x":"AA"}"#, "crv"),
            (#"{"kty":"OKP","crv":"Ed25519","x":"AA"}"#, "32 bytes"),
            (#"{"kty":"AKP","alg":"ML-DSA-44","pub":"AA"}"#, "kty"),
            (#"{"kty":1}"#, "kty"), ("7", "object"),
            (Vector.hs256.key.replacing("{", with: #"{"use":"enc","#), "use"),
            (Vector.hs256.key.replacing("{", with: #"{"key_ops":["sign"],"#), "key_ops"),
            (Vector.hs256.key.replacing("{", with: #"{"kid":7,"#), "kid"),
            (Vector.edDSA.key, "same"),
        ]
        let all = ([Vector.edDSA.key] + table.map(\.0)).joined(separator: ",")
        let set = try parse(#"{"keys":[\#(all)]}"#).get()
        #expect(set.keys.map(\.algorithm) == [.edDSA])
        #expect(set.ignored.count == table.count)
        for (index, line) in set.ignored.enumerated() {
            #expect(
                line.contains(table[index].1) && line.hasPrefix("key \(index + 1): "), "\(line)")
        }
    }

    @Test("what is no set of keys is refused in one line")
    func refused() {
        let texts = [
            "", "{}", "[]", #"{"keys":{}}"#, #"{"keys":[]}"#, #"{"keys":[{}]}"#, Vector.edDSA.key,
            #"{"keys":[\#(Vector.edDSA.key)],"keys":[]}"#,
            #"{"keys":[\#(Vector.edDSA.key.replacing("{", with: #"{"kty":"oct","#))]}"#,
            #"{"keys":[\#(Vector.edDSA.key)]} {}"#,
            #"{"keys":"# + String(repeating: "[", count: 10_000),
            #"{"keys":[\#(Vector.edDSA.key)]}"# + String(repeating: " ", count: JWKS.bytesMax),
        ]
        for text in texts {
            guard case .failure(let problem) = parse(text) else {
                Issue.record("taken: \(text.prefix(80))")
                continue
            }
            #expect(!problem.description.contains("\n") && problem.description.count < 200)
        }
    }

    @Test("a set of more keys than a hundred is read that far")
    func many() throws {
        let keys = (0..<120).map { index in
            Vector.edDSA.key.replacing("{", with: #"{"kid":"\#(index)","#)
        }
        let set = try parse(#"{"keys":[\#(keys.joined(separator: ","))]}"#).get()
        #expect(set.keys.count == 100 && set.ignored.count == 1)
    }

    @Test("5,000 sets changed at random trap nothing")
    func fuzz() {
        let text = Array(
            #"{"keys":[\#(Vector.hs256.key),\#(Vector.es256.key),\#(Vector.edDSA.key)]}"#.utf8)
        var random = SeededGenerator(seed: 7517)
        for _ in 0..<5_000 {
            var changed = text
            for _ in 0...random.next(below: 6) {
                changed[random.next(below: changed.count)] = UInt8(
                    truncatingIfNeeded: random.next())
            }
            _ = try? JWKS(parsing: ByteSlice(changed))
        }
    }

    @Test("a digest of OpenSSL's is that of the room Bytes")
    func digests() {
        for count in [0, 1, 55, 56, 63, 64, 65, 1_000] {
            let bytes = [UInt8](repeating: 0x61, count: count)
            let digest = bytes.withUnsafeBytes { MessageDigest(sha256: $0) }
            #expect(digest.bytes == SHA256.digest(bytes).bytes)
        }
    }
}
