// Which file a database's name means: `sqlite:PATH` as in DATABASE_URL, or a path. And names of
// files that are made beside others and renamed when they are complete.

import CLinux
import CSQLite
import Glibc

package enum DatabasePath {
    /// - Throws: where the name means no file.
    package static func parse(_ name: String) throws(ToolFailure) -> String {
        if name == "memory:" {
            throw ToolFailure(
                "memory: is no file", hint: "name a database: --database sqlite:PATH")
        }
        guard !isOtherAddress(name) else {
            throw ToolFailure(
                "the database's address is of no kind that mizu knows",
                hint: "use sqlite:PATH, a path, or postgres://USER@HOST/NAME")
        }
        let scheme = "sqlite:"
        let path = name.hasPrefix(scheme) ? String(name.dropFirst(scheme.count)) : name
        guard !path.isEmpty, !path.utf8.contains(0), path.utf8.last != UInt8(ascii: "/") else {
            throw ToolFailure("\"\(name)\" names no file", hint: "use sqlite:PATH, or a path")
        }
        return path
    }

    /// A file that a tool reads or writes beside a database.
    /// - Throws: where the name is a URL, which is not repeated.
    static func plain(_ name: String) throws(ToolFailure) -> String {
        guard !isOtherAddress(name) else {
            throw ToolFailure(
                "what was to be a file's name is a URL", hint: "name a file, or ./NAME")
        }
        return name
    }

    /// Whether the name is a URL of another scheme, or a damaged one: `postgres:/…`. It may hold a
    /// password, so nobody may repeat it.
    private static func isOtherAddress(_ name: String) -> Bool {
        guard let colon = name.firstIndex(of: ":") else { return false }
        let scheme = name[..<colon]
        let rest = name[name.index(after: colon)...]
        guard scheme != "sqlite", scheme.first?.isLetter == true,
            scheme.allSatisfy({ $0.isLetter || $0.isNumber || "+-._".contains($0) })
        else { return false }
        return rest.hasPrefix("/") || rest.contains("@") || scheme.hasPrefix("postgres")
    }

    /// The folder that a path's file is in.
    static func folder(of path: String) -> String {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
        let folder = String(path[..<slash])
        return folder.isEmpty ? "/" : folder
    }

    /// A name beside `path` that nobody else uses.
    static func aside(_ path: String) -> String {
        let name = path.utf8.lastIndex(of: UInt8(ascii: "/")).map { path[$0...].dropFirst() }
        return "\(folder(of: path))/.\(name ?? path[...]).mizu-\(getpid())-new"
    }

    /// Whether there is anything by that name.
    static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    /// Gives a complete file its name, durably, unless somebody has the name.
    static func place(_ temporary: String, at path: String) throws(ToolFailure) {
        let result = cl_rename_new(temporary, path)
        if result == -EEXIST {
            throw ToolFailure("\(path) is there already", hint: "name another file")
        }
        guard result == 0 else { throw ToolFailure(cannot: "write", path, result) }
        try syncFolder(of: path)
    }

    /// Makes the names in the folder of `path` durable.
    static func syncFolder(of path: String) throws(ToolFailure) {
        let result = csqlite_sync(folder(of: path))
        guard result == 0 else { throw ToolFailure(cannot: "write", folder(of: path), result) }
    }

    /// A folder for what may be as large as the database: `TMPDIR`, or where POSIX systems keep
    /// what is large. Nobody else can read it.
    static func makeScratch() throws(ToolFailure) -> String {
        let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/var/tmp"
        var template = Array("\(parent)/mizu-sync-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw ToolFailure(
                "cannot make a folder in \(parent): \(String(cString: strerror(errno)))",
                hint: "name another in TMPDIR")
        }
        return String(
            decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
