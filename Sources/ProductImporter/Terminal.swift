import Glibc

/// Where the program writes for people and scripts: results to standard output, all else to standard error.
enum Terminal {
    static func printLine(_ text: String) {
        print(text)
        // Whoever reads us through a pipe reads lines.
        fflush(nil)
    }

    static func printError(_ text: String) { write(text + "\n", to: STDERR_FILENO) }

    static func write(_ text: String, to descriptor: CInt) {
        var text = text
        text.withUTF8 { _ = Glibc.write(descriptor, $0.baseAddress, $0.count) }
    }
}
