import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// Courses and assessments; sessions are in `SessionStore`.
enum TrainingStore {
    // MARK: Courses

    static func insert(
        _ course: Cdt_Activity_V1_Course, id: String, by caller: String, now: Instant, in tx: WriteTransaction
    )
        throws
    {
        try tx.execute(
            "INSERT INTO courses (id, unit, content, created_at, created_by) VALUES (?, ?, ?, ?, ?)",
            [
                .text(id), .text(ResourceName.lastID(course.unit)), .blob(try course.serializedBytes()), SQLValue(now),
                .text(caller),
            ])
    }

    static func course(_ id: String, in tx: ReadTransaction) throws -> Cdt_Activity_V1_Course? {
        try tx.queryOne("SELECT content FROM courses WHERE id = ?", [.text(id)]) {
            try Cdt_Activity_V1_Course(serializedBytes: $0.blob(0))
        }
    }

    /// Newest first (ids rise with time), those before the given id.
    static func courses(before id: String?, limit: Int, in tx: ReadTransaction) throws -> [Cdt_Activity_V1_Course] {
        try tx.query(
            "SELECT content FROM courses WHERE id < ? ORDER BY id DESC LIMIT ?", [.text(id ?? "~"), SQLValue(limit)]
        ) { try Cdt_Activity_V1_Course(serializedBytes: $0.blob(0)) }
    }

    // MARK: Skills

    static func put(
        _ assessment: Cdt_Activity_V1_SkillAssessment, on day: LocalDate, by caller: String, now: Instant,
        in tx: WriteTransaction
    ) throws {
        try tx.execute(
            """
            INSERT INTO skill_assessments (person, skill, platform, assessed_on, level, recorded_at, recorded_by)
            VALUES (?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (person, skill, platform, assessed_on) DO UPDATE SET level = excluded.level,
                recorded_at = excluded.recorded_at, recorded_by = excluded.recorded_by
            """,
            [
                .text(ResourceName.lastID(assessment.person)), SQLValue(assessment.skill.rawValue),
                .text(assessment.platform), .text(day.description), SQLValue(assessment.level.rawValue), SQLValue(now),
                .text(caller),
            ])
    }

    /// All that tells what a person can do, in whichever team it was found out.
    static func evidence(of person: String, in tx: ReadTransaction) throws -> [SkillMatrix.Evidence] {
        var found: [SkillMatrix.Evidence] = []
        try tx.forEach(
            "SELECT skill, platform, assessed_on, level FROM skill_assessments WHERE person = ?", [.text(person)]
        ) { row in
            guard let level = SkillLevel(rawValue: try row.int(3)) else { return }
            found.append(
                .init(
                    key: .init(person: person, skill: try row.int(0), platform: try row.text(1)),
                    day: try row.date(2), level: level, isAssessment: true))
        }
        let completed = try tx.query(
            """
            SELECT s.held_on, c.content FROM attendances a JOIN training_sessions s ON s.id = a.session
            JOIN courses c ON c.id = s.course WHERE a.person = ? AND a.completed = 1
            """, [.text(person)]
        ) { (day: try $0.date(0), course: try Cdt_Activity_V1_Course(serializedBytes: $0.blob(1))) }
        for (day, course) in completed {
            guard let level = SkillLevel(rawValue: course.level.rawValue) else { continue }
            for skill in course.skills {
                found.append(
                    .init(
                        key: .init(person: person, skill: skill.rawValue, platform: course.platform), day: day,
                        level: level, isAssessment: false))
            }
        }
        return found
    }
}
