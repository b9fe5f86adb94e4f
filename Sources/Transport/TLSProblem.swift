// What is wrong with a certificate's files, in words for the person who has to mend it.

import COpenSSL
import MizuBytes
import MizuEventLoop

enum TLSProblem {
    /// One line about the file at `path`, which belongs to `certificate`.
    static func sentence(_ problem: co_problem, path: String, certificate: String) -> String {
        switch problem.kind {
        case CO_UNREADABLE:
            "\(path) cannot be read: \(SystemError(call: "open", errno: problem.error).reason)"
        case CO_TOO_LARGE: "\(path) is over \(CO_FILE_BYTES_MAX) bytes"
        case CO_NO_CERTIFICATE: "\(path) holds no certificate in PEM form"
        case CO_NO_KEY: "\(path) holds no private key in PEM form"
        case CO_ENCRYPTED_KEY: "\(path) holds a key with a password: store it without one"
        case CO_WRONG_KEY:
            path == certificate
                ? "the private key in \(path) does not belong to the first certificate in it"
                : "\(path) is not the key of the (first) certificate in \(certificate)"
        case CO_BAD_CERTIFICATE: "\(path) holds a certificate that cannot be parsed"
        case CO_NOT_OCSP: "\(path) is not an OCSP response in DER form"
        case CO_OCSP_UNSUCCESSFUL: "\(path) is an OCSP response without an answer"
        case CO_OCSP_FOREIGN: "\(path) says nothing about the certificate in \(certificate)"
        case CO_OCSP_UNSIGNED:
            "\(path) is not signed by the issuer of \(certificate), or that is not in the chain"
        case CO_OCSP_EXPIRED: "\(path) is out of date"
        case CO_OCSP_NOT_GOOD: "\(path) says that the certificate in \(certificate) is not good"
        case CO_NO_MEMORY: "\(path): out of memory"
        default: "\(path) is refused by OpenSSL"
        }
    }

    /// `2026-11-24`, in UTC.
    static func date(_ seconds: Int64) -> String {
        let (milliseconds, isLarge) = Int(seconds).multipliedReportingOverflow(by: 1000)
        let text = RFC3339.text(millisecondsSince1970: isLarge ? .max : milliseconds)
        return String(decoding: text.prefix(10), as: UTF8.self)
    }
}
