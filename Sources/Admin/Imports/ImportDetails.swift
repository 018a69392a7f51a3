internal import Catalog
internal import Pipeline

/// One import, as the API gives it: its progress object, and of an end what its report tells beside it.
struct ImportDetails: Encodable {
    let progress: ImportProgress
    var report: ImportReport?

    enum CodingKeys: String, CodingKey {
        case sentence
        case openRejects = "open_rejects"
        case repairedBy = "repaired_by"
    }

    func encode(to encoder: any Encoder) throws {
        try progress.encode(to: encoder)
        var values = encoder.container(keyedBy: CodingKeys.self)
        guard let report else { return }
        try values.encode(report.sentence, forKey: .sentence)
        try values.encode(report.openRejects, forKey: .openRejects)
        try values.encode(report.facts?.repairs ?? [], forKey: .repairedBy)
    }
}
