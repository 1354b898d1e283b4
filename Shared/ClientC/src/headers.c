#include "headers.h"

#include <stdlib.h>
#include <string.h>

#include "text.h"

bool cdti_headers_add(
    cdti_headers *headers, const void *name, size_t name_length, const void *value, size_t value_length)
{
    cdti_field *fields = realloc(headers->fields, (headers->count + 1) * sizeof *fields);
    if (!fields) return false;
    headers->fields = fields;
    cdti_field field = {
        .name = cdti_copy(name, name_length), .value = cdti_copy(value, value_length), .length = value_length};
    if (!field.name || !field.value) {
        free(field.name);
        free(field.value);
        return false;
    }
    fields[headers->count++] = field;
    headers->size += name_length + value_length + 32;
    return true;
}

cdti_field *cdti_headers_find(const cdti_headers *headers, const char *name)
{
    for (size_t i = 0; i < headers->count; i++) {
        if (strcmp(headers->fields[i].name, name) == 0) return &headers->fields[i];
    }
    return NULL;
}

const char *cdti_headers_value(const cdti_headers *headers, const char *name, size_t *length)
{
    cdti_field *field = cdti_headers_find(headers, name);
    if (!field) return NULL;
    if (!cdti_is_binary_name(name)) {
        if (length) *length = field->length;
        return field->value;
    }
    if (!field->decoded) {
        uint8_t *decoded = malloc(field->length + 1);
        if (!decoded) return NULL;
        if (!cdti_base64_decode(field->value, field->length, decoded, &field->decoded_length)) {
            free(decoded);
            return NULL;
        }
        decoded[field->decoded_length] = 0;
        field->decoded = (char *)decoded;
    }
    if (length) *length = field->decoded_length;
    return field->decoded;
}

void cdti_headers_free(cdti_headers *headers)
{
    for (size_t i = 0; i < headers->count; i++) {
        free(headers->fields[i].name);
        free(headers->fields[i].value);
        free(headers->fields[i].decoded);
    }
    free(headers->fields);
    *headers = (cdti_headers){0};
}
