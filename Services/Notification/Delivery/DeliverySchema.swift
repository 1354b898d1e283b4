import Storage

/// What this service itself records: templates, endpoints, campaigns, and the outbox of their messages.
enum NotificationSchema {
    /// `campaign.active` is 1 while the dispatcher has something to do for it. `delivery.next_at` is the moment at
    /// which somebody must look at a message again: a sender while it waits, whoever looks after leases while it is
    /// CLAIMED; null for ever after. `delivery_subject.obligation` is the id of an obligation, of a payment or of a
    /// session. Moments are microseconds since 1970.
    static let migrations = MigrationSet(
        "notification",
        [
            Migration(
                version: 1, name: "templates, campaigns and deliveries",
                sql: """
                    CREATE TABLE template_version (
                        template TEXT NOT NULL, version INTEGER NOT NULL, payload BLOB NOT NULL,
                        built_in INTEGER NOT NULL, created_at BIGINT NOT NULL,
                        PRIMARY KEY (template, version)) WITHOUT ROWID;
                    CREATE TABLE webhook_endpoint (
                        id TEXT PRIMARY KEY, unit TEXT NOT NULL UNIQUE, url TEXT NOT NULL,
                        display_name TEXT NOT NULL, created_at BIGINT NOT NULL);
                    CREATE TABLE campaign (
                        id TEXT PRIMARY KEY, payload BLOB NOT NULL, state INTEGER NOT NULL, active INTEGER NOT NULL,
                        revision INTEGER NOT NULL, send_at BIGINT, sending_day TEXT,
                        expanded_through TEXT NOT NULL, teams_expanded INTEGER NOT NULL, teams_total INTEGER NOT NULL,
                        created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL);
                    CREATE INDEX campaign_active ON campaign (active, id);
                    CREATE TABLE delivery (
                        campaign TEXT NOT NULL, id TEXT NOT NULL, person TEXT NOT NULL, channel INTEGER NOT NULL,
                        state INTEGER NOT NULL, failure INTEGER NOT NULL, detail TEXT NOT NULL,
                        attempts INTEGER NOT NULL, first_attempt_at BIGINT, next_at BIGINT, sent_at BIGINT,
                        created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL,
                        PRIMARY KEY (campaign, id)) WITHOUT ROWID;
                    CREATE INDEX delivery_due ON delivery (campaign, channel, next_at) WHERE next_at IS NOT NULL;
                    CREATE INDEX delivery_state ON delivery (campaign, state, failure);
                    CREATE TABLE delivery_subject (
                        delivery TEXT NOT NULL, team TEXT NOT NULL, obligation TEXT NOT NULL,
                        PRIMARY KEY (delivery, team, obligation)) WITHOUT ROWID;
                    CREATE TABLE delivery_attempt (
                        delivery TEXT NOT NULL, number INTEGER NOT NULL, channel INTEGER NOT NULL,
                        started_at BIGINT NOT NULL, ended_at BIGINT, outcome INTEGER NOT NULL,
                        failure INTEGER NOT NULL, reply_code INTEGER NOT NULL, detail TEXT NOT NULL,
                        PRIMARY KEY (delivery, number)) WITHOUT ROWID;
                    """),
            Migration(
                version: 2, name: "accounts, receipts, costs, quotas, credentials",
                sql: """
                    ALTER TABLE campaign ADD COLUMN paused_from INTEGER;
                    ALTER TABLE delivery ADD COLUMN account TEXT NOT NULL DEFAULT '';
                    ALTER TABLE delivery ADD COLUMN provider_id TEXT NOT NULL DEFAULT '';
                    ALTER TABLE delivery ADD COLUMN cost BIGINT NOT NULL DEFAULT 0;
                    ALTER TABLE delivery ADD COLUMN delivered_at BIGINT;
                    ALTER TABLE delivery ADD COLUMN read_at BIGINT;
                    ALTER TABLE delivery_attempt ADD COLUMN account TEXT NOT NULL DEFAULT '';
                    ALTER TABLE delivery_attempt ADD COLUMN provider_id TEXT NOT NULL DEFAULT '';
                    ALTER TABLE delivery_attempt ADD COLUMN cost BIGINT NOT NULL DEFAULT 0;
                    DROP INDEX delivery_due;
                    CREATE INDEX delivery_due ON delivery (campaign, channel, account, next_at)
                        WHERE next_at IS NOT NULL;
                    CREATE INDEX delivery_id ON delivery (id);
                    CREATE INDEX delivery_provider ON delivery (provider_id) WHERE provider_id <> '';
                    CREATE INDEX delivery_stuck ON delivery (campaign, id) WHERE state IN (7, 8, 10);
                    CREATE TABLE lane_hold (
                        channel INTEGER NOT NULL, account TEXT NOT NULL, held_until BIGINT NOT NULL,
                        reason INTEGER NOT NULL, PRIMARY KEY (channel, account)) WITHOUT ROWID;
                    CREATE TABLE lane_quota (
                        pool TEXT NOT NULL, account TEXT NOT NULL, day TEXT NOT NULL, used BIGINT NOT NULL,
                        per_day BIGINT, PRIMARY KEY (pool, account, day)) WITHOUT ROWID;
                    CREATE TABLE zalo_token (
                        account TEXT PRIMARY KEY, seed TEXT NOT NULL, version BIGINT NOT NULL, access_token BLOB,
                        refresh_token BLOB NOT NULL, expires_at BIGINT, lease_owner TEXT, lease_until BIGINT,
                        alarm TEXT NOT NULL);
                    """),
            Migration(
                version: 3, name: "rules, focal points, opt-outs, groups, tickets",
                sql: """
                    CREATE TABLE rule (
                        id TEXT PRIMARY KEY, payload BLOB NOT NULL, enabled INTEGER NOT NULL,
                        revision INTEGER NOT NULL, last_run BIGINT NOT NULL, created_at BIGINT NOT NULL,
                        has_run INTEGER NOT NULL);
                    CREATE TABLE focal_point (
                        id TEXT PRIMARY KEY, unit TEXT NOT NULL, person TEXT NOT NULL, created_at BIGINT NOT NULL,
                        UNIQUE (unit, person));
                    CREATE TABLE opt_out (
                        person TEXT NOT NULL, topic TEXT NOT NULL, created_at BIGINT NOT NULL,
                        PRIMARY KEY (person, topic)) WITHOUT ROWID;
                    CREATE TABLE zalo_group (
                        id TEXT PRIMARY KEY, unit TEXT NOT NULL, display_name TEXT NOT NULL, account TEXT NOT NULL,
                        zalo_id TEXT NOT NULL, purpose TEXT NOT NULL, size INTEGER NOT NULL,
                        revision INTEGER NOT NULL, created_at BIGINT NOT NULL, UNIQUE (account, zalo_id));
                    CREATE INDEX zalo_group_unit ON zalo_group (unit, id);
                    CREATE TABLE inbound_event (
                        source TEXT NOT NULL, id TEXT NOT NULL, received_at BIGINT NOT NULL,
                        PRIMARY KEY (source, id)) WITHOUT ROWID;
                    CREATE INDEX inbound_event_age ON inbound_event (received_at);
                    CREATE TABLE ticket (
                        id TEXT PRIMARY KEY, state INTEGER NOT NULL, channel INTEGER NOT NULL, account TEXT NOT NULL,
                        person TEXT NOT NULL, delivery TEXT NOT NULL, team TEXT NOT NULL, body TEXT NOT NULL,
                        answer TEXT NOT NULL, difficulty TEXT NOT NULL, revision INTEGER NOT NULL,
                        created_at BIGINT NOT NULL, answered_at BIGINT);
                    CREATE INDEX ticket_person ON ticket (person);
                    CREATE INDEX delivery_person ON delivery (person);
                    """),
            Migration(
                version: 4, name: "acknowledgements, relays, answers that are sent, articles",
                sql: """
                    ALTER TABLE campaign ADD COLUMN acknowledge INTEGER NOT NULL DEFAULT 0;
                    ALTER TABLE campaign ADD COLUMN article TEXT NOT NULL DEFAULT '';
                    CREATE INDEX campaign_article ON campaign (article) WHERE article <> '';
                    ALTER TABLE delivery ADD COLUMN acknowledged_at BIGINT;
                    ALTER TABLE delivery ADD COLUMN relay_level INTEGER NOT NULL DEFAULT 0;
                    ALTER TABLE ticket ADD COLUMN answer_delivery TEXT NOT NULL DEFAULT '';
                    ALTER TABLE ticket ADD COLUMN article TEXT NOT NULL DEFAULT '';
                    CREATE INDEX ticket_article ON ticket (article) WHERE article <> '';
                    CREATE TABLE article (
                        id TEXT PRIMARY KEY, unit TEXT NOT NULL, kind INTEGER NOT NULL, title TEXT NOT NULL,
                        folded_title TEXT NOT NULL, body TEXT NOT NULL, url TEXT NOT NULL, subjects TEXT NOT NULL,
                        language INTEGER NOT NULL, revision INTEGER NOT NULL, created_at BIGINT NOT NULL,
                        updated_at BIGINT NOT NULL);
                    """),
            Migration(
                version: 5, name: "acknowledgements that let go many teams",
                sql: """
                    CREATE TABLE relay_release (
                        campaign TEXT NOT NULL, delivery TEXT NOT NULL, through_team TEXT NOT NULL,
                        PRIMARY KEY (campaign, delivery)) WITHOUT ROWID;
                    """),
            Migration(
                version: 6, name: "who has written to Zalo",
                sql: """
                    CREATE TABLE zalo_writer (
                        person TEXT NOT NULL, account TEXT NOT NULL, written_at BIGINT NOT NULL,
                        PRIMARY KEY (person, account)) WITHOUT ROWID;
                    CREATE INDEX zalo_writer_age ON zalo_writer (written_at);
                    """),
            Migration(
                version: 7, name: "which call launched a campaign",
                sql: "ALTER TABLE campaign ADD COLUMN traceparent TEXT NOT NULL DEFAULT ''"),
            Migration(version: 8, name: "tickets by state", sql: "CREATE INDEX ticket_state ON ticket (state, id)"),
        ])
}
