import FoundationEssentials
import Glibc

/// A new folder that other users may enter (a server that runs as another user lives in it).
package func temporaryFolder() throws -> String {
    var template = Array("/tmp/product-importer-test-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw FolderError(code: errno) }
    let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    chmod(path, 0o755)
    return path
}

package func withTemporaryFolder<Output>(_ body: (String) async throws -> Output) async throws -> Output {
    let path = try temporaryFolder()
    defer { removeFolder(path) }
    return try await body(path)
}

/// Removes a folder and all that is in it, links not followed.
package func removeFolder(_ path: String) {
    try? FileManager.default.removeItem(atPath: path)
}

struct FolderError: Error {
    let code: CInt
}
