// How permessage-deflate comes to be agreed (RFC 7692 §5 and §7.1): what a server makes of a
// client's offers, what a client offers and how it checks the answer. Pure.

import MizuBytes

/// What a server agrees to.
public struct DeflatePolicy: Equatable, Sendable {
    /// Whether a client may keep its window from message to message: it costs the server an
    /// inflate state for as long as the connection lives. Where refused, every answer says
    /// `client_no_context_takeover`, as §7.1.1.2 lets a server do without being asked.
    public var clientContext = DeflateParameters.Context.fresh
    /// The largest window of a client that keeps it, where the client lets us choose (it offers
    /// `client_max_window_bits`); 8 to 15.
    public var clientWindowBitsMax = DeflateParameters.windowBitsMax

    public init() {}

    /// Answers the first offer that can be accepted; nil where there is none.
    func agree(on offers: [ExtensionEntry]) -> DeflateAnswer? {
        for offer in offers where offer.isNamed(DeflateField.name) {
            if let fields = DeflateField.read(offer), let answer = agree(on: fields) {
                return answer
            }
        }
        return nil
    }

    private func agree(on offer: DeflateField.Values) -> DeflateAnswer? {
        // A window without a size says nothing in an offer of the server's own window (§7.1.2.1).
        if case .present(nil) = offer.serverWindow { return nil }
        var answer = DeflateAnswer()
        if offer.serverFresh {
            answer.parameters.server = .fresh
            answer.says.insert(.serverFresh)
        }
        if case .present(let bits?) = offer.serverWindow {
            answer.parameters.serverWindowBits = bits
            answer.says.insert(.serverWindow)
        }
        if offer.clientFresh || clientContext == .fresh {
            answer.parameters.client = .fresh
            answer.says.insert(.clientFresh)
        }
        if case .present(let bits) = offer.clientWindow {
            let offered = bits ?? DeflateParameters.windowBitsMax
            let wanted =
                answer.parameters.client == .takenOver ? min(offered, clientWindowBitsMax) : offered
            answer.parameters.clientWindowBits = wanted
            if wanted < DeflateParameters.windowBitsMax { answer.says.insert(.clientWindow) }
        }
        return answer
    }
}

/// What a server answers: the parameters in force, and which of them it must name.
struct DeflateAnswer: Equatable, Sendable {
    var parameters = DeflateParameters()
    var says: Said = []

    struct Said: OptionSet, Sendable {
        let rawValue: UInt8
        static let serverFresh = Said(rawValue: 1)
        static let clientFresh = Said(rawValue: 2)
        static let serverWindow = Said(rawValue: 4)
        static let clientWindow = Said(rawValue: 8)
    }

    /// Appends the whole field with its line end.
    func appendField(to buffer: inout ByteBuffer) {
        buffer.append("Sec-WebSocket-Extensions: permessage-deflate" as StaticString)
        if says.contains(.serverFresh) {
            buffer.append("; server_no_context_takeover" as StaticString)
        }
        if says.contains(.clientFresh) {
            buffer.append("; client_no_context_takeover" as StaticString)
        }
        if says.contains(.serverWindow) {
            buffer.append("; server_max_window_bits=" as StaticString)
            buffer.append(decimal: parameters.serverWindowBits)
        }
        if says.contains(.clientWindow) {
            buffer.append("; client_max_window_bits=" as StaticString)
            buffer.append(decimal: parameters.clientWindowBits)
        }
        buffer.append("\r\n" as StaticString)
    }
}

/// What a client offers.
public struct DeflateOffer: Equatable, Sendable {
    /// `.fresh` asks that the server's messages stand alone.
    public var server = DeflateParameters.Context.takenOver
    /// `.fresh` hints that ours will.
    public var client = DeflateParameters.Context.takenOver
    /// Below 15: asks for that window; nil and 15: does not.
    public var serverWindowBits: Int?
    /// The largest window of ours, which the server may make smaller.
    public var clientWindowBits = DeflateParameters.windowBitsMax

    public init() {}

    /// Appends the whole field with its line end.
    func appendField(to buffer: inout ByteBuffer) {
        buffer.append("Sec-WebSocket-Extensions: permessage-deflate" as StaticString)
        if server == .fresh { buffer.append("; server_no_context_takeover" as StaticString) }
        if client == .fresh { buffer.append("; client_no_context_takeover" as StaticString) }
        if let serverWindowBits {
            buffer.append("; server_max_window_bits=" as StaticString)
            buffer.append(decimal: serverWindowBits)
        }
        buffer.append("; client_max_window_bits" as StaticString)
        if clientWindowBits < DeflateParameters.windowBitsMax {
            buffer.append("=" as StaticString)
            buffer.append(decimal: clientWindowBits)
        }
        buffer.append("\r\n" as StaticString)
    }

    /// Checks a server's answer to this offer (§7.1); nil where it must not be accepted.
    func accept(_ answer: ExtensionEntry) -> DeflateParameters? {
        guard answer.isNamed(DeflateField.name), let values = DeflateField.read(answer) else {
            return nil
        }
        var parameters = DeflateParameters()
        parameters.server = values.serverFresh ? .fresh : .takenOver
        parameters.client = values.clientFresh || client == .fresh ? .fresh : .takenOver
        guard server == .takenOver || values.serverFresh else { return nil }
        switch values.serverWindow {
        case .absent:
            if let serverWindowBits, serverWindowBits < DeflateParameters.windowBitsMax {
                return nil
            }
        case .present(let bits):
            guard let bits, bits <= serverWindowBits ?? DeflateParameters.windowBitsMax else {
                return nil
            }
            parameters.serverWindowBits = bits
        }
        parameters.clientWindowBits = clientWindowBits
        if case .present(let bits) = values.clientWindow {
            guard let bits, bits <= clientWindowBits else { return nil }
            parameters.clientWindowBits = bits
        }
        return parameters
    }
}

/// The parameters as they stand in an offer or an answer.
enum DeflateField {
    static let name: StaticString = "permessage-deflate"

    enum Window: Equatable {
        case absent
        /// Named, with its value if it has one.
        case present(Int?)
    }

    struct Values: Equatable {
        var serverFresh = false
        var clientFresh = false
        var serverWindow = Window.absent
        var clientWindow = Window.absent
    }

    /// Nil where a parameter is unknown, stands twice, or has a value that it cannot have: such an
    /// offer is declined, such an answer fails the connection (§7.1).
    static func read(_ entry: ExtensionEntry) -> Values? {
        var values = Values()
        for parameter in entry.parameters {
            if parameter.isNamed("server_no_context_takeover") {
                guard parameter.value == nil, !values.serverFresh else { return nil }
                values.serverFresh = true
            } else if parameter.isNamed("client_no_context_takeover") {
                guard parameter.value == nil, !values.clientFresh else { return nil }
                values.clientFresh = true
            } else if parameter.isNamed("server_max_window_bits") {
                guard values.serverWindow == .absent, let window = window(parameter.value) else {
                    return nil
                }
                values.serverWindow = window
            } else if parameter.isNamed("client_max_window_bits") {
                guard values.clientWindow == .absent, let window = window(parameter.value) else {
                    return nil
                }
                values.clientWindow = window
            } else {
                return nil
            }
        }
        return values
    }

    /// 8 to 15 in decimal without leading zeros; nil for anything else.
    private static func window(_ value: [UInt8]?) -> Window? {
        guard let value else { return .present(nil) }
        guard value.first != UInt8(ascii: "0"),
            let bits = value.withUnsafeBytes({ ASCII.decimal($0) }),
            (DeflateParameters.windowBitsMin...DeflateParameters.windowBitsMax).contains(bits)
        else { return nil }
        return .present(bits)
    }
}
