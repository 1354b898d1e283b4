import Storage

extension RegistrySchema {
    static let persons = Migration(
        version: 7, name: "people as persons",
        sql: """
            ALTER TABLE person ADD COLUMN salt BLOB;
            ALTER TABLE person ADD COLUMN citizen_hash BLOB;
            ALTER TABLE person ADD COLUMN merged_into BLOB;
            ALTER TABLE person ADD COLUMN erased_at BIGINT;
            CREATE INDEX person_name ON person (folded, birth_year);
            CREATE INDEX person_citizen ON person (citizen_hash) WHERE citizen_hash IS NOT NULL;
            CREATE TABLE duplicate (
                id BLOB NOT NULL PRIMARY KEY,
                first_id BLOB NOT NULL,
                second_id BLOB NOT NULL,
                score INTEGER NOT NULL,
                reasons TEXT NOT NULL,
                state INTEGER NOT NULL,
                created_at BIGINT NOT NULL,
                UNIQUE (first_id, second_id)
            );
            CREATE INDEX duplicate_queue ON duplicate (state, score);
            CREATE INDEX duplicate_second ON duplicate (second_id);
            CREATE TABLE duplicate_scan (
                id BIGINT NOT NULL PRIMARY KEY,
                scanned_up_to BIGINT NOT NULL
            );
            CREATE TABLE person_merge (
                id BLOB NOT NULL PRIMARY KEY,
                survivor_id BLOB NOT NULL,
                merged_id BLOB NOT NULL,
                reason TEXT NOT NULL,
                is_undone INTEGER NOT NULL,
                created_at BIGINT NOT NULL
            );
            CREATE INDEX person_merge_survivor ON person_merge (survivor_id);
            CREATE INDEX person_merge_merged ON person_merge (merged_id);
            CREATE TABLE person_merge_membership (
                merge_id BLOB NOT NULL,
                ordinal BIGINT NOT NULL,
                team_id BLOB NOT NULL,
                membership_id BLOB NOT NULL,
                PRIMARY KEY (merge_id, ordinal)
            );
            CREATE TABLE feed_erasure (
                topic TEXT NOT NULL,
                aggregate TEXT NOT NULL,
                version BIGINT NOT NULL,
                PRIMARY KEY (topic, aggregate)
            );
            """)

    /// Who leads a team is asked with each GetTeam, who has changed by the search for duplicates.
    static let peopleIndexes = Migration(
        version: 12, name: "indexes of leaders and of changed people",
        sql: """
            DROP INDEX membership_team;
            CREATE INDEX membership_team ON membership (team_id, role);
            CREATE INDEX person_changed ON person (updated_at);
            """)

    /// GetTeam finds in the indexes alone whether a team has a leader and whether another one is active on its unit.
    static let coveringIndexes = Migration(
        version: 16, name: "indexes that hold all that GetTeam asks of other rows",
        sql: """
            DROP INDEX membership_team;
            CREATE INDEX membership_team ON membership (team_id, role, is_void, valid_from, valid_to);
            DROP INDEX team_stretch_unit;
            CREATE INDEX team_stretch_unit ON team_stretch (unit_id, level, status, valid_from, valid_to, team_id);
            """)

    /// A team and its stretches are looked up by their keys alone: on SQLite their rows lie in the tree of the key,
    /// where one descent finds them instead of two. What lists and coverage ask of a commune's teams is in its index
    /// (all but how they came to lie there, which only a list of one flag asks), for from there to a row is a whole
    /// descent now. The index of leaders is a sixth of the one of all members.
    ///
    /// `shared_unit` holds at least the units on which more than one team of a level is or was once: few, so that with
    /// most teams nobody looks for another one. On PostgreSQL a look more costs nothing beside the way there, and a
    /// trigger's reads would be conflicts between transactions: it holds all units with teams.
    static let teamsByKey = Migration(
        version: 17, name: "teams lie where their keys are, and an index of leaders",
        sql: """
            CREATE INDEX membership_leader ON membership (team_id, role, is_void, valid_from, valid_to)
                WHERE role = 1 AND is_void = 0;
            """,
        sqlite: """
            CREATE TABLE team_by_key (
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
                retold BIGINT NOT NULL DEFAULT 0,
                UNIQUE (source_system, external_id)
            ) WITHOUT ROWID;
            INSERT INTO team_by_key SELECT id, level, name, name_variant, decision_number, decision_title,
                decision_issuer, decision_issued_on, decision_from, decision_to, source_system, external_id, row_hash,
                import_key, import_row, version, created_at, updated_at, retold FROM team ORDER BY id;
            DROP TABLE team;
            ALTER TABLE team_by_key RENAME TO team;
            CREATE TABLE team_stretch_by_key (
                team_id BLOB NOT NULL,
                level INTEGER NOT NULL,
                status INTEGER NOT NULL,
                unit_id BLOB,
                commune_rank BIGINT NOT NULL,
                basis INTEGER NOT NULL,
                valid_from TEXT NOT NULL,
                valid_to TEXT NOT NULL,
                PRIMARY KEY (team_id, valid_from)
            ) WITHOUT ROWID;
            INSERT INTO team_stretch_by_key SELECT team_id, level, status, unit_id, commune_rank, basis, valid_from,
                valid_to FROM team_stretch ORDER BY team_id, valid_from;
            DROP TABLE team_stretch;
            ALTER TABLE team_stretch_by_key RENAME TO team_stretch;
            CREATE INDEX team_stretch_commune ON team_stretch (
                commune_rank, team_id, valid_from, valid_to, status, level, unit_id);
            CREATE INDEX team_stretch_unit ON team_stretch (unit_id, level, status, valid_from, valid_to, team_id);
            CREATE TABLE shared_unit (
                unit_id BLOB NOT NULL,
                level INTEGER NOT NULL,
                PRIMARY KEY (unit_id, level)
            ) WITHOUT ROWID;
            INSERT INTO shared_unit (unit_id, level)
                SELECT unit_id, level FROM team_stretch WHERE unit_id IS NOT NULL
                GROUP BY unit_id, level HAVING count(DISTINCT team_id) > 1;
            CREATE TRIGGER team_stretch_shares AFTER INSERT ON team_stretch
                WHEN EXISTS (
                    SELECT 1 FROM team_stretch o
                    WHERE o.unit_id = NEW.unit_id AND o.level = NEW.level AND o.team_id <> NEW.team_id)
                BEGIN
                    INSERT INTO shared_unit (unit_id, level) VALUES (NEW.unit_id, NEW.level)
                    ON CONFLICT (unit_id, level) DO NOTHING;
                END;
            """,
        postgres: """
            CREATE VIEW shared_unit AS SELECT unit_id, level FROM team_stretch WHERE unit_id IS NOT NULL;
            """)
}
