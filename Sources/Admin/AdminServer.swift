internal import Glibc
package import Logging
internal import NIOCore
internal import ServiceLifecycle

/// The admin server as a service: `AdminApplication`, with the reasons for which it does not start in words.
package struct AdminServer: Service {
    private let application: any Service
    private let options: AdminOptions

    /// - Parameter onListening: called once the server accepts connections, with where it really listens.
    package init(
        _ options: AdminOptions, logger: Logger, onListening: @escaping @Sendable (ListeningAddress) async -> Void
    ) throws {
        self.options = options
        application = try AdminApplication.build(options, logger: logger, onListening: onListening)
    }

    /// Until it is shut down gracefully; open answers are finished first.
    ///
    /// - Throws: `ListenError` when it cannot listen where it should.
    package func run() async throws {
        do {
            try await application.run()
        } catch let error as IOError {
            throw ListenError(host: options.host, port: options.port, code: error.errnoCode)
        } catch is SocketAddressError.UnknownHost {
            throw ListenError(host: options.host, port: options.port, code: EADDRNOTAVAIL)
        }
    }
}

/// The admin server cannot listen, in words for whoever starts it.
package struct ListenError: Error, CustomStringConvertible {
    let host: String
    let port: Int
    /// A code of errno.
    let code: CInt

    package var description: String {
        let place = "The admin server cannot listen on \(HostName(host).bracketed), port \(port)"
        switch code {
        case EADDRINUSE:
            return "\(place): another program does. Stop that one, or set IMPORTER_PORT to another port."
        case EACCES, EPERM:
            return "\(place): this user may not. Ports below 1024 are for root; set IMPORTER_PORT to a higher one."
        case EADDRNOTAVAIL:
            return "\(place), because that is no address of this machine. Set IMPORTER_HOST to one that is: 127.0.0.1 "
                + "for this machine alone, 0.0.0.0 for all networks."
        default:
            return "\(place): \(String(cString: strerror(code))). Check IMPORTER_HOST and IMPORTER_PORT."
        }
    }
}
