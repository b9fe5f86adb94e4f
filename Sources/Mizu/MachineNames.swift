// What this machine is called: its name, the same as mDNS has it, and what /etc/hosts calls it in
// full, as Debian writes it there. No resolver is asked: a start must not wait for one, and who
// answers for it may be anybody.

import Glibc

enum MachineNames {
    private static let fileBytesMax = 64 * 1024

    /// The names, without double ones; none if the machine has none.
    static func current() -> [String] {
        var text = [CChar](repeating: 0, count: 256)
        guard gethostname(&text, text.count - 1) == 0 else { return [] }
        let name = String(
            decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return names(of: name, hosts: hostsFile())
    }

    /// - Parameters:
    ///   - name: what gethostname(2) says.
    ///   - hosts: the text of hosts(5).
    static func names(of name: String, hosts: String) -> [String] {
        guard !name.isEmpty, name != "(none)", name != "localhost" else { return [] }
        var names = [name]
        // A whole name has no mDNS one.
        if !name.contains(".") { names.append(name + ".local") }
        for line in hosts.split(separator: "\n") {
            let words = line.prefix { $0 != "#" }.split { $0 == " " || $0 == "\t" }.dropFirst()
            guard words.contains(where: { $0.lowercased() == name.lowercased() }) else { continue }
            // Other words of its line may be the names of everything that runs here.
            for word in words where word.lowercased().hasPrefix(name.lowercased() + ".") {
                names.append(String(word))
            }
        }
        return names.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    }

    private static func hostsFile() -> String {
        let file = open("/etc/hosts", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return "" }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: fileBytesMax)
        let count = read(file, &bytes, bytes.count)
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }
}
