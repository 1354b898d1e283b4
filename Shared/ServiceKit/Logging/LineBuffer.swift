/// Something bytes are written to, one after the other.
protocol ByteSink: ~Copyable {
    mutating func append(_ byte: UInt8)
    mutating func append(_ bytes: UnsafeRawBufferPointer)
}

extension [UInt8]: ByteSink {
    mutating func append(_ bytes: UnsafeRawBufferPointer) { append(contentsOf: bytes) }
}

/// Bytes of a text while it is written. It grows as an array does, without the question before each byte whether
/// somebody else holds it.
struct LineBuffer: ~Copyable, ByteSink {
    private var base: UnsafeMutablePointer<UInt8>
    private var capacity: Int
    private var isOurs: Bool
    private(set) var count = 0

    init(capacity: Int) {
        self.capacity = max(capacity, 1)
        base = .allocate(capacity: self.capacity)
        isOurs = true
    }

    /// Begins in memory that is lent for as long as the buffer lives, and takes its own when that is full.
    init(lent start: UnsafeMutablePointer<UInt8>, capacity: Int) {
        (base, self.capacity, isOurs) = (start, capacity, false)
    }

    deinit { if isOurs { base.deallocate() } }

    var bytes: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: base, count: count) }

    @inline(__always)
    mutating func append(_ byte: UInt8) {
        reserve(1)
        base[count] = byte
        count += 1
    }

    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard let start = bytes.baseAddress else { return }
        reserve(bytes.count)
        UnsafeMutableRawPointer(base + count).copyMemory(from: start, byteCount: bytes.count)
        count += bytes.count
    }

    mutating func append(_ bytes: [UInt8]) { bytes.withUnsafeBytes { append($0) } }

    mutating func append(_ text: StaticString) {
        append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// The name of a JSON field, which needs no escape, with what stands around it: `,"name":`.
    mutating func append(key name: StaticString, isFirst: Bool) {
        reserve(name.utf8CodeUnitCount + 4)
        var end = base + count
        if !isFirst {
            end.pointee = UInt8(ascii: ",")
            end += 1
        }
        end.pointee = UInt8(ascii: "\"")
        (end + 1).update(from: name.utf8Start, count: name.utf8CodeUnitCount)
        end += name.utf8CodeUnitCount + 1
        end.pointee = UInt8(ascii: "\"")
        (end + 1).pointee = UInt8(ascii: ":")
        count = end + 2 - base
    }

    /// The bytes of a value that consists of nothing else.
    mutating func append<Words: BitwiseCopyable>(memoryOf words: Words) { withUnsafeBytes(of: words) { append($0) } }

    /// An integer in decimal digits.
    mutating func append(decimal number: Int) {
        if number < 0 { append(UInt8(ascii: "-")) }
        var rest = number.magnitude
        // From the last digit on; 20 are enough for 64 bits.
        var digits = (UInt64(0), UInt64(0), UInt64(0))
        withUnsafeMutableBytes(of: &digits) { digits in
            var start = digits.count
            repeat {
                start -= 1
                digits[start] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            } while rest > 0
            append(UnsafeRawBufferPointer(rebasing: digits[start...]))
        }
    }

    @inline(__always)
    private mutating func reserve(_ more: Int) { if count + more > capacity { grow(by: more) } }

    @inline(never)
    private mutating func grow(by more: Int) {
        capacity = max(capacity * 2, count + more)
        let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
        larger.update(from: base, count: count)
        if isOurs { base.deallocate() }
        (base, isOurs) = (larger, true)
    }
}
