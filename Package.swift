// swift-tools-version: 6.2
import PackageDescription

var settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

// CI: warnings in our own targets are errors; dependencies are left alone (SE-0480).
if Context.environment["CI"] != nil { settings.append(.treatAllWarnings(as: .error)) }

let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let system = Target.Dependency.product(name: "SystemPackage", package: "swift-system")
let subprocess = Target.Dependency.product(name: "Subprocess", package: "swift-subprocess")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let hummingbirdCore = Target.Dependency.product(name: "HummingbirdCore", package: "hummingbird")
let hummingbirdTesting = Target.Dependency.product(name: "HummingbirdTesting", package: "hummingbird")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioEmbedded = Target.Dependency.product(name: "NIOEmbedded", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioHTTPTypes = Target.Dependency.product(name: "NIOHTTPTypes", package: "swift-nio-extras")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let asyncHTTPClient = Target.Dependency.product(name: "AsyncHTTPClient", package: "async-http-client")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let lifecycleTesting = Target.Dependency.product(
    name: "ServiceLifecycleTestKit", package: "swift-service-lifecycle")
let unixSignals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let configuration = Target.Dependency.product(name: "Configuration", package: "swift-configuration")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")

// Imports run one way: ProductImporter → Watcher, Admin → Pipeline → Catalog → Postgres → CLibPQ.
let package = Package(
    name: "product-importer",
    products: [
        .executable(name: "product-importer", targets: ["ProductImporter"])
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-log", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.4.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.0.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
        // No traits here and for Hummingbird: their defaults link the whole of Foundation, and 40 MB of ICU with it.
        .package(url: "https://github.com/apple/swift-configuration", from: "1.0.0", traits: []),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.6.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0", traits: []),
        .package(url: "https://github.com/apple/swift-nio", from: "2.80.0"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.20.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.30.0"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.30.0"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.3.0"),
    ],
    targets: [
        .systemLibrary(name: "CLibPQ", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .systemLibrary(name: "CLinux"),
        // The commit of `--version`. make writes it to stamp.h, and the one C file is all that is compiled for it.
        .target(name: "CBuildStamp"),
        .systemLibrary(name: "CInotifyTools", providers: [.apt(["libinotifytools0-dev"])]),
        .target(
            name: "Postgres", dependencies: ["CLibPQ", "CLinux", logging, system, subprocess],
            swiftSettings: settings),
        .target(
            name: "Catalog", dependencies: ["Postgres", logging],
            swiftSettings: settings),
        .target(
            name: "Pipeline",
            dependencies: [
                "Catalog", "Postgres", "CLinux", asyncHTTPClient, nioCore, nioPosix, nioHTTP1, nioSSL, lifecycle,
                logging, system, crypto,
            ],
            resources: [.embedInCode("Assets")],
            swiftSettings: settings),
        .target(
            name: "Watcher",
            dependencies: ["Pipeline", "Catalog", "Postgres", "CInotifyTools", "CLinux", logging, system, lifecycle],
            swiftSettings: settings),
        .target(
            name: "Admin",
            dependencies: [
                "Pipeline", "Catalog", "Postgres", hummingbird, hummingbirdCore, nioCore, nioPosix, nioHTTP1,
                nioHTTPTypes, httpTypes, lifecycle, logging, system, crypto,
            ],
            resources: [.embedInCode("Assets")],
            swiftSettings: settings),
        .executableTarget(
            name: "ProductImporter",
            dependencies: [
                "Watcher", "Admin", "Pipeline", "Catalog", "Postgres", "CBuildStamp", arguments, configuration,
                lifecycle, unixSignals,
                logging, system,
            ],
            swiftSettings: settings),

        .target(
            name: "TestSupport",
            dependencies: ["Catalog", "Postgres", nioCore, nioPosix, nioSSL, logging, system],
            path: "Tests/TestSupport",
            swiftSettings: settings),
        .testTarget(
            name: "PostgresTests", dependencies: ["Postgres", "CLibPQ", "TestSupport", logging, system, subprocess],
            swiftSettings: settings),
        .testTarget(
            name: "CatalogTests", dependencies: ["Catalog", "Postgres", "TestSupport", logging],
            swiftSettings: settings),
        .testTarget(
            name: "PipelineTests",
            dependencies: [
                "Pipeline", "Catalog", "Postgres", "TestSupport", nioCore, nioPosix, nioHTTP1, nioSSL, lifecycle,
                lifecycleTesting, logging,
            ],
            swiftSettings: settings),
        .testTarget(
            name: "WatcherTests",
            dependencies: [
                "Watcher", "Pipeline", "Catalog", "Postgres", "CInotifyTools", "TestSupport", lifecycle,
                lifecycleTesting, logging,
                system,
            ],
            swiftSettings: settings),
        .testTarget(
            name: "AdminTests",
            dependencies: [
                "Admin", "Pipeline", "Catalog", "Postgres", "TestSupport", hummingbird, hummingbirdTesting, httpTypes,
                nioCore, nioEmbedded, nioHTTPTypes, logging, system,
            ],
            swiftSettings: settings),
        .testTarget(
            name: "EndToEndTests", dependencies: ["ProductImporter", "Postgres", "TestSupport"],
            swiftSettings: settings),

        .executableTarget(
            name: "ImportBenchmark", dependencies: ["Postgres", logging, system, subprocess],
            path: "Benchmarks/ImportBenchmark", swiftSettings: settings),
        .executableTarget(
            name: "WebhookBenchmark", dependencies: ["Pipeline", "Catalog", "Postgres", "TestSupport", logging],
            path: "Benchmarks/WebhookBenchmark", swiftSettings: settings),
    ]
)
