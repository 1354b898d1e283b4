import Foundation
import SwiftProtobuf
import SwiftProtobufPluginLibrary

/// protoc plugin that writes service stubs for the `RPC` module.
///
/// Called by `tools/generate`. One parameter, `Visibility=Public` or `Visibility=Internal` (the default). A file
/// without services gets no stub.
@main
struct StubGenerator: CodeGenerator {
    init() {}

    /// The contract has no proto3 `optional` (protoc-c refuses it), but vendored files may.
    var supportedFeatures: [Google_Protobuf_Compiler_CodeGeneratorResponse.Feature] { [.proto3Optional] }

    func generate(
        files: [FileDescriptor], parameter: any CodeGeneratorParameter, protoCompilerContext: any ProtoCompilerContext,
        generatorOutputs: any GeneratorOutputs
    ) throws {
        let visibility = try Visibility(parameter)
        for file in files where !file.services.isEmpty {
            try generatorOutputs.add(
                fileName: Self.outputName(of: file.name), contents: StubFile(file: file, visibility: visibility).text)
        }
    }

    /// `cdt/feed/v1/feed.proto` becomes `cdt_feed_v1_feed.rpc.swift`: SwiftPM wants names unique within a module.
    static func outputName(of proto: String) -> String {
        let path = proto.hasSuffix(".proto") ? String(proto.dropLast(".proto".count)) : proto
        return path.replacing("/", with: "_") + ".rpc.swift"
    }
}

/// Access level of the generated declarations.
enum Visibility: String {
    case `public`, `package`, `internal`

    init(_ parameter: any CodeGeneratorParameter) throws {
        self = .internal
        for (key, value) in parameter.parsedPairs {
            guard key == "Visibility", let level = Visibility(rawValue: value.lowercased()) else {
                throw ParameterError(parameter: "\(key)=\(value)")
            }
            self = level
        }
    }

    /// What stands before a declaration.
    var modifier: String { self == .internal ? "" : "\(rawValue) " }
}

/// A parameter this plugin does not know.
struct ParameterError: Error, CustomStringConvertible {
    let parameter: String

    var description: String {
        "protoc-gen-cdt-swift: unknown parameter \(parameter); known: Visibility=Public, Visibility=Package, Visibility=Internal"
    }
}
