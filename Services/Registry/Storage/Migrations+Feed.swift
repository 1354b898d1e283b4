import Storage

extension RegistrySchema {
    /// `feed_border`: under which units everything lay when the feed was last brought up to date. `feed_retelling`: what
    /// has to be told again since, for others see it now; `kind` as in `Retelling.Kind`.
    static let feedBorders = Migration(
        version: 11, name: "who sees what in the feed",
        sql: """
            CREATE TABLE feed_border (
                id BIGINT NOT NULL PRIMARY KEY,
                edition BIGINT NOT NULL,
                today TEXT NOT NULL,
                covers TEXT NOT NULL
            );
            CREATE TABLE feed_retelling (
                subject BLOB NOT NULL PRIMARY KEY,
                kind INTEGER NOT NULL,
                is_withdrawn INTEGER NOT NULL
            );
            """)

    /// What is told again for other readers gets a new version in the feed, and keeps its etag: nobody changed it.
    static let retold = Migration(
        version: 13, name: "what was told again without a change",
        sql: """
            ALTER TABLE team ADD COLUMN retold BIGINT NOT NULL DEFAULT 0;
            ALTER TABLE membership ADD COLUMN retold BIGINT NOT NULL DEFAULT 0;
            """)
}
