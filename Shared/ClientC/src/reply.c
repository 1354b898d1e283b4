/* What a server answers, judged by gRPC's rules (grpc/doc/PROTOCOL-HTTP2.md). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "strict.h"
#include "text.h"

void cdti_reply_header(cdt_call *call, const void *name, size_t name_length, const void *value, size_t value_length)
{
    cdti_headers *headers = call->has_headers ? &call->trailers : &call->headers;
    if (headers->size + name_length + value_length + 32 > call->client->options.max_header_bytes) {
        cdti_call_fail(
            call, CDT_RESOURCE_EXHAUSTED, "the reply's headers have more than %zu bytes; raise max_header_bytes",
            call->client->options.max_header_bytes);
        return;
    }
    if (name_length == 7 && memcmp(name, ":status", 7) == 0 && value_length && *(const char *)value == '1') {
        call->informational = true;
    }
    if (!cdti_headers_add(headers, name, name_length, value, value_length)) {
        cdti_call_fail(call, CDT_RESOURCE_EXHAUSTED, "no memory for the reply's headers");
    }
}

/* grpc/doc/http-grpc-status-mapping.md: what a proxy means that does not speak gRPC. */
static cdt_code code_of_http(int64_t status)
{
    switch (status) {
        case 400: return CDT_INTERNAL;
        case 401: return CDT_UNAUTHENTICATED;
        case 403: return CDT_PERMISSION_DENIED;
        case 404: return CDT_UNIMPLEMENTED;
        case 429:
        case 502:
        case 503:
        case 504: return CDT_UNAVAILABLE;
        default: return CDT_UNKNOWN;
    }
}

static bool is_grpc(const char *type)
{
    if (strncmp(type, "application/grpc", 16) != 0) return false;
    return !type[16] || type[16] == '+' || type[16] == ';';
}

/* A header's value for an error text: whatever a server sends must not break a terminal. */
static void printable(const char *value, char out[64])
{
    size_t count = 0;
    for (; value && value[count] && count < 63; count++) {
        out[count] = value[count] >= 0x20 && value[count] <= 0x7E ? value[count] : '?';
    }
    out[count] = 0;
}

/* Whether the answer is gRPC's at all; false: the attempt has been ended. */
static bool check_headers(cdt_call *call)
{
    const char *status = cdti_headers_value(&call->headers, ":status", NULL);
    const char *type = cdti_headers_value(&call->headers, "content-type", NULL);
    char shown[64], text[256];
    if (!status || strcmp(status, "200") != 0) {
        int64_t number = status ? cdti_number(status, strlen(status), 3) : -1;
        printable(status, shown);
        snprintf(
            text, sizeof text, "the server answered HTTP %s instead of gRPC; is %s:%s the service, and not a proxy?",
            shown, call->client->host, call->client->port);
        cdti_call_attempt_failed(call, &(cdti_failure){.code = code_of_http(number), .message = text});
        return false;
    }
    if (!type || !is_grpc(type)) {
        printable(type, shown);
        cdti_call_fail(
            call, CDT_UNKNOWN,
            "the server answered with content type \"%s\" instead of application/grpc; is %s:%s a gRPC "
            "service?",
            shown, call->client->host, call->client->port);
        return false;
    }
    return true;
}

void cdti_reply_headers_end(cdt_call *call, bool end_of_stream)
{
    if (call->has_headers) {
        call->has_trailers = true;
        if (!end_of_stream) {
            cdti_call_fail(call, CDT_INTERNAL, "the server sent headers in the middle of its reply");
            return;
        }
    } else if (call->informational) {
        /* HTTP 1xx: the answer is yet to come. */
        cdti_headers_free(&call->headers);
        call->informational = false;
        return;
    } else if (!end_of_stream) {
        if (!check_headers(call)) return;
        call->has_headers = true;
        cdti_call_changed(call);
        return;
    } else if (cdti_headers_find(&call->headers, "grpc-status")) {
        /* Trailers-Only: one block is headers and trailers. */
        const char *type = cdti_headers_value(&call->headers, "content-type", NULL);
        if (type && !check_headers(call)) return;
        call->trailers = call->headers;
        call->headers = (cdti_headers){0};
        call->has_trailers = true;
    } else if (!check_headers(call)) {
        return;
    }
    cdti_reply_end(call);
}

void cdti_reply_data(cdt_call *call, const uint8_t *data, size_t length)
{
    if (!call->has_headers) {
        cdti_call_fail(call, CDT_INTERNAL, "the server sent a message before its headers");
        return;
    }
    cdti_connection *connection = call->connection;
    int32_t stream = call->stream;
    size_t taken = length;
    cdti_frame *frame;
    cdti_frame_result result;
    while ((result = cdti_deframe(&call->deframer, &data, &length, &frame)) == CDTI_FRAME_READY) {
        if (call->last)
            call->last->next = frame;
        else
            call->first = frame;
        call->last = frame;
        call->received++;
        if (call->unary && call->received > 1) {
            cdti_call_fail(call, CDT_INTERNAL, "the server sent two messages in reply to a unary call");
            return;
        }
        cdti_call_changed(call);
    }
    switch (result) {
        case CDTI_FRAME_TOO_LONG:
            cdti_call_fail(
                call, CDT_RESOURCE_EXHAUSTED,
                "the server sends a message longer than %zu bytes; raise max_receive_bytes or "
                "ask for less at once",
                call->client->options.max_receive_bytes);
            return;
        case CDTI_FRAME_BAD_FLAG:
            cdti_call_fail(call, CDT_INTERNAL, "the server's message has an unknown compression flag");
            return;
        case CDTI_FRAME_NO_MEMORY: cdti_call_fail(call, CDT_RESOURCE_EXHAUSTED, "no memory for the message"); return;
        default: break;
    }
    /* While messages wait to be taken, the server gets no more room than its window; otherwise a message may be longer
     * than the window, and the rest of it must come. */
    if (call->first && !call->unary)
        call->uncredited += taken;
    else
        nghttp2_session_consume_stream(connection->session, stream, taken);
}

/* The server's own status, from its trailers. */
static void end_with_status(cdt_call *call, cdti_field *status)
{
    int64_t code = cdti_number(status->value, status->length, 3);
    cdti_field *field = cdti_headers_find(&call->trailers, "grpc-message");
    char *message = malloc(field ? field->length + 1 : 1);
    if (!message) {
        cdti_call_end(call, CDT_RESOURCE_EXHAUSTED, "no memory");
        return;
    }
    *message = 0;
    if (field) cdti_percent_decode(field->value, field->length, message);
    if (code < 0 || code > CDT_UNAUTHENTICATED) code = CDT_UNKNOWN;
    if (code != CDT_OK) {
        cdti_call_attempt_failed(call, &(cdti_failure){.code = (cdt_code)code, .message = message});
    } else if (cdti_deframer_is_within(&call->deframer)) {
        cdti_call_fail(call, CDT_INTERNAL, "the server ended its reply within a message");
    } else if (call->unary && !call->first) {
        cdti_call_fail(call, CDT_INTERNAL, "the server ended a unary call with OK but sent no message");
    } else {
        if (call->unary) call->reply = cdti_reply_decode(call, call->first);
        if (!call->unary || call->reply) cdti_call_end(call, CDT_OK, "");
    }
    free(message);
}

void cdti_reply_end(cdt_call *call)
{
    cdti_field *status = call->has_trailers ? cdti_headers_find(&call->trailers, "grpc-status") : NULL;
    if (status)
        end_with_status(call, status);
    else
        cdti_call_fail(call, CDT_UNKNOWN, "the server ended its reply without a status (grpc-status)");
}

void cdti_reply_reset(cdt_call *call, uint32_t http2_code)
{
    cdt_code code = CDT_INTERNAL;
    bool unprocessed = false;
    switch (http2_code) {
        case NGHTTP2_REFUSED_STREAM:
            code = CDT_UNAVAILABLE;
            unprocessed = true;
            break;
        /* A server whose own clock says that the deadline has passed breaks off so. */
        case NGHTTP2_CANCEL: code = cdti_now() >= call->deadline ? CDT_DEADLINE_EXCEEDED : CDT_CANCELLED; break;
        case NGHTTP2_ENHANCE_YOUR_CALM: code = CDT_RESOURCE_EXHAUSTED; break;
        case NGHTTP2_INADEQUATE_SECURITY: code = CDT_PERMISSION_DENIED; break;
        default: break;
    }
    char text[128];
    snprintf(
        text, sizeof text, "the server broke the call off (HTTP/2 %s)%s", nghttp2_http2_strerror(http2_code),
        unprocessed ? "; it had not begun with it" : "");
    cdti_call_attempt_failed(call, &(cdti_failure){.code = code, .message = text, .unprocessed = unprocessed});
}

ProtobufCMessage *cdti_reply_decode(cdt_call *call, const cdti_frame *frame)
{
    const uint8_t *data = frame->data;
    size_t length = frame->length;
    cdti_bytes inflated = {0};
    ProtobufCMessage *message = NULL;
    char error[512];
    /* A stream that has ended well can still hold a message that is not valid: then it has not ended well. */
    bool ended = call->state == CDTI_CALL_ENDED;
    cdt_code code = CDT_OK;
    if (frame->compressed) {
        const char *encoding = cdti_headers_value(&call->headers, "grpc-encoding", NULL);
        cdti_inflate_result result = CDTI_INFLATE_BROKEN;
        code = CDT_INTERNAL;
        if (!encoding || strcmp(encoding, "gzip") != 0) {
            char shown[64];
            printable(encoding, shown);
            snprintf(
                error, sizeof error,
                "the server sent a compressed message, but as encoding it named \"%s\" and not gzip", shown);
        } else {
            result = cdti_inflate(
                data, length, call->client ? call->client->options.max_receive_bytes : call->deframer.limit, &inflated);
            if (result == CDTI_INFLATE_TOO_LONG) {
                code = CDT_RESOURCE_EXHAUSTED;
                snprintf(
                    error, sizeof error, "the server's message is too long once decompressed; raise max_receive_bytes");
            } else if (result == CDTI_INFLATE_NO_MEMORY) {
                code = CDT_RESOURCE_EXHAUSTED;
                snprintf(error, sizeof error, "no memory to decompress the server's message");
            } else {
                snprintf(error, sizeof error, "the server's message cannot be decompressed");
            }
        }
        if (result == CDTI_INFLATED) code = CDT_OK;
        data = inflated.data;
        length = inflated.length;
    }
    if (code == CDT_OK) {
        char reason[400];
        message = cdti_decode(call->method->output, data, length, &call->messages, reason, sizeof reason);
        if (!message) {
            code = call->messages.exhausted ? CDT_RESOURCE_EXHAUSTED : CDT_INTERNAL;
            snprintf(error, sizeof error, "the server's message is refused: %s", reason);
        }
    }
    cdti_bytes_free(&inflated);
    if (message) return message;
    if (ended) {
        free(call->message);
        call->message = cdti_copy(error, strlen(error));
        call->code = code;
        cdti_call_changed(call);
    } else {
        cdti_call_end(call, code, error);
    }
    return NULL;
}
