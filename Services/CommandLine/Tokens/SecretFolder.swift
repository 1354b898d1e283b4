import Foundation

/// Writes secrets into a folder that only its owner can read, and never over one that is there: an old key may be in use.
struct SecretFolder {
    let path: String

    struct Taken: Error, CustomStringConvertible {
        let path: String
        var description: String {
            "\(path) exists; secrets are never written over. Move it away, or name another folder."
        }
    }

    struct Unwritable: Error, CustomStringConvertible {
        let path: String
        let cause: String
        var description: String { "\(path) cannot be written: \(cause)" }
    }

    /// All files or, when one of them is there already, none.
    func write(_ files: [(name: String, text: String)]) throws {
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch { throw Unwritable(path: path, cause: error.localizedDescription) }
        for file in files where FileManager.default.fileExists(atPath: place(file.name)) {
            throw Taken(path: place(file.name))
        }
        for file in files { try create(place(file.name), file.text) }
    }

    private func place(_ name: String) -> String { "\(path)/\(name)" }

    /// Made with its mode at once, so that it is at no time readable by others; O_EXCL, so that it is new.
    private func create(_ path: String, _ text: String) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL, 0o600)
        guard descriptor >= 0 else {
            throw errno == EEXIST ? Taken(path: path) : Unwritable(path: path, cause: String(cString: strerror(errno)))
        }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        try handle.write(contentsOf: Data(text.utf8))
        try handle.synchronize()
        try handle.close()
    }
}
