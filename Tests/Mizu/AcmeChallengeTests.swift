// Challenge files: found in both layouts, and nothing else of the disk can be had.

import Foundation
import MizuHTTP
import Testing

@testable import Mizu

@Suite("ACME challenges (RFC 8555 §8.3)")
struct AcmeChallengeTests {
    private func body(_ response: Response) -> String? {
        guard response.status == .ok, case .slice(let slice) = response.body else { return nil }
        return slice.string
    }

    @Test("files in both layouts are served; links, folders, pipes and large ones are not")
    func files() throws {
        let folder = FileManager.default.temporaryDirectory.path + "/mizu-acme-\(UUID())"
        let nested = folder + "/.well-known/acme-challenge"
        try FileManager.default.createDirectory(
            atPath: nested, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        func write(_ path: String, _ text: String) throws {
            try text.write(toFile: path, atomically: true, encoding: .utf8)
        }
        try write(nested + "/nested-token_1", "nested-token_1.thumb_print-1")
        try write(folder + "/flat", "flat.thumb\r\n")
        try write(folder + "/large", "large." + String(repeating: "x", count: 4091))
        try write(folder + "/full", "full." + String(repeating: "x", count: 4091))
        // What lies in a folder that was named by mistake.
        try write(folder + "/passwd", "root:x:0:0:root:/root:/bin/sh\n")
        try write(folder + "/hostname", "hostname\n")
        try write(folder + "/other", "flat.thumb")
        try write(folder + "/bare", "bare.")
        try write(folder + "/blank", "blank. \n")
        try write(folder + "/lines", "lines.thumb\nsecret")
        try write(folder + "/dotted", "dotted.thumb.more")
        try write(folder + "/empty", "")
        try write(folder + "/dot.txt", "dot")
        try write(folder + "/aim", "link.thumb")
        try FileManager.default.createSymbolicLink(
            atPath: folder + "/link", withDestinationPath: folder + "/aim")
        #expect(mkfifo(folder + "/pipe", 0o600) == 0)
        let challenges = AcmeChallenges(folder: folder)
        #expect(body(challenges.respond("nested-token_1")) == "nested-token_1.thumb_print-1")
        #expect(body(challenges.respond("flat")) == "flat.thumb\r\n")
        #expect(body(challenges.respond("full"))?.count == 4096)
        for name in [
            "passwd", "hostname", "other", "bare", "blank", "lines", "dotted",
            "large", "empty", "link", "pipe", "missing", "dot.txt", "", ".", "..", ".well-known",
            "../flat", "a/b", "flat\u{0}", "flåt", String(repeating: "a", count: 129),
        ] {
            #expect(challenges.respond(name).status == .notFound, "\(name)")
        }
    }
}
