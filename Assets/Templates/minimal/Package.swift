// swift-tools-version: 6.2
import PackageDescription

let mizu = Target.Dependency.product(name: "Mizu", package: "mizu")
let testing = Target.Dependency.product(name: "MizuTesting", package: "mizu")

let package = Package(
    name: "MizuHello",
    products: [.executable(name: "mizu-hello", targets: ["MizuHello"])],
    dependencies: [
        .package(name: "mizu", path: "../../..")
    ],
    targets: [
        .executableTarget(name: "MizuHello", dependencies: [mizu], path: "Sources/App"),
        .testTarget(
            name: "MizuHelloTests", dependencies: ["MizuHello", testing, mizu],
            path: "Tests/App"),
    ],
    swiftLanguageModes: [.v6]
)
