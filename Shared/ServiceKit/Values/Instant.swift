import SwiftProtobuf

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A moment, in microseconds since 1970-01-01T00:00:00Z.
package struct Instant: Sendable, Hashable, Comparable {
    package let microseconds: Int64

    package init(microseconds: Int64) { self.microseconds = microseconds }
    package init(seconds: Int64) { microseconds = seconds * 1_000_000 }

    /// A moment of a local day: midnight in Vietnam unless hours and minutes are given.
    package init(_ date: LocalDate, hour: Int = 0, minute: Int = 0, second: Int = 0) {
        let local = Int64(date.dayNumber) * 86_400 + Int64(hour * 3600 + minute * 60 + second)
        self.init(seconds: local - Instant.offsetSeconds)
    }

    /// Asia/Ho_Chi_Minh is UTC+7 without daylight saving.
    static let offsetSeconds: Int64 = 7 * 3600

    /// What the machine's clock says. Domain code takes the moment as a value instead (`Clock`).
    package static func system() -> Instant {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return Instant(microseconds: Int64(now.tv_sec) * 1_000_000 + Int64(now.tv_nsec) / 1000)
    }

    package static func < (a: Instant, b: Instant) -> Bool { a.microseconds < b.microseconds }

    package func adding(seconds: Int64) -> Instant { Instant(microseconds: microseconds + seconds * 1_000_000) }
    package func adding(_ duration: Duration) -> Instant {
        let (seconds, attoseconds) = duration.components
        return Instant(microseconds: microseconds + seconds * 1_000_000 + attoseconds / 1_000_000_000_000)
    }
    package func duration(to other: Instant) -> Duration { .microseconds(other.microseconds - microseconds) }

    package var milliseconds: Int64 { microseconds.flooredQuotient(1000) }
    package var seconds: Int64 { microseconds.flooredQuotient(1_000_000) }

    /// The day it is in Vietnam.
    package var localDate: LocalDate {
        LocalDate(dayNumber: Int32((seconds + Instant.offsetSeconds).flooredQuotient(86_400)))
    }
    /// Minutes since local midnight, 0 … 1439; quiet hours are asked in these.
    package var localMinuteOfDay: Int {
        let local = seconds + Instant.offsetSeconds
        return Int((local - local.flooredQuotient(86_400) * 86_400) / 60)
    }

    package init(_ timestamp: Google_Protobuf_Timestamp) {
        microseconds = timestamp.seconds * 1_000_000 + Int64(timestamp.nanos) / 1000
    }
    package var timestamp: Google_Protobuf_Timestamp {
        let whole = seconds
        return .with {
            $0.seconds = whole
            $0.nanos = Int32(microseconds - whole * 1_000_000) * 1000
        }
    }
}

extension Instant: CustomStringConvertible {
    /// RFC 3339 in UTC with milliseconds: `2025-07-01T00:00:00.000Z`.
    package var description: String {
        var out: [UInt8] = []
        out.reserveCapacity(24)
        append(to: &out)
        return String(decoding: out, as: UTF8.self)
    }

    func append<Sink: ByteSink & ~Copyable>(to out: inout Sink) {
        let day = LocalDate(dayNumber: Int32(seconds.flooredQuotient(86_400)))
        let inDay = Int(milliseconds - Int64(day.dayNumber) * 86_400_000)
        if let words = Self.words(day.components, inDay) {
            return withUnsafeBytes(of: words) { out.append($0) }
        }
        day.append(to: &out)
        out.append(UInt8(ascii: "T"))
        Decimals.append(inDay / 3_600_000, digits: 2, to: &out)
        out.append(UInt8(ascii: ":"))
        Decimals.append(inDay / 60_000 % 60, digits: 2, to: &out)
        out.append(UInt8(ascii: ":"))
        Decimals.append(inDay / 1000 % 60, digits: 2, to: &out)
        out.append(UInt8(ascii: "."))
        Decimals.append(inDay % 1000, digits: 3, to: &out)
        out.append(UInt8(ascii: "Z"))
    }
}

extension Instant {
    /// The 24 characters as memory holds them, for years of four digits: every log line has some.
    private static func words(
        _ date: (year: Int, month: Int, day: Int), _ milliseconds: Int
    ) -> (UInt64, UInt64, UInt64)? {
        guard (0...9999).contains(date.year) else { return nil }
        let clock = UInt64(milliseconds)
        let seconds = clock / 1000
        let thousandths = clock % 1000
        // The characters between the digits, and zeros where the digits go.
        var words: (UInt64, UInt64, UInt64) = (0, 0x0000_3A00_0054_0000, 0x5A00_0000_2E00_003A)
        words.0 = Decimals.yearAndMonth(date.year, date.month)
        words.1 |= Decimals.pair(UInt64(date.day))
        words.1 |= Decimals.pair(seconds / 3600) << 24
        words.1 |= Decimals.pair(seconds / 60 % 60) << 48
        words.2 |= Decimals.pair(seconds % 60) << 8
        words.2 |= Decimals.pair(thousandths / 10) << 32
        words.2 |= (thousandths % 10 + 48) << 48
        return (words.0.littleEndian, words.1.littleEndian, words.2.littleEndian)
    }
}

extension Int64 {
    /// Division that rounds down, also below zero.
    func flooredQuotient(_ divisor: Int64) -> Int64 {
        let quotient = self / divisor
        return self % divisor < 0 ? quotient - 1 : quotient
    }
}
