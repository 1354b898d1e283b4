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

extension Int64 {
    /// Division that rounds down, also below zero.
    func flooredQuotient(_ divisor: Int64) -> Int64 {
        let quotient = self / divisor
        return self % divisor < 0 ? quotient - 1 : quotient
    }
}
