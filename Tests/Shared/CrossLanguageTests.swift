import CMessages
import CProtobufC
import Foundation
import Shared
import SwiftProtobuf
import TestSupport
import Testing

/// Swift and C read and write the same bytes.
@Suite(.ownThread) struct CrossLanguageTests {
    let contract = try! Contract()
    let arena = CArena()
    static let messageNames = ContractMessages.all.map { type in type.protoMessageName }

    @Test func `C has every message of the contract, with the same fields`() throws {
        for (name, message) in contract.messages where name.hasPrefix("cdt.") && !message.proto.options.mapEntry {
            let descriptor = try #require(CMessage.descriptor(name), "\(name)").pointee
            let fields = (0..<Int(descriptor.n_fields)).map { descriptor.fields[$0] }
            #expect(
                fields.map { "\($0.id) \(String(cString: $0.name))" }
                    == message.proto.field.sorted { $0.number < $1.number }.map { "\($0.number) \($0.name)" }, "\(name)"
            )
        }
    }

    @Test func `An unknown message has no C descriptor`() {
        #expect(CMessage.descriptor("cdt.registry.v1.Nothing") == nil)
    }

    @Test(arguments: messageNames)
    func `Any value goes from Swift through C and back unchanged`(name: String) throws {
        let type = try #require(ContractMessages.all.first { $0.protoMessageName == name })
        let descriptor = try #require(CMessage.descriptor(name))
        var generator = RandomMessage(contract: contract, seed: 2024)
        for _ in 0..<25 {
            let message = try type.init(serializedBytes: generator.bytes(of: name))
            let bytes: [UInt8] = try message.serializedBytes()
            let echoed = try #require(CMessage.roundTrip(bytes, descriptor))
            #expect(echoed.bytes == bytes)
            #expect(echoed.unknownFields == 0)
            #expect(try type.init(serializedBytes: echoed.bytes).isEqualTo(message: message))
        }
    }

    @Test func `A team built in C has the bytes of the same team built in Swift`() throws {
        let swift = Cdt_Registry_V1_Team.with {
            $0.name = "teams/0192f0c4-0000-7000-8000-000000000001"
            $0.level = .hamlet
            $0.displayName = "Tổ công nghệ số cộng đồng thôn Đông Hà"
            $0.statusHistory = [
                .with { ($0.status, $0.from, $0.to) = (.planned, "2023-01-01", "2023-12-31") },
                .with { ($0.status, $0.from) = (.active, "2024-01-01") },
            ]
            $0.decision.number = "119/2023/NQ-HĐND"
            $0.flags = ["NEEDS_LEADER", "NEEDS_PLACEMENT"]
            $0.createTime = .with { ($0.seconds, $0.nanos) = (1_730_000_000, 999_999_999) }
            $0.updateTime.seconds = -1
        }

        var planned = Cdt__Registry__V1__TeamStatusPeriod()
        cdt__registry__v1__team_status_period__init(&planned)
        planned.status = CDT__REGISTRY__V1__TEAM_STATUS__TEAM_STATUS_PLANNED
        (planned.from, planned.to) = (arena.string("2023-01-01"), arena.string("2023-12-31"))
        var active = Cdt__Registry__V1__TeamStatusPeriod()
        cdt__registry__v1__team_status_period__init(&active)
        active.status = CDT__REGISTRY__V1__TEAM_STATUS__TEAM_STATUS_ACTIVE
        active.from = arena.string("2024-01-01")
        var decision = Cdt__Common__V1__LegalDocument()
        cdt__common__v1__legal_document__init(&decision)
        decision.number = arena.string("119/2023/NQ-HĐND")

        var team = Cdt__Registry__V1__Team()
        cdt__registry__v1__team__init(&team)
        team.name = arena.string(swift.name)
        team.level = CDT__COMMON__V1__TEAM_LEVEL__TEAM_LEVEL_HAMLET
        team.display_name = arena.string(swift.displayName)
        team.n_status_history = 2
        team.status_history = arena.pointers([planned, active])
        team.decision = arena.copy(decision)
        team.n_flags = 2
        team.flags = arena.strings(swift.flags)
        team.create_time = arena.copy(timestamp(1_730_000_000, 999_999_999))
        team.update_time = arena.copy(timestamp(-1, 0))

        #expect(CMessage.pack(&team) == (try swift.serializedBytes()))
    }

    @Test func `A oneof built in C has the bytes of the same oneof built in Swift`() throws {
        let swift = Cdt_Registry_V1_ImportRow.with {
            $0.rowNumber = Int64.max
            $0.member = .with {
                $0.phones = ["0912345678", "+84912345678"]
                $0.email = "thôn@ví-dụ.vn"
                $0.occupation = .teacher
            }
        }

        var member = Cdt__Registry__V1__MemberRow()
        cdt__registry__v1__member_row__init(&member)
        member.n_phones = 2
        member.phones = arena.strings(swift.member.phones)
        member.email = arena.string(swift.member.email)
        member.occupation = CDT__REGISTRY__V1__OCCUPATION__OCCUPATION_TEACHER
        var row = Cdt__Registry__V1__ImportRow()
        cdt__registry__v1__import_row__init(&row)
        row.row_number = Int64.max
        row.row_case = CDT__REGISTRY__V1__IMPORT_ROW__ROW_MEMBER
        row.member = arena.copy(member)

        #expect(CMessage.pack(&row) == (try swift.serializedBytes()))
    }

    @Test func `An event built in C, with bytes inside, has the bytes of the same event built in Swift`() throws {
        let payload: [UInt8] = [0, 0xff, 0x80, 0]
        let swift = Cdt_Feed_V1_Event.with {
            $0.sequence = Int64.min
            $0.version = 1 << 40
            $0.payload.typeURL = "type.googleapis.com/cdt.registry.v1.TeamFact"
            $0.payload.value = Data(payload)
            $0.tombstone = true
        }

        var any = Google__Protobuf__Any()
        google__protobuf__any__init(&any)
        any.type_url = arena.string(swift.payload.typeURL)
        any.value = ProtobufCBinaryData(len: payload.count, data: arena.array(payload))
        var event = Cdt__Feed__V1__Event()
        cdt__feed__v1__event__init(&event)
        event.sequence = Int64.min
        event.version = 1 << 40
        event.payload = arena.copy(any)
        event.tombstone = 1

        #expect(CMessage.pack(&event) == (try swift.serializedBytes()))
    }

    @Test func `C reads what Swift wrote`() throws {
        let ratio = Cdt_Common_V1_Ratio.with { ($0.numerator, $0.denominator, $0.percent) = (93_523, 93_524, "99.99") }
        let bytes: [UInt8] = try ratio.serializedBytes()
        let read = try #require(cdt__common__v1__ratio__unpack(nil, bytes.count, bytes))
        defer { cdt__common__v1__ratio__free_unpacked(read, nil) }
        #expect(read.pointee.numerator == 93_523)
        #expect(read.pointee.denominator == 93_524)
        #expect(String(cString: read.pointee.percent) == "99.99")
    }

    @Test func `The C messages compile without a warning`() async throws {
        let folder = "Shared/CMessages"
        let files = try #require(FileManager.default.enumerator(atPath: "\(PackageFolder.path)/\(folder)"))
            .compactMap { $0 as? String }.filter { $0.hasSuffix(".c") }.map { "\(folder)/\($0)" }
        let flags = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-I", folder]
        let compiler = try await ChildProcess.run(["clang"] + flags + files.sorted(), limit: .seconds(120))
        #expect(compiler.status == 0, "\(compiler.errors)")
    }

    private func timestamp(_ seconds: Int64, _ nanos: Int32) -> Google__Protobuf__Timestamp {
        var value = Google__Protobuf__Timestamp()
        google__protobuf__timestamp__init(&value)
        (value.seconds, value.nanos) = (seconds, nanos)
        return value
    }
}
