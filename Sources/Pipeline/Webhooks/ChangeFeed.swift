internal import Catalog
internal import FoundationEssentials
internal import Glibc
internal import Postgres

/// The feed of an import's real changes, `products.changed`: for webhooks that ask for it by name. While none does,
/// there is no feed, and nothing is built.
///
/// Each message has `batch` (which import, which message of how many) and `products`, each
/// `{"change":"created","id","sku","new":{…}}` or `{"change":"updated","id","sku","old":{…},"new":{…}}`, where old and
/// new hold the fields that differ.
struct ChangeFeed {
    private let store: ChangeStore
    private let importID: ImportID

    static let maximumProducts = 500
    /// Of a whole message.
    static let maximumBytes = 256 << 10
    /// Room for what surrounds the products.
    private static let envelope = 512
    /// What is kept of a value in a product that would fill a message by itself; JSON may make six bytes of one.
    private static let maximumValue = 16 << 10

    /// nil when nobody wants it.
    init?(_ connection: Connection, _ importID: ImportID) throws {
        guard try EventStore(connection).isWanted(.productsChanged) else { return nil }
        store = ChangeStore(connection)
        self.importID = importID
        try store.prepare()
    }

    /// To be called before a batch is written.
    func keepOld(ids: ArrayParameter) throws { try store.keepOld(ids: ids) }
    func keepOld(keys: ArrayParameter) throws { try store.keepOld(keys: keys) }

    /// Cuts the changes into messages. Of a large import this takes seconds.
    func write() throws {
        var message = Message()
        try store.read { change in
            guard let product = ChangeFeed.product(change) else { return }
            if !message.hasRoom(for: product) { try message.end(store) }
            message.append(product)
        }
        try message.end(store)
    }

    /// Makes events of the messages.
    func enqueue() throws { try store.enqueue(importID, at: ImportProgress.timestamp(Date())) }

    private struct Message {
        private var index = 0
        private var count = 0
        private var bytes: [UInt8] = []

        func hasRoom(for product: [UInt8]) -> Bool {
            count < maximumProducts && bytes.count + 1 + product.count <= maximumBytes - envelope
        }

        mutating func append(_ product: [UInt8]) {
            if count > 0 { bytes.append(UInt8(ascii: ",")) }
            bytes += product
            count += 1
        }

        mutating func end(_ store: ChangeStore) throws {
            guard count > 0 else { return }
            index += 1
            try store.keep(message: index, products: bytes)
            count = 0
            bytes.removeAll(keepingCapacity: true)
        }
    }

    // MARK: JSON

    /// nil when nothing differs.
    static func product(_ change: ChangeStore.Change) -> [UInt8]? {
        guard let json = product(change, maximumValue: .max) else { return nil }
        return json.count <= maximumBytes - envelope ? json : product(change, maximumValue: maximumValue)
    }

    /// Written by hand: half a million products go through here in one import.
    private static func product(_ change: ChangeStore.Change, maximumValue: Int) -> [UInt8]? {
        let (new, old) = (change.new, change.old)
        let texts: [(name: StaticString, new: UnsafeRawBufferPointer, old: UnsafeRawBufferPointer?)] = [
            ("sku", new.sku, old?.sku), ("name", new.name, old?.name),
            ("description", new.description, old?.description),
        ]
        let changed = texts.filter { text in text.old.map { !same($0, text.new) } ?? true }
        let activeChanged = old?.active != new.active
        guard !changed.isEmpty || activeChanged else { return nil }

        var json: [UInt8] = []
        func object(_ key: String, _ values: [(StaticString, UnsafeRawBufferPointer)], _ active: Bool?) {
            json += ",\"\(key)\":{".utf8
            var separator = ""
            for (name, value) in values {
                json += "\(separator)\"\(name)\":".utf8
                appendString(cut(value, maximumValue), to: &json)
                separator = ","
            }
            if let active { json += "\(separator)\"active\":\(active)".utf8 }
            json.append(UInt8(ascii: "}"))
        }

        json += "{\"change\":\"\(old == nil ? "created" : "updated")\",\"id\":\(change.id),\"sku\":".utf8
        appendString(new.sku, to: &json)
        if let old {
            object("old", changed.map { ($0.name, $0.old!) }, activeChanged ? old.active : nil)
        }
        object("new", changed.map { ($0.name, $0.new) }, activeChanged ? new.active : nil)
        if maximumValue != .max { json += ",\"truncated\":true".utf8 }
        json.append(UInt8(ascii: "}"))
        return json
    }

    private static func same(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Bool {
        left.count == right.count && (left.isEmpty || memcmp(left.baseAddress!, right.baseAddress!, left.count) == 0)
    }

    /// The first bytes, without half a character at the end.
    private static func cut(_ text: UnsafeRawBufferPointer, _ maximum: Int) -> UnsafeRawBufferPointer {
        guard text.count > maximum else { return text }
        var end = maximum
        while end > 0, text[end] & 0xC0 == 0x80 { end -= 1 }
        return UnsafeRawBufferPointer(rebasing: text[..<end])
    }

    /// UTF-8 as a JSON string (RFC 8259 §7).
    private static func appendString(_ text: UnsafeRawBufferPointer, to json: inout [UInt8]) {
        json.append(UInt8(ascii: "\""))
        for byte in text {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): json += [UInt8(ascii: "\\"), byte]
            case UInt8(ascii: "\n"): json += "\\n".utf8
            case 0..<0x20:
                let digits = String(byte, radix: 16)
                json += "\\u00\(digits.count == 1 ? "0" : "")\(digits)".utf8
            default: json.append(byte)
            }
        }
        json.append(UInt8(ascii: "\""))
    }
}
