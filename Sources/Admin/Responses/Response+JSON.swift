internal import Catalog
internal import FoundationEssentials
internal import HTTPTypes
internal import Hummingbird

extension Response {
    /// JSON that caches never keep: what it says is about now.
    init(status: HTTPResponse.Status = .ok, json value: some Encodable, type: String = "application/json") throws {
        self.init(
            status: status, headers: [.contentType: type, .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: try ByteBuffer(json: value)))
    }
}

extension ByteBuffer {
    /// JSON in UTF-8, keys sorted, times as in progress files.
    init(json value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .custom { date, encoder in
            var value = encoder.singleValueContainer()
            try value.encode(ImportProgress.timestamp(date))
        }
        self.init(bytes: try encoder.encode(value))
    }
}
