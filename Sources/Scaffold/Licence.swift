// The licences that a new app may carry: their names as SPDX has them, and their texts, which are
// embedded and get a year and a holder.

import MizuBytes

public enum Licence: String, CaseIterable, Sendable {
    case mit = "MIT"
    case apache = "Apache-2.0"
    case bsd = "BSD-3-Clause"
    case none

    /// - Throws: `.badOption` with the closest name.
    public init(named name: String) throws(ScaffoldError) {
        let found = Self.allCases.first { $0.rawValue.lowercased() == name.lowercased() }
        guard let found else {
            throw ScaffoldError(
                .badOption, "there is no licence \"\(name)\" to write",
                hint: Suggestion.hint(for: name, among: Self.allCases.map(\.rawValue)))
        }
        self = found
    }

    /// The text of LICENSE, nil for none.
    func text(year: String, holder: String, in embedded: [EmbeddedFile]) -> [UInt8]? {
        guard let file = embedded.first(where: { $0.name == "Licenses/" + rawValue }) else {
            return nil
        }
        return WordFill([("[yyyy]", year), ("[name of copyright owner]", holder)])
            .fill(file.bytes.withUnsafeBytes { Array($0) })
    }
}
