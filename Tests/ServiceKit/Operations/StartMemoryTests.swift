import Testing

@testable import ServiceKit

@Suite struct StartMemoryTests {
    /// Whatever may have been written to, or is no file's, must stay.
    @Test func `of a process only the code of files is given back`() {
        let maps = """
            55d0c0a00000-55d0c0b00000 r--p 00000000 fe:00 131 /usr/bin/registry
            55d0c0b00000-55d0c3f00000 r-xp 00100000 fe:00 131 /usr/bin/registry
            55d0c3f00000-55d0c4000000 rw-p 03500000 fe:00 131 /usr/bin/registry
            55d0c5000000-55d0c6000000 rw-p 00000000 00:00 0 [heap]
            7f0000000000-7f0000200000 r--s 00000000 fe:00 977 /var/lib/cdt/registry.db
            7f0001000000-7f0001010000 r-xp 00000000 00:00 0
            7f0002000000-7f0002100000 r-xp 00026000 fe:00 12 /usr/lib/x86_64-linux-gnu/libc.so.6
            7ffd00000000-7ffd00002000 r-xp 00000000 00:00 0 [vdso]
            """
        #expect(
            StartMemory.code(in: maps) == [0x55d0_c0b0_0000..<0x55d0_c3f0_0000, 0x7f00_0200_0000..<0x7f00_0210_0000])
    }
}
