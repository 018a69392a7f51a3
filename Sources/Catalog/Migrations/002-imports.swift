internal import Postgres

extension Schema.Migration {
    /// One row per drop. `state` is `queued` until the transaction that ends the import; an attempt in progress is
    /// `attempt_open`. `progress` is the final progress object, kept so that filing away can be repeated after a crash.
    static let imports = Schema.Migration(
        version: 2, name: "imports",
        script: """
            CREATE TABLE imports (
                id            uuid PRIMARY KEY,
                inbox         uuid,
                file          text NOT NULL,
                file_bytes    bytea NOT NULL,
                dry_run       boolean NOT NULL DEFAULT false,
                state         text NOT NULL DEFAULT 'queued'
                              CHECK (state IN ('queued', 'completed', 'failed', 'cancelled')),
                attempts      integer NOT NULL DEFAULT 0,
                crashes       integer NOT NULL DEFAULT 0,
                attempt_open  boolean NOT NULL DEFAULT false,
                cancel_requested boolean NOT NULL DEFAULT false,
                bytes         bigint NOT NULL DEFAULT 0,
                read          bigint NOT NULL DEFAULT 0,
                created       bigint NOT NULL DEFAULT 0,
                updated       bigint NOT NULL DEFAULT 0,
                unchanged     bigint NOT NULL DEFAULT 0,
                duplicates    bigint NOT NULL DEFAULT 0,
                rejected      bigint NOT NULL DEFAULT 0,
                error_code    text,
                error_message text,
                sha256        text,
                received_at   timestamptz NOT NULL,
                started_at    timestamptz,
                finished_at   timestamptz,
                filed_at      timestamptz,
                progress      text,
                CHECK (state <> 'completed' OR read = created + updated + unchanged + duplicates + rejected)
            );
            COMMENT ON COLUMN imports.inbox IS 'which inbox the file was dropped into; NULL for the import command';
            CREATE INDEX ix_imports_open ON imports (inbox, id) WHERE filed_at IS NULL;
            CREATE INDEX ix_imports_file ON imports (file_bytes, id DESC);
            """)
}
