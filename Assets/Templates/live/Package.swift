// swift-tools-version: 6.2
import PackageDescription

let mizu = Target.Dependency.product(name: "Mizu", package: "mizu")
let testing = Target.Dependency.product(name: "MizuTesting", package: "mizu")

let package = Package(
    name: "MizuCounter",
    products: [.executable(name: "mizu-counter", targets: ["MizuCounterServer"])],
    dependencies: [
        .package(name: "mizu", path: "../../..")
    ],
    targets: [
        // The app itself: what it does, and nothing of how it is started.
        .target(name: "MizuCounter", dependencies: [mizu], path: "Sources/App"),
        // The program: the app, its settings from the environment, its files.
        .executableTarget(
            name: "MizuCounterServer", dependencies: ["MizuCounter", "CMizuCounterAssets", mizu],
            path: "Sources/Server"),
        // The files below Assets, in the program's read-only data.
        .target(name: "CMizuCounterAssets", path: "CShims/CAssets"),
        .testTarget(
            name: "MizuCounterTests",
            dependencies: ["MizuCounter", "MizuCounterServer", testing, mizu],
            path: "Tests/App"),
    ],
    swiftLanguageModes: [.v6],
    cLanguageStandard: .c2x
)
