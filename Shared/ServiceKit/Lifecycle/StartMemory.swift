import Foundation

/// Memory that only the start of a program needs.
enum StartMemory {
    /// Gives back the pages of code, and what has been freed. Most of those pages are not touched again; one that is comes
    /// back from the system's cache of the file.
    static func release() {
        releaseFreed()
        for range in unchanged(in: mappings()) {
            // Advice: where it is not taken, the pages stay.
            if let start = UnsafeMutableRawPointer(bitPattern: range.lowerBound) {
                madvise(start, range.count, MADV_DONTNEED)
            }
        }
    }

    /// The kernel's list of them, empty where there is none. `FileManager` reads no more than the first page of it.
    static func mappings() -> String {
        guard let file = FileHandle(forReadingAtPath: "/proc/self/smaps"), let text = try? file.readToEnd() else {
            return ""
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// What was allocated for a moment, in between what stays. Only glibc has a call for that, which Swift does not
    /// import.
    private static func releaseFreed() {
        guard let trim = dlsym(nil, "malloc_trim") else { return }
        _ = unsafeBitCast(trim, to: (@convention(c) (Int) -> Int32).self)(0)
    }

    /// The addresses of code of files that has no page of its own, as what was changed in memory has, of lines as in
    /// proc(5): "begin-end r-xp offset device inode path", and then "Anonymous: 0 kB" among others.
    static func unchanged(in smaps: String) -> [Range<UInt>] {
        var ranges: [Range<UInt>] = []
        var current: Range<UInt>?
        for line in smaps.split(separator: "\n") {
            if let range = current, line.hasPrefix("Anonymous:") {
                if line.split(separator: " ").dropFirst().first == "0" { ranges.append(range) }
                current = nil
            } else if line.utf8.first.map({ $0 < UInt8(ascii: "A") || $0 >= UInt8(ascii: "a") }) == true {
                current = code(line)
            }
        }
        return ranges
    }

    /// The addresses of a mapping, if it is code of a file. That stays where it is: a database may be mapped anew while
    /// this is read, and at its address there would be something else, which must not be given back.
    private static func code(_ line: Substring) -> Range<UInt>? {
        let words = line.split(separator: " ")
        guard words.count >= 6, words[1] == "r-xp", words[5].hasPrefix("/") else { return nil }
        let ends = words[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
        guard ends.count == 2, ends[0] < ends[1] else { return nil }
        return ends[0]..<ends[1]
    }
}
