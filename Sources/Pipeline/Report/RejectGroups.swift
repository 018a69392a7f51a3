/// Counts rejected rows by reason and remembers the first of each.
struct RejectGroups {
    private static let rowsKept = 5

    private var groups: [RejectionCode: ImportFacts.RejectGroup] = [:]

    mutating func add(line: Int, _ rejection: RowRejection) {
        guard var group = groups.removeValue(forKey: rejection.code) else {
            groups[rejection.code] = ImportFacts.RejectGroup(
                code: rejection.code.rawValue, count: 1, message: rejection.message,
                rows: [RejectGroups.row(line, rejection)])
            return
        }
        group.count += 1
        if group.rows.count < RejectGroups.rowsKept { group.rows.append(RejectGroups.row(line, rejection)) }
        groups[rejection.code] = group
    }

    /// The most frequent reasons first.
    var facts: [ImportFacts.RejectGroup] {
        groups.values.sorted { ($1.count, $0.code) < ($0.count, $1.code) }
    }

    private static func row(_ line: Int, _ rejection: RowRejection) -> ImportFacts.RejectGroup.Row {
        ImportFacts.RejectGroup.Row(
            line: line, column: rejection.column.map { shortened($0, to: 60) },
            value: rejection.code == .fieldCount
                ? counted(Int(rejection.value) ?? 0, "cell") : shortened(rejection.value, to: 80))
    }
}
