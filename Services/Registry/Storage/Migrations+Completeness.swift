import Storage

extension RegistrySchema {
    static let reorganisations = Migration(
        version: 5, name: "reorganisations",
        sql: """
            ALTER TABLE unit ADD COLUMN is_void INTEGER NOT NULL DEFAULT 0;
            ALTER TABLE unit ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
            CREATE TABLE unit_edition (
                id BIGINT NOT NULL PRIMARY KEY,
                edition BIGINT NOT NULL
            );
            INSERT INTO unit_edition (id, edition) VALUES (1, 0);
            CREATE TABLE reorganisation (
                id BLOB NOT NULL PRIMARY KEY,
                title TEXT NOT NULL,
                effective_on TEXT NOT NULL,
                state INTEGER NOT NULL,
                \(documentColumns),
                line_count BIGINT NOT NULL,
                new_unit_count BIGINT NOT NULL,
                version BIGINT NOT NULL,
                created_at BIGINT NOT NULL,
                updated_at BIGINT NOT NULL
            );
            CREATE TABLE reorganisation_line (
                reorganisation_id BLOB NOT NULL,
                ordinal BIGINT NOT NULL,
                kind INTEGER NOT NULL,
                source_id BLOB NOT NULL,
                target_id BLOB,
                target_key TEXT,
                is_default INTEGER NOT NULL,
                PRIMARY KEY (reorganisation_id, ordinal)
            );
            CREATE TABLE reorganisation_unit (
                reorganisation_id BLOB NOT NULL,
                ordinal BIGINT NOT NULL,
                unit_key TEXT NOT NULL,
                unit_id BLOB NOT NULL,
                level INTEGER NOT NULL,
                code TEXT NOT NULL,
                name TEXT NOT NULL,
                kind TEXT NOT NULL,
                parent_id BLOB,
                parent_key TEXT,
                PRIMARY KEY (reorganisation_id, ordinal)
            );
            CREATE TABLE reorganisation_effect (
                reorganisation_id BLOB NOT NULL,
                effect INTEGER NOT NULL,
                unit_rank BIGINT NOT NULL,
                parent_rank BIGINT NOT NULL,
                PRIMARY KEY (reorganisation_id, effect, unit_rank)
            );
            CREATE TABLE reorganisation_place (
                reorganisation_id BLOB NOT NULL,
                is_hamlet INTEGER NOT NULL,
                subject_id BLOB NOT NULL,
                former TEXT NOT NULL,
                given TEXT NOT NULL,
                PRIMARY KEY (reorganisation_id, is_hamlet, subject_id)
            );
            """)

    /// An entry is sealed by giving it its number and the hash of the chain up to it; nothing else of it ever changes.
    static let auditChain = Migration(
        version: 6, name: "audit chain",
        sql: """
            ALTER TABLE audit ADD COLUMN sequence BIGINT;
            ALTER TABLE audit ADD COLUMN chain_hash BLOB;
            CREATE UNIQUE INDEX audit_sequence ON audit (sequence);
            CREATE INDEX audit_unsealed ON audit (recorded_at, id) WHERE sequence IS NULL;
            CREATE INDEX audit_resource ON audit (resource, id);
            CREATE TABLE audit_head (
                id BIGINT NOT NULL PRIMARY KEY,
                sequence BIGINT NOT NULL,
                chain_hash BLOB NOT NULL
            );
            """)

    /// With all entries in it, SQLite took the index of sequences to find those without one, and sorted all of them for
    /// each batch it sealed: a national import was sealed in minutes instead of seconds.
    static let auditIndex = Migration(
        version: 10, name: "index of sealed audit entries",
        sql: """
            DROP INDEX audit_sequence;
            CREATE UNIQUE INDEX audit_sealed ON audit (sequence) WHERE sequence IS NOT NULL;
            """)
}
