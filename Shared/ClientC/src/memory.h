/* Memory: bytes that grow, and an arena with a budget. */
#ifndef CDT_MEMORY_H
#define CDT_MEMORY_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes in one block. All zero is empty. */
typedef struct cdti_bytes {
    uint8_t *data;
    size_t length;
    size_t capacity;
} cdti_bytes;

/* Room for `more` bytes behind the end; NULL: no memory. */
uint8_t *cdti_bytes_reserve(cdti_bytes *bytes, size_t more);
bool cdti_bytes_append(cdti_bytes *bytes, const void *data, size_t length);
/* Removes bytes at the front. */
void cdti_bytes_drop(cdti_bytes *bytes, size_t count);
void cdti_bytes_free(cdti_bytes *bytes);

/* Memory that is given out piece by piece and taken back all at once. One message that arrived must not take more than
 * its budget, whatever its bytes say: libprotobuf-c may take forty times their number. */
typedef struct cdti_arena {
    struct cdti_block *blocks;
    size_t budget;
    size_t used;
    bool exhausted;
    ProtobufCAllocator allocator;
} cdti_arena;

void cdti_arena_init(cdti_arena *arena, size_t budget);
/* Aligned for any type; NULL: no memory, or over the budget. */
void *cdti_arena_take(cdti_arena *arena, size_t size);
/* Takes everything back; the arena can be used again. */
void cdti_arena_reset(cdti_arena *arena);

/* strndup() that takes any bytes; NULL: no memory. */
char *cdti_copy(const void *data, size_t length);

#endif
