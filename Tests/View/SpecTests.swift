// The Mustache spec's own cases, all files but the lambdas, which this room leaves out.

import MizuBytes
import MizuView
import Testing

@Suite("Mustache spec")
struct SpecTests {
    @Test("every case of the spec renders as it expects", arguments: SpecCase.filesPresent)
    func specFile(_ file: String) throws {
        let cases = try #require(try SpecCase.cases(of: file))
        #expect(!cases.isEmpty)
        for test in cases {
            let page = try rendered(test)
            #expect(page == test.expected, "\(test)")
        }
    }

    @Test(
        "no file of the spec is missing",
        .enabled(
            if: SpecCase.filesAbsent.isEmpty,
            "left out, not in \(SpecCase.folder): \(SpecCase.filesAbsent)"))
    func allPresent() {
        #expect(SpecCase.filesPresent == SpecCase.files)
    }

    private func rendered(_ test: SpecCase) throws -> String {
        var files = test.partials
        files["the template itself"] = test.template
        let sources = files
        let views = try ViewSet(
            paths: sources.keys.sorted(), mode: .compiledOnce,
            options: ViewOptions(unknownPartials: .renderEmpty, suffix: "", folder: "")
        ) { sources[$0] }
        return try views.render("the template itself", test.data).string
    }
}
