/* Messages on the wire: five bytes (compressed flag, length) and the message, cut anywhere by DATA frames. */
#ifndef CDT_FRAMES_H
#define CDT_FRAMES_H

#include "memory.h"

/* A message as it arrived. */
typedef struct cdti_frame {
    struct cdti_frame *next;
    bool compressed;
    size_t length;
    uint8_t data[];
} cdti_frame;

/* Puts frames together. */
typedef struct cdti_deframer {
    size_t limit;
    uint8_t prefix[5];
    size_t prefix_length;
    cdti_frame *frame;
    size_t filled;
} cdti_deframer;

typedef enum {
    CDTI_FRAME_MORE,     /* all bytes taken, no whole frame */
    CDTI_FRAME_READY,    /* a whole frame; call again for what is left */
    CDTI_FRAME_TOO_LONG, /* the prefix names more than the limit; nothing was allocated */
    CDTI_FRAME_BAD_FLAG, /* the compressed flag is neither 0 nor 1 */
    CDTI_FRAME_NO_MEMORY
} cdti_frame_result;

/* Takes bytes until a frame is whole; moves `data` and `length` on. The frame belongs to the caller: free(). */
cdti_frame_result cdti_deframe(cdti_deframer *deframer, const uint8_t **data, size_t *length, cdti_frame **frame);
/* Whether the stream stopped within a message. */
bool cdti_deframer_is_within(const cdti_deframer *deframer);
void cdti_deframer_reset(cdti_deframer *deframer);

/* Appends prefix and message, compressed if that makes it shorter. False: no memory. */
bool cdti_frame_append(cdti_bytes *out, const ProtobufCMessage *message, size_t packed_size, bool gzip);

typedef enum { CDTI_INFLATED, CDTI_INFLATE_BROKEN, CDTI_INFLATE_TOO_LONG, CDTI_INFLATE_NO_MEMORY } cdti_inflate_result;

/* Undoes gzip; stops at `limit` bytes, however small the input was. */
cdti_inflate_result cdti_inflate(const uint8_t *data, size_t length, size_t limit, cdti_bytes *out);

#endif
