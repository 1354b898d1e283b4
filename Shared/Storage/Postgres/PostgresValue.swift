/// Values in PostgreSQL's binary format (network byte order), as parameters and as columns.
enum PostgresValue {
    // Types by their object identifiers (pg_type.dat), which are the same in every database.
    static let bool: UInt32 = 16
    static let bytea: UInt32 = 17
    static let int8: UInt32 = 20
    static let int2: UInt32 = 21
    static let int4: UInt32 = 23
    static let text: UInt32 = 25
    static let oid: UInt32 = 26
    static let float4: UInt32 = 700
    static let float8: UInt32 = 701
    static let numeric: UInt32 = 1700

    /// The type of a parameter; 0 leaves it to the server, from where the parameter stands.
    static func type(of value: SQLValue) -> UInt32 {
        switch value {
        case .null: 0
        case .integer: int8
        case .real: float8
        case .text: text
        case .blob: bytea
        }
    }

    /// Nil for NULL.
    static func encoded(_ value: SQLValue) -> [UInt8]? {
        switch value {
        case .null: nil
        case .integer(let integer): bigEndian(UInt64(bitPattern: integer))
        case .real(let real): bigEndian(real.bitPattern)
        case .text(let text): Array(text.utf8)
        case .blob(let blob): blob
        }
    }

    private static func bigEndian(_ value: UInt64) -> [UInt8] { withUnsafeBytes(of: value.bigEndian) { Array($0) } }

    /// What a column of this type holds in the terms both engines share; nil for a type outside the common subset.
    static func kind(of type: UInt32, _ bytes: UnsafeRawBufferPointer) -> SQLType? {
        switch type {
        case int8, int4, int2, oid, bool: .integer
        case float8, float4: .real
        case bytea: .blob
        // text, name, bpchar, varchar, and what is unknown because it is nothing but a literal
        case text, 19, 1042, 1043, 705: .text
        // Sums of BIGINT come as numbers of any length; they are integers as on SQLite as long as they fit.
        case numeric: decimal(bytes).map { $0.integer == nil ? .real : .integer }
        default: nil
        }
    }

    static func integer(of type: UInt32, _ bytes: UnsafeRawBufferPointer) -> Int64 {
        switch type {
        case bool: bytes.first == 1 ? 1 : 0
        case int2: Int64(Int16(truncatingIfNeeded: unsigned(bytes)))
        case int4: Int64(Int32(truncatingIfNeeded: unsigned(bytes)))
        case numeric: decimal(bytes)?.integer ?? 0
        default: Int64(bitPattern: unsigned(bytes))
        }
    }

    static func real(of type: UInt32, _ bytes: UnsafeRawBufferPointer) -> Double {
        switch type {
        case float8: Double(bitPattern: unsigned(bytes))
        case float4: Double(Float(bitPattern: UInt32(truncatingIfNeeded: unsigned(bytes))))
        case numeric: decimal(bytes)?.real ?? .nan
        default: Double(integer(of: type, bytes))
        }
    }

    private static func unsigned(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }

    private struct Decimal {
        /// Nil when there is a fraction or it does not fit.
        var integer: Int64?
        var real: Double
    }

    /// numeric_send: count of digits to base 10,000, weight of the first, sign, decimal places, digits; 16 bits each.
    private static func decimal(_ bytes: UnsafeRawBufferPointer) -> Decimal? {
        func field(_ index: Int) -> Int {
            Int(Int16(bitPattern: UInt16(bytes[index * 2]) << 8 | UInt16(bytes[index * 2 + 1])))
        }
        guard bytes.count >= 8 else { return nil }
        let count = field(0)
        let weight = field(1)
        let sign = UInt16(truncatingIfNeeded: field(2))
        guard sign == 0 || sign == 0x4000, count >= 0, bytes.count >= 8 + 2 * count else {
            return sign == 0xC000 ? Decimal(integer: nil, real: .nan) : nil
        }
        var real = 0.0
        var integer: Int64? = field(3) == 0 ? 0 : nil
        for position in 0..<max(count, weight + 1) {
            let digit = position < count ? field(4 + position) : 0
            real = real * 10_000 + Double(digit)
            guard let value = integer else { continue }
            // Below zero from the start, so that the least number fits.
            let (product, over) = value.multipliedReportingOverflow(by: 10_000)
            let (difference, under) = product.subtractingReportingOverflow(Int64(digit))
            integer = over || under ? nil : difference
        }
        for _ in 0..<max(0, max(count, weight + 1) - weight - 1) { real /= 10_000 }
        if sign == 0 { integer = integer.flatMap { $0 == .min ? nil : -$0 } } else { real = -real }
        return Decimal(integer: integer, real: real)
    }
}
