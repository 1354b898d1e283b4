import ArgumentParser
import Foundation
import Shared
import SwiftProtobuf

enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
    case table
    case json
}

/// Where a command's answer goes: standard output, as a table for people or as JSON for programs.
struct Output {
    let format: OutputFormat

    /// Prints a message as JSON (protobuf's mapping), or the table that is made of it.
    func show(_ message: some Message, as table: () -> Table) throws {
        try show(message) { table().text }
    }

    func show(_ message: some Message, text: () -> String) throws {
        switch format {
        case .json:
            var options = JSONEncodingOptions()
            options.alwaysPrintInt64sAsNumbers = false
            print(try message.jsonString(options: options))
        case .table: print(text())
        }
    }

    /// A line for people; programs that asked for JSON get none.
    func note(_ text: String) {
        if format == .table { print(text) }
    }
}

/// A line on standard error.
func tellOnStandardError(_ text: String) { FileHandle.standardError.write(Data("\(text)\n".utf8)) }
