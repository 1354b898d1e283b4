import Shared
import SwiftProtobuf

/// The `.proto` files of the contract, found by file name, symbol and extension.
struct DescriptorIndex: Sendable {
    struct File: Sendable {
        let name: String
        /// A serialized `google.protobuf.FileDescriptorProto`, as protoc wrote it.
        let bytes: [UInt8]
        let dependencies: [String]
    }

    struct Extension: Sendable, Hashable {
        let type: String
        let number: Int32
    }

    /// Decoded when the first tool asks: most processes are never asked.
    static let contract = DescriptorIndex(descriptorSet: ContractDescriptors.serialized)

    private(set) var files: [String: File] = [:]
    private var fileBySymbol: [String: String] = [:]
    private var fileByExtension: [Extension: String] = [:]
    private var types: Set<String> = []

    init(descriptorSet: [UInt8]) {
        for bytes in DescriptorIndex.split(descriptorSet) {
            // The set is ours; a test decodes every file of it.
            guard let file = try? Google_Protobuf_FileDescriptorProto(serializedBytes: bytes) else { continue }
            files[file.name] = File(name: file.name, bytes: bytes, dependencies: file.dependency)
            index(file)
        }
    }

    func file(named name: String) -> File? { files[name] }
    func file(withSymbol symbol: String) -> File? { fileBySymbol[symbol].flatMap { files[$0] } }
    func file(withExtension number: Int32, of type: String) -> File? {
        fileByExtension[Extension(type: type, number: number)].flatMap { files[$0] }
    }
    func hasType(_ type: String) -> Bool { types.contains(type) }
    func extensionNumbers(of type: String) -> [Int32] {
        fileByExtension.keys.filter { $0.type == type }.map(\.number).sorted()
    }

    /// The file and everything it imports, directly or not, itself first.
    func closure(of file: File) -> [File] {
        var result = [file]
        var seen: Set<String> = [file.name]
        var next = 0
        while next < result.count {
            for name in result[next].dependencies where seen.insert(name).inserted {
                if let dependency = files[name] { result.append(dependency) }
            }
            next += 1
        }
        return result
    }

    /// The files of a `FileDescriptorSet` as they are encoded: `repeated FileDescriptorProto file = 1`.
    private static func split(_ set: [UInt8]) -> [[UInt8]] {
        var result: [[UInt8]] = []
        var rest = set[...]
        while rest.popFirst() == 0x0A {
            var length = 0
            var shift = 0
            while let byte = rest.popFirst() {
                length |= Int(byte & 0x7F) << shift
                shift += 7
                if byte < 0x80 { break }
            }
            result.append(Array(rest.prefix(length)))
            rest = rest.dropFirst(length)
        }
        return result
    }

    private mutating func index(_ file: Google_Protobuf_FileDescriptorProto) {
        let scope = file.package.isEmpty ? "" : file.package + "."
        for message in file.messageType { index(message, scope: scope, file: file.name) }
        for enumeration in file.enumType { index(enumeration, scope: scope, file: file.name) }
        index(extensions: file.extension, scope: scope, file: file.name)
        for service in file.service {
            fileBySymbol[scope + service.name] = file.name
            for method in service.method { fileBySymbol["\(scope)\(service.name).\(method.name)"] = file.name }
        }
    }

    private mutating func index(_ message: Google_Protobuf_DescriptorProto, scope: String, file: String) {
        let name = scope + message.name
        fileBySymbol[name] = file
        types.insert(name)
        for field in message.field { fileBySymbol["\(name).\(field.name)"] = file }
        for oneof in message.oneofDecl { fileBySymbol["\(name).\(oneof.name)"] = file }
        for nested in message.nestedType { index(nested, scope: name + ".", file: file) }
        for enumeration in message.enumType { index(enumeration, scope: name + ".", file: file) }
        index(extensions: message.extension, scope: name + ".", file: file)
    }

    private mutating func index(_ enumeration: Google_Protobuf_EnumDescriptorProto, scope: String, file: String) {
        fileBySymbol[scope + enumeration.name] = file
        // Values live beside their enum, not inside it (C++ scoping rules).
        for value in enumeration.value { fileBySymbol[scope + value.name] = file }
    }

    private mutating func index(
        extensions: [Google_Protobuf_FieldDescriptorProto], scope: String, file: String
    ) {
        for field in extensions {
            fileBySymbol[scope + field.name] = file
            let type = field.extendee.hasPrefix(".") ? String(field.extendee.dropFirst()) : field.extendee
            fileByExtension[Extension(type: type, number: field.number)] = file
        }
    }
}
