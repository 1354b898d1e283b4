import RPC

/// Everything the Registry refuses or warns of. The raw value is what callers program against: it never changes.
package enum Reason: String, Sendable, Hashable, CaseIterable {
    // Requests.
    case invalidName = "INVALID_NAME"
    case invalidDate = "INVALID_DATE"
    case datesReversed = "DATES_REVERSED"
    case fieldMissing = "FIELD_MISSING"
    case textTooLong = "TEXT_TOO_LONG"
    case textNotAllowed = "TEXT_NOT_ALLOWED"
    case numberOutOfRange = "NUMBER_OUT_OF_RANGE"
    case unknownValue = "UNKNOWN_VALUE"
    case unknownField = "UNKNOWN_FIELD"
    case externalIDTaken = "EXTERNAL_ID_TAKEN"
    case invalidHash = "INVALID_HASH"

    // Units.
    case unitNotFound = "UNIT_NOT_FOUND"
    case unitNotInForce = "UNIT_NOT_IN_FORCE"
    case wrongUnitLevel = "WRONG_UNIT_LEVEL"
    case invalidCode = "INVALID_CODE"
    case codeUnknown = "CODE_UNKNOWN"
    case codeNotInForce = "CODE_NOT_IN_FORCE"
    case hamletExists = "HAMLET_EXISTS"
    case hamletAmbiguous = "HAMLET_AMBIGUOUS"
    case hamletMissing = "HAMLET_MISSING"
    case hamletNotAllowed = "HAMLET_NOT_ALLOWED"
    case provinceMismatch = "PROVINCE_MISMATCH"

    // Reorganisations.
    case reorganisationNotFound = "REORGANISATION_NOT_FOUND"
    case reorganisationApplied = "REORGANISATION_APPLIED"
    case reorganisationNotApplied = "REORGANISATION_NOT_APPLIED"
    case laterFacts = "LATER_FACTS"
    case sourceNotOpen = "SOURCE_NOT_OPEN"
    case lineTarget = "LINE_TARGET"
    case linesContradict = "LINES_CONTRADICT"
    case defaultMissing = "DEFAULT_MISSING"
    case notOneToOne = "NOT_ONE_TO_ONE"
    case newUnitUnknown = "NEW_UNIT_UNKNOWN"
    case newUnitWithoutSource = "NEW_UNIT_WITHOUT_SOURCE"
    case parentUnclear = "PARENT_UNCLEAR"
    case childWithoutParent = "CHILD_WITHOUT_PARENT"
    case keyRepeated = "KEY_REPEATED"
    case invalidKey = "INVALID_KEY"
    case codeTaken = "CODE_TAKEN"
    case placementKnown = "PLACEMENT_KNOWN"
    case notASuccessor = "NOT_A_SUCCESSOR"
    case placedByHamlet = "PLACED_BY_HAMLET"

    // Grants and the programme.
    case grantNotFound = "GRANT_NOT_FOUND"
    case grantExists = "GRANT_EXISTS"
    case grantRevoked = "GRANT_REVOKED"
    case grantPastOnly = "GRANT_PAST_ONLY"
    case agencyNotFound = "AGENCY_NOT_FOUND"
    case agencyExists = "AGENCY_EXISTS"
    case unitNotAllowed = "UNIT_NOT_ALLOWED"
    case invalidIndicator = "INVALID_INDICATOR"

    // Teams.
    case teamNotFound = "TEAM_NOT_FOUND"
    case teamAmbiguous = "TEAM_AMBIGUOUS"
    case unitHasActiveTeam = "UNIT_HAS_ACTIVE_TEAM"
    case statusNotAllowed = "STATUS_NOT_ALLOWED"
    case levelChanged = "LEVEL_CHANGED"
    case historyDiffers = "HISTORY_DIFFERS"
    case placeUnknownBefore = "PLACE_UNKNOWN_BEFORE"
    case needsPlacement = "NEEDS_PLACEMENT"
    case needsConsolidation = "NEEDS_CONSOLIDATION"

    // People and memberships.
    case personNotFound = "PERSON_NOT_FOUND"
    case membershipNotFound = "MEMBERSHIP_NOT_FOUND"
    case invalidBirth = "INVALID_BIRTH"
    case invalidPhone = "INVALID_PHONE"
    case invalidEmail = "INVALID_EMAIL"
    case beforeTeam = "BEFORE_TEAM"
    case teamNotRunning = "TEAM_NOT_RUNNING"
    case teamHasLeader = "TEAM_HAS_LEADER"
    case alreadyMember = "ALREADY_MEMBER"
    case alreadyInTeamOfLevel = "ALREADY_IN_TEAM_OF_LEVEL"
    case teamChanged = "TEAM_CHANGED"
    case membershipVoid = "MEMBERSHIP_VOID"
    case capacityExceeded = "CAPACITY_EXCEEDED"
    case overCapacity = "OVER_CAPACITY"
    case belowMinimum = "BELOW_MINIMUM"
    case outsideCommune = "OUTSIDE_COMMUNE"
    case contactsNotAllowed = "CONTACTS_NOT_ALLOWED"
    case outsideGrant = "OUTSIDE_GRANT"
    case policyOverlaps = "POLICY_OVERLAPS"
    case invalidCitizenID = "INVALID_CITIZEN_ID"
    case citizenIDKeyMissing = "CITIZEN_ID_KEY_MISSING"
    case duplicateNotFound = "DUPLICATE_NOT_FOUND"
    case duplicateDecided = "DUPLICATE_DECIDED"
    case mergeNotFound = "MERGE_NOT_FOUND"
    case mergeUndone = "MERGE_UNDONE"
    case samePerson = "SAME_PERSON"
    case membershipsOverlap = "MEMBERSHIPS_OVERLAP"
    case twoTeamsOfLevel = "TWO_TEAMS_OF_LEVEL"
    case personMerged = "PERSON_MERGED"
    case personErased = "PERSON_ERASED"
    case stillMember = "STILL_MEMBER"

    // Imports.
    case rowEmpty = "ROW_EMPTY"
    case externalIDRepeated = "EXTERNAL_ID_REPEATED"
    case rowRepeated = "ROW_REPEATED"
    case headerMissing = "HEADER_MISSING"
    case headerRepeated = "HEADER_REPEATED"
    case invalidMode = "INVALID_MODE"
    case invalidSource = "INVALID_SOURCE"
    case rowNumberNotRising = "ROW_NUMBER_NOT_RISING"
    case tooManyRows = "TOO_MANY_ROWS"
    case batchNotFound = "BATCH_NOT_FOUND"
    case batchMismatch = "BATCH_MISMATCH"
}

extension Reason {
    /// The status of a call that fails for this reason: the one table from the domain to the wire.
    package var code: StatusCode {
        switch self {
        case .unitNotFound, .codeUnknown, .codeNotInForce, .teamNotFound, .personNotFound, .membershipNotFound,
            .batchNotFound, .reorganisationNotFound, .duplicateNotFound, .mergeNotFound, .grantNotFound,
            .agencyNotFound:
            .notFound
        case .externalIDTaken, .hamletExists, .grantExists, .agencyExists: .alreadyExists
        case .contactsNotAllowed, .outsideGrant: .permissionDenied
        case .unitNotInForce, .wrongUnitLevel, .hamletAmbiguous, .unitHasActiveTeam, .statusNotAllowed, .levelChanged,
            .historyDiffers, .beforeTeam, .teamNotRunning, .teamHasLeader, .alreadyMember, .alreadyInTeamOfLevel,
            .teamChanged, .membershipVoid, .capacityExceeded, .policyOverlaps, .batchMismatch, .externalIDRepeated,
            .rowRepeated, .teamAmbiguous,
            .reorganisationApplied, .reorganisationNotApplied, .laterFacts, .sourceNotOpen, .childWithoutParent,
            .codeTaken, .placementKnown, .notASuccessor, .placedByHamlet, .citizenIDKeyMissing, .duplicateDecided,
            .mergeUndone, .membershipsOverlap, .personMerged, .personErased, .stillMember, .grantRevoked:
            .failedPrecondition
        case .invalidName, .invalidDate, .datesReversed, .fieldMissing, .textTooLong, .textNotAllowed,
            .numberOutOfRange,
            .unknownValue, .unknownField, .invalidCode, .hamletMissing, .hamletNotAllowed, .provinceMismatch,
            .invalidBirth, .invalidPhone, .invalidEmail, .rowEmpty, .headerMissing, .headerRepeated, .invalidMode,
            .invalidSource, .rowNumberNotRising, .tooManyRows, .lineTarget, .linesContradict, .defaultMissing,
            .notOneToOne, .newUnitUnknown, .newUnitWithoutSource, .parentUnclear, .keyRepeated, .invalidKey,
            .invalidHash, .invalidCitizenID, .samePerson, .unitNotAllowed, .invalidIndicator:
            .invalidArgument
        // Warnings fail no call.
        case .placeUnknownBefore, .needsPlacement, .needsConsolidation, .overCapacity, .belowMinimum, .outsideCommune,
            .twoTeamsOfLevel, .grantPastOnly:
            .ok
        }
    }

    /// A warning accepts what it is about.
    package var isWarning: Bool { code == .ok }

    /// What was wrong and what to do, with `{placeholders}` for the problem's values.
    package var texts: (english: String, vietnamese: String) {
        switch self {
        case .invalidName:
            (
                "\"{value}\" is not a resource name of this kind; expected {expected}",
                "\"{value}\" không phải tên tài nguyên hợp lệ; cần dạng {expected}"
            )
        case .invalidDate:
            ("\"{value}\" is not a date; write YYYY-MM-DD", "\"{value}\" không phải ngày hợp lệ; hãy viết YYYY-MM-DD")
        case .datesReversed:
            ("it ends on {to}, before it begins on {from}", "ngày kết thúc {to} trước ngày bắt đầu {from}")
        case .fieldMissing: ("it is required", "trường này là bắt buộc")
        case .textTooLong: ("it is longer than {limit} characters", "dài hơn {limit} ký tự")
        case .textNotAllowed:
            ("it holds characters that are not allowed: {detail}", "có ký tự không được phép: {detail}")
        case .numberOutOfRange:
            ("{value} is not between {low} and {high}", "{value} không nằm trong khoảng {low} đến {high}")
        case .unknownValue: ("{value} is not a value of this release", "giá trị {value} không có trong phiên bản này")
        case .unknownField:
            ("\"{value}\" cannot be changed by this call", "không thể thay đổi \"{value}\" bằng lệnh này")
        case .externalIDTaken:
            ("{sourceSystem} already has \"{externalId}\"", "{sourceSystem} đã có mã \"{externalId}\"")
        case .invalidHash:
            (
                "\"{value}\" is not a hash: 64 hexadecimal digits, as VerifyAudit gave them",
                "\"{value}\" không phải mã băm: 64 chữ số thập lục phân do VerifyAudit trả về"
            )
        case .unitNotFound:
            (
                "there is no unit {value}; take the name from SearchUnits or ResolveUnitCode",
                "không có đơn vị {value}; lấy tên từ SearchUnits hoặc ResolveUnitCode"
            )
        case .unitNotInForce:
            (
                "{unit} is not in force on {date}; it was from {validFrom} to {validTo}",
                "{unit} không có hiệu lực ngày {date}; có hiệu lực từ {validFrom} đến {validTo}"
            )
        case .wrongUnitLevel: ("{unit} is not a {expected}", "{unit} không phải là {expectedVi}")
        case .invalidCode:
            (
                "\"{value}\" is not a national code: 2 digits for a province, 3 for a district, 5 for a commune",
                "\"{value}\" không phải mã đơn vị: tỉnh 2 chữ số, huyện 3, xã 5"
            )
        case .codeUnknown:
            (
                "code {value} never existed; codes are text with leading zeros, and SearchUnits finds them by name",
                "chưa từng có mã {value}; mã là chuỗi có số 0 ở đầu, SearchUnits tìm mã theo tên"
            )
        case .codeNotInForce:
            (
                "code {value} names nothing on {date}; it last named {lastName}, from {lastValidFrom} to {lastValidTo}: "
                    + "give a date within",
                "mã {value} không chỉ đơn vị nào ngày {date}; lần cuối là {lastName}, từ {lastValidFrom} đến "
                    + "{lastValidTo}: hãy nêu ngày trong khoảng đó"
            )
        case .hamletExists: ("{commune} already has \"{value}\"", "{commune} đã có \"{value}\"")
        case .hamletAmbiguous:
            (
                "{commune} has {count} hamlets called \"{value}\"; give the code of the commune it was in before 1/7/2025",
                "{commune} có {count} thôn tên \"{value}\"; hãy dùng mã xã trước ngày 1/7/2025"
            )
        case .hamletMissing: ("a team of a hamlet needs the hamlet's name", "tổ cấp thôn cần tên thôn")
        case .hamletNotAllowed: ("a team of a commune has no hamlet", "tổ cấp xã không có thôn")
        case .provinceMismatch:
            (
                "{commune} is in province {found}, not {value}, on {date}",
                "{commune} thuộc tỉnh mã {found}, không phải {value}, ngày {date}"
            )
        case .reorganisationNotFound:
            (
                "there is no reorganisation {value}; take the name from ListReorganisations",
                "không có lần sắp xếp {value}; lấy tên từ ListReorganisations"
            )
        case .reorganisationApplied:
            ("it is applied already; revert it first", "đã được áp dụng; hãy hoàn tác trước")
        case .reorganisationNotApplied:
            ("it is not applied, so nothing can be reverted", "chưa được áp dụng nên không thể hoàn tác")
        case .laterFacts:
            (
                "{count} {kind} recorded since hang on the new units; move or remove them first: {names}",
                "{count} {kindVi} ghi nhận sau đó đang gắn với đơn vị mới; hãy chuyển hoặc bỏ trước: {names}"
            )
        case .sourceNotOpen:
            (
                "{unit} is not in force on {date} without an end: it is from {validFrom} to {validTo}; give the unit that is",
                "{unit} không còn hiệu lực liên tục vào ngày {date}: từ {validFrom} đến {validTo}; hãy dùng đơn vị đang có"
            )
        case .lineTarget: ("this kind of line takes {expected} as its target", "loại dòng này cần đích là {expected}")
        case .linesContradict:
            (
                "{unit} goes several ways: give one line, or several SPLIT lines with different targets",
                "{unit} có nhiều hướng: hãy dùng một dòng, hoặc nhiều dòng SPLIT với đích khác nhau"
            )
        case .defaultMissing:
            ("exactly one part of {unit} must be the default", "đúng một phần của {unit} phải là mặc định")
        case .notOneToOne:
            ("\"{value}\" has several sources; use MERGE", "\"{value}\" có nhiều nguồn; hãy dùng MERGE")
        case .newUnitUnknown:
            (
                "\"{value}\" is not a key of new_units that fits here",
                "\"{value}\" không phải khóa phù hợp trong new_units"
            )
        case .newUnitWithoutSource:
            ("no line leads to \"{value}\"; say where its territory comes from", "không dòng nào dẫn đến \"{value}\"")
        case .parentUnclear:
            (
                "the sources of \"{value}\" have several parents; give one",
                "nguồn của \"{value}\" có nhiều cấp trên; hãy nêu rõ"
            )
        case .childWithoutParent:
            (
                "{unit} would have no parent when {parent} ends; add a TRANSFER line for it",
                "{unit} sẽ không có cấp trên khi {parent} kết thúc; hãy thêm dòng TRANSFER"
            )
        case .keyRepeated: ("\"{value}\" is given twice", "\"{value}\" bị lặp")
        case .invalidKey:
            (
                "\"{value}\" is not a key: letters, digits, . _ -, at most 64",
                "\"{value}\" không phải khóa: chữ, chữ số, . _ -, tối đa 64"
            )
        case .codeTaken: ("{unit} has code {value} then; take another", "{unit} đang dùng mã {value}; hãy dùng mã khác")
        case .placementKnown:
            ("its place is known; nothing needs correcting", "vị trí đã rõ; không cần chỉnh")
        case .notASuccessor:
            (
                "{unit} is no part of {source}; choose of: {successors}",
                "{unit} không thuộc {source}; hãy chọn: {successors}"
            )
        case .placedByHamlet:
            ("a team of a hamlet is where the hamlet is; correct {hamlet}", "tổ cấp thôn theo thôn; hãy chỉnh {hamlet}")
        case .teamNotFound:
            (
                "there is no team {value}; take the name from ListTeams, or import the team before its members",
                "không có tổ {value}; lấy tên từ ListTeams, hoặc nhập tổ trước thành viên"
            )
        case .unitHasActiveTeam:
            (
                "{unit} has another active team, {team}, from {from} to {to}",
                "{unit} đã có tổ khác đang hoạt động, {team}, từ {from} đến {to}"
            )
        case .statusNotAllowed:
            ("a team that is {from} cannot become {to}", "tổ đang {from} không thể chuyển sang {to}")
        case .levelChanged: ("a team's level cannot change", "không thể đổi cấp của tổ")
        case .historyDiffers:
            (
                "the team's status was changed here since; change its dates with ChangeTeamStatus",
                "trạng thái của tổ đã được thay đổi tại đây; hãy dùng ChangeTeamStatus"
            )
        case .placeUnknownBefore:
            (
                "where the team was before {date} is not known: {unit} exists only since then",
                "không rõ tổ ở đâu trước ngày {date}: {unit} chỉ có từ ngày đó"
            )
        case .needsPlacement:
            (
                "its place since {date} is presumed or not known; a person should confirm it",
                "vị trí từ ngày {date} là suy đoán hoặc chưa rõ; cần người xác nhận"
            )
        case .needsConsolidation:
            ("{unit} has several active teams since {date}", "{unit} có nhiều tổ đang hoạt động từ ngày {date}")
        case .personNotFound:
            (
                "there is no person {value}; take the name from ListMemberships, or ask by the key of the source system",
                "không có người {value}; lấy tên từ ListMemberships, hoặc hỏi theo mã của hệ thống nguồn"
            )
        case .membershipNotFound:
            (
                "there is no membership {value}; take the name from ListMemberships",
                "không có tư cách thành viên {value}; lấy tên từ ListMemberships"
            )
        case .invalidBirth:
            (
                "\"{value}\" is not a year or date of birth between 1900 and today",
                "\"{value}\" không phải năm hoặc ngày sinh từ 1900 đến nay"
            )
        case .invalidPhone:
            (
                "\"{value}\" is not a phone number of Viet Nam: 0 and nine digits, or +84",
                "\"{value}\" không phải số điện thoại Việt Nam: 0 và chín chữ số, hoặc +84"
            )
        case .invalidEmail: ("\"{value}\" is not an e-mail address", "\"{value}\" không phải địa chỉ thư điện tử")
        case .beforeTeam: ("the team began only on {date}", "tổ chỉ bắt đầu từ ngày {date}")
        case .teamNotRunning: ("the team is {status} on {date}", "tổ ở trạng thái {status} ngày {date}")
        case .teamHasLeader:
            ("the team has a leader from {from} to {to}", "tổ đã có tổ trưởng từ {from} đến {to}")
        case .alreadyMember:
            ("the person is in this team from {from} to {to}", "người này đã ở trong tổ từ {from} đến {to}")
        case .alreadyInTeamOfLevel:
            (
                "the person is in another team of this level, {team}, from {from} to {to}",
                "người này đã ở tổ khác cùng cấp, {team}, từ {from} đến {to}"
            )
        case .teamChanged:
            (
                "the membership belongs to another team; end it and send a new one",
                "tư cách thành viên thuộc tổ khác; hãy kết thúc và gửi bản mới"
            )
        case .membershipVoid: ("the membership was taken back", "tư cách thành viên đã bị hủy")
        case .capacityExceeded:
            (
                "the team has {current} members on {date}, and {limit} are allowed",
                "tổ có {current} thành viên ngày {date}, chỉ được phép {limit}"
            )
        case .overCapacity:
            (
                "with this join the team has {current} members on {date}, more than the {limit} recommended",
                "tổ sẽ có {current} thành viên ngày {date}, nhiều hơn {limit} được khuyến nghị"
            )
        case .belowMinimum:
            ("the team has {current} members, fewer than {minimum}", "tổ có {current} thành viên, ít hơn {minimum}")
        case .outsideCommune:
            ("{unit} is outside the team's commune, {commune}", "{unit} nằm ngoài xã của tổ, {commune}")
        case .contactsNotAllowed:
            (
                "{topic} is personal data; give Notification and the Registry the same --contacts-token-file",
                "{topic} là dữ liệu cá nhân; hãy cấp cho Notification và Registry cùng một --contacts-token-file"
            )
        case .outsideGrant:
            (
                "\"{value}\" lies outside what you may import (or does not exist)",
                "\"{value}\" nằm ngoài phạm vi được phép nhập (hoặc không tồn tại)"
            )
        case .policyOverlaps:
            (
                "the jurisdiction has a policy for this level from {from} to {to}",
                "địa phương đã có quy định cho cấp này từ {from} đến {to}"
            )
        case .invalidCitizenID: ("it is not a citizen id: 12 digits", "không phải số định danh: cần 12 chữ số")
        case .citizenIDKeyMissing:
            (
                "citizen ids are not taken: the operator has set no key (--citizen-id-key-file)",
                "chưa nhận số định danh: người vận hành chưa đặt khóa (--citizen-id-key-file)"
            )
        case .duplicateNotFound:
            (
                "there is no candidate {value}; take the name from ListDuplicates",
                "không có cặp trùng {value}; lấy tên từ ListDuplicates"
            )
        case .duplicateDecided: ("it was decided already", "cặp này đã được xử lý")
        case .mergeNotFound:
            (
                "there is no merge {value}; take the name from the reply of MergePeople",
                "không có lần gộp {value}; lấy tên từ kết quả MergePeople"
            )
        case .mergeUndone: ("it was taken back already", "lần gộp này đã được hoàn tác")
        case .samePerson: ("survivor and merged are the same record", "hai bản ghi là một")
        case .membershipsOverlap:
            (
                "{membership} and {other} are in the same team from {from} to {to}; void one of them first",
                "{membership} và {other} cùng một tổ từ {from} đến {to}; hãy hủy một trước"
            )
        case .twoTeamsOfLevel:
            (
                "{membership} and {other} are in two teams of one level from {from} to {to}",
                "{membership} và {other} ở hai tổ cùng cấp từ {from} đến {to}"
            )
        case .personMerged:
            ("the record was merged; use {survivor}", "bản ghi đã được gộp; hãy dùng {survivor}")
        case .personErased: ("the person's data were erased", "dữ liệu của người này đã bị xóa")
        case .stillMember:
            (
                "{membership} is in force until {to}; end it first",
                "{membership} còn hiệu lực đến {to}; hãy kết thúc trước"
            )
        case .grantNotFound:
            (
                "there is no grant {value}; take the name from ListGrants",
                "không có quyền {value}; lấy tên từ ListGrants"
            )
        case .grantExists: ("the subject has it already: {grant}", "đối tượng đã có quyền này: {grant}")
        case .grantRevoked: ("it was revoked already", "quyền đã bị thu hồi")
        case .grantPastOnly:
            (
                "{unit} was in force from {validFrom} to {validTo}: the grant gives read access to its past only",
                "{unit} có hiệu lực từ {validFrom} đến {validTo}: quyền chỉ cho xem quá khứ của đơn vị"
            )
        case .agencyNotFound:
            (
                "there is no agency {value}; take the name from ListAgencies",
                "không có cơ quan {value}; lấy tên từ ListAgencies"
            )
        case .agencyExists: ("there is one of this kind and name: {agency}", "đã có cơ quan cùng loại và tên: {agency}")
        case .unitNotAllowed:
            ("only the agency of a province has a unit; leave it out", "chỉ cơ quan của tỉnh có đơn vị; hãy bỏ trống")
        case .invalidIndicator:
            (
                "\"{value}\" is not an indicator: lower-case letters, digits and _, at most 64",
                "\"{value}\" không phải chỉ tiêu: chữ thường, chữ số và _, tối đa 64"
            )
        case .rowEmpty:
            ("the row is neither a hamlet nor a team nor a member", "dòng không phải thôn, tổ hay thành viên")
        case .externalIDRepeated:
            (
                "row {row} of this import has the same external id and other values",
                "dòng {row} của lần nhập này có cùng mã nhưng giá trị khác"
            )
        case .rowRepeated:
            (
                "row {row} of this import means the same team and says something else",
                "dòng {row} của lần nhập này nói về cùng một tổ nhưng nội dung khác"
            )
        case .teamAmbiguous:
            (
                "{count} teams of the unit have this level and decision; give the external id of the one that is meant",
                "có {count} tổ cùng cấp, cùng quyết định ở đơn vị này; hãy ghi mã của tổ cần nói đến"
            )
        case .headerMissing: ("the first message must be the header", "thông điệp đầu tiên phải là phần đầu")
        case .headerRepeated: ("the header comes once, first", "phần đầu chỉ gửi một lần, đầu tiên")
        case .invalidMode: ("choose VALIDATE or COMMIT", "hãy chọn VALIDATE hoặc COMMIT")
        case .invalidSource:
            (
                "\"{value}\" is not a system's name: lower-case letters, digits, . _ -, at most 64",
                "\"{value}\" không phải tên hệ thống: chữ thường, chữ số, . _ -, tối đa 64"
            )
        case .rowNumberNotRising:
            ("row number {value} does not follow {last}", "số dòng {value} không tiếp sau {last}")
        case .tooManyRows:
            ("{value} rows in one message; at most {limit}", "{value} dòng trong một thông điệp; tối đa {limit}")
        case .batchNotFound:
            (
                "there is no import {value}; take the name from the `started` reply of the import",
                "không có lần nhập {value}; lấy tên từ phản hồi `started` của lần nhập"
            )
        case .batchMismatch:
            ("the import was begun with {field} {found}", "lần nhập được bắt đầu với {field} {found}")
        }
    }
}
