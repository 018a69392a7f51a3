/// What a webhook can be told about (contract §8).
package enum EventType: String, Sendable, Codable, CaseIterable {
    case importCompleted = "import.completed"
    case importFailed = "import.failed"
    case productCreated = "product.created"
    case productUpdated = "product.updated"
    case productDeleted = "product.deleted"
    case productsCleared = "products.cleared"
    /// The changes of an import, product by product: only for those who ask for it by name.
    case productsChanged = "products.changed"
    /// Sent by a person, to one webhook, whatever it subscribes to.
    case webhookTest = "webhook.test"

    /// Those that a webhook can subscribe to by name.
    package static let subscribable = allCases.filter { $0 != .webhookTest }
}

/// Which events a webhook gets.
package struct EventSelection: Sendable, Equatable {
    /// `*`, or the names of events; sorted, each once.
    package let names: [String]

    /// Everything but `products.changed`.
    package static let all = EventSelection(stored: ["*"])

    init(stored names: [String]) { self.names = names }

    /// - Parameter names: as people and scripts write them: `import_complete` is `import.completed`, `*` is all.
    /// - Throws: `UnknownEvent`. An empty list is one too.
    package init(_ names: some Sequence<String>) throws(UnknownEvent) {
        var known = Set<String>()
        for name in names {
            // Not by `trimmingCharacters`, which is not in FoundationEssentials.
            let trimmed = name.split(separator: " ", omittingEmptySubsequences: true).joined(separator: " ")
                .lowercased()
            known.insert(try EventSelection.canonical(trimmed, as: name))
        }
        guard !known.isEmpty else { throw UnknownEvent(name: "") }
        // With all events chosen, single names add nothing, except the one that `*` leaves out.
        if known.contains("*") { known.formIntersection(["*", EventType.productsChanged.rawValue]) }
        self.names = known.sorted()
    }

    private static func canonical(_ name: String, as given: String) throws(UnknownEvent) -> String {
        if name == "*" || name == "all" { return "*" }
        if name == "import_complete" || name == "import_completed" { return EventType.importCompleted.rawValue }
        let event = EventType(rawValue: name) ?? EventType(rawValue: name.replacing("_", with: "."))
        guard let event, EventType.subscribable.contains(event) else { throw UnknownEvent(name: given) }
        return event.rawValue
    }

    /// Reads the names as one text, separated by commas.
    package init(joined text: String) throws(UnknownEvent) {
        try self.init(text.split(separator: ",").map(String.init))
    }

    package var joined: String { names.joined(separator: ",") }
}

package struct UnknownEvent: Error, CustomStringConvertible {
    package let name: String

    package var description: String {
        let known = EventType.subscribable.map(\.rawValue).joined(separator: ", ")
        return name.isEmpty
            ? "Choose at least one event: \(known), or * for all of them."
            : "There is no event \"\(name)\". Choose from \(known), or * for all of them."
    }
}
