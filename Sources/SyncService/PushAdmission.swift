// What the door says of a push. A push that is refused there may hold edits that were applied
// before the right was lost, and whose answers were lost: their author would put them aside though
// they are in the log. So a refused push of an app's scope goes on to the engine, marked, and is
// told what was decided of it before; where nothing was, it is refused there as a whole. Values.

import MizuSync

/// Whether a push may be tried.
public enum PushAdmission: Sendable {
    /// It may; and whether its author may read the scope.
    case admitted(isByReader: Bool)
    /// It may not: outcomes of before are told.
    case denied

    /// Marks a push accordingly.
    public func mark(_ push: inout PushRequest) {
        switch self {
        case .admitted(let isByReader): push.isByReader = isByReader
        case .denied: push.isDenied = true
        }
    }
}

extension AccessQuestion {
    /// Whether a denial leaves something to be told. Nobody is the author of nothing, and what is
    /// in the framework's scopes or in other people's own ones is no business of who asks.
    var mayKnowOutcomes: Bool {
        user != nil && ScopeOwner(of: scope, askedBy: user) == .app
    }
}
