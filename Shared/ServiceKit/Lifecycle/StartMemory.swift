import Foundation

/// Memory that only the start of a program needs.
enum StartMemory {
    /// Gives back the pages of code. Most of those that a start touches never run again; one that does comes back from
    /// the system's cache of the file.
    static func release() {
        guard let maps = FileManager.default.contents(atPath: "/proc/self/maps") else { return }
        for range in code(in: String(decoding: maps, as: UTF8.self)) {
            // Advice: where it is not taken, the pages stay.
            if let start = UnsafeMutableRawPointer(bitPattern: range.lowerBound) {
                madvise(start, range.count, MADV_DONTNEED)
            }
        }
    }

    /// The addresses of what is private, executable, never written to and of a file, of lines as in proc(5):
    /// "begin-end r-xp offset device inode path".
    static func code(in maps: String) -> [Range<UInt>] {
        maps.split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ")
            guard words.count >= 6, words[1] == "r-xp", words[5].hasPrefix("/") else { return nil }
            let ends = words[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
            guard ends.count == 2, ends[0] < ends[1] else { return nil }
            return ends[0]..<ends[1]
        }
    }
}
