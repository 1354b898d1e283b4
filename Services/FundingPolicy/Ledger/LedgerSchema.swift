import Storage

/// The tables of the books. Journals, movements and entries are only ever added: the database itself refuses to change
/// or to remove them, whoever asks.
enum LedgerSchema {
    private static let appendOnly = ["ledger_journals", "ledger_movements", "ledger_entries"]

    static let migration = Migration(
        version: 4, name: "ledger",
        sql: """
            CREATE TABLE ledger_accounts (
                id BIGINT NOT NULL PRIMARY KEY,
                name TEXT NOT NULL UNIQUE,
                policy TEXT NOT NULL,
                source BIGINT NOT NULL,
                year BIGINT NOT NULL,
                kind BIGINT NOT NULL,
                may_overdraw BIGINT NOT NULL,
                debit BIGINT NOT NULL,
                credit BIGINT NOT NULL,
                version BIGINT NOT NULL,
                UNIQUE (policy, source, year, kind)
            );
            CREATE TABLE ledger_journals (
                number BIGINT NOT NULL PRIMARY KEY,
                kind BIGINT NOT NULL,
                recorded_at BIGINT NOT NULL,
                actor TEXT NOT NULL,
                maker TEXT NOT NULL,
                reference TEXT NOT NULL,
                document BLOB NOT NULL,
                note TEXT NOT NULL,
                entry_count BIGINT NOT NULL,
                amount BIGINT NOT NULL,
                chain_hash BLOB NOT NULL
            );
            CREATE INDEX ledger_journals_reference ON ledger_journals (reference);
            CREATE INDEX ledger_journals_time ON ledger_journals (recorded_at);
            -- Sums of each journal by account: the trial balance of any moment without reading entries.
            CREATE TABLE ledger_movements (
                journal BIGINT NOT NULL,
                account BIGINT NOT NULL,
                debit BIGINT NOT NULL,
                credit BIGINT NOT NULL,
                PRIMARY KEY (journal, account)
            );
            CREATE INDEX ledger_movements_account ON ledger_movements (account);
            CREATE TABLE ledger_entries (
                journal BIGINT NOT NULL,
                position BIGINT NOT NULL,
                debit BIGINT NOT NULL,
                credit BIGINT NOT NULL,
                amount BIGINT NOT NULL CHECK (amount >= 0),
                component TEXT NOT NULL,
                month TEXT NOT NULL,
                team_id TEXT NOT NULL,
                person_id TEXT NOT NULL,
                due BIGINT,
                cut BIGINT NOT NULL,
                item TEXT NOT NULL,
                PRIMARY KEY (journal, position)
            );
            CREATE INDEX ledger_entries_team ON ledger_entries (team_id, journal, position);
            """,
        sqlite: appendOnly.map { table in
            ["UPDATE", "DELETE"].map { change in
                """
                CREATE TRIGGER \(table)_no_\(change.lowercased()) BEFORE \(change) ON \(table)
                BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
                """
            }.joined(separator: "\n")
        }.joined(separator: "\n"),
        postgres: """
            CREATE FUNCTION ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN RAISE EXCEPTION 'the ledger is append-only'; END;
            $$;
            """
                + appendOnly.map { table in
                    """

                    CREATE TRIGGER \(table)_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON \(table)
                    FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only();
                    """
                }.joined())
}
