import ServiceKit
import Storage

/// Templates that come with the service, so that a reminder can be sent before anybody has written one. A team that
/// wants other words makes a template of its own.
enum BuiltInTemplates {
    static let all = [reportReminder]

    /// "Reminders to those who owe a report".
    static let reportReminder = Template(
        id: "report-reminder",
        displayName: "Nhắc nộp báo cáo tháng",
        parameters: [
            .init(name: "recipient_name", type: .text, description: "Họ và tên người nhận"),
            .init(name: "team_name", type: .text, description: "Tổ công nghệ số cộng đồng chưa có báo cáo"),
            .init(name: "unit_name", type: .text, description: "Địa bàn của tổ"),
            .init(name: "period", type: .month, description: "Kỳ báo cáo"),
            .init(name: "due_on", type: .date, description: "Hạn nộp"),
        ],
        bodies: [
            .init(language: .vietnamese, channel: .email): .init(
                subject: "Nhắc nộp báo cáo {{period}}, hạn {{due_on}}",
                text: """
                    Kính gửi ông/bà {{recipient_name}},

                    Đến nay hệ thống chưa nhận được báo cáo {{period}} của {{team_name}} ({{unit_name}}).
                    Hạn nộp: {{due_on}}.

                    Đề nghị ông/bà nộp báo cáo. Nếu báo cáo đã được nộp thì không cần làm gì thêm.

                    Trân trọng.

                    """),
            .init(language: .english, channel: .email): .init(
                subject: "Reminder: report for {{period}}, due {{due_on}}",
                text: """
                    Dear {{recipient_name}},

                    The report for {{period}} of {{team_name}} ({{unit_name}}) has not arrived yet.
                    It is due on {{due_on}}.

                    Please send it. If it has been sent in the meantime, nothing is left to do.

                    """),
            .init(language: .vietnamese, channel: .webhook): .init(
                subject: "Nhắc nộp báo cáo {{period}}",
                text:
                    "{{recipient_name}}: chưa nhận được báo cáo {{period}} của {{team_name}} ({{unit_name}}), hạn {{due_on}}."
            ),
            .init(language: .english, channel: .webhook): .init(
                subject: "Report for {{period}} outstanding",
                text:
                    "{{recipient_name}}: the report for {{period}} of {{team_name}} ({{unit_name}}) has not arrived, due {{due_on}}."
            ),
            .init(language: .vietnamese, channel: .sms): .init(
                subject: "",
                text:
                    "Chưa nhận được báo cáo {{period}} của {{team_name}}, hạn {{due_on}}. Đề nghị {{recipient_name}} nộp."
            ),
            .init(language: .english, channel: .sms): .init(
                subject: "",
                text: "The report for {{period}} of {{team_name}}, due {{due_on}}, has not arrived. Please send it."),
            .init(language: .vietnamese, channel: .zaloText): .init(
                subject: "",
                text:
                    "{{recipient_name}}: chưa nhận được báo cáo {{period}} của {{team_name}} ({{unit_name}}), hạn {{due_on}}."
            ),
            .init(language: .english, channel: .zaloText): .init(
                subject: "",
                text:
                    "{{recipient_name}}: the report for {{period}} of {{team_name}} ({{unit_name}}) has not arrived, due {{due_on}}."
            ),
        ],
        isBuiltIn: true)
}

extension BuiltInTemplates {
    /// Records those that are missing. One that somebody has changed stays as it is.
    static func install(in database: Database, now: Instant) async throws {
        try await database.write { transaction in
            for var template in all where try TemplateStore.newestVersion(template.id, transaction) == nil {
                template.version = 1
                try TemplateStore.insert(template, now: now, transaction)
            }
        }
    }
}
