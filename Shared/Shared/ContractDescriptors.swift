import Foundation

/// Descriptors of every service and message of the contract, as server reflection serves them.
public enum ContractDescriptors {
    /// A serialized `google.protobuf.FileDescriptorSet` with all imports, without comments.
    ///
    /// Decoded on each use: keep what you take from it.
    public static var serialized: [UInt8] {
        // Serialized messages of one type merge by concatenation (protobuf's encoding guide, "Last One Wins"), and sets
        // of files merge into one set.
        EncodedDescriptors.all.flatMap { encoded in
            encoded.withUTF8Buffer { text in
                // The generator writes valid base64; a test decodes all of it.
                [UInt8](Data(base64Encoded: Data(text)) ?? Data())
            }
        }
    }
}
