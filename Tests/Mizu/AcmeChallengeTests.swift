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
        try write(nested + "/nested-token_1", "nested")
        try write(folder + "/flat", "flat")
        try write(folder + "/large", String(repeating: "x", count: 4097))
        try write(folder + "/full", String(repeating: "x", count: 4096))
        try write(folder + "/empty", "")
        try write(folder + "/dot.txt", "dot")
        try FileManager.default.createSymbolicLink(
            atPath: folder + "/link", withDestinationPath: "/etc/hostname")
        #expect(mkfifo(folder + "/pipe", 0o600) == 0)
        let challenges = AcmeChallenges(folder: folder)
        #expect(body(challenges.respond("nested-token_1")) == "nested")
        #expect(body(challenges.respond("flat")) == "flat")
        #expect(body(challenges.respond("full"))?.count == 4096)
        for name in [
            "large", "empty", "link", "pipe", "missing", "dot.txt", "", ".", "..", ".well-known",
            "../flat", "a/b", "flat\u{0}", "flåt", String(repeating: "a", count: 129),
        ] {
            #expect(challenges.respond(name).status == .notFound, "\(name)")
        }
    }
}
