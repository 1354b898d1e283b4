/* Header fields that arrived. */
#ifndef CDT_HEADERS_H
#define CDT_HEADERS_H

#include "memory.h"

typedef struct cdti_field {
    char *name;
    char *value;
    size_t length;
    /* The value of a "-bin" field, decoded when first asked for. */
    char *decoded;
    size_t decoded_length;
} cdti_field;

typedef struct cdti_headers {
    cdti_field *fields;
    size_t count;
    /* As RFC 9113 counts: names, values, and 32 for each field. */
    size_t size;
} cdti_headers;

bool cdti_headers_add(
    cdti_headers *headers, const void *name, size_t name_length, const void *value, size_t value_length);
/* The first of this name; NULL: none. */
cdti_field *cdti_headers_find(const cdti_headers *headers, const char *name);
/* Value of the first of this name, decoded if it ends in "-bin"; NULL: none, or not base64. */
const char *cdti_headers_value(const cdti_headers *headers, const char *name, size_t *length);
void cdti_headers_free(cdti_headers *headers);

#endif
