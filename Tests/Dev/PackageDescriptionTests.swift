// Which executable is run, from what `swift package describe --type json` says.

import Testing

@testable import MizuDev

@Suite("PackageDescription")
struct PackageDescriptionTests {
    private func describe(_ products: [(String, String, executable: Bool)]) throws
        -> PackageDescription
    {
        let list = products.map { name, target, executable in
            """
            {"name":"\(name)","targets":["\(target)"],"type":\
            {\(executable ? "\"executable\":null" : "\"library\":[\"automatic\"]")}}
            """
        }
        let targets = products.map { _, target, executable in
            #"{"name":"\#(target)","path":"Sources/\#(target)","type":"\#(executable ? "executable" : "library")"}"#
        }
        let tests = [#"{"name":"AppTests","path":"Tests/AppTests","type":"test"}"#]
        let json = """
            warning: something before it
            {"name":"shop","path":"/x","products":[\(list.joined(separator: ","))],
             "targets":[\((targets + tests).joined(separator: ","))],"other":{"a":[1,2.5]}}
            """
        return try PackageDescription(json: Array(json.utf8))
    }

    @Test("the only executable is taken, whatever libraries there are")
    func only() throws {
        let package = try describe([("Shop", "Shop", false), ("shop", "Server", true)])
        #expect(try package.executable(nil) == "shop")
        #expect(package.tests == ["Tests/AppTests"])
    }

    @Test("a target's name finds the product that is made of it")
    func target() throws {
        let package = try describe([("shop", "Server", true), ("tool", "Tool", true)])
        #expect(try package.executable("tool") == "tool")
        #expect(try package.executable("Server") == "shop")
    }

    @Test("of several one must be chosen, and they are named")
    func several() throws {
        let package = try describe([("shop", "Server", true), ("tool", "Tool", true)])
        let error = #expect(throws: DevError.self) { try package.executable(nil) }
        #expect(
            error?.description == "shop has several executables: choose with --target: shop, tool")
    }

    @Test("a name that is nearly right is told")
    func near() throws {
        let package = try describe([("shop", "Server", true), ("tool", "Tool", true)])
        let error = #expect(throws: DevError.self) { try package.executable("sevrer") }
        #expect(error?.description == "there is no executable sevrer: did you mean Server?")
        let far = #expect(throws: DevError.self) { try package.executable("elephant") }
        #expect(far?.description == "there is no executable elephant: there are shop, tool")
    }

    @Test("a package without an executable says what to add")
    func none() throws {
        let package = try describe([("Shop", "Shop", false)])
        let error = #expect(throws: DevError.self) { try package.executable(nil) }
        #expect(error?.description.contains(".executableTarget") == true)
    }

    @Test(
        "what is no description is refused in words",
        arguments: ["", "{", "[]", "{}", "{\"name\":1}"])
    func broken(text: String) {
        #expect(throws: DevError.self) { try PackageDescription(json: Array(text.utf8)) }
    }
}
