// Until when connections may be served: a table against a plain dictionary, and its memory.

import MizuBytes
import Testing

@testable import MizuSyncService

private func token(_ slot: Int) -> Token { Token(index: slot, generation: 1) }

@Suite("Until when connections are served")
struct CredentialTableTests {
    @Test("who is due comes out in order, once, and with the moment that was set last")
    func order() {
        var table = CredentialTable()
        #expect(table.next == .max)
        table.set(token(1), .expired, due: 30)
        table.set(token(2), .unauthenticated, due: 10)
        table.set(token(3), .expired, due: 20)
        table.set(token(3), .expired, due: 40)
        table.set(token(1), .expired, due: 5)
        #expect(table.next == 5 && table.count == 3)
        #expect(
            table.isAwaited(token(2)) && !table.isAwaited(token(1)) && !table.isAwaited(token(9)))
        #expect(table.takeDue(token(2), at: 9) == nil)
        #expect(table.takeDue(at: 4) == nil)
        #expect(table.takeDue(at: 29)?.token == token(1))
        let second = table.takeDue(at: 29)
        #expect(second?.token == token(2) && second?.end == .unauthenticated)
        #expect(table.takeDue(at: 29) == nil)
        #expect(table.takeDue(token(3), at: 40) == .expired)
        #expect(table.takeDue(at: 100) == nil)
        #expect(table.next == .max && table.count == 0)
    }

    @Test("it says what a dictionary says, whatever is set, removed and taken")
    func model() {
        var random = SystemRandomNumberGenerator()
        var table = CredentialTable()
        var plain: [Token: UInt64] = [:]
        var now: UInt64 = 0
        for _ in 0..<20_000 {
            let token = token(Int.random(in: 0..<60, using: &random))
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<6:
                let due = now + UInt64.random(in: 0..<500, using: &random)
                table.set(token, .expired, due: due)
                plain[token] = due
            case 6:
                table.remove(token)
                plain[token] = nil
            case 7:
                let isDue = plain[token].map { $0 <= now } ?? false
                #expect((table.takeDue(token, at: now) != nil) == isDue)
                if isDue { plain[token] = nil }
            default:
                now += UInt64.random(in: 0..<40, using: &random)
                while let (token, _) = table.takeDue(at: now) {
                    #expect(plain.removeValue(forKey: token).map { $0 <= now } == true)
                }
                #expect(plain.values.allSatisfy { $0 > now })
                #expect(table.next > now)
            }
            #expect(table.count == plain.count)
            #expect(table.next <= plain.values.min() ?? .max)
        }
    }

    @Test("a connection that renews for ever costs no more than one that does not")
    func memory() {
        var table = CredentialTable()
        for number in 0..<100_000 as Range<UInt64> {
            table.set(token(Int(number % 10)), .expired, due: number)
            #expect(table.count <= 10)
        }
        for slot in 0..<10 { table.remove(token(slot)) }
        #expect(table.count == 0 && table.next == .max)
    }

    @Test("what a slot's earlier connection had is nothing of the next one's")
    func generations() {
        var table = CredentialTable()
        for slot in 0..<3_000 { table.set(token(slot), .expired, due: 10) }
        let later = Token(index: 7, generation: 2)
        #expect(!table.isAwaited(later) && table.takeDue(later, at: 100) == nil)
        table.set(later, .unauthenticated, due: 5)
        #expect(table.count == 3_000 && table.isAwaited(later) && !table.isAwaited(token(7)))
        table.remove(token(7))
        #expect(table.takeDue(at: 9)?.token == later)
        for slot in 0..<3_000 { table.remove(token(slot)) }
        #expect(table.count == 0 && table.next == .max)
        table.set(later, .expired, due: 1)
        #expect(table.takeDue(at: 1)?.token == later)
    }
}
