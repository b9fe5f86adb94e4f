// Root becomes somebody else, for good. A process that was started as root to bind a port below
// 1024 and to read keys serves as a user that may do neither: supplementary groups, group, user,
// capabilities and the way back are given up, and that they have gone is looked at, not assumed.
// To be called before any other thread starts: in Linux each thread has credentials of its own.

import CLinux
import Glibc
import MizuEventLoop

/// Who to run as: `user` or `user:group`, names or numbers.
public struct RunAs: Sendable, Equatable, CustomStringConvertible {
    public let user: String
    /// Nil: the user's own group.
    public let group: String?

    /// Nil where the text is not `user` or `user:group`. Whether they exist is seen at start.
    public init?(_ text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        let isWord = { (part: Substring) in
            !part.isEmpty && part.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7F }
        }
        guard (1...2).contains(parts.count), parts.allSatisfy(isWord) else { return nil }
        user = String(parts[0])
        group = parts.count == 2 ? String(parts[1]) : nil
    }

    public var description: String { group.map { "\(user):\($0)" } ?? user }
}

/// What the process may do.
package enum Privileges {
    /// Whether the process runs as root.
    package static var isRoot: Bool { geteuid() == 0 }

    /// Becomes `identity`: its groups, no capability, no way back, no new rights by exec, no core
    /// dumps and no memory that another process of that user could read.
    /// - Throws: one line for people; the process must then end, because some steps may have been
    ///   taken.
    package static func drop(to identity: RunAs) throws(PrivilegeError) {
        guard isRoot else {
            throw PrivilegeError(
                "RUN_AS=\(identity) is for a process that root starts: "
                    + "start it as root, or leave RUN_AS out")
        }
        var found = try find(identity)
        // -1 where there is no /proc: then nothing can be said.
        guard cl_thread_count() <= 1 else {
            throw PrivilegeError("RUN_AS: rights can be given up only before any thread starts")
        }
        do throws(SystemError) {
            try SystemError.check("initgroups", cl_set_groups(&found))
            try SystemError.check("setresgid", cl_set_group(found.group))
            try SystemError.check("setresuid", cl_set_user(found.user))
            try SystemError.check("capset", cl_clear_capabilities())
            try SystemError.check("PR_SET_NO_NEW_PRIVS", cl_forbid_new_privileges())
            try SystemError.check("PR_SET_DUMPABLE", cl_forbid_dumps())
            try SystemError.check("rights after RUN_AS", cl_verify_identity(&found))
        } catch {
            throw PrivilegeError("cannot become RUN_AS=\(identity): \(error)")
        }
    }

    /// Keeps what is in memory out of cores. To be called before `drop`, which makes the way there
    /// root's.
    package static func emptyCores() { cl_empty_cores() }

    /// Keeps the process's memory from everybody but root: no core, no debugger. To be called after
    /// `drop`, because a change of user sets it anew.
    package static func forbidDumps() { _ = cl_forbid_dumps() }

    /// Why `path` cannot be read as who the process is now; nil where it can.
    package static func obstacle(toReading path: String) -> SystemError? {
        let result = cl_can_read(path)
        return result < 0 ? SystemError(call: "open", errno: -result) : nil
    }

    private static func find(_ identity: RunAs) throws(PrivilegeError) -> cl_identity {
        var found = cl_identity()
        var hasGroup: Int32 = 0
        let user = cl_find_user(identity.user, &found, &hasGroup)
        guard user >= 0 else {
            throw PrivilegeError(
                "RUN_AS=\(identity): "
                    + describe(user, unknown: "there is no user \(identity.user)"))
        }
        if let group = identity.group {
            let result = cl_find_group(group, &found.group)
            guard result >= 0 else {
                throw PrivilegeError(
                    "RUN_AS=\(identity): "
                        + describe(result, unknown: "there is no group \(group)"))
            }
        } else if hasGroup == 0 {
            throw PrivilegeError(
                "RUN_AS=\(identity): that number is not a user's: "
                    + "name a group too, as RUN_AS=\(identity):\(identity)")
        }
        guard found.user != 0, found.group != 0 else {
            throw PrivilegeError(
                "RUN_AS=\(identity) is root's user or group: name one without rights")
        }
        return found
    }

    private static func describe(_ result: Int32, unknown: String) -> String {
        -result == ENOENT ? unknown : SystemError(call: "look-up", errno: -result).description
    }
}

/// Why the process cannot run as it was asked to.
package struct PrivilegeError: Error, CustomStringConvertible, Sendable {
    package let description: String

    init(_ description: String) { self.description = description }
}
