internal import Postgres

extension Schema.Migration {
    /// Wishes that must not wait for whom they are about.
    ///
    /// An import holds its row for as long as it loads, so a wish to cancel it is a row of its own. Every secret that
    /// was replaced less than a day ago signs, not only the last one. A delivery that waits for its next attempt and is
    /// sent at a person's wish keeps its place in the schedule in `resume_at`.
    static let wishes = Schema.Migration(
        version: 4, name: "wishes",
        script: """
            CREATE TABLE import_cancellations (
                import_id    uuid PRIMARY KEY REFERENCES imports ON DELETE CASCADE,
                requested_at timestamptz NOT NULL DEFAULT now()
            );
            INSERT INTO import_cancellations (import_id)
                SELECT id FROM imports WHERE cancel_requested AND state = 'queued';
            ALTER TABLE imports DROP COLUMN cancel_requested;

            ALTER TABLE webhooks ADD COLUMN previous_secrets jsonb NOT NULL DEFAULT '[]';
            COMMENT ON COLUMN webhooks.previous_secrets IS 'those that still sign: [{"secret": …, "until": …}], newest first';
            UPDATE webhooks SET previous_secrets = jsonb_build_array(
                    jsonb_build_object('secret', previous_secret, 'until', previous_secret_until))
                WHERE previous_secret_until > now();
            ALTER TABLE webhooks DROP COLUMN previous_secret, DROP COLUMN previous_secret_until;

            ALTER TABLE webhook_deliveries ADD COLUMN resume_at timestamptz;
            """)
}
