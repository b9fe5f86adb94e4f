// swift-tools-version: 6.2
import PackageDescription

// One package, one room for each duty (architecture.md, "The rooms"). Directories have plain names;
// module names carry the prefix, because module names are global in a Swift process.

let log = Target.Dependency.product(name: "Logging", package: "swift-log")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")

func room(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(
        name: name == "Mizu" ? "Mizu" : "Mizu" + name, dependencies: dependencies,
        path: "Sources/" + name)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name + "Tests", dependencies: dependencies, path: "Tests/" + name)
}

/// A template of `mizu new`: an app like those that it writes, so it is built and tested like one.
/// The names of its targets begin with Mizu, because names are global in a graph of packages and an
/// app may have every other one.
func template(_ folder: String, module: String, joined: [String] = []) -> [Target] {
    let path = "Assets/Templates/" + folder
    let assets = "C" + module + "Assets"
    return [
        // `app.js` there is what `make assets` has joined.
        .target(name: assets, path: path + "/CShims/CAssets", exclude: joined),
        .target(name: module, dependencies: ["Mizu"], path: path + "/Sources/App"),
        .executableTarget(
            name: module + "Server",
            dependencies: [.target(name: module), "Mizu", .target(name: assets)],
            path: path + "/Sources/Server"),
        .testTarget(
            name: module + "Tests",
            dependencies: [
                .target(name: module), .target(name: module + "Server"), "MizuTesting", "Mizu",
            ],
            path: path + "/Tests/App"),
    ]
}

// The build: what is known of it goes into `mizu version` (CShims/CBuild). Nothing but what git
// would say passes, because it becomes an argument of the compiler.
func fact(_ name: String) -> CSetting? {
    guard let text = Context.environment[name], !text.isEmpty,
        text.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "._:/@+~-".contains($0)) })
    else { return nil }
    return .define(name, to: "\"\(text)\"")
}
let build = ["MIZU_COMMIT", "MIZU_ORIGIN"].compactMap(fact)

// For the executables alone: unsafe flags of theirs do not reach packages that use the library.
// gold warns of mktemp(3) in FoundationEssentials, which ArgumentParser brings; lld does not.
// Packed relocations (DT_RELR, glibc 2.36) are 20 KB instead of 660 KB that the start would read.
let smallBinary: [LinkerSetting] = [
    .unsafeFlags(
        [
            "-use-ld=lld", "-Xlinker", "-z", "-Xlinker", "pack-relative-relocs", "-Xlinker",
            "--icf=all",
        ],
        .when(platforms: [.linux]))
]

/// What only a build with the trait has (`swift build --disable-default-traits` leaves it out).
func postgres(_ name: String) -> Target.Dependency {
    .target(name: name, condition: .when(traits: ["Postgres"]))
}

let package = Package(
    name: "mizu",
    products: [
        .library(name: "Mizu", targets: ["Mizu"]),
        .library(name: "MizuTesting", targets: ["MizuTesting"]),
        .executable(name: "mizu", targets: ["MizuCLI"]),
        .executable(name: "echo-server", targets: ["EchoServer"]),
    ],
    traits: [
        .trait(
            name: "Postgres",
            description: "DATABASE_URL=postgres://…: many machines on one database, by libpq."),
        .default(enabledTraits: ["Postgres"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-log", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
    ],
    targets: [
        .target(name: "CLinux", path: "CShims/CLinux"),
        .target(name: "CScan", path: "CShims/CScan"),
        .target(
            name: "CZlib", path: "CShims/CZlib", linkerSettings: [.linkedLibrary("z")]),
        .target(
            name: "CSQLite", path: "CShims/CSQLite", linkerSettings: [.linkedLibrary("sqlite3")]),
        .target(
            name: "CPostgres", path: "CShims/CPostgres",
            linkerSettings: [.linkedLibrary("pq", .when(traits: ["Postgres"]))]),
        .target(
            name: "COpenSSL", path: "CShims/COpenSSL",
            linkerSettings: [.linkedLibrary("ssl"), .linkedLibrary("crypto")]),
        .target(
            name: "CArgon2", path: "CShims/CArgon2", linkerSettings: [.linkedLibrary("argon2")]),
        .target(name: "CDev", path: "CShims/CDev"),
        .target(name: "CTemplates", path: "CShims/CTemplates"),
        .target(name: "CClient", path: "CShims/CClient", exclude: ["mizu.js"]),
        .target(name: "CBuild", path: "CShims/CBuild", cSettings: build),

        room("Bytes", []),
        room("Metrics", []),
        room("EventLoop", ["MizuBytes", "CLinux"]),
        room("Transport", ["MizuBytes", "MizuEventLoop", "CLinux", "COpenSSL"]),
        room("Crypto", ["COpenSSL"]),
        room("JOSE", ["MizuCrypto", "MizuBytes"]),
        room("WebAuthn", ["MizuCrypto", "MizuBytes"]),
        room("HTTP", ["MizuBytes", "CScan", "CZlib"]),
        room("WebSocket", ["MizuBytes", "CScan", "CZlib"]),
        room("Routing", ["MizuHTTP", "MizuBytes"]),
        room("Topics", ["MizuBytes"]),
        room("Sync", ["MizuBytes"]),
        room("Wire", ["MizuSync", "MizuTopics", "MizuBytes"]),
        room(
            "SyncSQLite",
            ["MizuSync", "MizuEventLoop", "MizuBytes", "CSQLite", "CLinux", log]),
        room("SyncPostgres", ["MizuSync", "MizuBytes", "CPostgres", log]),
        room(
            "SyncTools",
            [
                "MizuSyncSQLite", postgres("MizuSyncPostgres"), "MizuSync", "MizuBytes", "CSQLite",
                "CLinux", log,
            ]),
        room("Identity", ["MizuSync", "MizuHTTP", "MizuEventLoop", "MizuBytes", "CArgon2"]),
        room("View", ["MizuBytes", "CScan"]),
        room("Door", ["MizuRouting", "MizuHTTP", "MizuEventLoop", "MizuBytes", "CLinux"]),
        room("AccessLog", ["MizuHTTP", "MizuEventLoop", "MizuBytes", "CLinux", log]),
        room(
            "Server",
            [
                "MizuBytes", "MizuEventLoop", "MizuTransport", "MizuHTTP", "MizuWebSocket",
                "MizuRouting", "MizuDoor", "MizuAccessLog", "MizuMetrics", "CLinux", log,
            ]),
        room(
            "Process",
            ["MizuServer", "MizuTransport", "MizuEventLoop", "CLinux", log]),
        room(
            "Bench",
            [
                "MizuEventLoop", "MizuTransport", "MizuHTTP", "MizuWebSocket", "MizuBytes",
                "CLinux",
            ]),
        room(
            "SyncService",
            [
                "MizuServer", "MizuDoor", "MizuRouting", "MizuHTTP", "MizuWebSocket", "MizuNews",
                "MizuSync", "MizuWire", "MizuTopics", "MizuMetrics", "MizuEventLoop", "MizuBytes",
                log,
            ]),
        room(
            "Mizu",
            [
                "MizuSyncService", "MizuProcess", "MizuServer", "MizuDoor", "MizuNews",
                "MizuAccessLog", "MizuIdentity", "MizuSyncSQLite", postgres("MizuSyncPostgres"),
                "MizuView", "MizuSync", "MizuRouting", "MizuHTTP", "MizuWire", "MizuTransport",
                "MizuMetrics", "MizuEventLoop", "MizuWebAuthn", "MizuJOSE", "MizuCrypto",
                "MizuBytes", "CLinux", "CDev", "CClient", "CBuild", log,
            ]),
        room(
            "Testing",
            [
                "Mizu", "MizuServer", "MizuTransport", "MizuHTTP", "MizuWebSocket", "MizuRouting",
                "MizuSync", "MizuEventLoop", "MizuBytes",
            ]),
        room(
            "News",
            [
                postgres("MizuSyncPostgres"), "MizuTransport", "MizuEventLoop", "MizuBytes",
                "CLinux", log,
            ]),
        room("Dev", ["MizuTransport", "MizuEventLoop", "MizuBytes", "CLinux"]),
        room("Scaffold", ["MizuBytes", "CLinux"]),

        .executableTarget(
            name: "MizuCLI",
            dependencies: [
                "Mizu", "MizuBench", "MizuDev", "MizuHTTP", "MizuTransport", "MizuTodo",
                "MizuScaffold", "MizuSyncTools", "CTemplates", "CBuild", "CLinux", arguments,
            ],
            path: "Sources/CLI",
            linkerSettings: smallBinary),
        .executableTarget(
            name: "EchoServer",
            dependencies: [
                "MizuProcess", "MizuServer", "MizuRouting", "MizuHTTP", "MizuWebSocket",
                "MizuTransport", "MizuTopics", "MizuEventLoop", "MizuBytes", "CLinux", log,
            ], path: "Sources/EchoServer", linkerSettings: smallBinary),

        // What several of the tests below use; no product holds it.
        .target(name: "MizuTestSupport", path: "Tests/Support"),
        // An app with people that Tests/Process and Tests/Browser run.
        .executableTarget(
            name: "MizuPeople", dependencies: ["Mizu"], path: "Tests/People",
            linkerSettings: smallBinary),
        // The app of expenses that the guides have one write; Tests/Guides and Tests/Browser try it.
        .executableTarget(
            name: "MizuExpenses", dependencies: ["Mizu"], path: "Tests/Expenses",
            exclude: ["expenses.js"], linkerSettings: smallBinary),
        tests("Bytes", ["MizuTestSupport", "MizuBytes"]),
        tests(
            "EventLoop",
            ["MizuTestSupport", "MizuEventLoop", "MizuTransport", "MizuBytes", "CLinux"]),
        .target(
            name: "CTLSClient", path: "Tests/CTLSClient",
            linkerSettings: [.linkedLibrary("ssl"), .linkedLibrary("crypto")]),
        tests("Transport", ["MizuTransport", "MizuEventLoop", "MizuBytes", "CTLSClient"]),
        tests(
            "News",
            [
                "MizuTestSupport", "MizuNews", postgres("MizuSyncPostgres"), postgres("CPostgres"),
                "MizuTransport", "MizuEventLoop", "MizuBytes", "CLinux", log,
            ]),
        tests("JOSE", ["MizuJOSE", "MizuCrypto", "MizuBytes", "MizuTestSupport"]),
        tests("WebAuthn", ["MizuWebAuthn", "MizuBytes", "MizuTestSupport"]),
        tests("HTTP", ["MizuTestSupport", "MizuHTTP", "MizuBytes", "CScan", "CZlib"]),
        tests("Routing", ["MizuRouting", "MizuHTTP"]),
        tests("WebSocket", ["MizuTestSupport", "MizuWebSocket", "MizuBytes"]),
        tests("Topics", ["MizuTestSupport", "MizuTopics", "MizuBytes"]),
        tests(
            "Wire", ["MizuTestSupport", "MizuWire", "MizuTopics", "MizuSync", "MizuBytes"]),
        tests(
            "SyncService",
            [
                "MizuTestSupport", "MizuSyncService", "MizuSync", "MizuTopics", "MizuEventLoop",
                "MizuBytes",
            ]),
        tests(
            "Sync",
            [
                "MizuTestSupport", "MizuSync", "MizuSyncSQLite", postgres("MizuSyncPostgres"),
                postgres("CPostgres"), "MizuEventLoop", "MizuBytes", "CSQLite", log,
            ]),
        tests(
            "SyncTools",
            ["MizuSyncTools", "MizuSyncSQLite", "MizuSync", "MizuBytes", log]),
        // Nothing of Linux: what a Swift client on a phone would link.
        tests("Portable", ["MizuSync", "MizuBytes"]),
        tests("Identity", ["MizuIdentity", "MizuEventLoop", "MizuBytes", "CLinux"]),
        tests("Accounts", ["MizuTesting", "Mizu", "MizuIdentity", "MizuEventLoop"]),
        tests("View", ["MizuTestSupport", "MizuView", "MizuBytes"]),
        tests("Metrics", ["MizuMetrics"]),
        tests("Door", ["MizuDoor", "MizuRouting", "MizuHTTP", "MizuEventLoop", "MizuTestSupport"]),
        tests(
            "AccessLog",
            ["MizuAccessLog", "MizuHTTP", "MizuEventLoop", "MizuBytes", "MizuTestSupport"]),
        // Tests/Process runs the programs.
        tests("ProcessRoom", ["MizuProcess", "MizuTransport", "MizuEventLoop"]),
        tests(
            "Server",
            [
                "MizuSyncService", "MizuProcess", "MizuServer", "MizuDoor", "MizuAccessLog",
                "MizuTransport", "MizuHTTP", "MizuRouting", "MizuWebSocket", "MizuSync", "MizuWire",
                "MizuTopics", "MizuEventLoop", "MizuBytes", "CLinux", "CTLSClient",
                "MizuTestSupport", log,
            ]),
        tests(
            "Mizu",
            [
                "MizuTesting", "Mizu", "MizuServer", "MizuDoor", "MizuRouting", "MizuEventLoop",
                "MizuJOSE", "MizuCrypto", "MizuHTTP", "MizuBytes", log,
            ]),
        tests("Testing", ["MizuTesting", "Mizu"]),
        // Who wants in, and must not get in: issue 13's table.
        tests("Attacks", ["MizuTesting", "Mizu"]),
        tests("Dev", ["MizuDev", "MizuEventLoop"]),
        tests("Bench", ["MizuBench", "MizuHTTP", "MizuBytes"]),
        tests("Scaffold", ["MizuScaffold", "MizuBytes", "CTemplates"]),
        // What the guides show: Assets/Guides.
        tests("Guides", ["MizuExpenses", "MizuTesting", "Mizu"]),
        tests("Tidy", ["Mizu", "MizuScaffold"]),
    ]
        + template("sync", module: "MizuTodo", joined: ["app.js"])
        + template("team", module: "MizuTeam", joined: ["app.js"])
        + template("live", module: "MizuCounter") + [
            .executableTarget(
                name: "MizuHello", dependencies: ["Mizu"],
                path: "Assets/Templates/minimal/Sources/App"),
            .testTarget(
                name: "MizuHelloTests", dependencies: ["MizuHello", "MizuTesting", "Mizu"],
                path: "Assets/Templates/minimal/Tests/App"),
        ],
    swiftLanguageModes: [.v6],
    cLanguageStandard: .c2x
)

// Fuzzers need an unsafe flag, and a package with one cannot be a dependency: so they are part of
// it only where they are asked for (`make soak`).
if Context.environment["MIZU_FUZZ"] != nil {
    let fuzzers: [(String, [Target.Dependency])] = [
        ("FuzzJSON", ["MizuBytes"]), ("FuzzHTTP", ["MizuHTTP", "MizuBytes"]),
        ("FuzzWebSocket", ["MizuWebSocket", "MizuBytes"]),
        ("FuzzTLS", ["MizuTransport", "CTLSClient"]),
    ]
    for (name, dependencies) in fuzzers {
        package.targets.append(
            .executableTarget(
                name: name, dependencies: dependencies, path: "Tests/Fuzz/" + name,
                swiftSettings: [.unsafeFlags(["-parse-as-library"])]))
        package.products.append(.executable(name: name, targets: [name]))
    }
}

// What measurements run, and nobody else.
if Context.environment["MIZU_MEASURE"] != nil {
    package.targets.append(
        .executableTarget(
            name: "measure-view", dependencies: ["MizuView", "MizuBytes"],
            path: "Tests/Measure/View"))
}
