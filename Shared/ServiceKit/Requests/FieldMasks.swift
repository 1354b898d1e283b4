import SwiftProtobuf

/// Update masks (AIP-134): only the named fields change; `*` names all; no mask names those that are set.
package enum FieldMasks {
    /// `current` with the fields of `changes` that the mask names.
    ///
    /// - Parameters:
    ///   - field: the request's field of the resource, for messages: `team`.
    ///   - immutable: fields that no update may change; naming one is a violation unless it stays as it is.
    package static func updating<Resource: Message & _ProtoNameProviding & Equatable>(
        _ current: Resource, with changes: Resource, mask: Google_Protobuf_FieldMask, field: String,
        immutable: Set<String> = []
    ) throws -> Resource {
        var check = Violations()
        var result = current
        for path in paths(mask, changes: changes, immutable: immutable) {
            guard Resource.isPathValid(path) else {
                check.add(
                    "update_mask", reason: "UNKNOWN_FIELD", "there is no field \"\(path)\" in \(field)",
                    vi: "không có trường \"\(path)\" trong \(field)")
                continue
            }
            var next = result
            // Replacing, so that an empty list or an unset field in `changes` clears it.
            var options = Google_Protobuf_FieldMask.MergeOptions()
            options.replaceRepeatedFields = true
            try next.merge(from: changes, fieldMask: .init(protoPaths: path), mergeOption: options)
            if immutable.contains(String(path.prefix { $0 != "." })), next != result {
                check.add(
                    "\(field).\(path)", reason: "IMMUTABLE_FIELD", "cannot be changed by an update",
                    vi: "không thể thay đổi khi cập nhật")
                continue
            }
            result = next
        }
        try check.refuse()
        return result
    }

    private static func paths<Resource: Message & _ProtoNameProviding & Equatable>(
        _ mask: Google_Protobuf_FieldMask, changes: Resource, immutable: Set<String>
    ) -> [String] {
        if mask.paths.contains("*") {
            return Google_Protobuf_FieldMask(allFieldsOf: Resource.self).paths.filter { !immutable.contains($0) }
        }
        if !mask.paths.isEmpty { return mask.paths }
        // "If the mask is omitted, the service must treat an implied field mask equivalent to all fields that are
        // populated."
        return Google_Protobuf_FieldMask(allFieldsOf: Resource.self).paths.filter { path in
            guard !immutable.contains(path) else { return false }
            var alone = changes
            alone.trim(keeping: .init(protoPaths: path))
            return alone != Resource()
        }
    }
}
