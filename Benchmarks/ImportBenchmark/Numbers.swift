import Glibc

/// 1234567 as "1,234,567".
func grouped(_ number: Int) -> String {
    let digits = String(number)
    return digits.enumerated().reduce(into: "") { text, digit in
        if digit.offset > 0, (digits.count - digit.offset) % 3 == 0 { text += "," }
        text.append(digit.element)
    }
}

/// A number with a fixed count of decimal places.
func fixed(_ value: Double, _ places: Int) -> String {
    let scale = pow(10, Double(places))
    let scaled = Int((abs(value) * scale).rounded())
    let digits = String(scaled % Int(scale))
    let fraction = places == 0 ? "" : "." + String(repeating: "0", count: places - digits.count) + digits
    return (value < 0 ? "-" : "") + String(scaled / Int(scale)) + fraction
}

/// "2.31 s" or "85 ms".
func duration(_ seconds: Double) -> String {
    seconds < 1 ? "\(fixed(seconds * 1000, seconds < 0.1 ? 1 : 0)) ms" : "\(fixed(seconds, 2)) s"
}

func megabytes(_ bytes: Int) -> String { "\(fixed(Double(bytes) / 1e6, 1)) MB" }

/// The smallest and the largest, as "(0.52–0.58)".
func spread(_ values: [Double], _ text: (Double) -> String) -> String {
    "(\(text(values.min()!))–\(text(values.max()!)))"
}

/// Tells whoever waits what goes on.
func announce(_ line: String) {
    // Not stderr: that is a variable, which Swift 6 does not let us touch.
    let text = line + "\n"
    _ = write(STDERR_FILENO, text, text.utf8.count)
}
