// Files as answers. In production each is prepared once (tags, packed forms, answers as they are
// sent) and then only read; in development it is read and prepared for each request. Any thread.

import MizuBytes
import MizuHTTP
import MizuRouting

struct StaticFiles: Sendable {
    private let assets: Assets
    private let folder: String
    private let prepared: [String: Representation]

    /// - Parameters:
    ///   - folder: below it files are looked up; ends with `/` or is empty.
    ///   - only: the one file that is to be served; nil: every one.
    init(_ assets: Assets, folder: String, only: String? = nil) {
        self.assets = assets
        self.folder = folder
        var prepared: [String: Representation] = [:]
        if !assets.isReadFromDisk {
            var encoder = GzipEncoder()
            for name in only.map({ [$0] }) ?? assets.names(below: folder) {
                guard let bytes = assets[folder + name] else { continue }
                var file = Representation(bytes, mediaType: .of(path: name))
                file.pack(using: &encoder, brotli: assets.brotli(of: bytes))
                file.prepare()
                prepared[name] = file
            }
        }
        self.prepared = prepared
    }

    /// The answer to a GET or HEAD for the file; nil if there is none.
    func respond(_ name: String, to request: borrowing Request) -> Response? {
        guard assets.isReadFromDisk else { return prepared[name]?.respond(to: request) }
        return assets[folder + name].map {
            Representation($0, mediaType: .of(path: name)).respond(to: request)
        }
    }

    /// The files that are prepared as handlers of their own, by where they are served, so that no
    /// name has to be looked up in a request for one.
    /// - Parameter prefix: of the route `prefix/*path`.
    func shortcuts(below prefix: String) -> [Shortcut] {
        // What `SafePath` makes another name of, or none, is not what stands in a request.
        prepared.filter { name, _ in
            ByteSlice(name).withUnsafeBytes { SafePath.name($0) } == name
        }.map { name, file in
            Shortcut("\(prefix)/\(name)") { file.respond(to: $0) }
        }
    }

    /// The file as the handler of a route of its own.
    func handler(of name: String) -> Handler {
        guard let file = prepared[name] else { return { respond(name, to: $0) ?? .notFound } }
        return { file.respond(to: $0) }
    }
}
