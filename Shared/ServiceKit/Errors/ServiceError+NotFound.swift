/// What is not there, with where to look for it.
extension ServiceError {
    /// A resource of the service itself; `method` lists those there are.
    package static func notFound(type: String, name: String, reason: String, listedBy method: String) -> ServiceError {
        notFound(
            type: type, name: name, reason: reason,
            remedy: ("take the name from \(method)", vi: "hãy lấy tên từ \(method)"))
    }

    /// A unit of which the Registry's feed has not told.
    package static func unheard(unit name: String) -> ServiceError {
        notFound(
            type: "cdt.registry.v1.Unit", name: name, reason: "UNIT_NOT_FOUND",
            remedy: (
                "take the name from the Registry's SearchUnits, or wait until its feed has brought the unit",
                vi: "hãy lấy tên từ SearchUnits của Sổ đăng ký, hoặc chờ dữ liệu từ đó"
            ))
    }

    /// A team of which the Registry's feed has not told.
    package static func unheard(team name: String) -> ServiceError {
        notFound(
            type: "cdt.registry.v1.Team", name: name, reason: "TEAM_NOT_FOUND",
            remedy: (
                "check the name, or wait until the Registry's feed has brought the team",
                vi: "hãy kiểm tra tên, hoặc chờ dữ liệu từ Sổ đăng ký"
            ))
    }
}
