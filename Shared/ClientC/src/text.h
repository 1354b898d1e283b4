/* How gRPC writes text, bytes and times into headers. */
#ifndef CDT_TEXT_H
#define CDT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether bytes are UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF. */
bool cdti_is_utf8(const void *data, size_t length);

/* grpc-message: %XX becomes a byte. Never fails; what is not UTF-8 then, or a NUL, becomes '?'. Writes at most `length`
 * bytes and a NUL to `out`. */
void cdti_percent_decode(const char *text, size_t length, char *out);

/* Base64 without padding, as gRPC sends it. `out` has room for cdti_base64_size(length) and a NUL. */
size_t cdti_base64_size(size_t length);
void cdti_base64_encode(const void *data, size_t length, char *out);

/* Base64 with or without padding, up to a comma (several values may be joined by one). False: not base64. `out` has
 * room for `length` bytes. */
bool cdti_base64_decode(const char *text, size_t length, uint8_t *out, size_t *decoded);

/* grpc-timeout: at most eight digits and a unit, rounded up so that the server never gives up before us. */
void cdti_format_timeout(int64_t milliseconds, char out[12]);

/* A whole number of up to `digits` decimal digits and nothing else; -1: it is none. */
int64_t cdti_number(const char *text, size_t length, size_t digits);

/* Header names gRPC allows, in lower case: digits, letters, '_', '-', '.'. */
bool cdti_is_header_name(const char *name);
/* Visible ASCII and blanks. */
bool cdti_is_header_value(const char *value, size_t length);
/* Names whose values are any bytes, in base64: they end in "-bin". */
bool cdti_is_binary_name(const char *name);
/* What may stand behind "Bearer": visible ASCII without blanks, and not nothing. */
bool cdti_is_token(const char *token);

#endif
