import CNghttp2
import Testing

@testable import HTTP2

@Suite struct FrameMemoryTests {
    private static func withMemory(_ body: (nghttp2_mem, UnsafeMutableRawPointer?) throws -> Void) rethrows {
        let memory = FrameMemory()
        defer { memory.deallocate() }
        try body(memory.functions, memory.functions.mem_user_data)
    }

    @Test(arguments: [0, 1, 16, 17, 240, 384, 385, 20_000])
    func blocksHoldWhatWasAskedFor(size: Int) throws {
        try Self.withMemory { functions, user in
            let blocks = try (0..<8).map { _ in try #require(functions.malloc(size, user)) }
            for (index, block) in blocks.enumerated() {
                #expect(Int(bitPattern: block) % 16 == 0)
                block.initializeMemory(as: UInt8.self, repeating: UInt8(index), count: size)
            }
            for (index, block) in blocks.enumerated() {
                #expect(UnsafeRawBufferPointer(start: block, count: size).allSatisfy { $0 == UInt8(index) })
                functions.free(block, user)
            }
        }
    }

    @Test func aFreedBlockServesTheNextOfItsSize() throws {
        try Self.withMemory { functions, user in
            let first = try #require(functions.malloc(100, user))
            functions.free(first, user)
            let larger = try #require(functions.malloc(200, user))
            #expect(larger != first)
            functions.free(larger, user)
            let again = try #require(functions.calloc(10, 10, user))
            #expect(again == first)
            #expect(UnsafeRawBufferPointer(start: again, count: 100).allSatisfy { $0 == 0 })
            functions.free(again, user)
            functions.free(nil, user)
        }
    }

    @Test(arguments: [(10, 16), (10, 300), (300, 5000), (5000, 9000), (9000, 20)])
    func resizingKeepsTheBytes(from: Int, to: Int) throws {
        try Self.withMemory { functions, user in
            let block = try #require(functions.realloc(nil, from, user))
            block.initializeMemory(as: UInt8.self, repeating: 7, count: from)
            let resized = try #require(functions.realloc(block, to, user))
            #expect(UnsafeRawBufferPointer(start: resized, count: min(from, to)).allSatisfy { $0 == 7 })
            functions.free(resized, user)
        }
    }

    @Test func sizesThatOverflowAreRefused() {
        Self.withMemory { functions, user in
            #expect(functions.malloc(Int.max, user) == nil)
            #expect(functions.calloc(Int.max, 2, user) == nil)
        }
    }
}
