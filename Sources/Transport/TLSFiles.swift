// Where certificates lie, as an operator names them: files with commas, a directory of pairs, or a
// directory as certbot keeps one. Directories are read anew at each load, so a certificate that is
// added to one is found. Also tells whether any of the files has changed.

import Glibc

/// Why TLS cannot be had, in one line for a person; names the file and never shows what is in it.
public struct TLSError: Error, Equatable, CustomStringConvertible, Sendable {
    public let description: String

    public init(_ description: String) { self.description = description }
}

/// The paths of certificates, keys and OCSP responses.
public struct TLSFiles: Equatable, Sendable {
    /// PEM files with a leaf and its chain, or directories.
    public var certificates: [String]
    /// PEM files with a key, in the same order; empty where each certificate's file has its own.
    public var keys: [String]
    /// DER files with an OCSP response, in the same order; empty, or `""` for a certificate that
    /// has none.
    public var responses: [String]

    /// One certificate's files.
    public struct Entry: Equatable, Sendable {
        public var certificate: String
        public var key: String
        public var response: String?
    }

    /// Certificates beyond it are an error: somebody named the wrong directory.
    static let entriesMax = 1000

    public init(certificates: [String], keys: [String] = [], responses: [String] = []) {
        self.certificates = certificates
        self.keys = keys
        self.responses = responses
    }

    /// Every certificate's files, directories resolved. Reads directories, not files.
    public func entries() throws(TLSError) -> [Entry] {
        guard !certificates.isEmpty else { throw TLSError("no certificate is named") }
        guard keys.isEmpty || keys.count == certificates.count else {
            throw TLSError("\(certificates.count) certificates but \(keys.count) keys are named")
        }
        guard responses.isEmpty || responses.count == certificates.count else {
            throw TLSError(
                "\(certificates.count) certificates but \(responses.count) OCSP responses are named"
            )
        }
        var entries: [Entry] = []
        for (index, path) in certificates.enumerated() {
            guard Self.isDirectory(path) else {
                let response = responses.isEmpty ? "" : responses[index]
                entries.append(
                    Entry(
                        certificate: path, key: keys.isEmpty ? path : keys[index],
                        response: response.isEmpty ? nil : response))
                continue
            }
            guard keys.isEmpty || keys[index].isEmpty || keys[index] == path else {
                throw TLSError(
                    "\(path) is a directory: its keys lie beside its certificates, not in TLS_KEY")
            }
            let found = try Self.entries(in: path)
            guard !found.isEmpty else {
                throw TLSError("\(path) holds no certificate (*.pem or *.crt)")
            }
            entries += found
        }
        guard entries.count <= Self.entriesMax else {
            throw TLSError("more than \(Self.entriesMax) certificates are named")
        }
        return entries
    }

    // MARK: Directories

    /// `fullchain.pem` with `privkey.pem` as certbot writes them, here or in the directories below;
    /// else each `NAME.pem` or `NAME.crt`, with the key in `NAME.key` where that is, and an OCSP
    /// response in `NAME.ocsp`.
    private static func entries(in directory: String) throws(TLSError) -> [Entry] {
        if let pair = certbotPair(in: directory) { return [pair] }
        let names = try names(in: directory)
        var entries: [Entry] = []
        for name in names {
            let path = directory + "/" + name
            if isDirectory(path) {
                if let pair = certbotPair(in: path) { entries.append(pair) }
            } else if name.hasSuffix(".pem") || name.hasSuffix(".crt") {
                let stem = String(path.dropLast(4))
                if path.hasSuffix("-key.pem") { continue }
                let key = [stem + ".key", stem + "-key.pem"].first(where: exists)
                entries.append(
                    Entry(
                        certificate: path, key: key ?? path,
                        response: exists(stem + ".ocsp") ? stem + ".ocsp" : nil))
            }
        }
        return entries
    }

    private static func certbotPair(in directory: String) -> Entry? {
        let (chain, key) = (directory + "/fullchain.pem", directory + "/privkey.pem")
        guard exists(chain), exists(key) else { return nil }
        let response = directory + "/ocsp.der"
        return Entry(certificate: chain, key: key, response: exists(response) ? response : nil)
    }

    private static func names(in directory: String) throws(TLSError) -> [String] {
        guard let stream = opendir(directory) else {
            throw TLSError("\(directory) cannot be read: \(String(cString: strerror(errno)))")
        }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names.sorted()
    }

    private static func isDirectory(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    private static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    // MARK: Changes

    /// The mark that tells one state of a file from another; symbolic links are followed, because
    /// certbot replaces those.
    struct Stamp: Equatable, Sendable {
        var device: UInt = 0
        var inode: UInt = 0
        var size = 0
        var seconds = 0
        var nanoseconds = 0
    }

    /// The state of every file; equal as long as none has changed.
    public struct Stamps: Equatable, Sendable {
        var entries: [Entry] = []
        var files: [Stamp] = []
    }

    public func stamps() -> Stamps {
        guard let entries = try? entries() else { return Stamps() }
        var files: [Stamp] = []
        for entry in entries {
            files.append(Self.stamp(entry.certificate))
            files.append(Self.stamp(entry.key))
            if let response = entry.response { files.append(Self.stamp(response)) }
        }
        return Stamps(entries: entries, files: files)
    }

    private static func stamp(_ path: String) -> Stamp {
        var status = stat()
        guard stat(path, &status) == 0 else { return Stamp() }
        return Stamp(
            device: UInt(status.st_dev), inode: UInt(status.st_ino), size: Int(status.st_size),
            seconds: status.st_mtim.tv_sec, nanoseconds: status.st_mtim.tv_nsec)
    }
}
