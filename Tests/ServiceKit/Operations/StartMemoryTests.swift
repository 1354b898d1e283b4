import Testing

@testable import ServiceKit

@Suite struct StartMemoryTests {
    /// Whatever may have been written to, is no file's or may be mapped elsewhere soon must stay.
    @Test func `of a process only code that files hold unchanged is given back`() {
        let mappings = [
            ("55d0c0a00000-55d0c0b00000 r--p 00000000 fe:00 131 /usr/bin/registry", 0),
            ("55d0c0b00000-55d0c3f00000 r-xp 00100000 fe:00 131 /usr/bin/registry", 0),
            // Relocated when the program was loaded.
            ("55d0c3f00000-55d0c4000000 r--p 03500000 fe:00 131 /usr/bin/registry", 1_340),
            ("55d0c4000000-55d0c4100000 rw-p 03600000 fe:00 131 /usr/bin/registry", 0),
            ("55d0c5000000-55d0c6000000 rw-p 00000000 00:00 0 [heap]", 0),
            ("7f0000000000-7f0000200000 r--s 00000000 fe:00 977 /var/lib/cdt/registry.db", 0),
            ("7f0000200000-7f0000300000 rw-s 00000000 fe:00 978 /var/lib/cdt/registry.db-shm", 0),
            ("7f0001000000-7f0001010000 r-xp 00000000 00:00 0", 0),
            // Code that was changed where it lies.
            ("7f0002000000-7f0002100000 r-xp 00026000 fe:00 12 /usr/lib/x86_64-linux-gnu/libc.so.6", 4),
            ("7f0003000000-7f0003100000 r-xp 00026000 fe:00 13 /usr/lib/x86_64-linux-gnu/libm.so.6", 0),
            ("7ffd00000000-7ffd00002000 r-xp 00000000 00:00 0 [vdso]", 0),
        ]
        let smaps = mappings.map { line, anonymous in
            "\(line)\nSize: 1024 kB\nRss: 64 kB\nAnonymous: \(anonymous) kB\nAnonHugePages: 0 kB\nVmFlags: rd mr mw me\n"
        }.joined()
        #expect(
            StartMemory.unchanged(in: smaps) == [
                0x55d0_c0b0_0000..<0x55d0_c3f0_0000, 0x7f00_0300_0000..<0x7f00_0310_0000,
            ])
        // The whole list of this process, of which the kernel gives a page at a time.
        #expect(StartMemory.mappings().utf8.count > 16_384)
        // A kernel that does not tell them apart.
        #expect(StartMemory.unchanged(in: mappings.map(\.0).joined(separator: "\n")).isEmpty)
    }
}
