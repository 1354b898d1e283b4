#include "memory.h"

#include <stdlib.h>
#include <string.h>

uint8_t *cdti_bytes_reserve(cdti_bytes *bytes, size_t more)
{
    if (more > SIZE_MAX / 2 - bytes->length) return NULL;
    size_t wanted = bytes->length + more;
    if (wanted > bytes->capacity || !bytes->data) {
        size_t capacity = bytes->capacity ? bytes->capacity : 256;
        while (capacity < wanted)
            capacity *= 2;
        uint8_t *data = realloc(bytes->data, capacity);
        if (!data) return NULL;
        bytes->data = data;
        bytes->capacity = capacity;
    }
    return bytes->data + bytes->length;
}

bool cdti_bytes_append(cdti_bytes *bytes, const void *data, size_t length)
{
    uint8_t *end = cdti_bytes_reserve(bytes, length);
    if (!end) return false;
    if (length) memcpy(end, data, length);
    bytes->length += length;
    return true;
}

void cdti_bytes_drop(cdti_bytes *bytes, size_t count)
{
    if (count >= bytes->length) {
        bytes->length = 0;
    } else if (count) {
        memmove(bytes->data, bytes->data + count, bytes->length - count);
        bytes->length -= count;
    }
}

void cdti_bytes_free(cdti_bytes *bytes)
{
    free(bytes->data);
    *bytes = (cdti_bytes){0};
}

struct cdti_block {
    struct cdti_block *next;
    size_t size;
    size_t used;
    _Alignas(max_align_t) unsigned char data[];
};

static void *allocate(void *context, size_t size)
{
    return cdti_arena_take(context, size);
}

/* All goes back at once, in cdti_arena_reset(). */
static void keep(void *context, void *pointer)
{
    (void)context;
    (void)pointer;
}

void cdti_arena_init(cdti_arena *arena, size_t budget)
{
    *arena = (cdti_arena){.budget = budget};
    arena->allocator = (ProtobufCAllocator){.alloc = allocate, .free = keep, .allocator_data = arena};
}

void *cdti_arena_take(cdti_arena *arena, size_t size)
{
    const size_t align = _Alignof(max_align_t);
    if (size > arena->budget) {
        arena->exhausted = true;
        return NULL;
    }
    size = size ? (size + align - 1) / align * align : align;
    if (size > arena->budget - arena->used) {
        arena->exhausted = true;
        return NULL;
    }
    struct cdti_block *block = arena->blocks;
    if (!block || block->size - block->used < size) {
        /* Blocks grow with what is taken, so that small messages stay small. */
        size_t wanted = arena->used < 4096 ? 4096 : arena->used < 65536 ? arena->used : 65536;
        if (wanted < size) wanted = size;
        block = malloc(sizeof *block + wanted);
        if (!block) return NULL;
        *block = (struct cdti_block){.next = arena->blocks, .size = wanted};
        arena->blocks = block;
    }
    void *piece = block->data + block->used;
    block->used += size;
    arena->used += size;
    return piece;
}

void cdti_arena_reset(cdti_arena *arena)
{
    while (arena->blocks) {
        struct cdti_block *next = arena->blocks->next;
        free(arena->blocks);
        arena->blocks = next;
    }
    arena->used = 0;
    arena->exhausted = false;
}

char *cdti_copy(const void *data, size_t length)
{
    char *copy = malloc(length + 1);
    if (!copy) return NULL;
    if (length) memcpy(copy, data, length);
    copy[length] = 0;
    return copy;
}
