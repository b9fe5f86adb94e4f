// The files by which a certificate authority sees that this host is ours (RFC 8555 §8.3), as
// certbot's webroot method and others write them: below ACME_DIR, either as
// `.well-known/acme-challenge/TOKEN` or as `TOKEN` itself. A token is of the base64url alphabet, so
// no name leads anywhere else; a file is regular, no link, and of at most 4 KiB, read in one go.

import Glibc
import MizuBytes
import MizuHTTP

struct AcmeChallenges: Sendable {
    static let prefix = "/.well-known/acme-challenge/"

    private let folders: [String]

    /// Bytes of a challenge file; a larger one is none. Real ones have about 90.
    static let fileBytesMax = 4096
    /// Bytes of a token; real ones have 43.
    static let tokenBytesMax = 128

    init(folder: String) { folders = [folder + Self.prefix, folder + "/"] }

    /// The answer for a token: its file's bytes, or 404.
    func respond(_ token: String) -> Response {
        guard Self.isToken(token) else { return .notFound }
        for folder in folders {
            guard let bytes = Self.read(folder + token) else { continue }
            var response = Response(status: .ok, mediaType: .text, body: .slice(bytes))
            response.set("Cache-Control", literal: "no-store")
            return response
        }
        return .notFound
    }

    static func isToken(_ token: String) -> Bool {
        (1...tokenBytesMax).contains(token.utf8.count)
            && token.utf8.allSatisfy {
                ASCII.isLetter($0) || ASCII.isDigit($0) || $0 == 0x2D || $0 == 0x5F
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
        return bytes.takeSlice(leaving: 1)
    }
}
