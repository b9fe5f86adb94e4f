// The browser client (Assets/Client) as an app serves it: below /_mizu/VERSION/, where VERSION
// changes with the content, so that browsers keep it for a year and never ask again. Another
// version's address is a 404, so that nobody keeps something else under its name. Pages import it
// as "mizu": the head that `views.render` gives them has an import map (HTML §8.1.5.3), and their
// Content-Security-Policy names that map by its hash.
//
// An app in development that runs in Mizu's own checkout serves the files of Assets/Client at
// /_mizu/dev/, read at each request. Any thread.

import CClient
import Glibc
import MizuBytes
import MizuHTTP
import MizuRouting
import MizuView

struct BrowserClient: Sendable {
    static let prefix = "/_mizu/"
    /// Where the client's files are in Mizu's checkout, and what else is there.
    private static let folder = "Assets/Client", table = "CShims/CClient/CClient.c"

    /// The Content-Security-Policy of pages: the usual one, and the import map may stand inline.
    let policy: String
    /// The package's version and a hash of the files, or `dev`.
    let version: String
    /// `mizu.head`, which a layout puts into its head: `{{{mizu.head}}}`.
    let members: ViewValue
    private let isReadFromDisk: Bool

    /// - Parameter isDevelopment: read the files from a checkout, if the working directory is one.
    init(isDevelopment: Bool) {
        isReadFromDisk =
            isDevelopment && access(Self.folder + "/mizu.js", R_OK) == 0
            && access(Self.table, F_OK) == 0
        let map, hash: String
        if isReadFromDisk {
            version = "dev"
            map = String(cString: mizu_client_dev_map())
            hash = String(cString: mizu_client_dev_map_hash())
        } else {
            version = String(cString: mizu_client_version())
            map = String(cString: mizu_client_map())
            hash = String(cString: mizu_client_map_hash())
        }
        let entry = Self.prefix + version + (isReadFromDisk ? "/parts/mizu.js" : "/mizu.js")
        members = [
            "mizu": [
                "head": .string(
                    """
                    <script type="importmap">\(map)</script>
                    <link rel="modulepreload" href="\(entry)">
                    """)
            ]
        ]
        policy = "\(SafeDefaults.contentSecurityPolicy); script-src 'self' '\(hash)'"
    }

    /// Where the script of `mizu dev` goes in a page: behind the import map, because a browser may
    /// take no map once a module is under way.
    static let endOfMap = #"}}</script>"#

    // MARK: Serving

    func mount(on routes: inout Routes) {
        let prepared = isReadFromDisk ? [:] : Self.prepared()
        let isReadFromDisk = isReadFromDisk
        let folder = Self.prefix + version
        let shortcuts = prepared.map { name, file in
            Shortcut("\(folder)/\(name)") { file.respond(to: $0) }
        }
        routes.get(folder + "/*path", cost: .file, shortcuts: shortcuts) { request in
            guard let name = request.fileName("path") else { return .notFound }
            if isReadFromDisk { return Self.edited(name, request) ?? .notFound }
            return prepared[name]?.respond(to: request) ?? .notFound
        }
    }

    /// The embedded files, packed once.
    private static func prepared() -> [String: Representation] {
        var prepared: [String: Representation] = [:]
        var encoder = GzipEncoder()
        let files = Assets(count: mizu_client_files_count) { index in
            let file = mizu_client_file_at(index)
            return (file.name, UnsafeRawPointer(file.bytes), file.count)
        }
        for name in files.names(below: "") {
            guard let bytes = files[name] else { continue }
            var content = Representation(bytes, mediaType: .javaScript, caching: .immutable)
            content.pack(using: &encoder, brotli: files.brotli(of: bytes))
            content.prepare()
            prepared[name] = content
        }
        return prepared
    }

    /// A part as it is on the disk now.
    private static func edited(_ name: String, _ request: borrowing Request) -> Response? {
        guard name.hasPrefix("parts/"),
            let bytes = Assets.read(folder + "/" + name.dropFirst("parts/".count))
        else { return nil }
        return Representation(bytes, mediaType: .javaScript).respond(to: request)
    }
}
