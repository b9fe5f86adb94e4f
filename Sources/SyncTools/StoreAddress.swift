// Which store a URL of an operator names: an SQLite file, or a PostgreSQL database. What a tool
// does with a file alone says of the other what to use instead.

import MizuSync
import MizuSyncSQLite

/// A store by its URL.
package enum StoreAddress: Hashable, Sendable {
    /// The path of a file.
    case sqlite(String)
    /// The whole URL, with its password.
    case postgres(String)

    /// - Throws: where the text names no store.
    package static func parse(_ name: String) throws(ToolFailure) -> StoreAddress {
        for scheme in ["postgres://", "postgresql://"] where name.hasPrefix(scheme) {
            return .postgres(name)
        }
        return .sqlite(try DatabasePath.parse(name))
    }

    /// The file's path, for tools that work on files.
    /// - Parameters:
    ///   - purpose: what was to be done, as "verify it".
    ///   - instead: what does that with PostgreSQL.
    package func file(
        for purpose: String, instead: String
    ) throws(ToolFailure) -> String {
        guard case .sqlite(let path) = self else {
            throw ToolFailure(
                "PostgreSQL has this database: mizu sync cannot \(purpose)", hint: instead)
        }
        return path
    }

    /// The rows that are there, for a move.
    package func moveSource() throws(ToolFailure) -> any MoveSource {
        switch self {
        case .sqlite(let path): try SQLiteMoveSource(path)
        case .postgres(let url):
            #if Postgres
                try PostgresMoveSource(url: url)
            #else
                throw Self.withoutPostgres(url)
            #endif
        }
    }

    /// Where rows are moved to.
    package func moveTarget() throws(ToolFailure) -> any MoveTarget {
        switch self {
        case .sqlite(let path): SQLiteMoveTarget(path)
        case .postgres(let url):
            #if Postgres
                try PostgresMoveTarget(url: url)
            #else
                throw Self.withoutPostgres(url)
            #endif
        }
    }

    #if !Postgres
        private static func withoutPostgres(_ url: String) -> ToolFailure {
            ToolFailure(
                "this mizu was built without PostgreSQL", hint: "build it with the trait Postgres")
        }
    #endif
}
