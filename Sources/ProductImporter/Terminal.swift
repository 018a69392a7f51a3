import Glibc

/// Where the program writes for people and scripts: results to standard output, all else to standard error.
enum Terminal {
    enum Colour: Int { case red = 31, green, yellow, blue }

    static func printLine(_ text: String) {
        print(text)
        // Whoever reads us through a pipe reads lines.
        fflush(nil)
    }

    static func printError(_ text: String) { write(text + "\n", to: STDERR_FILENO) }

    /// An error of this program, its name before it.
    static func printFailure(_ message: String) {
        printError(paint("product-importer:", .red, on: STDERR_FILENO) + " " + message)
    }

    static func write(_ text: String, to descriptor: CInt) {
        var text = text
        text.withUTF8 { _ = Glibc.write(descriptor, $0.baseAddress, $0.count) }
    }

    // MARK: Terminals

    /// Whether the cursor can be moved there: not in files and pipes, nor on a terminal that calls itself dumb.
    static func isTerminal(_ descriptor: CInt) -> Bool {
        isatty(descriptor) == 1 && text(of: "TERM") != "dumb"
    }

    /// Colours only on a terminal, and not for those who set NO_COLOR (no-color.org).
    static func paint(_ text: String, _ colour: Colour, on descriptor: CInt) -> String {
        guard isTerminal(descriptor), self.text(of: "NO_COLOR").isEmpty else { return text }
        return "\u{1B}[\(colour.rawValue)m\(text)\u{1B}[0m"
    }

    static func size(_ descriptor: CInt) -> (rows: Int, columns: Int) {
        var size = winsize()
        guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 20, size.ws_row > 2 else {
            return (24, 80)
        }
        return (Int(size.ws_row), Int(size.ws_col))
    }

    private static func text(of variable: String) -> String { getenv(variable).map { String(cString: $0) } ?? "" }
}
