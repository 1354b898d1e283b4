/* How a call ended, for the program to read. */
#include <string.h>

#include "google/protobuf/any.pb-c.h"
#include "google/rpc/error_details.pb-c.h"
#include "google/rpc/status.pb-c.h"
#include "internal.h"
#include "strict.h"

const char *cdt_code_name(cdt_code code)
{
    static const char *const names[] = {
        "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
        "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
        "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
        "DATA_LOSS", "UNAUTHENTICATED"};
    return (unsigned)code < sizeof names / sizeof *names ? names[code] : "UNKNOWN";
}

cdt_code cdt_status(const cdt_call *call)
{
    if (!call) return CDT_RESOURCE_EXHAUSTED;
    return call->state == CDTI_CALL_ENDED ? call->code : CDT_UNKNOWN;
}

const char *cdt_status_message(const cdt_call *call)
{
    if (!call) return "no memory for the call";
    if (call->state != CDTI_CALL_ENDED) return "the call has not ended";
    return call->message ? call->message : "no memory for the message";
}

int cdt_attempts(const cdt_call *call)
{
    return call ? call->attempts : 0;
}

const char *cdt_header(const cdt_call *call, const char *name, size_t *length)
{
    return call && name ? cdti_headers_value(&call->headers, name, length) : NULL;
}

const char *cdt_trailer(const cdt_call *call, const char *name, size_t *length)
{
    return call && name ? cdti_headers_value(&call->trailers, name, length) : NULL;
}

/* google.rpc.Status of the trailers, decoded when first asked for; NULL: none. */
static const Google__Rpc__Status *details_of(cdt_call *call)
{
    size_t length;
    if (!call->details && call->state == CDTI_CALL_ENDED) {
        const char *data = cdti_headers_value(&call->trailers, "grpc-status-details-bin", &length);
        char error[128];
        if (!data) return NULL;
        call->details = cdti_decode(
            &google__rpc__status__descriptor, (const uint8_t *)data, length, &call->details_memory, error,
            sizeof error);
    }
    return (const Google__Rpc__Status *)call->details;
}

const void *cdt_status_detail(const cdt_call *call, const ProtobufCMessageDescriptor *type, size_t index)
{
    /* Decoding on first use changes nothing that a caller can see. */
    cdt_call *cache = (cdt_call *)call;
    const Google__Rpc__Status *status = call && type ? details_of(cache) : NULL;
    for (size_t i = 0; status && i < status->n_details; i++) {
        const Google__Protobuf__Any *any = status->details[i];
        const char *slash = strrchr(any->type_url, '/');
        if (!slash || strcmp(slash + 1, type->name) != 0 || index-- > 0) continue;
        char error[128];
        return cdti_decode(type, any->value.data, any->value.len, &cache->details_memory, error, sizeof error);
    }
    return NULL;
}

const char *cdt_status_reason(const cdt_call *call)
{
    const Google__Rpc__ErrorInfo *info = cdt_status_detail(call, &google__rpc__error_info__descriptor, 0);
    return info ? info->reason : NULL;
}

const char *cdt_status_domain(const cdt_call *call)
{
    const Google__Rpc__ErrorInfo *info = cdt_status_detail(call, &google__rpc__error_info__descriptor, 0);
    return info ? info->domain : NULL;
}

const char *cdt_status_localized(const cdt_call *call, const char *locale)
{
    for (size_t i = 0; locale; i++) {
        const Google__Rpc__LocalizedMessage *text =
            cdt_status_detail(call, &google__rpc__localized_message__descriptor, i);
        if (!text) return NULL;
        if (strcmp(text->locale, locale) == 0) return text->message;
    }
    return NULL;
}
