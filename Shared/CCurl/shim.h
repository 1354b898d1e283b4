// libcurl for Swift. curl_easy_setopt and curl_easy_getinfo are variadic, which Swift does not import; so here is one
// inline function for each kind of argument. The caller chooses the one that fits the option, as curl's manual names it.
#ifndef CDT_CCURL_SHIM_H
#define CDT_CCURL_SHIM_H

// The option is not a constant here, so curl's compile-time check of arguments has nothing to look at.
#ifndef CURL_DISABLE_TYPECHECK
#define CURL_DISABLE_TYPECHECK
#endif
#include <curl/curl.h>
#include <stddef.h>

static inline CURLcode cdt_curl_global_init(void) { return curl_global_init(CURL_GLOBAL_DEFAULT); }

static inline CURLcode cdt_curl_set_long(CURL *handle, CURLoption option, long value) {
    return curl_easy_setopt(handle, option, value);
}

// curl copies the string, except for CURLOPT_POSTFIELDS.
static inline CURLcode cdt_curl_set_string(CURL *handle, CURLoption option, const char *value) {
    return curl_easy_setopt(handle, option, value);
}

static inline CURLcode cdt_curl_set_offset(CURL *handle, CURLoption option, curl_off_t value) {
    return curl_easy_setopt(handle, option, value);
}

// The list must live until the transfer has ended.
static inline CURLcode cdt_curl_set_list(CURL *handle, CURLoption option, struct curl_slist *value) {
    return curl_easy_setopt(handle, option, value);
}

static inline CURLcode cdt_curl_set_pointer(CURL *handle, CURLoption option, void *value) {
    return curl_easy_setopt(handle, option, value);
}

// For CURLOPT_READFUNCTION, CURLOPT_WRITEFUNCTION and CURLOPT_HEADERFUNCTION.
typedef size_t (*cdt_curl_transfer)(char *buffer, size_t size, size_t count, void *context);
static inline CURLcode cdt_curl_set_transfer(CURL *handle, CURLoption option, cdt_curl_transfer function) {
    return curl_easy_setopt(handle, option, function);
}

static inline CURLcode cdt_curl_set_debug(CURL *handle, curl_debug_callback function) {
    return curl_easy_setopt(handle, CURLOPT_DEBUGFUNCTION, function);
}

static inline CURLcode cdt_curl_get_offset(CURL *handle, CURLINFO info, curl_off_t *value) {
    return curl_easy_getinfo(handle, info, value);
}

static inline CURLcode cdt_curl_get_long(CURL *handle, CURLINFO info, long *value) {
    return curl_easy_getinfo(handle, info, value);
}

#endif
