import Storage

extension RegistrySchema {
    /// `feed_border`: under which units everything lay when the feed was last brought up to date. `feed_retelling`:
    /// what has to be told again since, for others see it now; `kind` as in `Retelling.Kind`.
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

    /// Where a team's commune ended without a recorded successor, the commune is told as its place; before it was told
    /// to be nowhere. 3: a team and its memberships.
    static let endedPlaces = Migration(
        version: 14, name: "places of teams whose commune ended are told again",
        sql: """
            INSERT INTO feed_retelling (subject, kind, is_withdrawn)
            SELECT DISTINCT team_id, 3, 0 FROM team_stretch WHERE level = 1 AND basis = 3
            ON CONFLICT (subject) DO NOTHING
            """)

    /// Whose turn it is, of several replicas, to do what one alone does; on SQLite nobody asks.
    static let turns = Migration(
        version: 15, name: "which replica tells again",
        sql: """
            CREATE TABLE replica_turn (
                task TEXT NOT NULL PRIMARY KEY,
                holder TEXT NOT NULL,
                fence BIGINT NOT NULL,
                beat BIGINT NOT NULL
            );
            INSERT INTO replica_turn (task, holder, fence, beat) VALUES ('retelling', '', 0, 0);
            """)
}
