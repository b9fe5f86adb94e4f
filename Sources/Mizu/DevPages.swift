// The page's part of `mizu dev`: its files below /_dev/, and the script element that pages get. In
// a release build, and if `mizu dev` did not start the process, there is neither.

import CDev
import MizuBytes
import MizuHTTP
import MizuRouting

#if DEBUG
    /// What pages need to hear of changes. Any thread.
    struct DevPages: Sendable {
        let channel: DevChannel
        private let notes = DevNotes()

        init(channel: DevChannel) { self.channel = channel }

        /// Shows a link in the panel.
        func tell(_ text: String, path: String) { notes.add(text, path: path) }

        func mount(on routes: inout Routes) {
            let (channel, notes) = (channel, notes)
            routes.get("/_dev/notes") { _ in notes.response }
            routes.get("/_dev/events") { request in
                channel.poll(
                    after: Int(request.query["after"] ?? "") ?? 0,
                    state: Int(request.query["state"] ?? "") ?? 0, from: request.exchange)
            }
            routes.get("/_dev/:file") { request in
                Self.file(request.parameter("file") ?? "") ?? .notFound
            }
        }

        private static func file(_ name: String) -> Response? {
            var index = 0
            while let file = cdev_file_at(index)?.pointee, let known = file.name {
                index += 1
                guard String(cString: known) == name else { continue }
                let bytes = ByteSlice(SharedBytes(static: file.bytes, count: file.count))
                var response = Response(
                    status: .ok, mediaType: .of(path: name), body: .slice(bytes))
                response.set("Cache-Control", literal: "no-cache")
                return response
            }
            return nil
        }

        /// Puts the script before the app's own, which it may have to keep offline: behind the
        /// import map, else at the start of the head, or at the end of a page without a head.
        func adding(to page: Response) -> Response {
            guard case .slice(let html) = page.body else { return page }
            let script = """
                <script type="module" src="/_dev/dev.js?after=\(channel.sequence)"></script>
                """
            let bytes = html.withUnsafeBytes { Array($0) }
            let marks = [BrowserClient.endOfMap, "<head>"].map { Array($0.utf8) }
            let place =
                marks.lazy.compactMap { bytes.firstRange(of: $0)?.upperBound }.first
                ?? bytes.count
            var page = page
            page.body = .slices([
                html[0..<place], ByteSlice(script), html[place..<html.count],
            ])
            return page
        }
    }
#else
    /// Nothing of `mizu dev` is in a release build.
    struct DevPages: Sendable {
        func mount(on routes: inout Routes) {}
        func tell(_ text: String, path: String) {}
        func adding(to page: Response) -> Response { page }
    }
#endif

extension App {
    /// What pages get in development; nil elsewhere.
    func developmentPages() -> DevPages? {
        #if DEBUG
            guard configuration.isDevelopment else { return nil }
            return DevChannel.open(
                environment: Configuration.processEnvironment(), workers: workers
            ).map { DevPages(channel: $0) }
        #else
            return nil
        #endif
    }
}
