package import Catalog

/// What a site can set about webhooks.
package struct WebhookOptions: Sendable {
    /// `IMPORTER_WEBHOOK_ALLOW`.
    package var allowed: [Allowance] = []
    /// `IMPORTER_WEBHOOK_RETRY_SCHEDULE`.
    package var retries = RetryPolicy()
    /// `IMPORTER_WEBHOOK_TIMEOUT_SECONDS`: of a whole attempt, from looking up the name to the response.
    package var timeoutSeconds = 15.0
    /// Where the admin server listens.
    package var ownListener = OwnListener()
    package var limits = DeliveryStore.Limits(total: 32, perWebhook: 4)
    /// How long attempts may go on once the program is to stop.
    package var drainSeconds = 3.0

    package init() {}

    package var destinations: WebhookDestinations {
        WebhookDestinations(allowed: allowed, own: ownListener)
    }

    /// An attempt ends by its deadline; who has not said anything so long after it is dead.
    package var leaseSeconds: Double { timeoutSeconds + 10 }
}
