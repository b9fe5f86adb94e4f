// Why an operator's tool did not do what was asked: one line for people, and what to do about it.

import Glibc
import MizuSync
import MizuSyncSQLite

package struct ToolFailure: Error, Sendable {
    package let message: String
    package let hint: String?
    /// Where the reason is a database that is damaged.
    package let fault: VerificationFault?
    /// What was verified before the fault was met.
    package let tally: VerifiedTally?

    package init(
        _ message: String, hint: String? = nil, fault: VerificationFault? = nil,
        tally: VerifiedTally? = nil
    ) {
        self.message = message
        self.hint = hint
        self.fault = fault
        self.tally = tally
    }

    init(_ error: StoreError, hint: String? = nil) { self.init(error.message, hint: hint) }

    init(_ fault: VerificationFault, hint: String? = nil) {
        self.init(fault.text, hint: hint, fault: fault)
    }

    init(_ error: DatabaseCopyError) {
        switch error {
        case .notCopied(let error): self.init(error)
        case .notOpened(let error):
            self.init(VerificationFault(scope: nil, place: "opening", message: error.message))
        }
    }

    /// What the kernel has refused.
    /// - Parameter result: -errno.
    init(cannot verb: String, _ path: String, _ result: Int32) {
        self.init("cannot \(verb) \(path): \(String(cString: strerror(-result)))")
    }
}

/// Does what storage may refuse.
func storing<R>(
    hint: String? = nil, _ body: () throws(StoreError) -> R
) throws(ToolFailure) -> R {
    do throws(StoreError) {
        return try body()
    } catch {
        throw ToolFailure(error, hint: hint)
    }
}

/// Where a tool says how far it is; called often, so it must be quick.
package typealias ToolProgress = (String) -> Void
