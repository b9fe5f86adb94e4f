// Files as answers. In production each is prepared once (tag, packed form) and then only read; in
// development it is read and prepared for each request. Any thread.

import MizuBytes
import MizuHTTP

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
                file.pack(using: &encoder)
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
}
