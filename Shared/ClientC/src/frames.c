#include "frames.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

cdti_frame_result cdti_deframe(cdti_deframer *deframer, const uint8_t **data, size_t *length, cdti_frame **frame)
{
    while (*length || deframer->frame) {
        if (!deframer->frame) {
            while (deframer->prefix_length < 5 && *length) {
                deframer->prefix[deframer->prefix_length++] = *(*data)++;
                --*length;
            }
            if (deframer->prefix_length < 5) return CDTI_FRAME_MORE;
            const uint8_t *prefix = deframer->prefix;
            size_t size = (size_t)prefix[1] << 24 | (size_t)prefix[2] << 16 | (size_t)prefix[3] << 8 | prefix[4];
            if (prefix[0] > 1) return CDTI_FRAME_BAD_FLAG;
            /* Before anything is allocated: a peer's claim must cost nothing. */
            if (size > deframer->limit) return CDTI_FRAME_TOO_LONG;
            deframer->frame = malloc(sizeof *deframer->frame + size);
            if (!deframer->frame) return CDTI_FRAME_NO_MEMORY;
            *deframer->frame = (cdti_frame){.compressed = prefix[0], .length = size};
            deframer->filled = 0;
        }
        size_t missing = deframer->frame->length - deframer->filled;
        size_t taken = missing < *length ? missing : *length;
        if (taken) memcpy(deframer->frame->data + deframer->filled, *data, taken);
        deframer->filled += taken;
        *data += taken;
        *length -= taken;
        if (taken < missing) return CDTI_FRAME_MORE;
        *frame = deframer->frame;
        deframer->frame = NULL;
        deframer->prefix_length = 0;
        return CDTI_FRAME_READY;
    }
    return CDTI_FRAME_MORE;
}

bool cdti_deframer_is_within(const cdti_deframer *deframer)
{
    return deframer->prefix_length || deframer->frame;
}

void cdti_deframer_reset(cdti_deframer *deframer)
{
    free(deframer->frame);
    *deframer = (cdti_deframer){.limit = deframer->limit};
}

/* gzip's window and header; deflate's own values otherwise. */
enum { GZIP_WINDOW = 15 + 16, GZIP_MEMORY = 8, WORTH_COMPRESSING = 1024 };

/* A message's bytes, shorter, behind `out`'s end; 0: not shorter, or not possible. */
static size_t compress_into(cdti_bytes *out, const uint8_t *data, size_t length)
{
    z_stream stream = {0};
    if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY, Z_DEFAULT_STRATEGY) !=
        Z_OK) {
        return 0;
    }
    size_t made = 0;
    uint8_t *place = cdti_bytes_reserve(out, length);
    if (place) {
        stream.next_in = (Bytef *)data;
        stream.avail_in = (uInt)length;
        stream.next_out = place;
        stream.avail_out = (uInt)length;
        if (deflate(&stream, Z_FINISH) == Z_STREAM_END) made = stream.total_out;
    }
    deflateEnd(&stream);
    return made;
}

bool cdti_frame_append(cdti_bytes *out, const ProtobufCMessage *message, size_t packed_size, bool gzip)
{
    size_t start = out->length;
    if (!cdti_bytes_reserve(out, 5 + packed_size)) return false;
    out->length += 5;
    size_t size = packed_size;
    bool compressed = false;
    if (gzip && packed_size >= WORTH_COMPRESSING) {
        cdti_bytes packed = {0};
        if (!cdti_bytes_reserve(&packed, packed_size)) return false;
        packed.length = protobuf_c_message_pack(message, packed.data);
        size_t shorter = compress_into(out, packed.data, packed.length);
        cdti_bytes_free(&packed);
        if (shorter) {
            size = shorter;
            compressed = true;
        }
    }
    if (!compressed) size = protobuf_c_message_pack(message, out->data + out->length);
    uint8_t prefix[5] = {compressed, (uint8_t)(size >> 24), (uint8_t)(size >> 16), (uint8_t)(size >> 8), (uint8_t)size};
    memcpy(out->data + start, prefix, 5);
    out->length += size;
    return true;
}

cdti_inflate_result cdti_inflate(const uint8_t *data, size_t length, size_t limit, cdti_bytes *out)
{
    z_stream stream = {0};
    if (inflateInit2(&stream, GZIP_WINDOW) != Z_OK) return CDTI_INFLATE_NO_MEMORY;
    stream.next_in = (Bytef *)data;
    stream.avail_in = (uInt)length;
    cdti_inflate_result result = CDTI_INFLATE_BROKEN;
    for (;;) {
        /* One byte above the limit is what shows that it is passed. */
        size_t room = limit + 1 - out->length;
        if (room > 65536) room = 65536;
        uint8_t *place = cdti_bytes_reserve(out, room);
        if (!place) {
            result = CDTI_INFLATE_NO_MEMORY;
            break;
        }
        stream.next_out = place;
        stream.avail_out = (uInt)room;
        int status = inflate(&stream, Z_NO_FLUSH);
        out->length += room - stream.avail_out;
        if (out->length > limit) {
            result = CDTI_INFLATE_TOO_LONG;
            break;
        }
        if (status == Z_STREAM_END) {
            if (!stream.avail_in) result = CDTI_INFLATED;
            break;
        }
        if (status != Z_OK || (!stream.avail_in && stream.avail_out)) break;
    }
    inflateEnd(&stream);
    return result;
}
