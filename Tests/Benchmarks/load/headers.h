// Header blocks (HPACK, RFC 7541) as gRPC Core makes them: `authorization` is a literal that is not indexed, all other
// fields are literals that are, and then indices. Nothing is Huffman-coded.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST_FRAME = 16384 };

typedef struct {
    uint8_t bytes[LARGEST_FRAME * 2];
    size_t count;
} Bytes;

_Noreturn static void fail(const char *what) {
    fprintf(stderr, "calls: %s\n", what);
    exit(1);
}

static void put(Bytes *to, const void *bytes, size_t count) {
    if (to->count + count > LARGEST_FRAME) fail("a frame would be too large");
    memcpy(to->bytes + to->count, bytes, count);
    to->count += count;
}

static void put_number(Bytes *to, uint8_t mark, int bits, size_t number) {
    size_t most = (1u << bits) - 1;
    uint8_t byte = mark | (uint8_t)(number < most ? number : most);
    put(to, &byte, 1);
    if (number < most) return;
    for (number -= most; number >= 128; number >>= 7) {
        byte = 128 | (number & 127);
        put(to, &byte, 1);
    }
    byte = (uint8_t)number;
    put(to, &byte, 1);
}

static void put_text(Bytes *to, const char *text, size_t count) {
    put_number(to, 0, 7, count);
    put(to, text, count);
}

static void put_literal(Bytes *to, uint8_t mark, const char *name, size_t name_count, const char *value) {
    put(to, &mark, 1);
    put_text(to, name, name_count);
    put_text(to, value, strlen(value));
}

typedef struct {
    const char *name, *value;
    size_t name_count;
} Field;

// The header blocks of the first call of a connection, and of those that follow.
static void make_blocks(Bytes *first, Bytes *later, const Field *fields, int count) {
    int indexed = 0, before = 0;
    for (int i = 0; i < count; i++) indexed += strncmp(fields[i].name, "authorization", fields[i].name_count) != 0;
    put(first, "\x83\x86", 2);  // :method POST, :scheme http
    put(later, "\x83\x86", 2);
    for (int i = 0; i < count; i++) {
        const Field *field = &fields[i];
        if (strncmp(field->name, "authorization", field->name_count) == 0) {
            put_literal(first, 0x00, field->name, field->name_count, field->value);
            put_literal(later, 0x00, field->name, field->name_count, field->value);
        } else {
            put_literal(first, 0x40, field->name, field->name_count, field->value);
            // The newest entry of the dynamic table has the index 62.
            put_number(later, 0x80, 7, 62 + indexed - 1 - before++);
        }
    }
}
