// Why a peer's bytes are not a message that we serve, and the status that says so.
// After any of these the border of the next message is unknown: answer, then close.

/// A refusal by a parser; `status` is what the peer is told before the connection closes.
public enum HTTPReject: Error, Equatable, Sendable, CaseIterable {
    case badRequestLine, badStatusLine, methodTooLong, badTarget, targetTooLong
    case badVersion, unsupportedVersion
    case bareCarriageReturn, bareLineFeed, badFieldName, spaceBeforeColon, lineFolding
    case badFieldValue, tooManyFields, headTooLarge
    case missingHost, repeatedHost, badHost
    case badContentLength, repeatedContentLength, lengthAndTransferEncoding
    case badTransferEncoding, unsupportedTransferCoding
    case unsupportedExpectation
    case badChunkSize, chunkLineTooLong, badChunkEnd, trailerTooLarge, bodyTooLarge

    /// The status code of the answer (RFC 9110 §15).
    public var status: HTTPStatus {
        switch self {
        case .badRequestLine, .badStatusLine, .badTarget, .badVersion, .bareCarriageReturn,
            .bareLineFeed, .badFieldName, .spaceBeforeColon, .lineFolding, .badFieldValue,
            .missingHost, .repeatedHost, .badHost, .badContentLength, .repeatedContentLength,
            .lengthAndTransferEncoding, .badTransferEncoding, .badChunkSize, .chunkLineTooLong,
            .badChunkEnd:
            .badRequest
        case .targetTooLong: .uriTooLong
        case .tooManyFields, .headTooLarge, .trailerTooLarge: .fieldsTooLarge
        case .bodyTooLarge: .contentTooLarge
        case .unsupportedExpectation: .expectationFailed
        case .methodTooLong, .unsupportedTransferCoding: .notImplemented
        case .unsupportedVersion: .versionNotSupported
        }
    }

    /// One sentence for a person reading the answer or the log.
    public var message: StaticString {
        switch self {
        case .badRequestLine: "The request line is malformed."
        case .badStatusLine: "The status line is malformed."
        case .methodTooLong: "The method is longer than any that this server implements."
        case .badTarget: "The request target is malformed."
        case .targetTooLong: "The request target is too long."
        case .badVersion: "The HTTP version is malformed."
        case .unsupportedVersion: "This server speaks HTTP/1.1 and HTTP/1.0."
        case .bareCarriageReturn: "A carriage return stands without its line feed."
        case .bareLineFeed: "A line feed stands without its carriage return."
        case .badFieldName: "A field name is malformed."
        case .spaceBeforeColon: "White space stands before a field's colon."
        case .lineFolding: "A field value is folded over lines."
        case .badFieldValue: "A field value holds a control character."
        case .tooManyFields: "The head has too many fields."
        case .headTooLarge: "The head is too large."
        case .missingHost: "The Host field is missing."
        case .repeatedHost: "The Host field is repeated."
        case .badHost: "The Host field is malformed."
        case .badContentLength: "The Content-Length field is malformed."
        case .repeatedContentLength: "The Content-Length field is repeated."
        case .lengthAndTransferEncoding: "Content-Length and Transfer-Encoding stand together."
        case .badTransferEncoding: "The Transfer-Encoding field is malformed."
        case .unsupportedTransferCoding: "The only transfer coding served is chunked."
        case .unsupportedExpectation: "The only expectation served is 100-continue."
        case .badChunkSize: "A chunk size is malformed."
        case .chunkLineTooLong: "A chunk-size line is too long."
        case .badChunkEnd: "A chunk does not end where its size says."
        case .trailerTooLarge: "The trailer section is too large."
        case .bodyTooLarge: "The body is too large."
        }
    }
}
