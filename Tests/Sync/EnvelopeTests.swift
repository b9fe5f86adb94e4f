// What a request's envelope may hold (protocol.md, "Conventions" and the three requests).

import MizuBytes
import MizuSync
import Testing

@Suite("Envelopes (protocol.md, Conventions)")
struct EnvelopeTests {
    private let limits = SyncLimits()

    private func refusal<R>(_ parse: () throws(Refusal) -> R) -> Refusal? {
        do {
            _ = try parse()
            return nil
        } catch {
            return error
        }
    }

    private func push(_ body: String) -> Refusal? {
        refusal { () throws(Refusal) in try PushRequest.parse(ByteSlice(body), limits: limits) }
    }
    private func pull(_ body: String) -> Refusal? {
        refusal { () throws(Refusal) in try PullRequest.parse(ByteSlice(body), limits: limits) }
    }
    private func snapshot(_ body: String) -> Refusal? {
        refusal { () throws(Refusal) in try SnapshotRequest.parse(ByteSlice(body), limits: limits) }
    }

    @Test(
        "a push that cannot be read is refused, and the refusal says where",
        arguments: [
            ("", "invalid_request", "byte 0"),
            ("[]", "invalid_request", "object"),
            ("{}", "invalid_request", "mutations"),
            (#"{"mutations":{}}"#, "invalid_request", "mutations"),
            (#"{"mutations":[]} x"#, "invalid_request", "byte"),
            (#"{"mutations":[7]}"#, "invalid_request", "mutations[0]"),
            (#"{"mutations":[{"id":"a"},{"name":"x"}]}"#, "invalid_request", "mutations[1].id"),
            (#"{"mutations":[{"id":""}]}"#, "invalid_request", "mutations[0].id"),
            (#"{"mutations":[{"id":"a\u0001"}]}"#, "invalid_request", "mutations[0].id"),
            (#"{"mutations":[{"id":"\ud800"}]}"#, "invalid_request", "mutations[0].id"),
            (#"{"mutations":[{"id":"a","id":"b"}]}"#, "invalid_request", "given twice"),
            (#"{"scope":"s","scope":"s","mutations":[]}"#, "invalid_request", "given twice"),
            (#"{"scope":7,"mutations":[]}"#, "invalid_request", "scope"),
            (#"{"scope":null,"mutations":[]}"#, "invalid_request", "scope"),
            (#"{"client":"","mutations":[]}"#, "invalid_request", "client"),
            (#"{"v":2,"mutations":[]}"#, "version_unsupported", "version"),
            (#"{"v":"1","mutations":[]}"#, "invalid_request", "v"),
            (
                #"{"scope":"s","mutations":[{"id":"a","scope":"t"}]}"#, "invalid_request",
                "one scope"
            ),
            (
                #"{"mutations":[{"id":"a","scope":"s"},{"id":"b"}]}"#, "invalid_request",
                "mutations[1]"
            ),
            (
                #"{"mutations":[{"id":"a","client":"c"},{"id":"b"}]}"#, "invalid_request",
                "one client"
            ),
            (#"{"x":"\ud800","mutations":[]}"#, "invalid_request", "surrogate"),
        ])
    func refusedPush(_ body: String, _ code: String, _ place: String) {
        let refusal = push(body)
        #expect(refusal?.status == 400)
        #expect(refusal?.code == code)
        #expect(refusal?.message.contains(place) == true, "\(refusal?.message ?? "taken")")
    }

    @Test("a push may name scope and client in its mutations, and unknown members anywhere")
    func takenPush() throws {
        let request = try PushRequest.parse(
            ByteSlice(
                #"{"v":1,"later":[1],"mutations":["#
                    + #"{"id":"a","name":"x","scope":"s","client":"c","z":0}]}"#
            ), limits: limits)
        #expect(request.scope == "s")
        #expect(request.client == "c")
        #expect(request.mutations.count == 1)
        let plain = try PushRequest.parse(ByteSlice(#"{"mutations":[]}"#), limits: limits)
        #expect(plain.scope == "_default")
        #expect(plain.client == nil)
    }

    @Test("nesting beyond 64 outside of the mutations refuses the push")
    func deepEnvelope() {
        let deep = String(repeating: "[", count: 64) + String(repeating: "]", count: 64)
        #expect(push("{\"x\":\(deep),\"mutations\":[]}")?.code == "invalid_request")
    }

    @Test("args nested to the limit are taken, beyond it refused in place")
    func deepArgs() throws {
        func content(_ depth: Int) throws -> PushedMutation.Content? {
            let arrays = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
            let body = "{\"mutations\":[{\"id\":\"a\",\"name\":\"x\",\"args\":{\"d\":\(arrays)}}]}"
            return try PushRequest.parse(ByteSlice(body), limits: limits).mutations.first?.content
        }
        // The push, the array, the mutation and args are four.
        if case .ready = try content(60) {} else { Issue.record("60 were refused") }
        if case .faulty = try content(61) {} else { Issue.record("61 were taken") }
    }

    @Test("more than 100 mutations, or more than 1 MiB, is too_large")
    func tooLarge() {
        let mutations = (0..<101).map { "{\"id\":\"m\($0)\"}" }
        let most = mutations.dropLast().joined(separator: ",")
        #expect(push("{\"mutations\":[\(most)]}") == nil)
        let refusal = push("{\"mutations\":[\(mutations.joined(separator: ","))]}")
        #expect(refusal?.status == 413)
        #expect(refusal?.code == "too_large")
        let long = "{\"x\":\"" + String(repeating: "a", count: 1 << 20) + "\",\"mutations\":[]}"
        #expect(push(long)?.status == 413)
        #expect(pull(long)?.status == 413)
    }

    @Test(
        "numbers are whole, 0 to 2^53 - 1, without sign, fraction or exponent",
        arguments: ["-1", "1.0", "1e2", "9007199254740992", "\"1\"", "null", "true"])
    func numbers(_ number: String) {
        #expect(pull("{\"cursor\":\(number),\"epoch\":\"e\"}")?.code == "invalid_request")
        #expect(pull("{\"limit\":\(number)}")?.code == "invalid_request")
    }

    @Test("a pull's limit is 1 to 1000, its epoch required with a cursor above 0")
    func pulls() throws {
        #expect(pull("{\"limit\":0}")?.code == "invalid_request")
        #expect(pull("{\"cursor\":1}")?.message.contains("epoch") == true)
        #expect(pull("{\"cursor\":1,\"epoch\":\"\"}")?.code == "invalid_request")
        let most = try PullRequest.parse(ByteSlice("{\"limit\":1001}"), limits: limits)
        #expect(most == PullRequest(scope: "_default", cursor: 0, epoch: nil, limit: 1000))
        // Cursor 0 is before every epoch.
        #expect(pull("{\"cursor\":0,\"epoch\":null}") == nil)
        let greatest = "{\"cursor\":9007199254740991,\"epoch\":\"e\"}"
        #expect(try PullRequest.parse(ByteSlice(greatest), limits: limits).limit == 100)
    }

    @Test(
        "a snapshot's next is what a snapshot answered, or it is refused",
        arguments: ["7", "\"\"", "\"x\"", "\"AAAA\"", "\"é\"", "{}"])
    func nexts(_ next: String) {
        #expect(snapshot("{\"next\":\(next)}")?.code == "invalid_request")
    }

    @Test("a byte that makes a name none is seen wherever it stands")
    func bytesOfNames() {
        for count in 1...20 {
            for place in 0..<count {
                for byte in UInt8.min...0x7F {
                    var bytes = [UInt8](repeating: UInt8(ascii: " "), count: count)
                    bytes[place] = byte
                    let isName = Name(ByteSlice(bytes)) != nil
                    #expect(isName == (byte >= 0x20 && byte != 0x7F), "\(byte) at \(place)")
                }
                var bytes = [UInt8](repeating: UInt8(ascii: "~"), count: count)
                bytes[place] = 0x80
                #expect(Name(ByteSlice(bytes)) == nil)
            }
        }
    }

    @Test("names have 1 to 128 bytes, no control characters, and are compared byte for byte")
    func names() {
        // Of texts, not literals: a literal that is no name is our own bug and traps.
        func name(_ text: String) -> Name? { Name(text) }
        #expect(name(String(repeating: "é", count: 64)) != nil)
        #expect(name(String(repeating: "é", count: 64) + "x") == nil)
        for text in ["", "a\u{7F}", "a\n", "\0"] { #expect(name(text) == nil) }
        #expect(name(" ") != nil)
        #expect(name("\u{E9}") != name("e\u{301}"))
        #expect(Name(ByteSlice([0xC3])) == nil)
        #expect(name("\u{212A}") != name("K"))
        let kelvin: Name = "\u{212A}"
        let isK =
            switch kelvin {
            case "K": true
            default: false
            }
        #expect(!isK)
    }

    @Test("a mutation is recognised by what its name and arguments say")
    func fingerprints() {
        func print(_ name: StaticString, _ args: String) -> Fingerprint {
            Fingerprint(name: ByteSlice(literal: name), args: ByteSlice(args))
        }
        #expect(print("\"a\"", "{\"b\":\"c d\"}") == print("\"a\"", "{ \"b\" :\n\"c d\" }"))
        #expect(print("\"a\"", "{\"b\":\"cd\"}") != print("\"a\"", "{\"b\":\"c d\"}"))
        #expect(print("\"ab\"", "{}") != print("\"a\"", "{}"))
        #expect(print("\"a\"", #"{"b":1,"c":2}"#) == print("\"\\u0061\"", #"{"c":2,"\u0062":1}"#))
        #expect(print("\"a\"", "{\"b\":1}") != print("\"a\"", "{\"b\":1.0}"))
        let args = ByteSlice("{}")
        #expect(Fingerprint(name: "a", args: args) == print("\"a\"", "{}"))
        #expect(Fingerprint(name: nil, args: args) != print("\"\"", "{}"))
        #expect(Fingerprint(name: ByteSlice("\"a\""), args: nil) != print("\"a\"", "{}"))
        #expect(print("\"a\"", #"{"b":"\" "}"#) != print("\"a\"", #"{"b":"\""}"#))
    }
}
