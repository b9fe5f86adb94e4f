// swift-tools-version: 6.2
import PackageDescription

let mizu = Target.Dependency.product(name: "Mizu", package: "mizu")
let testing = Target.Dependency.product(name: "MizuTesting", package: "mizu")

let package = Package(
    name: "MizuTeam",
    products: [.executable(name: "mizu-team", targets: ["MizuTeamServer"])],
    dependencies: [
        .package(name: "mizu", path: "../../..")
    ],
    targets: [
        // The app itself: what it does, and nothing of how it is started.
        .target(name: "MizuTeam", dependencies: [mizu], path: "Sources/App"),
        // The program: the app, its settings from the environment, its files.
        .executableTarget(
            name: "MizuTeamServer", dependencies: ["MizuTeam", "CMizuTeamAssets", mizu],
            path: "Sources/Server"),
        // The files below Assets, in the program's read-only data. `make assets` joins app.js.
        .target(name: "CMizuTeamAssets", path: "CShims/CAssets", exclude: ["app.js"]),
        .testTarget(
            name: "MizuTeamTests", dependencies: ["MizuTeam", "MizuTeamServer", testing, mizu],
            path: "Tests/App"),
    ],
    swiftLanguageModes: [.v6],
    cLanguageStandard: .c2x
)
