import Storage

extension RegistrySchema {
    static let access = Migration(
        version: 8, name: "grants, agencies, milestones and figures",
        sql: """
            CREATE TABLE access_grant (
                id BLOB NOT NULL PRIMARY KEY,
                subject TEXT NOT NULL,
                unit_id BLOB NOT NULL,
                verbs TEXT NOT NULL,
                role INTEGER NOT NULL,
                note TEXT NOT NULL,
                created_at BIGINT NOT NULL,
                revoked_at BIGINT
            );
            CREATE INDEX access_grant_subject ON access_grant (subject, id);
            CREATE TABLE agency (
                id BLOB NOT NULL PRIMARY KEY,
                kind INTEGER NOT NULL,
                name TEXT NOT NULL,
                unit_id BLOB,
                valid_from TEXT NOT NULL,
                valid_to TEXT NOT NULL,
                UNIQUE (kind, name)
            );
            CREATE TABLE milestone (
                agency_id BLOB NOT NULL,
                kind INTEGER NOT NULL,
                taken_on TEXT NOT NULL,
                \(documentColumns),
                PRIMARY KEY (agency_id, kind)
            );
            CREATE TABLE figure (
                unit_id BLOB NOT NULL,
                indicator TEXT NOT NULL,
                said_for TEXT NOT NULL,
                value BIGINT NOT NULL,
                qualifier INTEGER NOT NULL,
                out_of BIGINT NOT NULL,
                source TEXT NOT NULL,
                PRIMARY KEY (unit_id, indicator, said_for)
            );
            """)

    /// Imports from before belong to nobody: only who may import into the whole nation goes on with them.
    static let importActors = Migration(
        version: 9, name: "who began an import",
        sql: "ALTER TABLE import_batch ADD COLUMN actor TEXT NOT NULL DEFAULT ''")
}
