// What a request costs of its address's and its user's allowance (RATE_LIMIT), declared where the
// route is: `app.get("/report", cost: 8)`. A token is about what a plain handler takes of a CPU,
// some tens of microseconds; parts of one are sixteenths. Who counts tokens is the server's
// business.

/// Tokens, or sixteenths of one, that a request takes.
public struct RouteCost: Sendable, Hashable, ExpressibleByIntegerLiteral {
    /// Sixteenths of a token; at least 0.
    public let parts: Int

    /// Parts of one token.
    public static let partsPerToken = 16

    public init(parts: Int) { self.parts = min(max(0, parts), 1 << 30) }

    /// So many tokens.
    public init(integerLiteral tokens: Int) {
        self.init(parts: min(max(0, tokens), 1 << 20) * Self.partsPerToken)
    }

    /// Costs nothing and is answered always: what says whether the process lives.
    public static let free: RouteCost = 0
    /// The cost of most handlers.
    public static let one: RouteCost = 1
    /// A file that is there, prepared: a page loads dozens of them, each cheaper than a handler.
    public static let file = RouteCost(parts: 2)

    public static func + (left: RouteCost, right: RouteCost) -> RouteCost {
        RouteCost(parts: left.parts + right.parts)
    }
}
