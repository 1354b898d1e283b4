#include "text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Bytes of the character at `text`, 0 when it is not one (RFC 3629, section 4). */
static size_t character(const uint8_t *text, size_t length)
{
    uint8_t first = text[0];
    if (first < 0x80) return 1;
    size_t size = first >= 0xC2 && first <= 0xDF   ? 2
                  : first >= 0xE0 && first <= 0xEF ? 3
                  : first >= 0xF0 && first <= 0xF4 ? 4
                                                   : 0;
    if (!size || size > length) return 0;
    /* The second byte decides over overlong forms, surrogates and what lies above U+10FFFF. */
    uint8_t low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
    uint8_t high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
    if (text[1] < low || text[1] > high) return 0;
    for (size_t i = 2; i < size; i++) {
        if (text[i] < 0x80 || text[i] > 0xBF) return 0;
    }
    return size;
}

bool cdti_is_utf8(const void *data, size_t length)
{
    const uint8_t *text = data;
    while (length) {
        size_t size = character(text, length);
        if (!size) return false;
        text += size;
        length -= size;
    }
    return true;
}

static int hex(char digit)
{
    if (digit >= '0' && digit <= '9') return digit - '0';
    if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
    if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
    return -1;
}

void cdti_percent_decode(const char *text, size_t length, char *out)
{
    size_t count = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '%' && length - i > 2 && hex(text[i + 1]) >= 0 && hex(text[i + 2]) >= 0) {
            out[count++] = (char)(hex(text[i + 1]) * 16 + hex(text[i + 2]));
            i += 2;
        } else {
            out[count++] = text[i];
        }
    }
    out[count] = 0;
    for (size_t i = 0; i < count;) {
        size_t size = out[i] ? character((const uint8_t *)out + i, count - i) : 0;
        if (!size) out[i] = '?';
        i += size ? size : 1;
    }
}

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t cdti_base64_size(size_t length)
{
    return length / 3 * 4 + (length % 3 ? length % 3 + 1 : 0);
}

void cdti_base64_encode(const void *data, size_t length, char *out)
{
    const uint8_t *bytes = data;
    for (; length >= 3; bytes += 3, length -= 3) {
        *out++ = alphabet[bytes[0] >> 2];
        *out++ = alphabet[(bytes[0] & 3) << 4 | bytes[1] >> 4];
        *out++ = alphabet[(bytes[1] & 15) << 2 | bytes[2] >> 6];
        *out++ = alphabet[bytes[2] & 63];
    }
    if (length) {
        uint8_t second = length == 2 ? bytes[1] : 0;
        *out++ = alphabet[bytes[0] >> 2];
        *out++ = alphabet[(bytes[0] & 3) << 4 | second >> 4];
        if (length == 2) *out++ = alphabet[(second & 15) << 2];
    }
    *out = 0;
}

bool cdti_base64_decode(const char *text, size_t length, uint8_t *out, size_t *decoded)
{
    const char *comma = length ? memchr(text, ',', length) : NULL;
    if (comma) length = (size_t)(comma - text);
    while (length && text[length - 1] == ' ')
        length--;
    for (int padding = 0; padding < 2 && length && text[length - 1] == '='; padding++)
        length--;
    *decoded = 0;
    if (length % 4 == 1) return false;
    uint32_t bits = 0;
    unsigned count = 0;
    for (size_t i = 0; i < length; i++) {
        const char *found = text[i] ? strchr(alphabet, text[i]) : NULL;
        if (!found) return false;
        bits = bits << 6 | (uint32_t)(found - alphabet);
        count += 6;
        if (count >= 8) {
            count -= 8;
            out[(*decoded)++] = (uint8_t)(bits >> count);
        }
    }
    return true;
}

void cdti_format_timeout(int64_t milliseconds, char out[12])
{
    /* 0 is a deadline that has passed; servers want at least 1. */
    if (milliseconds < 1) milliseconds = 1;
    static const struct {
        char name;
        int64_t milliseconds;
    } units[] = {{'m', 1}, {'S', 1000}, {'M', 60000}, {'H', 3600000}};
    for (size_t i = 0; i < 4; i++) {
        int64_t count = milliseconds / units[i].milliseconds + (milliseconds % units[i].milliseconds != 0);
        if (count <= 99999999 || i == 3) {
            if (count > 99999999) count = 99999999;
            snprintf(out, 12, "%" PRIu32 "%c", (uint32_t)count, units[i].name);
            return;
        }
    }
}

int64_t cdti_number(const char *text, size_t length, size_t digits)
{
    if (!length || length > digits || digits > 18) return -1;
    int64_t number = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9') return -1;
        number = number * 10 + (text[i] - '0');
    }
    return number;
}

bool cdti_is_header_name(const char *name)
{
    if (!name || !*name) return false;
    for (; *name; name++) {
        bool allowed = (*name >= 'a' && *name <= 'z') || (*name >= '0' && *name <= '9') || strchr("_-.", *name);
        if (!allowed) return false;
    }
    return true;
}

bool cdti_is_header_value(const char *value, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (value[i] < 0x20 || value[i] > 0x7E) return false;
    }
    return true;
}

bool cdti_is_binary_name(const char *name)
{
    size_t length = strlen(name);
    return length > 4 && strcmp(name + length - 4, "-bin") == 0;
}

bool cdti_is_token(const char *token)
{
    return *token && !strchr(token, ' ') && cdti_is_header_value(token, strlen(token));
}
