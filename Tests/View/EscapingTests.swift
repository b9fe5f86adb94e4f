// What data may never do: end an attribute, open a tag, or be taken for a template.

import MizuBytes
import MizuView
import Testing

@Suite("Escaping")
struct EscapingTests {
    static let attack = "\"'><script>alert(1)</script>&"
    static let harmless = "&quot;&#39;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;"

    @Test(
        "hostile text stays text in every place where HTML takes text",
        arguments: [
            "<p>|</p>", "<a title=\"|\">", "<a title='|'>", "<textarea>|</textarea>",
            "<title>|</title>", "<input value=\"|\" disabled>", "<td data-a='{\"b\":\"|\"}'>",
        ])
    func places(_ place: String) throws {
        let parts = place.split(separator: "|", omittingEmptySubsequences: false)
        let template = "\(parts[0]){{x}}\(parts[1])"
        let page = try rendered(template, ["x": .string(EscapingTests.attack)])
        #expect(page == "\(parts[0])\(EscapingTests.harmless)\(parts[1])")
    }

    @Test("every byte stands for itself, but for the five that HTML reads")
    func everyByte() throws {
        let references: [UInt8: String] = [
            0x26: "&amp;", 0x3C: "&lt;", 0x3E: "&gt;", 0x22: "&quot;", 0x27: "&#39;",
        ]
        for byte in UInt8.min...UInt8.max {
            let text: [UInt8] = [0x61, byte, byte, 0x7A]
            var page = ByteBuffer(capacity: 1)
            page.append(escapingHTML: ByteSlice(text))
            let expected = references[byte].map { Array("a\($0)\($0)z".utf8) } ?? text
            #expect(page.takeSlice().array == expected)
        }
    }

    @Test("text of any length and with a mark at any place is escaped whole")
    func everyPosition() {
        for count in 0..<40 {
            for mark in 0..<max(1, count) {
                var text = [UInt8](repeating: 0x78, count: count)
                if mark < count { text[mark] = UInt8(ascii: "<") }
                var page = ByteBuffer(capacity: 1)
                page.append(escapingHTML: ByteSlice(text))
                let expected = text.flatMap { $0 == 0x3C ? Array("&lt;".utf8) : [$0] }
                #expect(page.takeSlice().array == expected)
            }
        }
    }

    @Test("text from the data is never read as a template")
    func noSecondReading() throws {
        let data: ViewValue = ["x": "{{y}}{{>p}}{{{y}}}", "y": "secret"]
        #expect(try rendered("{{x}}|{{{x}}}", data) == "{{y}}{{&gt;p}}{{{y}}}|{{y}}{{>p}}{{{y}}}")
    }

    @Test("only the raw tags leave text as it is")
    func raw() throws {
        let data: ViewValue = ["x": "<b>'\"&"]
        #expect(
            try rendered("{{x}} {{{x}}} {{&x}} {{=[ ]=}}[x] [{x}] [&x]", data)
                == "&lt;b&gt;&#39;&quot;&amp; <b>'\"& <b>'\"& "
                + "&lt;b&gt;&#39;&quot;&amp; <b>'\"& <b>'\"&")
    }

    @Test("bytes that are no UTF-8 pass through without harm")
    func illFormed() throws {
        let data = ViewValue.object(
            ViewObject([(key: "x", value: .text(ByteSlice([0xFF, 0x3C, 0xC3])))]))
        let page = try Template(name: "t", source: "{{x}}").render(data)
        #expect(page.array == [0xFF] + Array("&lt;".utf8) + [0xC3])
    }
}
