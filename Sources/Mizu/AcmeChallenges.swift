// The files by which a certificate authority sees that this host is ours (RFC 8555 §8.3), as
// certbot's webroot method and others write them: below ACME_DIR, either as
// `.well-known/acme-challenge/TOKEN` or as `TOKEN` itself. A token is of the base64url alphabet, so
// no name leads anywhere else; a file is regular, no link, and of at most 4 KiB, read in one go.
// And it must hold a key authorization, its own token, a dot and a thumbprint (§8.1): a folder that
// is named by mistake, such as /etc, gives nothing away.

import Glibc
import MizuBytes
import MizuHTTP

struct AcmeChallenges: Sendable {
    static let prefix = "/.well-known/acme-challenge/"

    private let folders: [String]

    /// Bytes of a challenge file; a larger one is not served. Real ones have about 90.
    static let fileBytesMax = 4096
    /// Bytes of a token; real ones have 43.
    static let tokenBytesMax = 128

    init(folder: String) { folders = [folder + Self.prefix, folder + "/"] }

    /// The answer for a token: its file's bytes, or 404.
    func respond(_ token: String) -> Response {
        guard Self.isToken(token) else { return .notFound }
        for folder in folders {
            guard let bytes = Self.read(folder + token),
                Self.isKeyAuthorization(bytes, of: token)
            else { continue }
            var response = Response(status: .ok, mediaType: .text, body: .slice(bytes))
            response.set("Cache-Control", literal: "no-store")
            return response
        }
        return .notFound
    }

    static func isToken(_ token: String) -> Bool {
        (1...tokenBytesMax).contains(token.utf8.count) && token.utf8.allSatisfy(isBase64URL)
    }

    private static func isBase64URL(_ byte: UInt8) -> Bool {
        ASCII.isLetter(byte) || ASCII.isDigit(byte) || byte == UInt8(ascii: "-")
            || byte == UInt8(ascii: "_")
    }

    /// Whether the bytes are `token`, a dot and a thumbprint, perhaps with white space after it
    /// (RFC 8555 §8.1, §8.3).
    static func isKeyAuthorization(_ bytes: ByteSlice, of token: String) -> Bool {
        bytes.withUnsafeBytes { bytes in
            let start = token.utf8.count + 1
            guard bytes.count > start, bytes.starts(with: token.utf8),
                bytes[start - 1] == UInt8(ascii: ".")
            else { return false }
            var end = bytes.count
            while end > start, " \t\r\n".utf8.contains(bytes[end - 1]) { end -= 1 }
            return end > start && bytes[start..<end].allSatisfy(isBase64URL)
        }
    }

    private static func read(_ path: String) -> ByteSlice? {
        // Without O_NONBLOCK the open of a pipe would wait for its writer.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            return nil
        }
        var bytes = ByteBuffer(capacity: fileBytesMax + 1)
        let room = bytes.writable
        let count = Glibc.read(descriptor, room.baseAddress, min(room.count, fileBytesMax + 1))
        guard count > 0, count <= fileBytesMax else { return nil }
        bytes.advance(written: count)
        return bytes.finish()
    }
}
