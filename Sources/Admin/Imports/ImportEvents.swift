internal import Catalog
internal import HTTPTypes
internal import Hummingbird
internal import NIOCore
internal import ServiceLifecycle

/// The progress of one import as server-sent events (HTML Standard §9.2): more often than twice a second while it runs,
/// a comment now and then while nothing happens, so that proxies keep the connection, and the end when it is the end.
struct ImportEvents: Sendable {
    let overview: ImportOverview

    private static let interval = Duration.milliseconds(400)
    /// Some proxies give a silent answer up after half a minute.
    private static let heartbeat = Duration.seconds(10)
    /// A browser that comes again after this event is told that nothing more will come.
    static let lastID = "end"

    func response(_ first: ImportProgress, id: ImportID) -> Response {
        Response(
            status: .ok,
            headers: [
                .contentType: "text/event-stream", .cacheControl: "no-store",
                // nginx would collect the events before it passes them on.
                HTTPField.Name("X-Accel-Buffering")!: "no",
            ],
            body: ResponseBody { writer in
                var (progress, sent) = (Optional(first), Optional<ImportProgress>.none)
                var lastSent = ContinuousClock.now
                while !Task.isShuttingDownGracefully {
                    if let progress, progress != sent {
                        try await writer.write(ByteBuffer(string: Self.event(progress)))
                        (sent, lastSent) = (progress, .now)
                        if progress.state.isEnd { break }
                    } else if ContinuousClock.now - lastSent > Self.heartbeat {
                        try await writer.write(ByteBuffer(string: ": still here\n\n"))
                        lastSent = .now
                    }
                    try await Task.sleep(for: Self.interval)
                    // While the database is away, what was known last stays.
                    progress = (try? await overview.find(id)) ?? progress
                }
                try await writer.finish(nil)
            })
    }

    /// JSON without line breaks is one line of data.
    private static func event(_ progress: ImportProgress) throws -> String {
        let json = String(decoding: try progress.json(), as: UTF8.self)
        return (progress.state.isEnd ? "id: \(lastID)\n" : "") + "data: \(json)\n\n"
    }
}
