import RPC
import ServiceKit

/// Refusals of the books.
extension FundingErrors {
    static func catchingOverflow<T>(_ body: () throws -> T) throws -> T {
        do {
            return try body()
        } catch is Money.Overflow {
            throw FundingErrors.tooLarge()
        }
    }

    static func refusal(_ refusal: LedgerRefusal) -> ServiceError {
        switch refusal {
        case .insufficient(let account, let balance, let needed):
            .failedPrecondition(
                reason: "INSUFFICIENT_FUNDS", subject: account.name,
                "\(account.name) holds \(Texts.dong(balance)), and \(Texts.dong(needed)) is needed; record an "
                    + "appropriation, or allow the account to be overdrawn",
                vi: "\(account.name) còn \(Texts.dongVi(balance)), cần \(Texts.dongVi(needed)); hãy ghi dự toán được "
                    + "giao hoặc cho phép tài khoản chi vượt",
                metadata: [
                    "account": account.name, "balanceDong": String(balance), "neededDong": String(needed),
                    "missingDong": String(needed.subtractingReportingOverflow(balance).partialValue),
                ])
        }
    }

    static func accountNotFound(_ name: String) -> ServiceError {
        ServiceError.notFound(
            type: "cdt.funding.v1.Account", name: name, reason: "ACCOUNT_NOT_FOUND", listedBy: "ListAccounts")
    }

    static func overdraftNotChangeable(_ key: AccountKey) -> ServiceError {
        .failedPrecondition(
            reason: "OVERDRAFT_NOT_CHANGEABLE", subject: key.name,
            "whether \(key.name) may be overdrawn is fixed; only accounts of kind APPROPRIATED can be allowed to",
            vi: "không thể đổi quy tắc chi vượt của \(key.name); chỉ tài khoản dự toán (APPROPRIATED) được phép",
            metadata: ["account": key.name])
    }

    static func accountOverdrawn(_ account: Account) -> ServiceError {
        .failedPrecondition(
            reason: "ACCOUNT_OVERDRAWN", subject: account.key.name,
            "\(account.key.name) stands at \(Texts.dong(account.balance)); record an appropriation of at least that first",
            vi: "\(account.key.name) đang ở mức \(Texts.dongVi(account.balance)); trước hết hãy ghi dự toán bù đủ",
            metadata: ["account": account.key.name, "balanceDong": String(account.balance)])
    }

    /// Makers, checkers and payers are told apart by who they are, not by what they may do.
    static func samePerson(_ subject: String, _ did: String, vi: String, name: String) -> ServiceError {
        var error = ServiceError(
            .permissionDenied, reason: "SAME_PERSON", "\(subject) \(did); another person must do this",
            vi: "\(subject) \(vi); việc này phải do người khác thực hiện",
            metadata: ["resourceName": name, "subject": subject])
        error.resource = .init(type: "", name: name)
        return error
    }
}
