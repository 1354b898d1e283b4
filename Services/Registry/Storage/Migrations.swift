import Storage

/// The Registry's schema. Intervals are half-open here: `valid_from <= day < valid_to`, open ends are 0001-01-01 and
/// 9999-12-31, so that conditions need no NULL. Ids are the 16 bytes of a UUID.
package enum RegistrySchema {
    package static let migrations = MigrationSet(
        "registry",
        [
            units, teams, people, imports, reorganisations, auditChain, persons, access, importActors, auditIndex,
            feedBorders, peopleIndexes, retold, endedPlaces, turns, coveringIndexes, teamsByKey,
        ])

    /// The six columns of a legal document, as `Document.columns` fills them. Never changed: migrations hold them.
    static let documentColumns = """
        document_number TEXT,
            document_title TEXT,
            document_issuer TEXT,
            document_issued_on TEXT,
            document_from TEXT,
            document_to TEXT
        """

    private static let units = Migration(
        version: 1, name: "units",
        sql: """
            CREATE TABLE unit (
                rank BIGINT NOT NULL PRIMARY KEY,
                id BLOB NOT NULL UNIQUE,
                level INTEGER NOT NULL,
                code TEXT NOT NULL,
                name TEXT NOT NULL,
                kind TEXT NOT NULL,
                aliases TEXT NOT NULL,
                valid_from TEXT NOT NULL,
                valid_to TEXT NOT NULL
            );
            CREATE TABLE unit_parent (
                unit_rank BIGINT NOT NULL,
                parent_rank BIGINT NOT NULL,
                valid_from TEXT NOT NULL,
                valid_to TEXT NOT NULL,
                PRIMARY KEY (unit_rank, valid_from)
            );
            CREATE TABLE unit_succession (
                source_rank BIGINT NOT NULL,
                target_rank BIGINT NOT NULL,
                effective_on TEXT NOT NULL,
                relation TEXT NOT NULL,
                is_part INTEGER NOT NULL,
                is_default INTEGER NOT NULL,
                PRIMARY KEY (source_rank, target_rank)
            );
            CREATE TABLE hamlet (
                id BLOB NOT NULL PRIMARY KEY,
                name TEXT NOT NULL,
                name_key TEXT NOT NULL,
                folded TEXT NOT NULL,
                kind TEXT NOT NULL,
                valid_from TEXT NOT NULL,
                source_system TEXT,
                external_id TEXT,
                row_hash BLOB,
                version BIGINT NOT NULL,
                UNIQUE (source_system, external_id)
            );
            CREATE TABLE hamlet_stay (
                hamlet_id BLOB NOT NULL,
                commune_rank BIGINT NOT NULL,
                basis INTEGER NOT NULL,
                valid_from TEXT NOT NULL,
                valid_to TEXT NOT NULL,
                PRIMARY KEY (hamlet_id, valid_from)
            );
            CREATE INDEX hamlet_stay_commune ON hamlet_stay (commune_rank, hamlet_id);
            """)

    private static let teams = Migration(
        version: 2, name: "teams",
        sql: """
            CREATE TABLE team (
                id BLOB NOT NULL PRIMARY KEY,
                level INTEGER NOT NULL,
                name TEXT NOT NULL,
                name_variant INTEGER NOT NULL,
                decision_number TEXT,
                decision_title TEXT,
                decision_issuer TEXT,
                decision_issued_on TEXT,
                decision_from TEXT,
                decision_to TEXT,
                source_system TEXT,
                external_id TEXT,
                row_hash BLOB,
                import_key BIGINT,
                import_row BIGINT,
                version BIGINT NOT NULL,
                created_at BIGINT NOT NULL,
                updated_at BIGINT NOT NULL,
                UNIQUE (source_system, external_id)
            );
            CREATE TABLE team_stretch (
                team_id BLOB NOT NULL,
                level INTEGER NOT NULL,
                status INTEGER NOT NULL,
                unit_id BLOB,
                commune_rank BIGINT NOT NULL,
                basis INTEGER NOT NULL,
                valid_from TEXT NOT NULL,
                valid_to TEXT NOT NULL,
                PRIMARY KEY (team_id, valid_from)
            );
            CREATE INDEX team_stretch_commune ON team_stretch (commune_rank, team_id);
            CREATE INDEX team_stretch_unit ON team_stretch (unit_id);
            CREATE TABLE capacity_policy (
                id BLOB NOT NULL PRIMARY KEY,
                unit_id BLOB NOT NULL,
                level INTEGER NOT NULL,
                member_limit INTEGER NOT NULL,
                minimum INTEGER NOT NULL,
                mode INTEGER NOT NULL,
                valid_from TEXT NOT NULL,
                valid_to TEXT NOT NULL,
                \(documentColumns)
            );
            """)

    private static let people = Migration(
        version: 3, name: "people and memberships",
        sql: """
            CREATE TABLE person (
                id BLOB NOT NULL PRIMARY KEY,
                full_name TEXT NOT NULL,
                folded TEXT NOT NULL,
                birth_year INTEGER,
                birth_date TEXT,
                sex INTEGER NOT NULL,
                phones TEXT NOT NULL,
                email TEXT NOT NULL,
                zalo_user_ids TEXT NOT NULL,
                occupation INTEGER NOT NULL,
                organisations TEXT NOT NULL,
                residence_unit BLOB,
                work_unit BLOB,
                source_system TEXT,
                external_id TEXT,
                version BIGINT NOT NULL,
                created_at BIGINT NOT NULL,
                updated_at BIGINT NOT NULL,
                UNIQUE (source_system, external_id)
            );
            CREATE TABLE membership (
                id BLOB NOT NULL PRIMARY KEY,
                team_id BLOB NOT NULL,
                person_id BLOB NOT NULL,
                role INTEGER NOT NULL,
                valid_from TEXT NOT NULL,
                valid_to TEXT NOT NULL,
                is_void INTEGER NOT NULL,
                reason TEXT NOT NULL,
                source_system TEXT,
                external_id TEXT,
                row_hash BLOB,
                import_key BIGINT,
                import_row BIGINT,
                version BIGINT NOT NULL,
                updated_at BIGINT NOT NULL,
                UNIQUE (source_system, external_id)
            );
            CREATE INDEX membership_team ON membership (team_id);
            CREATE INDEX membership_person ON membership (person_id);
            """)

    private static let imports = Migration(
        version: 4, name: "imports and audit",
        sql: """
            CREATE TABLE import_batch (
                id BLOB NOT NULL PRIMARY KEY,
                source_system TEXT NOT NULL,
                code_date TEXT NOT NULL,
                label TEXT NOT NULL,
                last_row BIGINT NOT NULL,
                is_complete INTEGER NOT NULL,
                row_count BIGINT NOT NULL,
                accepted BIGINT NOT NULL,
                unchanged BIGINT NOT NULL,
                rejected BIGINT NOT NULL,
                warned BIGINT NOT NULL,
                created_at BIGINT NOT NULL,
                updated_at BIGINT NOT NULL
            );
            CREATE TABLE import_problem (
                batch_id BLOB NOT NULL,
                row_number BIGINT NOT NULL,
                verdict BLOB NOT NULL,
                PRIMARY KEY (batch_id, row_number)
            );
            CREATE TABLE audit (
                id BLOB NOT NULL PRIMARY KEY,
                recorded_at BIGINT NOT NULL,
                actor TEXT NOT NULL,
                action TEXT NOT NULL,
                resource TEXT NOT NULL,
                request_id TEXT NOT NULL,
                before_hash BLOB,
                after_hash BLOB
            );
            """)
}
