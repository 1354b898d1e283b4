import Shared
import SwiftProtobuf

/// The contract's descriptors, by full name.
struct Contract {
    struct Message {
        let name: String
        let proto: Google_Protobuf_DescriptorProto
    }
    struct Service {
        let name: String
        let proto: Google_Protobuf_ServiceDescriptorProto
    }

    let files: [Google_Protobuf_FileDescriptorProto]
    private(set) var messages: [String: Message] = [:]
    private(set) var services: [String: Service] = [:]

    init() throws {
        files = try Google_Protobuf_FileDescriptorSet(serializedBytes: ContractDescriptors.serialized).file
        for file in files {
            for message in file.messageType { add(message, scope: file.package) }
            for service in file.service {
                let name = "\(file.package).\(service.name)"
                services[name] = Service(name: name, proto: service)
            }
        }
    }

    private mutating func add(_ message: Google_Protobuf_DescriptorProto, scope: String) {
        let name = "\(scope).\(message.name)"
        messages[name] = Message(name: name, proto: message)
        for nested in message.nestedType { add(nested, scope: name) }
    }

    /// Full names of the messages that the fields of a message hold.
    func submessages(of name: String) -> [String] {
        messages[name]?.proto.field.filter { $0.type == .message }.map(Self.typeName) ?? []
    }

    /// The full name of the type of a field; descriptors write it with a dot in front.
    static func typeName(_ field: Google_Protobuf_FieldDescriptorProto) -> String { String(field.typeName.dropFirst()) }
}
