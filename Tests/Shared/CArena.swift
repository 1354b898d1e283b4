import CMessages
import CProtobufC

/// Memory of hand-made C messages; freed together.
final class CArena {
    private var blocks: [UnsafeMutableRawPointer] = []

    deinit { for block in blocks { block.deallocate() } }

    /// A C string.
    func string(_ text: String) -> UnsafeMutablePointer<CChar> { array(text.utf8CString.map { $0 }) }

    /// A copy of a value.
    func copy<T>(_ value: T) -> UnsafeMutablePointer<T> { array([value]) }

    /// A copy of an array.
    func array<T>(_ values: [T]) -> UnsafeMutablePointer<T> {
        let block = UnsafeMutablePointer<T>.allocate(capacity: max(values.count, 1))
        block.initialize(from: values, count: values.count)
        blocks.append(block)
        return block
    }

    /// An array of pointers, as C keeps repeated fields.
    func pointers<T>(_ values: [T]) -> UnsafeMutablePointer<UnsafeMutablePointer<T>?> { array(values.map { copy($0) }) }

    /// An array of C strings.
    func strings(_ values: [String]) -> UnsafeMutablePointer<UnsafeMutablePointer<CChar>?> {
        array(values.map { string($0) })
    }
}

/// Messages of the C library by descriptor.
enum CMessage {
    /// The descriptor of a message of the contract.
    static func descriptor(_ name: String) -> UnsafePointer<ProtobufCMessageDescriptor>? {
        cdt_message_descriptor(name)
    }

    /// Encodes a message that C code has built.
    static func pack<T>(_ message: inout T) -> [UInt8] {
        withUnsafePointer(to: &message) { typed in
            pack(UnsafeRawPointer(typed).assumingMemoryBound(to: ProtobufCMessage.self))
        }
    }

    private static func pack(_ message: UnsafePointer<ProtobufCMessage>) -> [UInt8] {
        let size = protobuf_c_message_get_packed_size(message)
        return [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            count = protobuf_c_message_pack(message, buffer.baseAddress)
        }
    }

    /// Decodes by C and encodes again by C; nil when C refuses the bytes. `unknownFields` counts what C did not know.
    static func roundTrip(
        _ bytes: [UInt8], _ descriptor: UnsafePointer<ProtobufCMessageDescriptor>
    ) -> (bytes: [UInt8], unknownFields: Int)? {
        guard let message = protobuf_c_message_unpack(descriptor, nil, bytes.count, bytes) else { return nil }
        defer { protobuf_c_message_free_unpacked(message, nil) }
        return (pack(message), Int(message.pointee.n_unknown_fields))
    }
}
