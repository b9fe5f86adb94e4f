// The address that a push is counted for (operating.md, `QUOTA_ADDRESS_…`): an IPv4 address, or the
// /64 that one household or one machine has of IPv6 (RFC 6177). Addresses that are exempt from
// limits, and sockets without one, are nobody's.

import MizuHTTP
import MizuServer
import MizuSync

extension SyncService {
    /// Where a push of this peer comes from; nil where it is not to be counted.
    public func origin(of peer: PeerAddress) -> PushOrigin? {
        guard !readLimits.exempt.contains(peer) else { return nil }
        return switch peer {
        case .local: nil
        case .v4(let address, _): Self.origin(v4: address)
        case .v6(let high, let low, _):
            // An IPv4 peer on a socket for both (RFC 4291 §2.5.5.2).
            high == 0 && low >> 32 == 0xFFFF
                ? Self.origin(v4: UInt32(truncatingIfNeeded: low)) : PushOrigin(number: high)
        }
    }

    /// No network of IPv6 begins so.
    private static func origin(v4 address: UInt32) -> PushOrigin {
        PushOrigin(number: 0xFFFF << 48 | UInt64(address))
    }
}
