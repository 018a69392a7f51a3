import Glibc
import TestSupport
import Testing

@testable import Watcher

@Suite struct FileProbeTests {
    @Test func aWriterIsSeenUntilItCloses() async throws {
        try await withTemporaryFolder { folder in
            let path = Array("\(folder)/a.csv".utf8CString)
            let writer = open(path, O_WRONLY | O_CREAT, 0o644)
            #expect(write(writer, "abc", 3) == 3)
            #expect(size(FileProbe(path)) == (3, .some))
            close(writer)
            #expect(size(FileProbe(path)) == (3, FileProbe.Writer.none))
            // Readers are none of our business.
            let reader = open(path, O_RDONLY)
            #expect(size(FileProbe(path)) == (3, FileProbe.Writer.none))
            close(reader)
        }
    }

    @Test func aWriterThatComesWhileWeLookNeitherFailsNorEndsUs() async throws {
        try await withTemporaryFolder { folder in
            let path = Array("\(folder)/a.csv".utf8CString)
            close(open(path, O_WRONLY | O_CREAT, 0o644))
            await withTaskGroup { group in
                group.addTask { for _ in 0..<3000 { _ = FileProbe(path) } }
                for _ in 0..<3000 {
                    let writer = open(path, O_WRONLY)
                    #expect(writer >= 0)
                    close(writer)
                }
            }
        }
    }

    @Test func otherThingsAreNamedAndNeverOpened() async throws {
        try await withTemporaryFolder { folder in
            let path = Array("\(folder)/a.csv".utf8CString)
            func kind() -> String {
                guard case .notRegular(let kind, _, _) = FileProbe(path) else { return "\(FileProbe(path))" }
                return kind
            }
            #expect(FileProbe(path) == .gone)
            mkfifo(path, 0o644)
            #expect(kind() == "a pipe (FIFO)")
            unlink(path)
            symlink("/etc/passwd", path)
            #expect(kind() == "a symbolic link")
            unlink(path)
            mkdir(path, 0o755)
            #expect(kind() == "a folder")
            rmdir(path)
            let listener = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0)
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.map { UInt8(bitPattern: $0) }) }
            let bound = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
            #expect(bound == 0)
            #expect(kind() == "a socket")
            close(listener)
            unlink(path)
            close(open(path, O_WRONLY | O_CREAT, 0o644))
            link(path, "\(folder)/b.csv")
            guard case .linked(_, names: 2) = FileProbe(path) else {
                return #expect(Bool(false), "a second name is seen")
            }
        }
    }

    private func size(_ probe: FileProbe) -> (Int, FileProbe.Writer)? {
        guard case .regular(let fingerprint, let writer) = probe else { return nil }
        return (fingerprint.size, writer)
    }
}

private func == (left: (Int, FileProbe.Writer)?, right: (Int, FileProbe.Writer)) -> Bool {
    left?.0 == right.0 && left?.1 == right.1
}
