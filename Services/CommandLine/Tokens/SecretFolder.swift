import Foundation

/// Writes secrets into folders that only their owner can read, and never over one that is there unless told to renew
/// them.
struct SecretFolder {
    let path: String

    struct Taken: Error, CustomStringConvertible {
        let path: String
        var description: String {
            "\(path) exists; secrets are never written over. Move it away, name another folder, or say --renew."
        }
    }

    struct Unusable: Error, CustomStringConvertible {
        let path: String
        let cause: String
        var description: String { "\(path) cannot be used: \(cause)" }
    }

    /// Writes all files, or none when one of them is there already; with `renew` those whose text is another, each in
    /// the place of the old one at once. Returns the paths of those written.
    func write(_ files: [(name: String, text: String)], renew: Bool = false) throws -> [String] {
        if !renew {
            for file in files where FileManager.default.fileExists(atPath: place(file.name)) {
                throw Taken(path: place(file.name))
            }
        }
        var written: [String] = []
        for file in files where try !renew || read(file.name) != file.text {
            let path = place(file.name)
            try makeFolder((path as NSString).deletingLastPathComponent)
            if renew {
                // What an interrupted renewal has left.
                unlink(path + ".new")
                try create(path + ".new", file.text)
                guard rename(path + ".new", path) == 0 else {
                    throw Unusable(path: path, cause: String(cString: strerror(errno)))
                }
            } else {
                try create(path, file.text)
            }
            written.append(path)
        }
        return written
    }

    /// The text of a file, nil when there is none.
    func read(_ name: String) throws -> String? {
        guard FileManager.default.fileExists(atPath: place(name)) else { return nil }
        do {
            return try String(contentsOfFile: place(name), encoding: .utf8)
        } catch { throw Unusable(path: place(name), cause: error.localizedDescription) }
    }

    func place(_ name: String) -> String { "\(path)/\(name)" }

    private func makeFolder(_ path: String) throws {
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch { throw Unusable(path: path, cause: error.localizedDescription) }
    }

    /// Made with its mode at once, so that it is at no time readable by others; O_EXCL, so that it is new.
    private func create(_ path: String, _ text: String) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL, 0o600)
        guard descriptor >= 0 else {
            throw errno == EEXIST ? Taken(path: path) : Unusable(path: path, cause: String(cString: strerror(errno)))
        }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        try handle.write(contentsOf: Data(text.utf8))
        try handle.synchronize()
        try handle.close()
    }
}
