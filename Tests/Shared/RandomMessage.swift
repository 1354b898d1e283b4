import SwiftProtobuf
import TestSupport

/// Makes arbitrary valid messages of the contract as bytes, the same for the same seed.
struct RandomMessage {
    let contract: Contract
    var random: SeededGenerator

    init(contract: Contract, seed: UInt64) {
        self.contract = contract
        random = SeededGenerator(seed: seed)
    }

    /// Bytes of a message; sub-messages are filled too.
    mutating func bytes(of name: String) -> [UInt8] {
        guard let proto = contract.messages[name]?.proto else { return [] }
        var bytes: [UInt8] = []
        // One field of each oneof.
        let chosen = proto.oneofDecl.indices.map { index in
            proto.field.filter { $0.hasOneofIndex && $0.oneofIndex == index }.randomElement(using: &random)?.number
        }
        // Swift writes both fields of a map entry, C leaves out empty ones: fill both.
        let isMapEntry = proto.options.mapEntry
        for field in proto.field {
            if field.hasOneofIndex, chosen[Int(field.oneofIndex)] != field.number { continue }
            guard isMapEntry || Int.random(in: 0..<4, using: &random) > 0 else { continue }
            var count = 1
            if field.label == .repeated {
                // Swift writes a map in any order: one entry is the most that can be compared.
                count = isMap(field) ? 1 : Int.random(in: 1...3, using: &random)
            }
            for _ in 0..<count { append(field, to: &bytes, nonEmpty: isMapEntry) }
        }
        return bytes
    }

    private func isMap(_ field: Google_Protobuf_FieldDescriptorProto) -> Bool {
        contract.messages[Contract.typeName(field)]?.proto.options.mapEntry ?? false
    }

    private mutating func append(
        _ field: Google_Protobuf_FieldDescriptorProto, to bytes: inout [UInt8], nonEmpty: Bool
    ) {
        func key(_ wireType: UInt64) -> [UInt8] { Self.varint(UInt64(field.number) << 3 | wireType) }
        switch field.type {
        case .string:
            var text = pick(Self.texts)
            if text.isEmpty && nonEmpty { text = "x" }
            bytes += key(2) + Self.varint(UInt64(text.utf8.count)) + text.utf8
        case .bytes:
            let content = (0..<Int.random(in: 0...20, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            bytes += key(2) + Self.varint(UInt64(content.count)) + content
        case .message:
            let content = self.bytes(of: Contract.typeName(field))
            bytes += key(2) + Self.varint(UInt64(content.count)) + content
        case .bool:
            bytes += key(0) + [UInt8.random(in: 0...1, using: &random)]
        case .enum:
            bytes += key(0) + Self.varint(UInt64.random(in: 0...6, using: &random))
        case .int32:
            bytes += key(0) + Self.varint(UInt64(bitPattern: Int64(pick([0, 1, -1, Int32.min, Int32.max, 12_345]))))
        case .int64:
            bytes += key(0) + Self.varint(UInt64(bitPattern: pick([0, 1, -1, Int64.min, Int64.max, 600_000])))
        case .uint32:
            bytes += key(0) + Self.varint(UInt64(UInt32.random(in: 0...UInt32.max, using: &random)))
        case .uint64:
            bytes += key(0) + Self.varint(UInt64.random(in: 0...UInt64.max, using: &random))
        case .double:
            let value: Double = pick([0, -0.5, 1e300, .infinity])
            bytes += key(1) + (0..<8).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * $0)) }
        case .fixed64, .sfixed64:
            bytes += key(1) + (0..<8).map { _ in UInt8.random(in: 0...255, using: &random) }
        case .fixed32, .sfixed32:
            bytes += key(5) + (0..<4).map { _ in UInt8.random(in: 0...255, using: &random) }
        case .float:
            bytes += key(5) + (0..<4).map { UInt8(truncatingIfNeeded: Float(0.25).bitPattern >> (8 * $0)) }
        case .sint32, .sint64:
            bytes += key(0) + Self.varint(UInt64.random(in: 0...UInt64(UInt32.max), using: &random))
        case .group:
            break
        }
    }

    private mutating func pick<T>(_ values: [T]) -> T { values[Int.random(in: values.indices, using: &random)] }

    /// Texts without NUL, which C strings cannot hold.
    private static let texts = [
        "", "a", "Xã Mường Mùn", "HĐND tỉnh Hà Tĩnh", "Đặc khu Trường Sa", "e\u{301}🏳️‍🌈", "line\nbreak",
    ]

    private static func varint(_ value: UInt64) -> [UInt8] {
        var rest = value
        var bytes: [UInt8] = []
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        return bytes + [UInt8(rest)]
    }
}
