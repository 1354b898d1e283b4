#include "strict.h"

#include <stdio.h>
#include <string.h>

#include "text.h"

typedef struct {
    char *error;
    size_t size;
} cdti_report;

static bool fail(cdti_report *report, const char *type, const char *field, const char *what)
{
    if (field)
        snprintf(report->error, report->size, "%s.%s %s", type, field, what);
    else
        snprintf(report->error, report->size, "%s %s", type, what);
    return false;
}

/* ---- Before sending ---- */

static bool outgoing(const ProtobufCMessage *message, int depth, cdti_report *report);

static bool outgoing_value(
    const char *type, const ProtobufCFieldDescriptor *field, const void *value, bool must, int depth,
    cdti_report *report)
{
    switch (field->type) {
        case PROTOBUF_C_TYPE_STRING: {
            const char *text = *(const char *const *)value;
            if (!text)
                return !must || fail(report, type, field->name, "is a NULL string; set it to \"\" or leave it out");
            return cdti_is_utf8(text, strlen(text)) ||
                   fail(report, type, field->name, "is not valid UTF-8; convert the text before setting it");
        }
        case PROTOBUF_C_TYPE_BYTES: {
            const ProtobufCBinaryData *bytes = value;
            return !bytes->len || bytes->data || fail(report, type, field->name, "has a length but no data");
        }
        case PROTOBUF_C_TYPE_MESSAGE: {
            const ProtobufCMessage *message = *(const ProtobufCMessage *const *)value;
            if (!message) return !must || fail(report, type, field->name, "is a NULL message; set it or leave it out");
            if (message->descriptor != field->descriptor) {
                return fail(report, type, field->name, "holds another type, or was not set to the type's …__INIT");
            }
            return outgoing(message, depth + 1, report);
        }
        default: return true;
    }
}

static size_t value_size(ProtobufCType type)
{
    switch (type) {
        case PROTOBUF_C_TYPE_STRING:
        case PROTOBUF_C_TYPE_MESSAGE: return sizeof(void *);
        case PROTOBUF_C_TYPE_BYTES: return sizeof(ProtobufCBinaryData);
        default: return 0; /* Numbers need no check. */
    }
}

static bool outgoing(const ProtobufCMessage *message, int depth, cdti_report *report)
{
    const ProtobufCMessageDescriptor *type = message->descriptor;
    if (depth > CDTI_MAX_DEPTH) return fail(report, type->name, NULL, "lies too deep in other messages");
    for (unsigned i = 0; i < type->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &type->fields[i];
        const char *base = (const char *)message;
        const char *place = base + field->offset;
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            size_t count, size = value_size(field->type);
            memcpy(&count, base + field->quantifier_offset, sizeof count);
            if (!count) continue;
            const char *values = *(const char *const *)place;
            if (!values) return fail(report, type->name, field->name, "has a count but no elements");
            for (size_t n = 0; size && n < count; n++) {
                if (!outgoing_value(type->name, field, values + n * size, true, depth, report)) return false;
            }
        } else if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
            uint32_t chosen;
            memcpy(&chosen, base + field->quantifier_offset, sizeof chosen);
            if (chosen == field->id && !outgoing_value(type->name, field, place, true, depth, report)) return false;
        } else {
            bool must = field->label == PROTOBUF_C_LABEL_REQUIRED;
            if (!outgoing_value(type->name, field, place, must, depth, report)) return false;
        }
    }
    return true;
}

bool cdti_check_outgoing(const ProtobufCMessage *message, char *error, size_t error_size)
{
    cdti_report report = {error, error_size};
    if (!message || !message->descriptor || message->descriptor->magic != PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC) {
        snprintf(error, error_size, "the message was not set to its type's …__INIT");
        return false;
    }
    return outgoing(message, 0, &report);
}

/* ---- On receipt ---- */

enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

static bool varint(const uint8_t **at, const uint8_t *end, uint64_t *value)
{
    *value = 0;
    for (unsigned shift = 0; shift < 70 && *at < end; shift += 7) {
        uint8_t byte = *(*at)++;
        if (shift == 63 && byte > 1) return false;
        *value |= (uint64_t)(byte & 0x7F) << shift;
        if (!(byte & 0x80)) return true;
    }
    return false;
}

static unsigned wire_type(ProtobufCType type)
{
    switch (type) {
        case PROTOBUF_C_TYPE_SFIXED32:
        case PROTOBUF_C_TYPE_FIXED32:
        case PROTOBUF_C_TYPE_FLOAT: return WIRE_32;
        case PROTOBUF_C_TYPE_SFIXED64:
        case PROTOBUF_C_TYPE_FIXED64:
        case PROTOBUF_C_TYPE_DOUBLE: return WIRE_64;
        case PROTOBUF_C_TYPE_STRING:
        case PROTOBUF_C_TYPE_BYTES:
        case PROTOBUF_C_TYPE_MESSAGE: return WIRE_BYTES;
        default: return WIRE_VARINT;
    }
}

static bool incoming(
    const ProtobufCMessageDescriptor *type, const uint8_t *at, const uint8_t *end, int depth, cdti_report *report)
{
    if (depth > CDTI_MAX_DEPTH) return fail(report, type->name, NULL, "lies too deep in other messages");
    while (at < end) {
        uint64_t tag, length = 0;
        if (!varint(&at, end, &tag) || tag >> 32 || tag < 8)
            return fail(report, type->name, NULL, "has a malformed tag");
        unsigned wire = tag & 7;
        const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(type, (unsigned)(tag >> 3));
        const char *name = field ? field->name : "(unknown field)";
        if (wire == WIRE_VARINT) {
            if (!varint(&at, end, &length)) return fail(report, type->name, name, "has a malformed number");
            length = 0;
        } else if (wire == WIRE_BYTES) {
            if (!varint(&at, end, &length)) return fail(report, type->name, name, "has a malformed length");
        } else if (wire == WIRE_32 || wire == WIRE_64) {
            length = wire == WIRE_32 ? 4 : 8;
        } else {
            return fail(report, type->name, name, "is a group, which libprotobuf-c does not read");
        }
        if (length > (uint64_t)(end - at)) return fail(report, type->name, name, "goes beyond the end of the message");
        const uint8_t *value = at;
        at += length;
        if (!field) continue;

        unsigned declared = wire_type(field->type);
        bool packed = wire == WIRE_BYTES && declared != WIRE_BYTES && field->label == PROTOBUF_C_LABEL_REPEATED;
        if (wire != declared && !packed) return fail(report, type->name, name, "has another wire type than declared");
        if (field->type == PROTOBUF_C_TYPE_STRING) {
            if (length && memchr(value, 0, length)) return fail(report, type->name, name, "holds a NUL");
            if (!cdti_is_utf8(value, length)) return fail(report, type->name, name, "is not valid UTF-8");
        } else if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
            if (!incoming(field->descriptor, value, at, depth + 1, report)) return false;
        }
    }
    return true;
}

bool cdti_check_incoming(
    const ProtobufCMessageDescriptor *type, const uint8_t *data, size_t length, char *error, size_t error_size)
{
    cdti_report report = {error, error_size};
    return !length || incoming(type, data, data + length, 0, &report);
}

ProtobufCMessage *cdti_decode(
    const ProtobufCMessageDescriptor *type, const uint8_t *data, size_t length, cdti_arena *arena, char *error,
    size_t error_size)
{
    if (!cdti_check_incoming(type, data, length, error, error_size)) return NULL;
    /* Never NULL with nothing: libprotobuf-c does arithmetic on it. */
    static const uint8_t nothing[1] = {0};
    ProtobufCMessage *message = protobuf_c_message_unpack(type, &arena->allocator, length, length ? data : nothing);
    if (!message) {
        snprintf(
            error, error_size, "%s %s", type->name,
            arena->exhausted ? "takes more memory than allowed; raise max_message_memory if it is to be trusted"
                             : "could not be decoded");
    }
    return message;
}
