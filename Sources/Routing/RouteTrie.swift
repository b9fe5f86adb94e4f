// The compiled patterns: a tree of path segments in flat arrays, walked on bytes without
// allocation. At each segment text is tried before `:name`, `:name` before `*rest`; where a branch
// leads nowhere, or has no handler for the method, the next one is tried. A node is visited at most
// once for a path, so a search costs at most the number of nodes.

import MizuBytes
import MizuHTTP

/// A set of methods, a bit for each.
struct MethodSet: OptionSet, Sendable {
    let rawValue: UInt16

    init(rawValue: UInt16) { self.rawValue = rawValue }

    init(_ method: HTTPMethod) { rawValue = 1 << UInt16(method.rawValue) }

    func contains(_ method: HTTPMethod) -> Bool { contains(MethodSet(method)) }

    /// With HEAD where GET is, and with OPTIONS: both are answered without being written down.
    var withImplied: MethodSet {
        var all = union(MethodSet(.options))
        if contains(.get) { all.insert(MethodSet(.head)) }
        return all
    }

    var methods: [HTTPMethod] { HTTPMethod.allCases.filter { contains($0) } }
}

/// The state of one search.
struct RouteSearch {
    let method: HTTPMethod
    /// The path's offset in the head, so that captures are ranges of the head.
    let pathOffset: UInt16
    var captures = InlineArray<8, HeadRange>(repeating: .empty)
    var captureCount = 0
    /// Methods of the nodes that match the path.
    var allowed: MethodSet = []

    init(method: HTTPMethod, pathOffset: UInt16) {
        self.method = method
        self.pathOffset = pathOffset
    }
}

struct RouteTrie: Sendable {
    private var nodes = [Node()]
    private var labels: [UInt8] = []
    /// For messages about conflicts.
    private var patterns: [String] = []
    private(set) var allMethods: MethodSet = []

    private struct Node {
        var labelOffset = 0
        var labelCount = 0
        /// Indices of nodes; 0, the root, stands for none.
        var firstText = 0
        var nextText = 0
        var parameter = 0
        var rest = 0
        var methods: MethodSet = []
        /// Route of each method, by raw value; meaningful where `methods` has it.
        var routes = InlineArray<10, Int>(repeating: 0)
    }

    // MARK: Building

    /// Adds a pattern. Returns the names of its parameters, in order.
    mutating func insert(_ pattern: String, method: HTTPMethod, route: Int) -> [String] {
        precondition(
            method != .other && method != .connect && method != .trace,
            "\(pattern): other methods than those of RFC 9110 and PATCH are answered with 501")
        var names: [String] = []
        var node = 0
        let segments = pattern.utf8.dropFirst().split(
            separator: 0x2F, omittingEmptySubsequences: false)
        for (index, segment) in segments.enumerated() {
            let name = String(decoding: segment.dropFirst(), as: UTF8.self)
            switch segment.first {
            case UInt8(ascii: ":"):
                precondition(!name.isEmpty, "\(pattern): a parameter has a name")
                names.append(name)
                node = child(of: node, \.parameter)
            case UInt8(ascii: "*"):
                precondition(!name.isEmpty, "\(pattern): a wildcard has a name")
                precondition(
                    index == segments.count - 1, "\(pattern): a wildcard is the last segment")
                names.append(name)
                node = child(of: node, \.rest)
            default: node = textChild(of: node, Array(segment))
            }
        }
        precondition(
            Set(names).count == names.count, "\(pattern): a parameter's name is there twice")
        precondition(
            names.count <= PathParameters.countMax, "\(pattern): at most 8 parameters")
        if nodes[node].methods.contains(method) {
            let other = patterns[nodes[node].routes[Int(method.rawValue)]]
            preconditionFailure("two routes for \(method.name) \(pattern): conflicts with \(other)")
        }
        nodes[node].methods.insert(MethodSet(method))
        nodes[node].routes[Int(method.rawValue)] = route
        patterns.append(pattern)
        allMethods.insert(MethodSet(method))
        return names
    }

    private mutating func child(of node: Int, _ link: WritableKeyPath<Node, Int>) -> Int {
        if nodes[node][keyPath: link] == 0 {
            nodes.append(Node())
            nodes[node][keyPath: link] = nodes.count - 1
        }
        return nodes[node][keyPath: link]
    }

    private mutating func textChild(of node: Int, _ label: [UInt8]) -> Int {
        var next = nodes[node].firstText
        while next != 0 {
            let offset = nodes[next].labelOffset
            if labels[offset..<offset + nodes[next].labelCount].elementsEqual(label) { return next }
            next = nodes[next].nextText
        }
        var new = Node()
        new.labelOffset = labels.count
        new.labelCount = label.count
        new.nextText = nodes[node].firstText
        labels += label
        nodes.append(new)
        nodes[node].firstText = nodes.count - 1
        return nodes.count - 1
    }

    // MARK: Searching

    /// The route for `path`, which begins with a slash; nil where none fits, and then
    /// `search.allowed` says for which methods one would.
    func find(_ path: UnsafeRawBufferPointer, _ search: inout RouteSearch) -> Int? {
        guard path.first == UInt8(ascii: "/") else { return nil }
        return find(path, from: 1, below: 0, &search)
    }

    /// The route of `method` on a path; nil if there is none.
    func route(of method: HTTPMethod, on path: String) -> Int? {
        var (path, search) = (path, RouteSearch(method: method, pathOffset: 0))
        return path.withUTF8 { find(UnsafeRawBufferPointer($0), &search) }
    }

    /// `from` is behind a slash of `path`: there the next segment begins. Recursion is as deep as
    /// the tree, whatever the path.
    private func find(
        _ path: UnsafeRawBufferPointer, from: Int, below node: Int, _ search: inout RouteSearch
    ) -> Int? {
        var end = from
        while end < path.count, path[end] != UInt8(ascii: "/") { end += 1 }
        var text = nodes[node].firstText
        while text != 0 {
            if matches(path, from..<end, text),
                let route = proceed(path, end, text, &search)
            {
                return route
            }
            text = nodes[text].nextText
        }
        let captured = search.captureCount
        if nodes[node].parameter != 0, end > from {
            capture(from..<end, &search)
            if let route = proceed(path, end, nodes[node].parameter, &search) { return route }
            search.captureCount = captured
        }
        if nodes[node].rest != 0 {
            capture(from..<path.count, &search)
            if let route = endpoint(nodes[node].rest, &search) { return route }
            search.captureCount = captured
        }
        return nil
    }

    /// Goes on below `node`, whose segment ends at `end`.
    private func proceed(
        _ path: UnsafeRawBufferPointer, _ end: Int, _ node: Int, _ search: inout RouteSearch
    ) -> Int? {
        end == path.count
            ? endpoint(node, &search) : find(path, from: end + 1, below: node, &search)
    }

    private func endpoint(_ node: Int, _ search: inout RouteSearch) -> Int? {
        let methods = nodes[node].methods
        search.allowed.formUnion(methods)
        if methods.contains(search.method) {
            return nodes[node].routes[Int(search.method.rawValue)]
        }
        guard search.method == .head, methods.contains(.get) else { return nil }
        return nodes[node].routes[Int(HTTPMethod.get.rawValue)]
    }

    /// A pattern's depth bounds the captures, and `insert` bounds that.
    private func capture(_ range: Range<Int>, _ search: inout RouteSearch) {
        guard search.captureCount < PathParameters.countMax else { return }
        // A path is part of a head, which is shorter than 65,536 bytes.
        search.captures[search.captureCount] = HeadRange(
            offset: search.pathOffset &+ UInt16(truncatingIfNeeded: range.lowerBound),
            count: UInt16(truncatingIfNeeded: range.count))
        search.captureCount += 1
    }

    /// Whether the segment is this node's label, escapes decoded (RFC 3986 §6.2.2.2).
    private func matches(
        _ path: UnsafeRawBufferPointer, _ segment: Range<Int>, _ node: Int
    ) -> Bool {
        let (offset, count) = (nodes[node].labelOffset, nodes[node].labelCount)
        guard segment.count >= count else { return false }
        var at = segment.lowerBound
        for index in offset..<offset + count {
            guard at < segment.upperBound else { return false }
            var byte = path[at]
            at += 1
            if byte == UInt8(ascii: "%") {
                guard at + 2 <= segment.upperBound, let high = Hex.value(of: path[at]),
                    let low = Hex.value(of: path[at + 1])
                else { return false }
                byte = high << 4 | low
                at += 2
            }
            guard byte == labels[index] else { return false }
        }
        return at == segment.upperBound
    }
}
