/* The HTTP/2 session of a connection: libnghttp2's callbacks, which pass on what arrives to calls. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "text.h"

static cdt_call *call_of(nghttp2_session *session, int32_t stream)
{
    return stream > 0 ? nghttp2_session_get_stream_user_data(session, stream) : NULL;
}

/* One more frame that cost us work and brought nothing. */
static void count_idle_frame(cdti_connection *connection)
{
    int64_t now = cdti_now();
    connection->idle_frames -= (double)(now - connection->idle_frames_at) * CDTI_IDLE_FRAMES_PER_SECOND / 1000;
    if (connection->idle_frames < 0) connection->idle_frames = 0;
    connection->idle_frames_at = now;
    if (++connection->idle_frames > CDTI_IDLE_FRAMES_BURST) connection->flooded = true;
}

static int on_header(
    nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_length, const uint8_t *value,
    size_t value_length, uint8_t flags, void *context)
{
    (void)flags;
    (void)context;
    cdt_call *call = call_of(session, frame->hd.stream_id);
    /* Of a stream nobody waits for, no further field is worth decoding. */
    if (!call) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    cdti_reply_header(call, name, name_length, value, value_length);
    return call->connection ? 0 : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

/* The server stops: its GOAWAY names the calls it still finishes, libnghttp2 refuses the others. */
static void on_goaway(cdti_connection *connection, const nghttp2_goaway *frame)
{
    connection->state = CDTI_CONNECTION_DRAINING;
    static const char complaint[] = "too_many_pings";
    if (frame->opaque_data_len == sizeof complaint - 1 && frame->error_code == NGHTTP2_ENHANCE_YOUR_CALM &&
        memcmp(frame->opaque_data, complaint, sizeof complaint - 1) == 0 && connection->client->keepalive_ms > 0 &&
        connection->client->keepalive_ms < 1 << 29) {
        /* grpc/doc/keepalive.md: double the interval. */
        connection->client->keepalive_ms *= 2;
    }
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
    cdti_connection *connection = context;
    bool end = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    cdt_call *call = call_of(session, frame->hd.stream_id);
    switch (frame->hd.type) {
        case NGHTTP2_HEADERS:
            if (!call) break;
            call->stream_ended = end;
            cdti_reply_headers_end(call, end);
            break;
        case NGHTTP2_DATA:
            if (!end && frame->hd.length == 0) count_idle_frame(connection);
            if (!call || !end) break;
            call->stream_ended = true;
            cdti_reply_end(call);
            break;
        case NGHTTP2_GOAWAY: on_goaway(connection, &frame->goaway); break;
        case NGHTTP2_WINDOW_UPDATE:
        case NGHTTP2_RST_STREAM: break;
        default: count_idle_frame(connection); break;
    }
    return 0;
}

static int on_data(
    nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *data, size_t length, void *context)
{
    (void)flags;
    (void)context;
    cdt_call *call = call_of(session, stream);
    /* The connection's window must not suffer from one call whose messages nobody takes. */
    nghttp2_session_consume_connection(session, length);
    if (call) cdti_reply_data(call, data, length);
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream, uint32_t code, void *context)
{
    (void)context;
    cdt_call *call = call_of(session, stream);
    if (!call) return 0;
    bool ended = call->stream_ended;
    call->stream = 0;
    if (ended)
        cdti_reply_end(call);
    else
        cdti_reply_reset(call, code);
    return 0;
}

static int on_frame_send(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
    (void)context;
    cdt_call *call = call_of(session, frame->hd.stream_id);
    if (call && frame->hd.type == NGHTTP2_HEADERS) call->headers_sent = true;
    /* There is room again for whoever waits to send. */
    if (call && frame->hd.type == NGHTTP2_DATA && !call->sending_ended) cdti_call_changed(call);
    return 0;
}

static int on_frame_not_send(nghttp2_session *session, const nghttp2_frame *frame, int code, void *context)
{
    (void)session;
    cdti_connection *connection = context;
    if (frame->hd.type != NGHTTP2_HEADERS) return 0;
    /* Its stream was never opened, so libnghttp2 does not know the call. */
    for (cdt_call *call = connection->client->calls; call; call = call->next) {
        if (call->connection != connection || call->stream != frame->hd.stream_id) continue;
        char text[160];
        snprintf(text, sizeof text, "the call could not be sent: %s", nghttp2_strerror(code));
        call->stream = 0;
        cdti_call_attempt_failed(call, &(cdti_failure){.code = CDT_UNAVAILABLE, .message = text, .unprocessed = true});
        break;
    }
    return 0;
}

/* Gives libnghttp2 the next bytes of a call's messages. */
static ssize_t read_messages(
    nghttp2_session *session, int32_t stream, uint8_t *place, size_t size, uint32_t *flags, nghttp2_data_source *source,
    void *context)
{
    (void)source;
    (void)context;
    cdt_call *call = call_of(session, stream);
    if (!call) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    size_t waiting = cdti_call_unsent(call);
    if (!waiting && !call->sending_ended) return NGHTTP2_ERR_DEFERRED;
    size_t count = waiting < size ? waiting : size;
    if (count) memcpy(place, call->out.data + call->sent, count);
    call->sent += count;
    if (call->sending_ended && call->sent == call->out.length) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)count;
}

static bool set_callbacks(nghttp2_session_callbacks **callbacks)
{
    if (nghttp2_session_callbacks_new(callbacks)) return false;
    nghttp2_session_callbacks_set_on_header_callback(*callbacks, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(*callbacks, on_frame_recv);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(*callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(*callbacks, on_stream_close);
    nghttp2_session_callbacks_set_on_frame_send_callback(*callbacks, on_frame_send);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(*callbacks, on_frame_not_send);
    return true;
}

bool cdti_session_open(cdti_connection *connection)
{
    nghttp2_session_callbacks *callbacks = NULL;
    nghttp2_option *option = NULL;
    bool made = set_callbacks(&callbacks) && nghttp2_option_new(&option) == 0;
    if (made) {
        nghttp2_option_set_no_auto_window_update(option, 1);
        nghttp2_option_set_no_closed_streams(option, 1);
        made = nghttp2_session_client_new2(&connection->session, callbacks, connection, option) == 0;
    }
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_option_del(option);
    if (!made) return false;
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, CDTI_STREAM_WINDOW},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)connection->client->options.max_header_bytes},
    };
    return nghttp2_submit_settings(connection->session, NGHTTP2_FLAG_NONE, settings, 3) == 0 &&
           nghttp2_session_set_local_window_size(connection->session, NGHTTP2_FLAG_NONE, 0, CDTI_CONNECTION_WINDOW) ==
               0;
}

static nghttp2_nv field(const char *name, const char *value, size_t length, uint8_t flags)
{
    return (nghttp2_nv){(uint8_t *)name, (uint8_t *)value, strlen(name), length, flags};
}

bool cdti_session_submit(cdti_connection *connection, cdt_call *call)
{
    cdt_client *client = connection->client;
    enum { OURS = 12 };
    nghttp2_nv *fields = malloc((OURS + call->metadata.count) * sizeof *fields);
    if (!fields) return false;
    size_t count = 0;
    char timeout[12], attempts[12];
#define ADD(name, value) fields[count++] = field(name, value, strlen(value), NGHTTP2_NV_FLAG_NONE)
    ADD(":method", "POST");
    ADD(":scheme", client->tls ? "https" : "http");
    ADD(":path", call->path);
    ADD(":authority", client->options.server_name ? client->server_name : client->options.target);
    ADD("te", "trailers");
    ADD("content-type", "application/grpc");
    ADD("user-agent", client->agent);
    ADD("grpc-accept-encoding", "identity,gzip");
    if (client->options.gzip) ADD("grpc-encoding", "gzip");
    if (call->deadline != CDTI_NEVER) {
        cdti_format_timeout(call->deadline - cdti_now(), timeout);
        ADD("grpc-timeout", timeout);
    }
    if (call->attempts > 1) {
        snprintf(attempts, sizeof attempts, "%d", call->attempts - 1);
        ADD("grpc-previous-rpc-attempts", attempts);
    }
#undef ADD
    /* A secret stays out of the compression tables. */
    if (call->authorization) {
        fields[count++] =
            field("authorization", call->authorization, strlen(call->authorization), NGHTTP2_NV_FLAG_NO_INDEX);
    }
    for (size_t i = 0; i < call->metadata.count; i++) {
        const cdti_field *added = &call->metadata.fields[i];
        fields[count++] = field(added->name, added->value, added->length, NGHTTP2_NV_FLAG_NONE);
    }
    nghttp2_data_provider provider = {.read_callback = read_messages};
    call->stream = nghttp2_submit_request(connection->session, NULL, fields, count, &provider, call);
    free(fields);
    if (call->stream > 0) return true;
    call->stream = 0;
    return false;
}
