import Logging

/// Writes control characters in metadata as escapes: the name of a dropped file is data, and must not begin a line of
/// the log, nor command a terminal.
struct SafeLogHandler: LogHandler {
    private var inner: any LogHandler

    init(_ inner: any LogHandler) { self.inner = inner }

    var metadata: Logger.Metadata {
        get { inner.metadata }
        set { inner.metadata = newValue.mapValues(escaped) }
    }

    var metadataProvider: Logger.MetadataProvider? {
        get { inner.metadataProvider }
        set { inner.metadataProvider = newValue }
    }

    var logLevel: Logger.Level {
        get { inner.logLevel }
        set { inner.logLevel = newValue }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { inner[metadataKey: key] }
        set { inner[metadataKey: key] = newValue.map(escaped) }
    }

    func log(event: LogEvent) {
        var event = event
        event.metadata = event.metadata?.mapValues(escaped)
        inner.log(event: event)
    }

    private func escaped(_ value: Logger.MetadataValue) -> Logger.MetadataValue {
        let text = "\(value)"
        guard text.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) else { return value }
        return .string(
            text.unicodeScalars.map {
                $0.properties.generalCategory == .control ? $0.escaped(asASCII: true) : String($0)
            }
            .joined())
    }
}
