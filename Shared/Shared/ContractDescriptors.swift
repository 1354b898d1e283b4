import Foundation

/// Descriptors of every service and message of the contract, as server reflection serves them.
public enum ContractDescriptors {
    /// A serialized `google.protobuf.FileDescriptorSet` with all imports, without comments.
    ///
    /// Decoded on each use: keep what you take from it.
    public static var serialized: [UInt8] {
        EncodedDescriptors.base64.withUTF8Buffer { text in
            // The generator writes valid base64, and a test decodes it.
            [UInt8](Data(base64Encoded: Data(text)) ?? Data())
        }
    }
}
