// The parser of Redis' protocol: what it takes, what it refuses, and that neither depends on how
// the bytes were cut, whatever they are.

import MizuBytes
import MizuTestSupport
import Testing

@testable import MizuNews

@Suite("Redis' protocol, read")
struct RESPParserTests {
    private func parse(_ text: String, _ parser: RESPParser = RESPParser()) -> RESPParser.Outcome {
        Array(text.utf8).withUnsafeBytes { parser.parse($0) }
    }

    @Test("the types of RESP2 and RESP3")
    func types() {
        let table: [(String, RESPValue)] = [
            ("+OK\r\n", .text(1..<3)), ("+\r\n", .text(1..<1)), ("-ERR no\r\n", .error(1..<7)),
            (":0\r\n", .integer(0)), (":-42\r\n", .integer(-42)), (":+7\r\n", .integer(7)),
            (":9223372036854775807\r\n", .integer(.max)),
            (":-9223372036854775808\r\n", .integer(.min)),
            ("$3\r\na\r\n\r\n", .text(4..<7)), ("$0\r\n\r\n", .text(4..<4)), ("$-1\r\n", .null),
            ("*-1\r\n", .null), ("*0\r\n", .list([])), ("_\r\n", .null), ("#t\r\n", .boolean(true)),
            ("#f\r\n", .boolean(false)), (",1.5e3\r\n", .text(1..<6)), ("(123\r\n", .text(1..<4)),
            ("!3\r\nERR\r\n", .error(4..<7)), ("=7\r\ntxt:abc\r\n", .text(8..<11)),
            ("*2\r\n:1\r\n*1\r\n+x\r\n", .list([.integer(1), .list([.text(13..<14)])])),
            ("~1\r\n:1\r\n", .list([.integer(1)])),
            ("%1\r\n+a\r\n:1\r\n", .map([.text(5..<6), .integer(1)])),
            (">1\r\n:1\r\n", .push([.integer(1)])),
            ("|1\r\n+a\r\n+b\r\n:5\r\n", .integer(5)),
        ]
        for (text, value) in table {
            #expect(
                parse(text) == .value(value, consumed: text.utf8.count), "\(text.debugDescription)")
            #expect(parse(text + "+x") == .value(value, consumed: text.utf8.count))
        }
    }

    @Test(
        "what is not RESP is refused",
        arguments: [
            "x\r\n", "GET / HTTP/1.1\r\n", "+a\nb\r\n", "+a\rb\r\n", ":\r\n", ":-\r\n", ":1x\r\n",
            ":9223372036854775808\r\n", ":-9223372036854775809\r\n", ":99999999999999999999\r\n",
            "$-2\r\n", "$1x\r\n", "$3\r\nabcd\r\n", "$16777217\r\n", "*5000\r\n", "*-2\r\n",
            "%3000\r\n", ">-1\r\n", "%-1\r\n", "|-1\r\n", "!-1\r\n", "_x\r\n", "#y\r\n",
            "=3\r\nabc\r\n", "=4\r\nabcd\r\n", "$?\r\n",
            "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n",
            "|0\r\n|0\r\n|0\r\n|0\r\n|0\r\n|0\r\n|0\r\n|0\r\n|0\r\n:1\r\n",
        ])
    func malformed(_ text: String) {
        guard case .malformed = parse(text) else {
            Issue.record("\(text.debugDescription) was taken: \(parse(text))")
            return
        }
    }

    @Test("limits hold before anything is allocated")
    func limits() {
        var parser = RESPParser()
        parser.stringBytesMax = 4
        parser.valuesMax = 3
        parser.lineBytesMax = 8
        #expect(parse("$5\r\n", parser) == .malformed("a string is longer than the limit"))
        #expect(parse("*3\r\n", parser) == .malformed("too many values in one reply"))
        #expect(
            parse("*2\r\n:1\r\n:2\r\n", parser)
                == .value(.list([.integer(1), .integer(2)]), consumed: 12))
        #expect(parse("+123456789", parser) == .malformed("a line is too long"))
        #expect(parse("+12345678", parser) == .needMore(atLeast: 10))
        #expect(parse("+123456789\r\n", parser) == .malformed("a line is too long"))
        #expect(parse("$4\r\nab", parser) == .needMore(atLeast: 10))
    }

    // MARK: Properties

    /// Some bytes of RESP, mostly well-formed.
    private func random(_ random: inout SeededGenerator, depth: Int = 0) -> [UInt8] {
        let text = (0..<random.next(below: 12)).map { _ in UInt8(97 + random.next(below: 26)) }
        func aggregate(_ kind: String, _ times: Int) -> [UInt8] {
            let count = random.next(below: 4)
            var all = Array("\(kind)\(count)\r\n".utf8)
            for _ in 0..<count * times { all += self.random(&random, depth: depth + 1) }
            return all
        }
        switch random.next(below: depth < 4 ? 14 : 9) {
        case 0: return Array("+".utf8) + text + Array("\r\n".utf8)
        case 1: return Array("-".utf8) + text + Array("\r\n".utf8)
        case 2: return Array(":\(Int64(truncatingIfNeeded: random.next()))\r\n".utf8)
        case 3, 4:
            let body = (0..<random.next(below: 40)).map { _ in UInt8(random.next(below: 256)) }
            return Array("$\(body.count)\r\n".utf8) + body + Array("\r\n".utf8)
        case 5: return Array("_\r\n".utf8)
        case 6: return Array("#t\r\n".utf8)
        case 7: return Array("=\(text.count + 4)\r\ntxt:".utf8) + text + Array("\r\n".utf8)
        case 8: return Array("$-1\r\n".utf8)
        case 9, 10: return aggregate("*", 1)
        case 11: return aggregate("%", 2)
        case 12: return aggregate(">", 1)
        default: return aggregate("|", 2) + self.random(&random, depth: depth + 1)
        }
    }

    /// Checks that the outcome for each beginning of `bytes` fits the one for all of them.
    private func checkCuts(_ bytes: [UInt8], _ parser: RESPParser, _ seed: Int) {
        let whole = bytes.withUnsafeBytes { parser.parse($0) }
        for count in 0..<bytes.count {
            let part = bytes.withUnsafeBytes {
                parser.parse(UnsafeRawBufferPointer(rebasing: $0[..<count]))
            }
            switch (part, whole) {
            case (.needMore(let needed), .value(_, let consumed)):
                guard needed > count, needed <= consumed else {
                    Issue.record(
                        "seed \(seed), \(count) of \(bytes.count): needs \(needed) of \(consumed)")
                    return
                }
            case (.needMore(let needed), _) where needed > count: break
            default:
                guard part == whole else {
                    Issue.record("seed \(seed), \(count) of \(bytes.count): \(part), \(whole)")
                    return
                }
            }
        }
    }

    @Test("well-formed bytes are one value, and no beginning of them is")
    func wellFormed() {
        let parser = RESPParser()
        for seed in 0..<400 {
            var numbers = SeededGenerator(seed: UInt64(seed))
            let bytes = random(&numbers)
            guard case .value(_, bytes.count) = bytes.withUnsafeBytes({ parser.parse($0) }) else {
                Issue.record(
                    "seed \(seed): \(String(decoding: bytes, as: UTF8.self).debugDescription)")
                continue
            }
            checkCuts(bytes, parser, seed)
        }
    }

    @Test("whatever comes, nothing traps and the cuts do not matter")
    func damaged() {
        var parser = RESPParser()
        parser.stringBytesMax = 64
        parser.valuesMax = 20
        let signs = Array("+-:$*_#,(!=~>%|\r\n0123456789".utf8)
        for seed in 0..<1_500 {
            var numbers = SeededGenerator(seed: UInt64(seed))
            var bytes = random(&numbers)
            for _ in 0...numbers.next(below: 4) where !bytes.isEmpty {
                let index = numbers.next(below: bytes.count)
                switch numbers.next(below: 4) {
                case 0: bytes[index] = UInt8(numbers.next(below: 256))
                case 1: bytes[index] = signs[numbers.next(below: signs.count)]
                case 2: bytes.remove(at: index)
                default: bytes.insert(signs[numbers.next(below: signs.count)], at: index)
                }
            }
            checkCuts(bytes, parser, seed)
        }
    }
}
