import ServiceKit
import Storage

/// Templates that come with the service, so that a reminder can be sent before anybody has written one. A team that
/// wants other words makes a template of its own.
enum BuiltInTemplates {
    static let all = [
        reportReminder, reportReturned, reportApproved, reportEscalation, teamWithoutLeader, paymentApproved,
        paymentPaid, paymentReturned, trainingInvitation, trainingCancelled, announcement, article, ticketAnswer,
    ]

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
    private static let period = Template.Parameter(name: "period", type: .month, description: "Kỳ báo cáo")
    private static let recipient = Template.Parameter(
        name: "recipient_name", type: .text, description: "Họ và tên người nhận")
    private static let team = Template.Parameter(
        name: "team_name", type: .text, description: "Các tổ công nghệ số cộng đồng được nói đến")

    static let reportReturned = simple(
        "report-returned", "Báo cáo bị trả lại", [recipient, team, period],
        vi: (
            "Báo cáo {{period}} bị trả lại",
            "{{recipient_name}}: báo cáo {{period}} của {{team_name}} đã bị trả lại. Đề nghị xem lý do, sửa và nộp lại."
        ),
        en: (
            "Report for {{period}} returned",
            "{{recipient_name}}: the report for {{period}} of {{team_name}} was returned. Please read why, and send it again."
        ))

    static let reportApproved = simple(
        "report-approved", "Báo cáo đã được duyệt", [recipient, team, period],
        vi: (
            "Báo cáo {{period}} đã được duyệt",
            "{{recipient_name}}: báo cáo {{period}} của {{team_name}} đã được duyệt."
        ),
        en: (
            "Report for {{period}} approved",
            "{{recipient_name}}: the report for {{period}} of {{team_name}} has been approved."
        ))

    /// To the focal points of communes and provinces.
    static let reportEscalation = simple(
        "report-escalation", "Báo cáo quá hạn của các tổ",
        [
            recipient, team, period, .init(name: "report_count", type: .integer, description: "Số báo cáo quá hạn"),
            .init(name: "due_on", type: .date, description: "Hạn nộp"),
        ],
        vi: (
            "{{report_count}} báo cáo {{period}} quá hạn",
            "{{recipient_name}}: còn {{report_count}} báo cáo {{period}} chưa nộp, hạn {{due_on}}, của: {{team_name}}."
        ),
        en: (
            "{{report_count}} reports for {{period}} overdue",
            "{{recipient_name}}: {{report_count}} reports for {{period}}, due {{due_on}}, have not arrived, of: {{team_name}}."
        ))

    static let teamWithoutLeader = simple(
        "team-without-leader", "Tổ chưa có tổ trưởng",
        [
            recipient, team, .init(name: "team_count", type: .integer, description: "Số tổ"),
        ],
        vi: (
            "{{team_count}} tổ chưa có tổ trưởng",
            "{{recipient_name}}: {{team_count}} tổ công nghệ số cộng đồng chưa có tổ trưởng: {{team_name}}."
        ),
        en: (
            "{{team_count}} teams without a leader",
            "{{recipient_name}}: {{team_count}} teams have no leader: {{team_name}}."
        ))

    private static let payment: [Template.Parameter] = [
        recipient, team, .init(name: "payment_amount", type: .dong, description: "Tổng số tiền"),
        .init(name: "policy_title", type: .text, description: "Chính sách hỗ trợ"),
        .init(name: "payment_year", type: .text, description: "Năm được chi trả"),
    ]

    static let paymentApproved = simple(
        "payment-approved", "Khoản hỗ trợ đã được duyệt chi", payment,
        vi: (
            "Khoản hỗ trợ {{payment_amount}} đã được duyệt chi",
            "{{recipient_name}}: đã duyệt chi {{payment_amount}} năm {{payment_year}} ({{policy_title}}), {{team_name}}."
        ),
        en: (
            "Payment of {{payment_amount}} approved",
            "{{recipient_name}}: {{payment_amount}} for {{payment_year}} have been approved ({{policy_title}}), {{team_name}}."
        ))

    static let paymentPaid = simple(
        "payment-paid", "Khoản hỗ trợ đã được chi trả", payment,
        vi: (
            "Khoản hỗ trợ {{payment_amount}} đã được chi trả",
            "{{recipient_name}}: đã chi trả {{payment_amount}} năm {{payment_year}} ({{policy_title}}), {{team_name}}."
        ),
        en: (
            "Payment of {{payment_amount}} made",
            "{{recipient_name}}: {{payment_amount}} for {{payment_year}} have been paid ({{policy_title}}), {{team_name}}."
        ))

    static let paymentReturned = simple(
        "payment-returned", "Khoản hỗ trợ bị trả lại", payment,
        vi: (
            "Khoản hỗ trợ {{payment_amount}} bị trả lại",
            "{{recipient_name}}: khoản chi {{payment_amount}} năm {{payment_year}} ({{policy_title}}), {{team_name}}, bị trả lại. "
                + "Đề nghị kiểm tra thông tin tài khoản với xã."
        ),
        en: (
            "Payment of {{payment_amount}} came back",
            "{{recipient_name}}: the payment of {{payment_amount}} for {{payment_year}} ({{policy_title}}), {{team_name}}, came "
                + "back. Please check your account details with the commune."
        ))

    private static let course = Template.Parameter(name: "course_title", type: .text, description: "Khóa bồi dưỡng")
    private static let sessionTime = Template.Parameter(
        name: "session_when", type: .text, description: "Giờ và ngày, hoặc hạn học xong")
    private static let sessionPlace = Template.Parameter(
        name: "session_where", type: .text, description: "Địa điểm hoặc liên kết")

    /// A short message speaks to nobody, to have room for course, time and place.
    static let trainingInvitation = simple(
        "training-invitation", "Mời dự lớp bồi dưỡng", [recipient, team, course, sessionTime, sessionPlace],
        vi: (
            "Mời dự lớp bồi dưỡng, {{session_when}}",
            "Kính mời {{recipient_name}} ({{team_name}}) dự lớp bồi dưỡng: {{course_title}}. "
                + "Thời gian: {{session_when}}. Địa điểm hoặc liên kết: {{session_where}}"
        ),
        en: (
            "Invitation to a training session, {{session_when}}",
            "{{recipient_name}} ({{team_name}}), you are invited to a training session: {{course_title}}. "
                + "Time: {{session_when}}. Place or link: {{session_where}}"
        ),
        sms: (
            "Mời dự lớp bồi dưỡng: {{course_title}}, {{session_when}}. Nơi học: {{session_where}}",
            "You are invited to a training session: {{course_title}}, {{session_when}}. Place: {{session_where}}"
        ))

    /// Nor is there room for the reason.
    static let trainingCancelled = simple(
        "training-cancelled", "Hủy lớp bồi dưỡng",
        [
            recipient, team, course, sessionTime,
            .init(name: "cancellation_reason", type: .text, description: "Lý do hủy"),
        ],
        vi: (
            "Hủy lớp bồi dưỡng, {{session_when}}",
            "{{recipient_name}} ({{team_name}}): lớp bồi dưỡng {{course_title}}, {{session_when}}, đã bị hủy. "
                + "Lý do: {{cancellation_reason}}"
        ),
        en: (
            "Training session cancelled, {{session_when}}",
            "{{recipient_name}} ({{team_name}}): the training session {{course_title}}, {{session_when}}, has been "
                + "cancelled. Reason: {{cancellation_reason}}"
        ),
        sms: (
            "Lớp bồi dưỡng {{course_title}}, {{session_when}}, đã bị hủy.",
            "The training session {{course_title}}, {{session_when}}, has been cancelled."
        ))

    private static let title = Template.Parameter(name: "title", type: .text, description: "Tiêu đề")
    private static let text = Template.Parameter(name: "text", type: .text, description: "Nội dung")

    /// Whatever people have to be told, with the words by which they acknowledge.
    static let announcement = simple(
        "announcement", "Thông báo, đề nghị xác nhận", [title, text],
        vi: ("{{title}}", "{{title}}. {{text}} Xin trả lời OK để xác nhận đã nhận."),
        en: ("{{title}}", "{{title}}. {{text}} Please reply OK when you have read this."))

    /// Short messages say where an article is, the others what it says.
    static let article = simple(
        "article", "Tài liệu, hướng dẫn, kinh nghiệm hay",
        [title, text, .init(name: "url", type: .text, description: "Liên kết tới toàn văn")],
        vi: ("{{title}}", "{{title}}\n\n{{text}}\n{{url}}\nXin trả lời OK khi đã đọc."),
        en: ("{{title}}", "{{title}}\n\n{{text}}\n{{url}}\nPlease reply OK when you have read this."),
        sms: ("{{title}} {{url}} Trả lời OK khi đã đọc.", "{{title}} {{url}} Reply OK when read."))

    /// What somebody wrote back is answered.
    static let ticketAnswer = simple(
        TicketAnswer.template, "Trả lời câu hỏi",
        [recipient, .init(name: "answer", type: .text, description: "Câu trả lời")],
        vi: ("Trả lời câu hỏi của ông/bà", "Kính gửi {{recipient_name}}: {{answer}}"),
        en: ("Answer to your question", "Dear {{recipient_name}}, {{answer}}"))

    /// The same short text over every channel that carries free text, unless a short message says it in its own way.
    private static func simple(
        _ id: String, _ name: String, _ parameters: [Template.Parameter], vi: (subject: String, text: String),
        en: (subject: String, text: String), sms: (vi: String, en: String)? = nil
    ) -> Template {
        var bodies: [Template.Key: TemplateBody] = [:]
        for (language, words, short) in [(Language.vietnamese, vi, sms?.vi), (.english, en, sms?.en)] {
            for kind in [BodyKind.email, .webhook] {
                bodies[.init(language: language, kind: kind)] = TemplateBody(subject: words.subject, text: words.text)
            }
            bodies[.init(language: language, kind: .sms)] = TemplateBody(subject: "", text: short ?? words.text)
            bodies[.init(language: language, kind: .zaloText)] = TemplateBody(subject: "", text: words.text)
        }
        return Template(id: id, displayName: name, parameters: parameters, bodies: bodies, isBuiltIn: true)
    }
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
