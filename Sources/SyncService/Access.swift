// What an app is asked before anybody reads or writes: who, which scope, what for. The closure may
// look at records of any scope before it answers; how that is done without making a worker wait is
// `AccessControl`'s. A value that is good for the length of the call, on the thread of the call.

import MizuSync

/// What somebody wants to do with a scope.
public enum SyncAction: UInt8, Sendable, CaseIterable {
    case push, pull, snapshot, subscribe
}

/// Whether somebody may do something in a scope. Asked before anything is read or stored. What it
/// throws is logged and answered with `internal_error`; it never allows anything.
///
/// It is called on a worker's thread, and again on a reader's thread if it wants to read: so it
/// must not wait, and must say the same whenever it sees the same records.
public typealias Authorize = @Sendable (Access) throws -> Bool

/// The same for apps that need no records to decide. On workers' threads; must not wait.
public typealias AuthorizeByName =
    @Sendable (_ user: Name?, _ scope: Name, _ action: SyncAction) -> Bool

/// One question of permission.
public struct Access {
    /// Who asks; nil for somebody who is not signed in.
    public let user: Name?
    /// The scope that is to be read or written.
    public let scope: Name
    public let action: SyncAction
    package let look: AccessLook

    /// Returns the role that the user has in a scope, by the grants that the scope's own log has;
    /// nil for somebody without a grant or without a name. It costs no read until that grant is
    /// changed.
    /// - Throws: an error that only says that the store is to be asked: let it through.
    public func role(in scope: Name) throws -> String? {
        guard let user else { return nil }
        return try look.role(of: user, in: scope)
    }
}

/// Why `Access` gave no answer. Let it through: the closure is called again where there is one, or
/// the request is refused.
public enum AccessError: Error, CustomStringConvertible {
    /// Only a reader can tell: the closure is called again on a reader's thread.
    case needsReader
    /// One decision may look at `AccessLimits.scopesMax` scopes.
    case tooManyScopes

    /// One line for the log.
    public var description: String {
        switch self {
        case .needsReader: "the store is to be asked"
        case .tooManyScopes:
            "authorize looked at more than \(AccessLimits.scopesMax) scopes for one decision"
        }
    }
}

/// Bounds of permission in one place.
package enum AccessLimits {
    /// Scopes that one decision may look at; beyond it the decision is an error.
    package static let scopesMax = 16
    /// Requests that wait for a decision, all together; beyond it 503.
    package static let waitersMax = 20_000
    /// Decisions that are remembered are at most four times as many.
    package static let decisionSets = 8_192
}

/// Whose the names of scopes that the framework gives a meaning are. Decided before the app is
/// asked, so that no `authorize` opens them by accident.
enum ScopeOwner: Equatable {
    /// `mizu:…`: the framework's own records. No wire serves them.
    case framework
    /// `user:ID`: this user's alone. Nobody's if no ID follows.
    case user(isAsker: Bool)
    /// Any other: the app decides.
    case app

    /// - Parameter user: who asks.
    init(of scope: Name, askedBy user: Name?) {
        self = scope.withUnsafeBytes { bytes in
            if bytes.starts(with: "mizu:".utf8) { return .framework }
            guard bytes.starts(with: "user:".utf8) else { return .app }
            let id = UnsafeRawBufferPointer(rebasing: bytes[5...])
            let isAsker = user?.withUnsafeBytes { $0.elementsEqual(id) } ?? false
            return .user(isAsker: isAsker)
        }
    }
}
