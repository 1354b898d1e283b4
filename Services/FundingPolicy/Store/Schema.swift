import ServiceKit
import Storage

/// The service's own tables. Days are TEXT, `YYYY-MM-DD`; intervals are half-open: `from_day <= d < end_day`, NULL
/// open.
package enum FundingSchema {
    package static let migrations = MigrationSet(
        "funding",
        [
            Migration(
                version: 1, name: "copies of the registry's facts",
                sql: """
                    CREATE TABLE units (
                        id TEXT NOT NULL PRIMARY KEY,
                        level BIGINT NOT NULL,
                        code TEXT NOT NULL,
                        display_name TEXT NOT NULL,
                        from_day TEXT,
                        end_day TEXT
                    );
                    CREATE INDEX units_code ON units (code);
                    CREATE TABLE unit_parents (
                        unit_id TEXT NOT NULL,
                        position BIGINT NOT NULL,
                        parent_id TEXT NOT NULL,
                        from_day TEXT,
                        end_day TEXT,
                        PRIMARY KEY (unit_id, position)
                    );
                    CREATE TABLE unit_successors (
                        unit_id TEXT NOT NULL,
                        position BIGINT NOT NULL,
                        successor_id TEXT NOT NULL,
                        PRIMARY KEY (unit_id, position)
                    );
                    CREATE INDEX unit_successors_back ON unit_successors (successor_id);
                    -- Where a search for the places of a territory goes on from a unit; `via` is the unit that says so.
                    CREATE TABLE unit_links (
                        from_id TEXT NOT NULL,
                        to_id TEXT NOT NULL,
                        via TEXT NOT NULL,
                        PRIMARY KEY (from_id, to_id, via)
                    );
                    CREATE INDEX unit_links_via ON unit_links (via);
                    CREATE TABLE teams (
                        id TEXT NOT NULL PRIMARY KEY,
                        level BIGINT NOT NULL,
                        display_name TEXT NOT NULL,
                        decision_number TEXT,
                        decision_issuer TEXT,
                        decision_issued_on TEXT,
                        decision_from TEXT,
                        decision_end TEXT
                    );
                    CREATE TABLE team_statuses (
                        team_id TEXT NOT NULL,
                        position BIGINT NOT NULL,
                        status BIGINT NOT NULL,
                        from_day TEXT,
                        end_day TEXT,
                        PRIMARY KEY (team_id, position)
                    );
                    CREATE TABLE team_placements (
                        team_id TEXT NOT NULL,
                        position BIGINT NOT NULL,
                        unit_id TEXT NOT NULL,
                        from_day TEXT,
                        end_day TEXT,
                        PRIMARY KEY (team_id, position)
                    );
                    CREATE INDEX team_placements_unit ON team_placements (unit_id);
                    CREATE TABLE memberships (
                        id TEXT NOT NULL PRIMARY KEY,
                        team_id TEXT NOT NULL,
                        person_id TEXT NOT NULL,
                        from_day TEXT,
                        end_day TEXT
                    );
                    CREATE INDEX memberships_team ON memberships (team_id);
                    CREATE INDEX memberships_person ON memberships (person_id);
                    """),
            Migration(
                version: 2, name: "policies and enrolment lists",
                sql: """
                    CREATE TABLE policies (
                        name TEXT NOT NULL,
                        version BIGINT NOT NULL,
                        state BIGINT NOT NULL,
                        jurisdiction_code TEXT NOT NULL,
                        from_day TEXT,
                        end_day TEXT,
                        content BLOB NOT NULL,
                        content_hash TEXT NOT NULL,
                        created_at BIGINT NOT NULL,
                        activated_at BIGINT,
                        PRIMARY KEY (name, version)
                    );
                    CREATE TABLE enrolment_lists (
                        id TEXT NOT NULL PRIMARY KEY,
                        policy TEXT NOT NULL,
                        decision BLOB NOT NULL,
                        decision_number TEXT NOT NULL,
                        from_day TEXT,
                        end_day TEXT,
                        team_count BIGINT NOT NULL,
                        created_at BIGINT NOT NULL
                    );
                    CREATE INDEX enrolment_lists_policy ON enrolment_lists (policy);
                    CREATE TABLE enrolments (
                        team_id TEXT NOT NULL,
                        list_id TEXT NOT NULL,
                        PRIMARY KEY (team_id, list_id)
                    );
                    """),
            Migration(
                version: 3, name: "runs",
                sql: """
                    CREATE TABLE runs (
                        number BIGINT NOT NULL PRIMARY KEY,
                        name TEXT NOT NULL UNIQUE,
                        state BIGINT NOT NULL,
                        unit TEXT NOT NULL,
                        policy TEXT NOT NULL,
                        from_month TEXT NOT NULL,
                        to_month TEXT NOT NULL,
                        snapshot_hash TEXT NOT NULL,
                        content BLOB NOT NULL
                    );
                    CREATE INDEX runs_scope ON runs (unit, policy, from_month, to_month, snapshot_hash);
                    CREATE INDEX runs_state ON runs (state);
                    CREATE TABLE run_lines (
                        run BIGINT NOT NULL,
                        month TEXT NOT NULL,
                        team_id TEXT NOT NULL,
                        person_id TEXT NOT NULL,
                        policy TEXT NOT NULL,
                        component TEXT NOT NULL,
                        policy_version BIGINT NOT NULL,
                        team_level BIGINT NOT NULL,
                        rule BIGINT NOT NULL,
                        amount BIGINT NOT NULL,
                        days BIGINT NOT NULL,
                        reasons BIGINT NOT NULL,
                        needs_consolidation BIGINT NOT NULL,
                        yields_to TEXT NOT NULL,
                        evidence BLOB NOT NULL,
                        PRIMARY KEY (run, month, team_id, person_id, policy, component)
                    );
                    -- The facts lines stand on, once each: months after months share them.
                    CREATE TABLE evidence (
                        hash BLOB NOT NULL PRIMARY KEY,
                        content BLOB NOT NULL
                    );
                    """),
            LedgerSchema.migration,
            Migration(
                version: 5, name: "posting of runs",
                sql: """
                    -- Over what the books held for each line when the run was computed.
                    ALTER TABLE runs ADD COLUMN posting_hash TEXT NOT NULL DEFAULT '';
                    -- The last line in the books while a run is posted.
                    ALTER TABLE runs ADD COLUMN posted_after TEXT NOT NULL DEFAULT '';
                    ALTER TABLE run_lines ADD COLUMN posted_before BIGINT NOT NULL DEFAULT 0;
                    ALTER TABLE run_lines ADD COLUMN to_post BIGINT NOT NULL DEFAULT 0;
                    CREATE INDEX run_lines_team ON run_lines (run, team_id, policy);
                    -- What a run takes from each budget and gives back to it.
                    CREATE TABLE run_budgets (
                        run BIGINT NOT NULL,
                        policy TEXT NOT NULL,
                        source BIGINT NOT NULL,
                        year BIGINT NOT NULL,
                        credit BIGINT NOT NULL,
                        debit BIGINT NOT NULL,
                        PRIMARY KEY (run, policy, source, year)
                    );
                    """),
            Migration(
                version: 6, name: "claims",
                sql: """
                    CREATE TABLE claims (
                        number BIGINT NOT NULL PRIMARY KEY,
                        name TEXT NOT NULL UNIQUE,
                        team_id TEXT NOT NULL,
                        policy TEXT NOT NULL,
                        state BIGINT NOT NULL,
                        version BIGINT NOT NULL,
                        content BLOB NOT NULL
                    );
                    CREATE INDEX claims_team ON claims (team_id);
                    -- Person-days of approved claims: what each has taken from the ceiling per person and worked day and,
                    -- where days are paid, that it was.
                    CREATE TABLE claim_days (
                        claim BIGINT NOT NULL,
                        policy TEXT NOT NULL,
                        component TEXT NOT NULL,
                        team_id TEXT NOT NULL,
                        person_id TEXT NOT NULL,
                        day TEXT NOT NULL,
                        amount BIGINT NOT NULL,
                        PRIMARY KEY (policy, component, person_id, day, claim)
                    );
                    CREATE INDEX claim_days_team ON claim_days (team_id, policy, component);
                    """),
            Migration(
                version: 7, name: "payments",
                sql: """
                    CREATE TABLE payment_batches (
                        number BIGINT NOT NULL PRIMARY KEY,
                        name TEXT NOT NULL UNIQUE,
                        policy TEXT NOT NULL,
                        source BIGINT NOT NULL,
                        year BIGINT NOT NULL,
                        state BIGINT NOT NULL,
                        version BIGINT NOT NULL,
                        content BLOB NOT NULL
                    );
                    CREATE INDEX payment_batches_budget ON payment_batches (policy, source, year);
                    CREATE TABLE payment_instructions (
                        name TEXT NOT NULL PRIMARY KEY,
                        batch BIGINT NOT NULL,
                        team_id TEXT NOT NULL,
                        person_id TEXT NOT NULL,
                        amount BIGINT NOT NULL,
                        state BIGINT NOT NULL,
                        bank_reference TEXT NOT NULL,
                        paid_on TEXT NOT NULL,
                        note TEXT NOT NULL,
                        recorded_by TEXT NOT NULL
                    );
                    CREATE INDEX payment_instructions_batch ON payment_instructions (batch, team_id, person_id);
                    """),
            Migration(
                version: 8, name: "copies of what became of reports",
                sql: """
                    CREATE TABLE reports (
                        obligation TEXT NOT NULL PRIMARY KEY,
                        team_id TEXT NOT NULL,
                        person_id TEXT NOT NULL,
                        month TEXT NOT NULL,
                        standing BIGINT NOT NULL
                    );
                    CREATE INDEX reports_team ON reports (team_id);
                    """),
        ])
}

extension Row {
    /// Two columns, first day and first day after; NULL is open.
    func days(_ index: Int) throws -> DateRange {
        DateRange(from: try dateOrNull(index), exclusiveEnd: try dateOrNull(index + 1))
    }
}
