internal import AsyncHTTPClient
internal import Glibc
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import NIOSSL

extension AttemptOutcome {
    /// What an error of an attempt was, by class and in words.
    init(_ error: any Error, host: String, seconds: Double) {
        switch error {
        case let error as WebhookDestinations.Refusal:
            self.init(error: .blockedAddress, message: error.message)
        case let error as HostResolver.NotFound:
            self.init(error: .dnsError, message: error.message)
        case let error as NIOConnectionError:
            let first = error.connectionErrors.first?.error ?? ChannelError.eof
            self.init(first, host: host, seconds: seconds)
        case let error as HTTPClientError: self.init(error, host, seconds)
        case let error as IOError: self.init(error.errnoCode, host)
        case let error as ChannelError: self.init(error, host, seconds)
        case is NIOSSLError, is BoringSSLError, is NIOSSLExtraError:
            self.init(
                error: .tlsError,
                message: "No secure connection to \(host): its certificate or its TLS is not right (\(error)).")
        default:
            self.init(error: .badResponse, message: "\(host) answered something that is no HTTP (\(error)).")
        }
    }

    private init(_ error: HTTPClientError, _ host: String, _ seconds: Double) {
        switch error {
        case .deadlineExceeded, .readTimeout, .writeTimeout, .getConnectionFromPoolTimeout:
            self.init(error: .timeout, message: "No answer in \(brief(seconds)) s.")
        case .connectTimeout: self.init(error: .connectTimeout, message: "\(host) did not accept a connection in time.")
        case .tlsHandshakeTimeout:
            self.init(error: .tlsError, message: "\(host) did not finish the TLS handshake in time.")
        case .remoteConnectionClosed, .uncleanShutdown:
            self.init(error: .reset, message: "\(host) closed the connection without an answer.")
        default:
            self.init(error: .badResponse, message: "The answer of \(host) cannot be read (\(error)).")
        }
    }

    private init(_ code: CInt, _ host: String) {
        switch code {
        case ECONNREFUSED: self.init(error: .connectRefused, message: "\(host) refused the connection.")
        case ECONNRESET, EPIPE, ECONNABORTED:
            self.init(error: .reset, message: "\(host) broke off the connection.")
        case ETIMEDOUT: self.init(error: .connectTimeout, message: "\(host) did not accept a connection in time.")
        default:
            let reason = String(cString: strerror(code))
            self.init(error: .connectRefused, message: "There is no way to \(host): \(reason).")
        }
    }

    private init(_ error: ChannelError, _ host: String, _ seconds: Double) {
        switch error {
        case .connectTimeout: self.init(error: .connectTimeout, message: "\(host) did not accept a connection in time.")
        case .eof, .ioOnClosedChannel, .inputClosed, .outputClosed, .alreadyClosed:
            self.init(error: .reset, message: "\(host) closed the connection without an answer.")
        default: self.init(error: .reset, message: "The connection to \(host) broke (\(error)).")
        }
    }
}

/// 15.0 → 15, 0.25 → 0.25
private func brief(_ seconds: Double) -> String {
    seconds == seconds.rounded() ? "\(Int(seconds))" : "\(seconds)"
}
