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
}
