import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// Focal points, opt-outs and groups.
extension NotificationService {
    func createFocalPoint(_ request: Cdt_Notification_V1_CreateFocalPointRequest, context: ServerContext) async throws
        -> Cdt_Notification_V1_CreateFocalPointResponse
    {
        try admit(.administer, atName: request.focalPoint.unit, context)
        var found: [Violation] = []
        let unitID = ResourceName.id(request.focalPoint.unit, in: "units")
        if unitID == nil { found.append(.invalidName("focal_point.unit", form: "units/{id}")) }
        let person = Names.uuid(request.focalPoint.person, in: "people")
        if person == nil { found.append(.invalidName("focal_point.person", form: "people/{id}")) }
        guard found.isEmpty, let unitID, let person else {
            throw ServiceError.invalid(ViolationList(violations: found), reason: "INVALID_FOCAL_POINT")
        }
        guard [2, 4].contains(try unit(unitID).level) else {
            throw ServiceError.invalid(
                ViolationList(violations: [
                    Violation(
                        field: "focal_point.unit", reason: "WRONG_LEVEL", description: "name a province or a commune",
                        descriptionVi: "hãy nêu một tỉnh hoặc một xã")
                ]), reason: "INVALID_FOCAL_POINT")
        }
        let now = clock.now
        let point = FocalPoint(
            id: UUIDv7.next(at: now).description, unit: unitID, person: person, createdAt: now)
        return try await once(request.requestID, of: request, context, now: now) { transaction in
            if let other = try FocalPointStore.find(unit: unitID, person: person, transaction) {
                return .failure(
                    .alreadyExists(
                        type: Names.focalPoint, name: "focalPoints/\(other.id)", reason: "FOCAL_POINT_EXISTS",
                        "the person is a focal point of the unit already", vi: "người này đã là đầu mối của đơn vị"))
            }
            try FocalPointStore.insert(point, transaction)
            return .success(.with { $0.focalPoint = point.message })
        }
    }

    func listFocalPoints(_ request: Cdt_Notification_V1_ListFocalPointsRequest, context: ServerContext) async throws
        -> Cdt_Notification_V1_ListFocalPointsResponse
    {
        try admitSomewhere(.read, context)
        let unit = try unitFilter(request.unit)
        let page = try await page(
            of: request, Method.listFocalPoints,
            read: { try FocalPointStore.page(unit: unit, after: $0?.first ?? "", limit: $1, $2) },
            position: { [$0.id] })
        let points = try await visible(page.rows, context) { $0.unit }.map(\.message)
        return .with { ($0.focalPoints, $0.nextPageToken) = (points, page.next) }
    }

    func deleteFocalPoint(_ request: Cdt_Notification_V1_DeleteFocalPointRequest, context: ServerContext) async throws
        -> Cdt_Notification_V1_DeleteFocalPointResponse
    {
        let (id, name) = (try self.id(request.name, in: "focalPoints"), request.name)
        try admit(.administer, atUnitOfKept: database.read { try FocalPointStore.get(id, $0)?.unit }, context)
        return try await once(request.requestID, of: request, context, now: clock.now) { transaction in
            guard try FocalPointStore.delete(id, transaction) else {
                return .failure(
                    .notFound(
                        type: Names.focalPoint, name: name, reason: "FOCAL_POINT_NOT_FOUND", listedBy: "ListFocalPoints"
                    ))
            }
            return .success(.init())
        }
    }

    // MARK: Opt-outs

    func setOptOut(_ request: Cdt_Notification_V1_SetOptOutRequest, context: ServerContext) async throws
        -> Cdt_Notification_V1_SetOptOutResponse
    {
        try admit(.send, atPersonName: request.person, context)
        var found: [Violation] = []
        let person = Names.uuid(request.person, in: "people")
        if person == nil { found.append(.invalidName("person", form: "people/{id}")) }
        if !Template.isID(request.topic) { found.append(.invalidTopic("topic")) }
        guard found.isEmpty, let person else {
            throw ServiceError.invalid(ViolationList(violations: found), reason: "INVALID_OPT_OUT")
        }
        let (topic, isOut, now) = (request.topic, request.optedOut, clock.now)
        return try await once(request.requestID, of: request, context, now: now) { transaction in
            let since = try OptOutStore.set(person: person, topic: topic, isOut: isOut, now: now, transaction)
            guard let since else { return .success(.init()) }
            return .success(.with { $0.optOut = Self.message(person, topic, since) })
        }
    }

    func listOptOuts(_ request: Cdt_Notification_V1_ListOptOutsRequest, context: ServerContext) async throws
        -> Cdt_Notification_V1_ListOptOutsResponse
    {
        try admit(.read, atPersonName: request.person, context)
        let person = try self.id(request.person, in: "people", field: "person")
        let page = try await page(
            of: request, Method.listOptOuts,
            read: { try OptOutStore.page(person: person, after: $0?.first ?? "", limit: $1, $2) },
            position: { [$0.topic] })
        return .with {
            $0.optOuts = page.rows.map { Self.message(person, $0.topic, $0.createdAt) }
            $0.nextPageToken = page.next
        }
    }

    private static func message(_ person: String, _ topic: String, _ since: Instant) -> Cdt_Notification_V1_OptOut {
        .with { ($0.person, $0.topic, $0.createTime) = ("people/\(person)", topic, since.timestamp) }
    }

    // MARK: Groups

    func createGroup(_ request: Cdt_Notification_V1_CreateGroupRequest, context: ServerContext) async throws
        -> Cdt_Notification_V1_CreateGroupResponse
    {
        try admit(.administer, atName: request.group.unit, context)
        let now = clock.now
        var group = try checked(request.group, now: now)
        group.id = UUIDv7.next(at: now).description
        _ = try unit(group.unit)
        let created = group
        return try await once(request.requestID, of: request, context, now: now) { transaction in
            if let other = try GroupStore.atZalo(account: created.account, id: created.zaloID, transaction) {
                return .failure(
                    .alreadyExists(
                        type: Names.group, name: "groups/\(other.id)", reason: "GROUP_EXISTS",
                        "the group is recorded as groups/\(other.id)", vi: "nhóm đã được ghi là groups/\(other.id)"))
            }
            try GroupStore.insert(created, transaction)
            return .success(.with { $0.group = created.message })
        }
    }

    func updateGroup(_ request: Cdt_Notification_V1_UpdateGroupRequest, context: ServerContext) async throws
        -> Cdt_Notification_V1_UpdateGroupResponse
    {
        try admit(.administer, atName: request.group.unit, context)
        let (id, now) = (try self.id(request.group.name, in: "groups", field: "group.name"), clock.now)
        try admit(.administer, atUnitOfKept: database.read { try GroupStore.get(id, $0)?.unit }, context)
        let wanted = try checked(request.group, now: now)
        let (name, etag) = (request.group.name, request.group.etag)
        return try await once(request.requestID, of: request, context, now: now) { transaction in
            guard var group = try GroupStore.get(id, transaction) else {
                return .failure(
                    .notFound(type: Names.group, name: name, reason: "GROUP_NOT_FOUND", listedBy: "ListGroups"))
            }
            guard group.unit == wanted.unit else {
                return .failure(
                    .invalid(
                        "group.unit", reason: "IMMUTABLE", "the unit stays; record another group",
                        vi: "đơn vị không đổi được; hãy ghi nhóm khác"))
            }
            if let refusal = Etag.refusal(etag, version: Int64(group.revision), name: name) { return .failure(refusal) }
            (group.displayName, group.purpose, group.size) = (wanted.displayName, wanted.purpose, wanted.size)
            group.revision += 1
            try GroupStore.update(group, transaction)
            let message = group.message
            return .success(.with { $0.group = message })
        }
    }

    func listGroups(_ request: Cdt_Notification_V1_ListGroupsRequest, context: ServerContext) async throws
        -> Cdt_Notification_V1_ListGroupsResponse
    {
        try admitSomewhere(.read, context)
        let unit = try unitFilter(request.unit)
        let page = try await page(
            of: request, Method.listGroups,
            read: { try GroupStore.page(unit: unit, after: $0?.first ?? "", limit: $1, $2) }, position: { [$0.id] })
        let groups = try await visible(page.rows, context) { $0.unit }.map(\.message)
        return .with { ($0.groups, $0.nextPageToken) = (groups, page.next) }
    }

    func deleteGroup(_ request: Cdt_Notification_V1_DeleteGroupRequest, context: ServerContext) async throws
        -> Cdt_Notification_V1_DeleteGroupResponse
    {
        let (id, name) = (try self.id(request.name, in: "groups"), request.name)
        try admit(.administer, atUnitOfKept: database.read { try GroupStore.get(id, $0)?.unit }, context)
        return try await once(request.requestID, of: request, context, now: clock.now) { transaction in
            guard try GroupStore.delete(id, transaction) else {
                return .failure(
                    .notFound(type: Names.group, name: name, reason: "GROUP_NOT_FOUND", listedBy: "ListGroups"))
            }
            return .success(.init())
        }
    }

    private func checked(_ message: Cdt_Notification_V1_Group, now: Instant) throws -> ZaloGroup {
        var found: [Violation] = []
        let unit = ResourceName.id(message.unit, in: "units")
        if unit == nil { found.append(.invalidName("group.unit", form: "units/{id}")) }
        found += Violation.displayName(message.displayName, field: "group.display_name")
        if !message.account.isEmpty, !Template.isID(message.account) { found.append(.invalidTopic("group.account")) }
        if !ZaloID.isID(message.zaloGroupID) {
            found.append(
                Violation(
                    field: "group.zalo_group_id", reason: "INVALID_ID",
                    description: "give the id that Zalo shows for the group: letters and digits",
                    descriptionVi: "hãy cho mã nhóm do Zalo cấp: chữ và số"))
        }
        if !Template.isID(message.purpose) { found.append(.invalidTopic("group.purpose")) }
        if !(0...100_000).contains(message.size) {
            found.append(
                Violation(
                    field: "group.size", reason: "OUT_OF_RANGE", description: "give 0 to 100,000 members",
                    descriptionVi: "hãy cho 0 đến 100.000 thành viên"))
        }
        guard found.isEmpty, let unit else {
            throw ServiceError.invalid(ViolationList(violations: found), reason: "INVALID_GROUP")
        }
        return ZaloGroup(
            id: "", unit: unit, displayName: message.displayName.nfc, account: message.account,
            zaloID: message.zaloGroupID, purpose: message.purpose, size: Int(message.size), createdAt: now)
    }

    // MARK: Shared by several

    func id(_ name: String, in collection: String, field: String = "name") throws -> String {
        guard let id = Names.uuid(name, in: collection) else {
            throw ServiceError.invalid(
                field, "write it as `\(collection)/{id}`", vi: "hãy viết dạng `\(collection)/{id}`")
        }
        return id
    }

    private func unitFilter(_ name: String) throws -> String {
        if name.isEmpty { return "" }
        guard let id = ResourceName.id(name, in: "units") else {
            throw ServiceError.invalid("unit", "write it as `units/{id}`", vi: "hãy viết dạng `units/{id}`")
        }
        return id
    }
}

extension FocalPoint {
    var message: Cdt_Notification_V1_FocalPoint {
        .with {
            $0.name = "focalPoints/\(id)"
            $0.unit = "units/\(unit)"
            $0.person = "people/\(person)"
            $0.createTime = createdAt.timestamp
        }
    }
}

extension ZaloGroup {
    var message: Cdt_Notification_V1_Group {
        .with {
            $0.name = "groups/\(id)"
            $0.unit = "units/\(unit)"
            $0.displayName = displayName
            $0.account = account
            $0.zaloGroupID = zaloID
            $0.purpose = purpose
            $0.size = Int32(size)
            $0.etag = Etag.of(version: Int64(revision))
            $0.createTime = createdAt.timestamp
        }
    }
}
