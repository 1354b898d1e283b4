/* Calls: their beginning, their attempts and their end. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "strict.h"
#include "text.h"

size_t cdti_call_unsent(const cdt_call *call)
{
    return call->out.length - call->sent;
}

void cdti_call_changed(cdt_call *call)
{
    cdt_client *client = call->client;
    if (!call->on_change || call->changed || !client) return;
    call->changed = true;
    call->changed_next = NULL;
    call->changed_previous = client->changed_last;
    if (client->changed_last)
        client->changed_last->changed_next = call;
    else
        client->changed_first = call;
    client->changed_last = call;
}

void cdti_call_detach(cdt_call *call)
{
    cdti_connection *connection = call->connection;
    if (!connection) return;
    if (connection->session && call->stream > 0) {
        nghttp2_session_set_stream_user_data(connection->session, call->stream, NULL);
        bool open =
            !call->stream_ended || nghttp2_session_get_stream_local_close(connection->session, call->stream) == 0;
        if (open) nghttp2_submit_rst_stream(connection->session, NGHTTP2_FLAG_NONE, call->stream, NGHTTP2_CANCEL);
    }
    connection->calls--;
    call->connection = NULL;
    call->stream = 0;
}

/* Forgets what an attempt has received. */
static void forget_reply(cdt_call *call)
{
    cdti_headers_free(&call->headers);
    cdti_headers_free(&call->trailers);
    cdti_deframer_reset(&call->deframer);
    call->has_headers = call->has_trailers = call->informational = call->stream_ended = false;
    call->headers_sent = false;
    call->sent = 0;
    call->received = call->uncredited = 0;
}

static void drop_frames(cdt_call *call)
{
    while (call->first) {
        cdti_frame *next = call->first->next;
        free(call->first);
        call->first = next;
    }
    call->last = NULL;
}

void cdti_call_end(cdt_call *call, cdt_code code, const char *message)
{
    if (call->state == CDTI_CALL_ENDED) return;
    cdti_call_detach(call);
    call->state = CDTI_CALL_ENDED;
    call->code = code;
    call->message = cdti_copy(message, strlen(message));
    cdti_bytes_free(&call->out);
    call->sent = 0;
    cdti_deframer_reset(&call->deframer);
    cdti_call_changed(call);
}

void cdti_call_fail(cdt_call *call, cdt_code code, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    cdti_call_end(call, code, text);
}

/* The pause the server asks for; -1: it asks for none, -2: it wants no other attempt (gRFC A6: anything but a number of
 * milliseconds from 0 on). */
static int64_t pushback(const cdt_call *call)
{
    cdti_field *field = cdti_headers_find(&call->trailers, "grpc-retry-pushback-ms");
    if (!field) return -1;
    int64_t pause = cdti_number(field->value, field->length, 9);
    return pause < 0 ? -2 : pause;
}

static int64_t backoff(const cdt_call *call)
{
    const cdt_options *options = &call->client->options;
    double pause = options->backoff_ms;
    for (int i = 1; i < call->attempts && pause < options->backoff_max_ms; i++)
        pause *= 2;
    if (pause > options->backoff_max_ms) pause = options->backoff_max_ms;
    return (int64_t)(pause * (1 + cdti_client_jitter(call->client)));
}

void cdti_call_attempt_failed(cdt_call *call, const cdti_failure *failure)
{
    if (call->state == CDTI_CALL_ENDED) return;
    int64_t asked = pushback(call);
    bool may_repeat = !call->has_headers && (failure->unprocessed || call->idempotent);
    bool again = failure->code == CDT_UNAVAILABLE && may_repeat && !failure->final && !call->committed && asked != -2 &&
                 call->attempts < call->client->options.attempts;
    int64_t retry_at = cdti_now() + (asked >= 0 ? asked : backoff(call));
    /* A pause beyond the deadline would only hide why the call failed. */
    if (!again || retry_at >= call->deadline) {
        cdti_call_end(call, failure->code, failure->message);
        return;
    }
    cdti_call_detach(call);
    forget_reply(call);
    call->state = CDTI_CALL_PAUSED;
    call->retry_at = retry_at;
}

/* ---- Beginning ---- */

static const ProtobufCMethodDescriptor *find_method(const ProtobufCServiceDescriptor *service, const char *name)
{
    for (unsigned i = 0; name && i < service->n_methods; i++) {
        if (strcmp(service->methods[i].name, name) == 0) return &service->methods[i];
    }
    return NULL;
}

static bool is_reserved(const char *name)
{
    static const char *const ours[] = {
        "te",   "content-type", "content-length",   "user-agent",        "authorization", "connection",
        "host", "keep-alive",   "proxy-connection", "transfer-encoding", "upgrade"};
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
        if (strcmp(name, ours[i]) == 0) return true;
    }
    return strncmp(name, "grpc-", 5) == 0;
}

/* Copies what the caller adds to the headers; false: the call has been failed. */
static bool add_metadata(cdt_call *call, const cdt_metadata *field)
{
    const char *name = field->name ? field->name : "";
    if (!cdti_is_header_name(name) || is_reserved(name)) {
        const char *advice = strcmp(name, "authorization") == 0 ? "; give the token in the options" : "";
        cdti_call_fail(call, CDT_INVALID_ARGUMENT, "not sent: metadata cannot be named \"%s\"%s", name, advice);
        return false;
    }
    bool binary = cdti_is_binary_name(name);
    const char *value = field->value ? field->value : "";
    size_t length = field->value && !binary && !field->length ? strlen(value) : field->value ? field->length : 0;
    char *encoded = NULL;
    if (binary) {
        encoded = malloc(cdti_base64_size(length) + 1);
        if (encoded) cdti_base64_encode(value, length, encoded);
    } else if (!cdti_is_header_value(value, length)) {
        cdti_call_fail(
            call, CDT_INVALID_ARGUMENT,
            "not sent: the value of metadata %s is not ASCII; name it %s-bin to send any bytes", name, name);
        return false;
    }
    bool added = (!binary || encoded) &&
                 cdti_headers_add(
                     &call->metadata, name, strlen(name), binary ? encoded : value, binary ? strlen(encoded) : length);
    free(encoded);
    if (!added) cdti_call_fail(call, CDT_RESOURCE_EXHAUSTED, "no memory");
    return added;
}

static bool set_authorization(cdt_call *call, const char *token)
{
    cdt_client *client = call->client;
    if (!token) return true;
    if (!cdti_is_token(token)) {
        cdti_call_fail(
            call, CDT_INVALID_ARGUMENT, "not sent: the token holds blanks or other characters than visible ASCII");
        return false;
    }
    if (!client->options.tls && !client->loopback && !client->options.token_in_plaintext) {
        cdti_call_fail(
            call, CDT_INVALID_ARGUMENT,
            "not sent: a token would go over the network in plaintext; set tls, or token_in_plaintext in a closed "
            "network");
        return false;
    }
    size_t size = strlen(token) + sizeof "Bearer ";
    call->authorization = malloc(size);
    if (!call->authorization) {
        cdti_call_fail(call, CDT_RESOURCE_EXHAUSTED, "no memory");
        return false;
    }
    snprintf(call->authorization, size, "Bearer %s", token);
    return true;
}

static void link_call(cdt_client *client, cdt_call *call)
{
    call->client = client;
    call->previous = client->last_call;
    if (client->last_call)
        client->last_call->next = call;
    else
        client->calls = call;
    client->last_call = call;
}

/* A call that waits for its connection, or one that has failed already; NULL: no memory. */
static cdt_call *new_call(
    cdt_client *client, const ProtobufCServiceDescriptor *service, const char *method, const cdt_call_options *given,
    bool unary)
{
    cdt_call *call = calloc(1, sizeof *call);
    if (!call) return NULL;
    cdt_call_options options = {0};
    if (given) memcpy(&options, given, given->size < sizeof options ? given->size : sizeof options);
    call->unary = unary;
    call->idempotent = options.idempotent;
    call->on_change = options.on_change;
    call->context = options.context;
    call->deadline = CDTI_NEVER;
    call->deframer.limit = client->options.max_receive_bytes;
    cdti_arena_init(&call->messages, client->options.max_message_memory);
    cdti_arena_init(&call->details_memory, client->options.max_message_memory);
    link_call(client, call);

    if (given && !given->size) {
        cdti_call_fail(
            call, CDT_INVALID_ARGUMENT, "not sent: the call's options have no size; set it to sizeof options");
        return call;
    }
    call->method = service ? find_method(service, method) : NULL;
    if (!call->method) {
        cdti_call_fail(
            call, CDT_INVALID_ARGUMENT, "not sent: %s has no method %s", service ? service->name : "no service given",
            method ? method : "(none given)");
        return call;
    }
    size_t size = strlen(service->name) + strlen(method) + 3;
    call->path = malloc(size);
    if (!call->path) {
        cdti_call_fail(call, CDT_RESOURCE_EXHAUSTED, "no memory");
        return call;
    }
    snprintf(call->path, size, "/%s/%s", service->name, method);
    if (!set_authorization(call, options.token ? options.token : client->token)) return call;
    for (size_t i = 0; i < options.metadata_count; i++) {
        if (!add_metadata(call, &options.metadata[i])) return call;
    }
    int timeout = options.timeout_ms ? options.timeout_ms : unary ? client->options.timeout_ms : -1;
    if (timeout > 0) call->deadline = cdti_now() + timeout;
    return call;
}

/* Puts a message behind those to be sent; false: the call has been failed. */
static bool add_message(cdt_call *call, const ProtobufCMessage *message)
{
    char error[512];
    if (message && message->descriptor != call->method->input) {
        cdti_call_fail(
            call, CDT_INVALID_ARGUMENT, "not sent: %s takes a %s, not a %s", call->path, call->method->input->name,
            message->descriptor ? message->descriptor->name : "message without type");
        return false;
    }
    if (!cdti_check_outgoing(message, error, sizeof error)) {
        cdti_call_fail(call, CDT_INVALID_ARGUMENT, "not sent: %s", error);
        return false;
    }
    const cdt_options *options = &call->client->options;
    size_t size = protobuf_c_message_get_packed_size(message);
    if (size > options->max_send_bytes) {
        cdti_call_fail(
            call, CDT_RESOURCE_EXHAUSTED,
            "not sent: the message has %zu bytes, allowed are %zu; send fewer things at once", size,
            options->max_send_bytes);
        return false;
    }
    /* Another attempt needs every byte from the first on; a long stream cannot be kept for that. */
    if (!call->unary && call->out.length + size > CDTI_RETRY_BYTES) call->committed = true;
    if (call->committed) {
        cdti_bytes_drop(&call->out, call->sent);
        call->sent = 0;
    }
    if (!cdti_frame_append(&call->out, message, size, options->gzip)) {
        cdti_call_fail(call, CDT_RESOURCE_EXHAUSTED, "no memory for the message");
        return false;
    }
    return true;
}

/* Lets the stream send on. */
static void resume(cdt_call *call)
{
    if (call->connection && call->stream > 0) nghttp2_session_resume_data(call->connection->session, call->stream);
}

/* What can go out at once does, so that nothing waits for the loop's next turn. */
static void push(cdt_call *call)
{
    if (call->state == CDTI_CALL_WAITING) cdti_client_place(call);
    if (call->connection) cdti_connection_flush(call->connection);
}

cdt_call *cdt_start(
    cdt_client *client, const ProtobufCServiceDescriptor *service, const char *method, const cdt_call_options *options)
{
    cdt_call *call = client ? new_call(client, service, method, options, false) : NULL;
    if (call) push(call);
    return call;
}

cdt_call *cdt_start_unary(
    cdt_client *client, const ProtobufCServiceDescriptor *service, const char *method, const ProtobufCMessage *request,
    const cdt_call_options *options)
{
    cdt_call *call = client ? new_call(client, service, method, options, true) : NULL;
    if (!call || call->state == CDTI_CALL_ENDED || !add_message(call, request)) return call;
    call->sending_ended = true;
    push(call);
    return call;
}

/* ---- Streams ---- */

bool cdt_can_send(const cdt_call *call)
{
    return call && call->state != CDTI_CALL_ENDED && !call->sending_ended &&
           cdti_call_unsent(call) < CDTI_SEND_HIGH_WATER;
}

bool cdt_try_send(cdt_call *call, const ProtobufCMessage *message)
{
    if (!cdt_can_send(call) || !add_message(call, message)) return false;
    resume(call);
    push(call);
    return true;
}

void cdt_end_sending(cdt_call *call)
{
    if (!call || call->state == CDTI_CALL_ENDED || call->sending_ended) return;
    call->sending_ended = true;
    resume(call);
    push(call);
}

const void *cdt_try_receive(cdt_call *call)
{
    if (!call || call->unary || !call->first) return NULL;
    cdti_frame *frame = call->first;
    call->first = frame->next;
    if (!call->first) call->last = NULL;
    cdti_arena_reset(&call->messages);
    const ProtobufCMessage *message = cdti_reply_decode(call, frame);
    free(frame);
    /* What was held back while messages waited is the server's to send again. */
    if (!call->first && call->uncredited && call->connection && call->stream > 0) {
        nghttp2_session_consume_stream(call->connection->session, call->stream, call->uncredited);
        call->uncredited = 0;
        cdti_connection_flush(call->connection);
    }
    if (!message) drop_frames(call);
    return message;
}

bool cdt_ended(const cdt_call *call)
{
    return !call || (call->state == CDTI_CALL_ENDED && (call->unary || !call->first));
}

const void *cdt_reply(const cdt_call *call)
{
    return call && call->state == CDTI_CALL_ENDED && call->code == CDT_OK ? call->reply : NULL;
}

/* ---- The end ---- */

void cdt_cancel(cdt_call *call)
{
    if (!call || call->state == CDTI_CALL_ENDED) return;
    cdti_connection *connection = call->connection;
    cdti_call_end(call, CDT_CANCELLED, "cancelled by this program");
    if (connection) cdti_connection_flush(connection);
}

static void unlink_call(cdt_call *call)
{
    cdt_client *client = call->client;
    if (!client) return;
    if (call->changed) {
        if (call->changed_previous)
            call->changed_previous->changed_next = call->changed_next;
        else
            client->changed_first = call->changed_next;
        if (call->changed_next)
            call->changed_next->changed_previous = call->changed_previous;
        else
            client->changed_last = call->changed_previous;
    }
    if (call->previous)
        call->previous->next = call->next;
    else
        client->calls = call->next;
    if (call->next)
        call->next->previous = call->previous;
    else
        client->last_call = call->previous;
}

void cdt_call_free(cdt_call *call)
{
    if (!call) return;
    cdt_cancel(call);
    unlink_call(call);
    drop_frames(call);
    cdti_deframer_reset(&call->deframer);
    cdti_headers_free(&call->headers);
    cdti_headers_free(&call->trailers);
    cdti_headers_free(&call->metadata);
    cdti_bytes_free(&call->out);
    cdti_arena_reset(&call->messages);
    cdti_arena_reset(&call->details_memory);
    free(call->path);
    free(call->authorization);
    free(call->message);
    free(call);
}
