import Foundation
import Testing

@testable import CommandLine

@Suite struct CSVTests {
    private func read(_ text: String) throws -> [[String]] {
        let document = try CSVDocument(Array(text.utf8), file: "t.csv")
        return try [document.header] + document.records().map(\.fields)
    }

    @Test func fieldsAreReadAsRFC4180SaysThem() throws {
        #expect(try read("a,b\n1,2\n") == [["a", "b"], ["1", "2"]])
        #expect(try read("a,b\r\n1,\r\n") == [["a", "b"], ["1", ""]])
        #expect(try read("a,b\n1,") == [["a", "b"], ["1", ""]])
        #expect(try read("a,b\n\"x, \"\"y\"\"\",\"two\nlines\"") == [["a", "b"], ["x, \"y\"", "two\nlines"]])
        #expect(try read("\u{FEFF}a,b\n\n1,2\n\n") == [["a", "b"], ["1", "2"]])
        #expect(try read("tên\nTổ Đông Hà\n") == [["tên"], ["Tổ Đông Hà"]])
    }

    @Test func aFaultNamesTheLine() throws {
        #expect(throws: CSVError(file: "t.csv", line: 4, problem: "1 fields where the header has 2")) {
            try read("a,b\n\"1\n2\",3\n4\n")
        }
        #expect(throws: CSVError(file: "t.csv", line: 2, problem: "a double quote is opened and never closed")) {
            try read("a,b\n\"1,2\n")
        }
        #expect(throws: CSVError.self) { try CSVDocument([0x61, 0xFF, 0x0A], file: "t.csv") }
        #expect(throws: CSVError.self) { try CSVDocument([], file: "t.csv") }
        let document = try CSVDocument(Array("a,b\n".utf8), file: "t.csv")
        #expect(throws: CSVError(file: "t.csv", line: 1, problem: "column c is missing; the columns are a, b")) {
            try document.column("c")
        }
    }

    @Test func whatIsWrittenIsReadBack() throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("csv-\(UUID().uuidString).csv")
        defer { try? FileManager.default.removeItem(at: file) }
        let rows = [["1", "a, b"], ["2", "\"quoted\""], ["3", "two\r\nlines"], ["4", ""]]
        let writer = try CSVWriter(to: file, header: ["id", "text"])
        for row in rows { try writer.write(row) }
        #expect(!FileManager.default.fileExists(atPath: file.path), "a file appears only when it is whole")
        try writer.close()
        #expect(try CSVDocument(contentsOf: file).records().map(\.fields) == rows)
    }
}
