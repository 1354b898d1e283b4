import Storage

/// Copies of the other services' facts, as far as choosing and reaching recipients needs them; fed by change feeds.
///
/// Intervals are half-open: `first_day` belongs, `end_day` no longer does. Ids are stored without their collection.
enum FactsSchema {
    static let migrations = MigrationSet(
        "facts",
        [
            Migration(
                version: 1, name: "copies of registry and activity facts",
                sql: """
                    CREATE TABLE known_unit (
                        id TEXT PRIMARY KEY, level INTEGER NOT NULL, display_name TEXT NOT NULL,
                        first_day TEXT NOT NULL, end_day TEXT NOT NULL);
                    CREATE TABLE known_unit_placement (
                        unit TEXT NOT NULL, first_day TEXT NOT NULL, end_day TEXT NOT NULL, parent TEXT NOT NULL,
                        PRIMARY KEY (unit, first_day)) WITHOUT ROWID;
                    CREATE INDEX known_unit_placement_parent ON known_unit_placement (parent, unit);
                    CREATE TABLE known_team (
                        id TEXT PRIMARY KEY, level INTEGER NOT NULL, display_name TEXT NOT NULL);
                    CREATE TABLE known_team_status (
                        team TEXT NOT NULL, first_day TEXT NOT NULL, end_day TEXT NOT NULL, status INTEGER NOT NULL,
                        PRIMARY KEY (team, first_day)) WITHOUT ROWID;
                    CREATE TABLE known_team_placement (
                        team TEXT NOT NULL, first_day TEXT NOT NULL, end_day TEXT NOT NULL, unit TEXT NOT NULL,
                        PRIMARY KEY (team, first_day)) WITHOUT ROWID;
                    CREATE INDEX known_team_placement_unit ON known_team_placement (unit, team);
                    CREATE TABLE known_membership (
                        id TEXT PRIMARY KEY, team TEXT NOT NULL, person TEXT NOT NULL, role INTEGER NOT NULL,
                        occupation INTEGER NOT NULL, first_day TEXT NOT NULL, end_day TEXT NOT NULL);
                    CREATE INDEX known_membership_team ON known_membership (team);
                    CREATE TABLE known_contact (
                        person TEXT PRIMARY KEY, full_name TEXT NOT NULL, email TEXT NOT NULL, phones TEXT NOT NULL,
                        zalo_user_ids TEXT NOT NULL);
                    CREATE TABLE known_obligation (
                        id TEXT PRIMARY KEY, team TEXT NOT NULL, person TEXT, period TEXT NOT NULL,
                        due_on TEXT NOT NULL, grace_until TEXT NOT NULL, received_at BIGINT,
                        report_state INTEGER NOT NULL, expected INTEGER NOT NULL);
                    CREATE INDEX known_obligation_team ON known_obligation (team, period);
                    """),
            Migration(
                version: 2, name: "when obligations changed, and who has a Zalo user id",
                sql: """
                    ALTER TABLE known_obligation ADD COLUMN changed_at BIGINT NOT NULL DEFAULT 0;
                    CREATE INDEX known_obligation_due ON known_obligation (due_on, period);
                    CREATE INDEX known_obligation_changed ON known_obligation (changed_at, report_state);
                    CREATE INDEX known_contact_zalo ON known_contact (zalo_user_ids);
                    """),
            Migration(
                version: 3, name: "who has a phone number, and what became of units",
                sql: """
                    CREATE INDEX known_contact_phones ON known_contact (phones);
                    CREATE TABLE known_unit_successor (
                        unit TEXT NOT NULL, successor TEXT NOT NULL, PRIMARY KEY (unit, successor)) WITHOUT ROWID;
                    """),
            Migration(
                version: 4, name: "payments to teams and members",
                sql: """
                    CREATE TABLE known_payment (
                        id TEXT PRIMARY KEY, team TEXT NOT NULL, person TEXT, amount BIGINT NOT NULL,
                        paid_year INTEGER NOT NULL, policy_title TEXT NOT NULL, policy_title_vi TEXT NOT NULL,
                        standing INTEGER NOT NULL, changed_at BIGINT NOT NULL);
                    CREATE INDEX known_payment_team ON known_payment (team, standing, changed_at);
                    CREATE INDEX known_payment_person ON known_payment (person) WHERE person IS NOT NULL;
                    """),
            Migration(
                version: 5, name: "which calls the newest facts came from",
                sql: """
                    ALTER TABLE known_team ADD COLUMN traceparent TEXT NOT NULL DEFAULT '';
                    ALTER TABLE known_contact ADD COLUMN traceparent TEXT NOT NULL DEFAULT '';
                    ALTER TABLE known_obligation ADD COLUMN traceparent TEXT NOT NULL DEFAULT '';
                    """),
            Migration(
                version: 6, name: "which call the newest fact of a payment came from",
                sql: "ALTER TABLE known_payment ADD COLUMN traceparent TEXT NOT NULL DEFAULT ''"),
            Migration(
                version: 7, name: "which teams a person is in",
                sql: "CREATE INDEX known_membership_person ON known_membership (person)"),
            Migration(
                version: 8, name: "when the newest facts of obligations and payments were recorded",
                sql: """
                    ALTER TABLE known_obligation ADD COLUMN recorded_at BIGINT NOT NULL DEFAULT 0;
                    ALTER TABLE known_payment ADD COLUMN recorded_at BIGINT NOT NULL DEFAULT 0;
                    """),
            Migration(
                version: 9, name: "sessions of courses, and whom they invite",
                sql: """
                    CREATE TABLE known_training (
                        id TEXT PRIMARY KEY, unit TEXT NOT NULL, standing INTEGER NOT NULL, held_on TEXT NOT NULL,
                        starts_at TEXT NOT NULL, place TEXT NOT NULL, mode INTEGER NOT NULL, trainer TEXT NOT NULL,
                        course_title TEXT NOT NULL, cancellation_reason TEXT NOT NULL, invites INTEGER NOT NULL,
                        invited_unit TEXT NOT NULL, invited_levels TEXT NOT NULL, invited_roles TEXT NOT NULL,
                        told INTEGER NOT NULL DEFAULT 0, changed_at BIGINT NOT NULL, recorded_at BIGINT NOT NULL,
                        traceparent TEXT NOT NULL);
                    CREATE INDEX known_training_changed ON known_training (standing, changed_at);
                    CREATE TABLE known_training_invitee (
                        training TEXT NOT NULL, team TEXT NOT NULL, person TEXT NOT NULL,
                        PRIMARY KEY (training, team, person)) WITHOUT ROWID;
                    CREATE INDEX known_training_invitee_person ON known_training_invitee (person);
                    """),
        ])
}
