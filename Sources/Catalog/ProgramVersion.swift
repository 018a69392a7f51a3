/// The version of this program, as the command line, the reports and the server name it.
package enum ProgramVersion {
    package static let number = "0.1.0"
}
