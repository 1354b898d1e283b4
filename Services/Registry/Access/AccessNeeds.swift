import Shared

// What each call needs (R8), in the order of the contract. The one place where verbs meet calls.

// MARK: RegistryService: units

extension Cdt_Registry_V1_GetUnitRequest: GuardedRequest {
    var needs: [AccessNeed] { [.unit(.read, name, date: date)] }
}
extension Cdt_Registry_V1_ResolveUnitCodeRequest: GuardedRequest {
    var needs: [AccessNeed] { [.code(.read, code, date: date)] }
}
extension Cdt_Registry_V1_ListUnitsRequest: GuardedRequest {
    var needs: [AccessNeed] { [.subtree(.read, parent, date: date)] }
}
extension Cdt_Registry_V1_SearchUnitsRequest: GuardedRequest {
    var needs: [AccessNeed] { [.subtree(.read, parent, date: date)] }
}
extension Cdt_Registry_V1_ListUnitAncestorsRequest: GuardedRequest {
    var needs: [AccessNeed] { [.unit(.read, name, date: date)] }
}
extension Cdt_Registry_V1_ListUnitSuccessionsRequest: GuardedRequest {
    var needs: [AccessNeed] { [.unit(.read, name)] }
}
extension Cdt_Registry_V1_CreateHamletRequest: GuardedRequest {
    var needs: [AccessNeed] { [.unit(.writeTeams, unit.parent)] }
}

// MARK: RegistryService: teams

extension Cdt_Registry_V1_CreateTeamRequest: GuardedRequest {
    var needs: [AccessNeed] { [.unit(.writeTeams, team.unit)] }
}
extension Cdt_Registry_V1_GetTeamRequest: GuardedRequest {
    var needs: [AccessNeed] {
        switch key {
        case .source(let source): [.team(.read, .source(source), date: date)]
        case .name, nil: [.team(.read, .name(name), date: date)]
        }
    }
}
extension Cdt_Registry_V1_ListTeamsRequest: GuardedRequest {
    var needs: [AccessNeed] { [.subtree(.read, unit, date: date, tree: treeDate)] }
}
extension Cdt_Registry_V1_CountTeamsRequest: GuardedRequest {
    var needs: [AccessNeed] { [.subtree(.read, unit, date: date, tree: treeDate)] }
}
extension Cdt_Registry_V1_UpdateTeamRequest: GuardedRequest {
    var needs: [AccessNeed] { [.team(.writeTeams, .name(team.name))] }
}
extension Cdt_Registry_V1_ChangeTeamStatusRequest: GuardedRequest {
    var needs: [AccessNeed] { [.team(.writeTeams, .name(name))] }
}
extension Cdt_Registry_V1_GetCoverageRequest: GuardedRequest {
    var needs: [AccessNeed] { [.subtree(.read, unit, date: date)] }
}
extension Cdt_Registry_V1_ListCoverageRequest: GuardedRequest {
    var needs: [AccessNeed] { [.subtree(.read, parent, date: date)] }
}

// MARK: RegistryService: people and memberships

/// A person must live or work where the caller may write, or nobody could tell whose it is before the first membership.
extension Cdt_Registry_V1_CreatePersonRequest: GuardedRequest {
    var needs: [AccessNeed] {
        [
            .anyUnit(
                .writePeople, [person.residenceUnit, person.workUnit], field: "person.residence_unit, person.work_unit")
        ]
    }
}
extension Cdt_Registry_V1_GetPersonRequest: GuardedRequest {
    var needs: [AccessNeed] {
        switch key {
        case .source(let source): [.person(.readPeople, .source(source), .anyPlace)]
        case .name, nil: [.person(.readPeople, .name(name), .anyPlace)]
        }
    }
}
extension Cdt_Registry_V1_UpdatePersonRequest: GuardedRequest {
    var needs: [AccessNeed] { [.person(.writePeople, .name(person.name), .anyPlace)] }
}
/// Whoever takes a person into a team sees the person from then on, so they must be allowed to before.
extension Cdt_Registry_V1_CreateMembershipRequest: GuardedRequest {
    var needs: [AccessNeed] {
        [
            .team(.writePeople, .name(parent)),
            .person(.readPeople, .name(membership.person), .anyPlace),
        ]
    }
}
extension Cdt_Registry_V1_GetMembershipRequest: GuardedRequest {
    var needs: [AccessNeed] {
        switch key {
        case .source(let source): [.membership(.read, .source(source))]
        case .name, nil: [.membership(.read, .name(name))]
        }
    }
}
/// Of a person's memberships those are listed whose teams the caller may read.
extension Cdt_Registry_V1_ListMembershipsRequest: GuardedRequest {
    var needs: [AccessNeed] {
        let verbs: [AccessVerb] = includePeople ? [.read, .readPeople] : [.read]
        return verbs.map { verb in
            parent.hasPrefix("people/")
                ? .person(verb, .name(parent), .anyPlace)
                : .team(verb, .name(parent), date: includePast ? "" : date)
        }
    }
}
extension Cdt_Registry_V1_EndMembershipRequest: GuardedRequest {
    var needs: [AccessNeed] { [.membership(.writePeople, .name(name))] }
}
extension Cdt_Registry_V1_VoidMembershipRequest: GuardedRequest {
    var needs: [AccessNeed] { [.membership(.writePeople, .name(name))] }
}
extension Cdt_Registry_V1_CreateCapacityPolicyRequest: GuardedRequest {
    var needs: [AccessNeed] { [.unit(.writeTeams, policy.unit)] }
}
extension Cdt_Registry_V1_ListCapacityPoliciesRequest: GuardedRequest {
    var needs: [AccessNeed] { [.unit(.read, unit)] }
}

// MARK: ImportService

extension Cdt_Registry_V1_GetImportBatchRequest: GuardedRequest {
    var needs: [AccessNeed] { [.batch(.importRows, name)] }
}
extension Cdt_Registry_V1_ListImportProblemsRequest: GuardedRequest {
    var needs: [AccessNeed] { [.batch(.importRows, parent)] }
}
extension Cdt_Registry_V1_ExportTeamsRequest: GuardedRequest {
    var needs: [AccessNeed] { [.subtree(.read, unit, date: date)] }
}
extension Cdt_Registry_V1_ExportMembersRequest: GuardedRequest {
    var needs: [AccessNeed] { [.subtree(.readPeople, unit, date: date)] }
}

// MARK: ReorganisationService

extension Cdt_Registry_V1_CreateReorganisationRequest: GuardedRequest {
    var needs: [AccessNeed] { [.nation(.administer)] }
}
extension Cdt_Registry_V1_GetReorganisationRequest: GuardedRequest {
    var needs: [AccessNeed] { [.nation(.read)] }
}
extension Cdt_Registry_V1_ListReorganisationsRequest: GuardedRequest {
    var needs: [AccessNeed] { [.nation(.read)] }
}
extension Cdt_Registry_V1_ListReorganisationLinesRequest: GuardedRequest {
    var needs: [AccessNeed] { [.nation(.read)] }
}
extension Cdt_Registry_V1_PreviewReorganisationRequest: GuardedRequest {
    var needs: [AccessNeed] { [.nation(.administer)] }
}
extension Cdt_Registry_V1_ApplyReorganisationRequest: GuardedRequest {
    var needs: [AccessNeed] { [.nation(.administer)] }
}
extension Cdt_Registry_V1_RevertReorganisationRequest: GuardedRequest {
    var needs: [AccessNeed] { [.nation(.administer)] }
}
/// Where a team is, is said by who may change it there and here.
extension Cdt_Registry_V1_CorrectPlacementRequest: GuardedRequest {
    var needs: [AccessNeed] {
        [
            name.hasPrefix("units/") ? .unit(.writeTeams, name) : .team(.writeTeams, .name(name)),
            .unit(.writeTeams, commune),
        ]
    }
}

// MARK: PeopleService

extension Cdt_Registry_V1_ScanDuplicatesRequest: GuardedRequest {
    var needs: [AccessNeed] { [.nation(.administer)] }
}
extension Cdt_Registry_V1_ListDuplicatesRequest: GuardedRequest {
    var needs: [AccessNeed] {
        person.isEmpty ? [.nation(.readPeople)] : [.person(.readPeople, .name(person), .anyPlace)]
    }
}
extension Cdt_Registry_V1_DismissDuplicateRequest: GuardedRequest {
    var needs: [AccessNeed] { [.duplicate(.administer, name)] }
}
extension Cdt_Registry_V1_MergePeopleRequest: GuardedRequest {
    var needs: [AccessNeed] {
        [survivor, merged].map { .person(.administer, .name($0), .allPlaces) }
    }
}
extension Cdt_Registry_V1_UnmergePeopleRequest: GuardedRequest {
    var needs: [AccessNeed] { [.merge(.administer, name)] }
}
extension Cdt_Registry_V1_ExportPersonDataRequest: GuardedRequest {
    var needs: [AccessNeed] { [.person(.readPeople, .name(name), .allPlaces)] }
}
extension Cdt_Registry_V1_ErasePersonRequest: GuardedRequest {
    var needs: [AccessNeed] { [.person(.administer, .name(name), .allPlaces)] }
}

// MARK: AccessService

/// Nobody gives what they do not have.
extension Cdt_Registry_V1_CreateGrantRequest: GuardedRequest {
    var needs: [AccessNeed] {
        let named = grant.verbs.compactMap { AccessVerb(rawValue: $0.rawValue) }
        let verbs = Set(named).union(AccessRole(rawValue: grant.role.rawValue)?.verbs ?? [])
        return ([.administer] + verbs).map { .unit($0, grant.unit) }
    }
}
extension Cdt_Registry_V1_RevokeGrantRequest: GuardedRequest {
    var needs: [AccessNeed] { [.grant(.administer, name)] }
}
extension Cdt_Registry_V1_ListGrantsRequest: GuardedRequest {
    var needs: [AccessNeed] { [.subject(.administer, subject, unit: unit)] }
}
extension Cdt_Registry_V1_CheckAccessRequest: GuardedRequest {
    var needs: [AccessNeed] { [.subject(.administer, subject, unit: unit)] }
}

// MARK: ProgrammeService

extension Cdt_Registry_V1_CreateAgencyRequest: GuardedRequest {
    var needs: [AccessNeed] { [.unit(.administer, agency.unit)] }
}
extension Cdt_Registry_V1_ListAgenciesRequest: GuardedRequest {
    var needs: [AccessNeed] { [.nation(.read)] }
}
extension Cdt_Registry_V1_RecordMilestoneRequest: GuardedRequest {
    var needs: [AccessNeed] { [.agency(.administer, milestone.agency)] }
}
extension Cdt_Registry_V1_ListMilestonesRequest: GuardedRequest {
    var needs: [AccessNeed] { [agency.isEmpty ? .nation(.read) : .agency(.read, agency)] }
}
extension Cdt_Registry_V1_GetProgrammeStatusRequest: GuardedRequest {
    var needs: [AccessNeed] { [.nation(.read)] }
}
extension Cdt_Registry_V1_RecordFigureRequest: GuardedRequest {
    var needs: [AccessNeed] { [.unit(.administer, figure.unit)] }
}
extension Cdt_Registry_V1_ListFiguresRequest: GuardedRequest {
    var needs: [AccessNeed] { [.unit(.read, unit)] }
}

// MARK: AuditService

extension Cdt_Registry_V1_ListAuditEntriesRequest: GuardedRequest {
    var needs: [AccessNeed] { [.nation(.administer)] }
}
extension Cdt_Registry_V1_VerifyAuditRequest: GuardedRequest {
    var needs: [AccessNeed] { [.nation(.administer)] }
}
