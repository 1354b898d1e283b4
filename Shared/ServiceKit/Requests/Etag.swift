import RPC

/// Etags guard updates against changes the caller has not seen: "mismatch → ABORTED", absent → permitted (AIP-154).
package enum Etag {
    /// The etag of a version: a quoted string, opaque to callers.
    package static func of(version: Int64) -> String {
        // Most things are changed a few times at most, and every answer has an etag.
        let digits = version >= 0 && version < 10 ? String(version) : String(version, radix: 36)
        return "\"" + digits + "\""
    }

    /// The refusal when `given` is not the etag of the current version; nil when it is, or none was given.
    package static func refusal(_ given: String, version: Int64, name: String) -> ServiceError? {
        guard !given.isEmpty, given != of(version: version) else { return nil }
        return ServiceError(
            .aborted, reason: "ETAG_MISMATCH",
            "\"\(name)\" has changed since it was read; read it again and repeat the change with its new etag",
            vi: "\"\(name)\" đã thay đổi kể từ lần đọc trước; hãy đọc lại rồi thực hiện với etag mới",
            metadata: ["resourceName": name, "etag": of(version: version)])
    }
}
