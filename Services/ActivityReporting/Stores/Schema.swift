import Storage

/// Tables of the service. Ids are stored bare, without `teams/` and the like; ends of intervals are exclusive.
enum Schema {
    static let migrations = MigrationSet(
        "activity",
        [
            Migration(
                version: 1, name: "registry facts, policies, obligations, reports, figures",
                sql: """
                    -- The Registry's facts, as its feed tells them; the newest version of each aggregate.
                    CREATE TABLE units (
                        id TEXT PRIMARY KEY,
                        level INTEGER NOT NULL,
                        version BIGINT NOT NULL,
                        fact BLOB NOT NULL
                    );
                    CREATE INDEX units_by_level ON units (level);
                    CREATE TABLE teams (
                        id TEXT PRIMARY KEY,
                        version BIGINT NOT NULL,
                        fact BLOB NOT NULL,
                        -- Where its obligations are counted now; NULL until they are first derived.
                        place BIGINT,
                        bucket BIGINT,
                        level INTEGER
                    );
                    CREATE INDEX teams_by_place ON teams (place, id);
                    CREATE TABLE team_units (
                        unit TEXT NOT NULL,
                        team TEXT NOT NULL,
                        PRIMARY KEY (unit, team)
                    ) WITHOUT ROWID;
                    CREATE TABLE memberships (
                        team TEXT NOT NULL,
                        id TEXT NOT NULL,
                        version BIGINT NOT NULL,
                        person TEXT NOT NULL,
                        role INTEGER NOT NULL,
                        occupation INTEGER NOT NULL,
                        from_day TEXT NOT NULL,
                        end_day TEXT,
                        void INTEGER NOT NULL,
                        PRIMARY KEY (team, id)
                    ) WITHOUT ROWID;
                    -- Teams whose obligations have to be derived again, because their facts changed.
                    CREATE TABLE changed_teams (team TEXT NOT NULL PRIMARY KEY) WITHOUT ROWID;
                    CREATE TABLE revisions (name TEXT PRIMARY KEY, value BIGINT NOT NULL);

                    -- Places and buckets in which figures are kept.
                    CREATE TABLE places (id BIGINT PRIMARY KEY, path TEXT NOT NULL UNIQUE, bucket BIGINT NOT NULL);
                    CREATE TABLE buckets (id BIGINT PRIMARY KEY, origin TEXT NOT NULL UNIQUE);

                    CREATE TABLE policies (
                        id TEXT PRIMARY KEY,
                        jurisdiction TEXT NOT NULL,
                        from_day TEXT NOT NULL,
                        end_day TEXT,
                        commune_subject INTEGER NOT NULL,
                        hamlet_subject INTEGER NOT NULL,
                        start_day INTEGER NOT NULL,
                        due_day INTEGER NOT NULL,
                        grace_days INTEGER NOT NULL,
                        minimum_days INTEGER NOT NULL,
                        document BLOB,
                        created_at BIGINT NOT NULL,
                        UNIQUE (jurisdiction, from_day)
                    );
                    CREATE TABLE waivers (
                        id TEXT PRIMARY KEY,
                        period TEXT NOT NULL,
                        unit TEXT NOT NULL,
                        reason TEXT NOT NULL,
                        decision BLOB,
                        created_at BIGINT NOT NULL,
                        created_by TEXT NOT NULL
                    );
                    CREATE INDEX waivers_by_period ON waivers (period);

                    -- Opened periods; derived_to: the obligations of teams up to this id are derived, NULL: of all.
                    CREATE TABLE periods (period TEXT PRIMARY KEY, opened_at BIGINT NOT NULL, derived_to TEXT);

                    CREATE TABLE obligations (
                        period TEXT NOT NULL,
                        team TEXT NOT NULL,
                        person TEXT NOT NULL,
                        version BIGINT NOT NULL,
                        calendar BIGINT NOT NULL,
                        active_days INTEGER NOT NULL,
                        unit TEXT NOT NULL,
                        received_at BIGINT,
                        received_on TEXT,
                        report_version BIGINT NOT NULL,
                        report_state INTEGER NOT NULL,
                        excused INTEGER NOT NULL,
                        waived INTEGER NOT NULL,
                        reason TEXT NOT NULL,
                        void INTEGER NOT NULL,
                        PRIMARY KEY (period, team, person)
                    ) WITHOUT ROWID;
                    CREATE TABLE reports (
                        period TEXT NOT NULL,
                        team TEXT NOT NULL,
                        person TEXT NOT NULL,
                        version BIGINT NOT NULL,
                        content BLOB NOT NULL,
                        state INTEGER NOT NULL,
                        state_reason TEXT NOT NULL,
                        state_at BIGINT NOT NULL,
                        state_by TEXT NOT NULL,
                        submitted_at BIGINT NOT NULL,
                        submitted_by TEXT NOT NULL,
                        PRIMARY KEY (period, team, person, version)
                    );
                    CREATE TABLE operations (
                        caller TEXT NOT NULL,
                        operation_id TEXT NOT NULL,
                        digest BLOB NOT NULL,
                        verdict BLOB NOT NULL,
                        PRIMARY KEY (caller, operation_id)
                    ) WITHOUT ROWID;
                    CREATE TABLE rejected_reports (
                        id TEXT PRIMARY KEY,
                        period TEXT NOT NULL,
                        reason TEXT NOT NULL,
                        content BLOB NOT NULL,
                        submitted_at BIGINT NOT NULL,
                        submitted_by TEXT NOT NULL
                    );

                    -- Sums of obligations; scope 0: of a bucket, 1: of a place. One slot per writing process.
                    CREATE TABLE figures (
                        period TEXT NOT NULL,
                        scope INTEGER NOT NULL,
                        holder BIGINT NOT NULL,
                        level INTEGER NOT NULL,
                        calendar BIGINT NOT NULL,
                        slot INTEGER NOT NULL,
                        expected BIGINT NOT NULL,
                        received BIGINT NOT NULL,
                        on_time BIGINT NOT NULL,
                        late BIGINT NOT NULL,
                        excused BIGINT NOT NULL,
                        waived BIGINT NOT NULL,
                        PRIMARY KEY (period, scope, holder, level, calendar, slot)
                    ) WITHOUT ROWID;
                    """),
            // The follower of the feed keeps what has been passed, for all topics alike. Units that were buried are
            // gone.
            Migration(
                version: 2, name: "versions are the follower's",
                sql: """
                    DELETE FROM units WHERE level = 0;
                    ALTER TABLE units DROP COLUMN version;
                    ALTER TABLE teams DROP COLUMN version;
                    ALTER TABLE memberships DROP COLUMN version;
                    """),
            Migration(
                version: 3, name: "achievements",
                sql: """
                    -- Sums of what reports tell; scope 0: of a bucket, 1: of a place. Of stocks the steps of each month.
                    CREATE TABLE achievements (
                        kind INTEGER NOT NULL,
                        scope INTEGER NOT NULL,
                        holder BIGINT NOT NULL,
                        month TEXT NOT NULL,
                        measure TEXT NOT NULL,
                        level INTEGER NOT NULL,
                        slot INTEGER NOT NULL,
                        value BIGINT NOT NULL,
                        terms BIGINT NOT NULL,
                        at_least BIGINT NOT NULL,
                        nearly BIGINT NOT NULL,
                        PRIMARY KEY (kind, scope, holder, month, measure, level, slot)
                    ) WITHOUT ROWID;
                    -- Stocks as the reports that stand tell of them: from which month on they count, and for which period
                    -- they were told.
                    CREATE TABLE stocks (
                        team TEXT NOT NULL,
                        code TEXT NOT NULL,
                        counted TEXT NOT NULL,
                        source TEXT NOT NULL,
                        person TEXT NOT NULL,
                        value BIGINT NOT NULL,
                        at_least BIGINT NOT NULL,
                        nearly BIGINT NOT NULL,
                        PRIMARY KEY (team, code, counted, source, person)
                    ) WITHOUT ROWID;
                    -- The version of the report that stands in the sums; 0: none. Deriving again sums what came before.
                    ALTER TABLE obligations ADD COLUMN summed BIGINT NOT NULL DEFAULT 0;
                    UPDATE periods SET derived_to = '';
                    """),
            Migration(
                version: 4, name: "closing of periods",
                sql: """
                    ALTER TABLE periods ADD COLUMN closed_at BIGINT;
                    ALTER TABLE periods ADD COLUMN closed_by TEXT NOT NULL DEFAULT '';
                    ALTER TABLE policies ADD COLUMN closing_days INTEGER NOT NULL DEFAULT 30;
                    """),
            Migration(
                version: 5, name: "narratives that are the same",
                sql: """
                    ALTER TABLE reports ADD COLUMN narrative BLOB;
                    CREATE INDEX reports_by_narrative ON reports (narrative) WHERE narrative IS NOT NULL;
                    """),
            Migration(
                version: 6, name: "difficulties",
                sql: """
                    CREATE TABLE difficulties (
                        id TEXT PRIMARY KEY,
                        version BIGINT NOT NULL,
                        team TEXT NOT NULL,
                        unit TEXT NOT NULL,
                        kind INTEGER NOT NULL,
                        topic TEXT NOT NULL,
                        severity INTEGER NOT NULL,
                        text TEXT NOT NULL,
                        state INTEGER NOT NULL,
                        opened_by TEXT NOT NULL,
                        opened_at BIGINT NOT NULL,
                        last_told_in TEXT NOT NULL,
                        times_told INTEGER NOT NULL,
                        owner TEXT NOT NULL,
                        resolution TEXT NOT NULL,
                        changed_at BIGINT NOT NULL,
                        changed_by TEXT NOT NULL
                    );
                    CREATE INDEX difficulties_by_team ON difficulties (team, kind);
                    CREATE INDEX difficulties_by_time ON difficulties (opened_at, id);
                    """),
            Migration(
                version: 7, name: "training",
                sql: """
                    CREATE TABLE courses (
                        id TEXT PRIMARY KEY,
                        unit TEXT NOT NULL,
                        content BLOB NOT NULL,
                        created_at BIGINT NOT NULL,
                        created_by TEXT NOT NULL
                    );
                    CREATE TABLE training_sessions (
                        id TEXT PRIMARY KEY,
                        course TEXT NOT NULL,
                        unit TEXT NOT NULL,
                        held_on TEXT NOT NULL,
                        content BLOB NOT NULL,
                        created_at BIGINT NOT NULL,
                        created_by TEXT NOT NULL
                    );
                    CREATE INDEX training_sessions_by_course ON training_sessions (course, id);
                    CREATE INDEX training_sessions_by_unit ON training_sessions (unit, id);
                    CREATE TABLE attendances (
                        session TEXT NOT NULL,
                        person TEXT NOT NULL,
                        team TEXT NOT NULL,
                        completed INTEGER NOT NULL,
                        PRIMARY KEY (session, person)
                    ) WITHOUT ROWID;
                    CREATE INDEX attendances_by_person ON attendances (person);
                    CREATE TABLE skill_assessments (
                        person TEXT NOT NULL,
                        skill INTEGER NOT NULL,
                        platform TEXT NOT NULL,
                        assessed_on TEXT NOT NULL,
                        level INTEGER NOT NULL,
                        recorded_at BIGINT NOT NULL,
                        recorded_by TEXT NOT NULL,
                        PRIMARY KEY (person, skill, platform, assessed_on)
                    ) WITHOUT ROWID;
                    """),
            // The first of many that say the same is found without reading the others.
            Migration(
                version: 8, name: "the first of the same narratives",
                sql: """
                    DROP INDEX reports_by_narrative;
                    CREATE INDEX reports_by_narrative ON reports (narrative, period, team, person)
                        WHERE narrative IS NOT NULL;
                    """),
            // Of obligations with a report from before this is read from the report when they are derived again, which
            // begins now. Organisations of members are known from their next fact on.
            Migration(
                version: 9, name: "groups of members, what obligations keep of their report, decisions on kept reports",
                sql: """
                    ALTER TABLE memberships ADD COLUMN organisations TEXT NOT NULL DEFAULT '';
                    -- Whether the newest version has a flag, times helped, and the groups of the member. NULL: not read yet.
                    ALTER TABLE obligations ADD COLUMN flagged INTEGER;
                    ALTER TABLE obligations ADD COLUMN helped BIGINT;
                    ALTER TABLE obligations ADD COLUMN occupation INTEGER NOT NULL DEFAULT 0;
                    ALTER TABLE obligations ADD COLUMN organisations TEXT NOT NULL DEFAULT '';
                    UPDATE obligations SET flagged = 0, helped = 0 WHERE report_version = 0;
                    UPDATE periods SET derived_to = '';
                    -- 1: waiting, 2: admitted, 3: dismissed.
                    ALTER TABLE rejected_reports ADD COLUMN state INTEGER NOT NULL DEFAULT 1;
                    ALTER TABLE rejected_reports ADD COLUMN decided_by TEXT NOT NULL DEFAULT '';
                    ALTER TABLE rejected_reports ADD COLUMN decided_at BIGINT;
                    ALTER TABLE rejected_reports ADD COLUMN decision_reason TEXT NOT NULL DEFAULT '';
                    """),
            Migration(
                version: 10, name: "catalogue of platforms, targets",
                sql: """
                    -- An empty unit is the nation.
                    CREATE TABLE platforms (
                        id TEXT PRIMARY KEY,
                        unit TEXT NOT NULL,
                        code TEXT NOT NULL,
                        content BLOB NOT NULL,
                        UNIQUE (unit, code)
                    );
                    CREATE INDEX platforms_by_code ON platforms (code, id);
                    CREATE TABLE targets (id TEXT PRIMARY KEY, unit TEXT NOT NULL, content BLOB NOT NULL);
                    CREATE INDEX targets_by_unit ON targets (unit, id);
                    """),
            Migration(
                version: 11, name: "which call changed a team",
                sql: "ALTER TABLE changed_teams ADD COLUMN traceparent TEXT NOT NULL DEFAULT ''"),
            // What was recorded before sessions were planned had been held.
            Migration(
                version: 12, name: "planned sessions",
                sql: """
                    -- 1: planned, 2: held, 3: cancelled.
                    ALTER TABLE training_sessions ADD COLUMN state INTEGER NOT NULL DEFAULT 2;
                    ALTER TABLE training_sessions ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
                    -- Where it was planned; empty: for the nation, or it was not.
                    ALTER TABLE training_sessions ADD COLUMN planned_unit TEXT NOT NULL DEFAULT '';
                    ALTER TABLE training_sessions ADD COLUMN changed_at BIGINT NOT NULL DEFAULT 0;
                    ALTER TABLE training_sessions ADD COLUMN changed_by TEXT NOT NULL DEFAULT '';
                    UPDATE training_sessions SET changed_at = created_at, changed_by = created_by;
                    CREATE INDEX training_sessions_by_state ON training_sessions (state, id);
                    """),
        ])
}
