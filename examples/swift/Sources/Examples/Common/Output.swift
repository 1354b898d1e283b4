import Foundation
import SwiftProtobuf

/// Writes a line at once: whoever reads the output may be waiting for it.
func say(_ line: String) { write(line, to: .standardOutput) }

/// Writes a line that is not part of the result.
func tell(_ line: String) { write(line, to: .standardError) }

private func write(_ line: String, to file: FileHandle) {
    // Nobody reads any more.
    if (try? file.write(contentsOf: Data("\(line)\n".utf8))) == nil { Foundation.exit(1) }
}

/// The word of the contract for a value: `keptForReview` is KEPT_FOR_REVIEW.
func word(_ value: some SwiftProtobuf.Enum) -> String {
    "\(value)".map { $0.isUppercase ? "_\($0)" : $0.uppercased() }.joined()
}
