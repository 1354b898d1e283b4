/* What libprotobuf-c does not check about messages. */
#ifndef CDT_STRICT_H
#define CDT_STRICT_H

#include "memory.h"

/* Messages in messages in … at most so deep. The contract has no recursive types. */
enum { CDTI_MAX_DEPTH = 64 };

/* Whether a message of the program can be sent: initialised, strings in UTF-8, no missing pointers. False: `error`
 * names the field. */
bool cdti_check_outgoing(const ProtobufCMessage *message, char *error, size_t error_size);

/* Whether bytes are a message libprotobuf-c will decode without loss: well formed, wire types as declared, strings in
 * UTF-8 without NUL. False: `error` names the field. */
bool cdti_check_incoming(
    const ProtobufCMessageDescriptor *type, const uint8_t *data, size_t length, char *error, size_t error_size);

/* Checks and decodes into the arena; NULL: `error` says why. */
ProtobufCMessage *cdti_decode(
    const ProtobufCMessageDescriptor *type, const uint8_t *data, size_t length, cdti_arena *arena, char *error,
    size_t error_size);

#endif
