import RPC
import Storage

extension ServiceError {
    /// The one table from what can go wrong below a store to what the caller hears. The engine's own words, names of
    /// tables and paths stay in the log; nil: nothing the caller could act on, so it is masked as INTERNAL.
    init?(_ error: StorageError) {
        switch error {
        case .busy:
            self = .unavailable(
                reason: "STORAGE_BUSY", "the database is in use by another process; try again",
                vi: "cơ sở dữ liệu đang được tiến trình khác sử dụng; hãy thử lại")
        case .overloaded:
            self = .exhausted(
                reason: "OVERLOADED", subject: "requests",
                "more requests are waiting than the service accepts; try again later",
                vi: "quá nhiều yêu cầu đang chờ; hãy thử lại sau", retryAfter: .milliseconds(500))
        case .full:
            self = .exhausted(
                reason: "STORAGE_FULL", subject: "storage",
                "the service has no space left to store anything; its operator must make room. Reading still works",
                vi: "dịch vụ hết dung lượng lưu trữ; người vận hành cần giải phóng. Vẫn đọc được dữ liệu")
        case .unavailable, .closed:
            self = .unavailable(
                reason: "STORAGE_UNAVAILABLE", "the service cannot reach its database now; try again later",
                vi: "dịch vụ hiện không truy cập được cơ sở dữ liệu; hãy thử lại sau", retryAfter: .seconds(5))
        case .constraint(let violation):
            switch violation.kind {
            case .unique, .primaryKey:
                self.init(
                    .alreadyExists, reason: "CONFLICT", "another record with the same identity exists already",
                    vi: "đã có bản ghi khác trùng định danh")
            case .foreignKey:
                self = .failedPrecondition(
                    reason: "REFERENCE_MISSING", subject: "", "the request refers to a record that does not exist",
                    vi: "yêu cầu tham chiếu tới bản ghi không tồn tại")
            case .notNull, .check, .other: return nil
            }
        case .corrupt:
            self.init(
                .dataLoss, reason: "STORAGE_DAMAGED",
                "the service's database is damaged; its operator must restore it from a backup",
                vi: "cơ sở dữ liệu của dịch vụ bị hỏng; người vận hành cần khôi phục từ bản sao lưu")
        case .unknownOutcome:
            self.init(
                .unknown, reason: "OUTCOME_UNKNOWN",
                "the service lost its database while it stored the change, which may or may not have been kept; read the "
                    + "resource, or repeat the request with the same request_id",
                vi:
                    "dịch vụ mất kết nối cơ sở dữ liệu khi đang lưu, chưa rõ thay đổi đã được lưu hay chưa; hãy đọc lại "
                    + "dữ liệu, hoặc gửi lại yêu cầu với cùng request_id")
        case .newerSchema, .migration, .column, .misuse, .engine: return nil
        }
    }
}
