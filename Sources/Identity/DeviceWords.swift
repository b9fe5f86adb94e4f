// A browser in plain words, from its User-Agent: "Firefox on Linux". It is for people who look at a
// list of their sessions and wonder which is which; nothing is decided by it, because a User-Agent
// says what its sender likes. Where it says nothing known, the words say so. Pure functions.

public enum DeviceWords {
    /// "BROWSER on SYSTEM", as far as the User-Agent tells.
    public static func words(for agent: String?) -> String {
        guard let agent, !agent.isEmpty else { return "unknown device" }
        // What is far into an endless field is not looked at.
        let text = String(agent.prefix(512))
        switch (first(of: browsers, in: text), first(of: systems, in: text)) {
        case (let browser?, let system?): return "\(browser) on \(system)"
        case (let browser?, nil): return browser
        case (nil, let system?): return "unknown browser on \(system)"
        case (nil, nil): return program(text) ?? "unknown device"
        }
    }

    // The order matters: Edge and Opera also say Chrome, and Chrome also says Safari.
    private static let browsers = [
        ("Edg/", "Edge"), ("EdgA/", "Edge"), ("EdgiOS/", "Edge"), ("OPR/", "Opera"),
        ("SamsungBrowser/", "Samsung Internet"), ("Vivaldi/", "Vivaldi"), ("FxiOS/", "Firefox"),
        ("CriOS/", "Chrome"), ("Firefox/", "Firefox"), ("HeadlessChrome/", "Chrome"),
        ("Chromium/", "Chromium"), ("Chrome/", "Chrome"), ("Version/", "Safari"),
        ("curl/", "curl"),
    ]

    // iPads and iPhones also say Mac OS X, Android also says Linux.
    private static let systems = [
        ("iPhone", "an iPhone"), ("iPad", "an iPad"), ("Android", "Android"),
        ("CrOS", "ChromeOS"), ("Windows", "Windows"), ("Mac OS X", "a Mac"),
        ("Macintosh", "a Mac"), ("Linux", "Linux"), ("FreeBSD", "FreeBSD"),
    ]

    private static func first(of table: [(mark: String, word: String)], in text: String) -> String?
    {
        table.first { text.contains($0.mark) }?.word
    }

    /// `name/version` at the start, as programs say.
    private static func program(_ text: String) -> String? {
        let name = text.prefix { $0 != "/" && $0 != " " }
        guard !name.isEmpty, name.count <= 32, text.dropFirst(name.count).first == "/",
            name.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "-_.".contains($0)) })
        else { return nil }
        return String(name)
    }
}
