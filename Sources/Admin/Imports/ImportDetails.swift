internal import Catalog

/// One import, as the API gives it: its progress object, and the sentence that its report begins with.
struct ImportDetails: Encodable {
    let progress: ImportProgress
    /// Only of an end.
    var sentence: String?

    enum CodingKeys: String, CodingKey { case sentence }

    func encode(to encoder: any Encoder) throws {
        try progress.encode(to: encoder)
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encodeIfPresent(sentence, forKey: .sentence)
    }
}
