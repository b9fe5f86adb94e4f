// What `swift package describe --type json` says that matters here: which executables there are and
// where tests lie. And the choice of the executable to run, or why none can be made.

import MizuBytes

/// A package as SwiftPM describes it.
public struct PackageDescription: Sendable, Equatable {
    public let name: String
    /// Names of executable products, in the package's order.
    public let executables: [String]
    /// Executable products by the targets that they are made of.
    public let targets: [String: String]
    /// Folders of test targets, relative to the package.
    public let tests: [String]

    private struct Text: Decodable {
        struct Product: Decodable {
            let name: String
            let type: Kind
            let targets: [String]
        }
        struct Kind: Decodable {
            let isExecutable: Bool
            private enum Key: String, CodingKey { case executable }
            init(from decoder: any Decoder) throws {
                let container = try decoder.container(keyedBy: Key.self)
                isExecutable = container.contains(.executable)
            }
        }
        struct Target: Decodable {
            let name, path, type: String
        }
        let name: String
        let products: [Product]
        let targets: [Target]
    }

    /// - Parameter json: what the command wrote to standard output; what stands before the first
    ///   brace is passed over.
    /// - Throws: one line for people.
    public init(json: [UInt8]) throws(DevError) {
        let start = json.firstIndex(of: UInt8(ascii: "{")) ?? json.endIndex
        let text: Text
        do {
            text = try JSON.parse(Array(json[start...])).decode(Text.self)
        } catch {
            throw DevError("cannot read the output of swift package describe: \(error)")
        }
        name = text.name
        let products = text.products.filter(\.type.isExecutable)
        executables = products.map(\.name)
        let kinds = Dictionary(
            text.targets.map { ($0.name, $0.type) }, uniquingKeysWith: { first, _ in first })
        var targets: [String: String] = [:]
        for product in products {
            for target in product.targets where kinds[target] == "executable" {
                targets[target] = product.name
            }
        }
        self.targets = targets
        tests = text.targets.filter { $0.type == "test" }.map(\.path)
    }

    /// The executable product to build and run.
    /// - Parameter wanted: a product or a target by name; nil: the only one there is.
    /// - Throws: what there is to choose from.
    public func executable(_ wanted: String?) throws(DevError) -> String {
        let list = executables.joined(separator: ", ")
        guard let wanted else {
            guard let only = executables.first else {
                throw DevError("\(name) has no executable: add .executableTarget to Package.swift")
            }
            guard executables.count == 1 else {
                throw DevError("\(name) has several executables: choose with --target: \(list)")
            }
            return only
        }
        if executables.contains(wanted) { return wanted }
        if let product = targets[wanted] { return product }
        let known = executables + targets.keys.sorted()
        let near = known.min { Self.distance($0, wanted) < Self.distance($1, wanted) }
        if let near, Self.distance(near, wanted) <= max(2, wanted.count / 3) {
            throw DevError("there is no executable \(wanted): did you mean \(near)?")
        }
        throw DevError("there is no executable \(wanted): there are \(list)")
    }

    /// Letters to change, add or take away, capitals aside.
    static func distance(_ one: String, _ other: String) -> Int {
        let (left, right) = (
            Array(one.lowercased().prefix(64)), Array(other.lowercased().prefix(64))
        )
        var row = Array(0...right.count)
        for (index, letter) in left.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for column in right.indices {
                let change = diagonal + (letter == right[column] ? 0 : 1)
                diagonal = row[column + 1]
                row[column + 1] = min(change, row[column] + 1, diagonal + 1)
            }
        }
        return row[right.count]
    }
}

/// Why `mizu dev` cannot go on, in one line that says what to do.
public struct DevError: Error, Equatable, CustomStringConvertible, Sendable {
    public let description: String

    public init(_ description: String) { self.description = description }
}
