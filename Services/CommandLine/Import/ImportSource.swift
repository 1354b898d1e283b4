import Foundation
import Shared

/// Where a row of an import stands in the files, for messages and the file of rejected rows.
struct RowOrigin: Sendable {
    let file: String
    let line: Int
    let fields: [String]
}

/// The rows of an import, teams first, numbered over both files, so that a broken import goes on where it broke.
struct ImportSource {
    private let teams: (rows: TeamRows, document: CSVDocument)?
    private let members: (rows: MemberRows, document: CSVDocument)?

    init(teams: URL?, members: URL?) throws {
        self.teams = try teams.map {
            let document = try CSVDocument(contentsOf: $0)
            return (try TeamRows(document), document)
        }
        self.members = try members.map {
            let document = try CSVDocument(contentsOf: $0)
            return (try MemberRows(document), document)
        }
    }

    /// About how many rows there are.
    var approximateCount: Int { (teams?.document.lineCount ?? 0) + (members?.document.lineCount ?? 0) }

    func reader() -> Reader { Reader(source: self) }

    struct Reader {
        private let source: ImportSource
        private var teamCursor: CSVDocument.Cursor?
        private var memberCursor: CSVDocument.Cursor?
        private var number: Int64 = 0

        fileprivate init(source: ImportSource) {
            self.source = source
            teamCursor = source.teams?.document.cursor()
            memberCursor = source.members?.document.cursor()
        }

        mutating func next() throws -> (row: Cdt_Registry_V1_ImportRow, origin: RowOrigin)? {
            var row = Cdt_Registry_V1_ImportRow()
            if let record = try teamCursor?.next(), let teams = source.teams {
                number += 1
                row.rowNumber = number
                row.team = try teams.rows.row(record)
                return (row, RowOrigin(file: teams.document.file, line: record.line, fields: record.fields))
            }
            teamCursor = nil
            if let record = try memberCursor?.next(), let members = source.members {
                number += 1
                row.rowNumber = number
                row.member = try members.rows.row(record)
                return (row, RowOrigin(file: members.document.file, line: record.line, fields: record.fields))
            }
            return nil
        }
    }
}
