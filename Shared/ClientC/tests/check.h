/* A test is a function; CHECK notes what does not hold and goes on. */
#ifndef CDT_TESTS_CHECK_H
#define CDT_TESTS_CHECK_H

#include <stdio.h>
#include <string.h>

extern int check_failures;

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            check_failures++;                                                                                          \
            fprintf(stderr, "%s:%d: %s: not so: %s\n", __FILE__, __LINE__, __func__, #condition);                      \
        }                                                                                                              \
    } while (0)

/* A call ended with a code; else its message is shown. */
#define CHECK_STATUS(call, expected)                                                                                   \
    do {                                                                                                               \
        if (cdt_status(call) != (expected)) {                                                                          \
            check_failures++;                                                                                          \
            fprintf(                                                                                                   \
                stderr, "%s:%d: %s: %s instead of %s: %s\n", __FILE__, __LINE__, __func__,                             \
                cdt_code_name(cdt_status(call)), cdt_code_name(expected), cdt_status_message(call));                   \
        }                                                                                                              \
    } while (0)

#define CHECK_TEXT(actual, expected)                                                                                   \
    do {                                                                                                               \
        const char *found_ = (actual), *wanted_ = (expected);                                                          \
        if (!found_ || strcmp(found_, wanted_) != 0) {                                                                 \
            check_failures++;                                                                                          \
            fprintf(                                                                                                   \
                stderr, "%s:%d: %s: \"%s\" instead of \"%s\"\n", __FILE__, __LINE__, __func__,                         \
                found_ ? found_ : "(NULL)", wanted_);                                                                  \
        }                                                                                                              \
    } while (0)

#define CHECK_CONTAINS(actual, part)                                                                                   \
    do {                                                                                                               \
        const char *found_ = (actual);                                                                                 \
        if (!found_ || !strstr(found_, part)) {                                                                        \
            check_failures++;                                                                                          \
            fprintf(                                                                                                   \
                stderr, "%s:%d: %s: \"%s\" without \"%s\"\n", __FILE__, __LINE__, __func__,                            \
                found_ ? found_ : "(NULL)", part);                                                                     \
        }                                                                                                              \
    } while (0)

#endif
