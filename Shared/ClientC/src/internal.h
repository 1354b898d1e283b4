/* What the parts of the library know of each other. A client has calls and connections; a call runs on one connection
 * at a time, a connection serves many calls. All of it is confined to the thread that uses the client. */
#ifndef CDT_INTERNAL_H
#define CDT_INTERNAL_H

#include <nghttp2/nghttp2.h>

#include "cdt/client.h"
#include "frames.h"
#include "headers.h"
#include "memory.h"
#include "transport.h"

/* Milliseconds of a clock that only goes forward; and a time that never comes. */
int64_t cdti_now(void);
#define CDTI_NEVER INT64_MAX

enum {
    /* A message is taken for sending while less than this waits on its call. */
    CDTI_SEND_HIGH_WATER = 65536,
    /* Sent messages of a stream are kept for another attempt up to this. */
    CDTI_RETRY_BYTES = 1 << 20,
    /* Our output waits in memory up to this; then frames stay in their calls. */
    CDTI_OUTPUT_HIGH_WATER = 262144,
    /* Flow control: what the server may send ahead, for one stream and for the connection. */
    CDTI_STREAM_WINDOW = 262144,
    CDTI_CONNECTION_WINDOW = 4 << 20,
    /* Frames that cost us work and bring nothing (PING, SETTINGS, PRIORITY, empty DATA): so many at once, and a second.
     */
    CDTI_IDLE_FRAMES_BURST = 2000,
    CDTI_IDLE_FRAMES_PER_SECOND = 1000
};

/* ---- Calls (call.c, reply.c, status.c) ---- */

typedef enum {
    CDTI_CALL_WAITING, /* for a connection */
    CDTI_CALL_RUNNING, /* on a stream */
    CDTI_CALL_PAUSED,  /* until `retry_at` */
    CDTI_CALL_ENDED
} cdti_call_state;

struct cdt_call {
    cdt_client *client;
    cdt_call *previous, *next;
    /* Calls whose `on_change` is due. */
    cdt_call *changed_previous, *changed_next;
    bool changed;

    /* What was asked for. */
    char *path;
    const ProtobufCMethodDescriptor *method;
    bool unary;
    bool idempotent;
    char *authorization;
    cdti_headers metadata;
    int64_t deadline;
    void (*on_change)(cdt_call *call, void *context);
    void *context;

    /* This attempt. */
    cdti_call_state state;
    int attempts;
    int64_t retry_at;
    struct cdti_connection *connection;
    int32_t stream;
    bool headers_sent;

    /* Out: frames, of which `sent` bytes have gone. Kept from the start while another attempt is possible. */
    cdti_bytes out;
    size_t sent;
    bool sending_ended;
    bool committed;

    /* In. */
    cdti_headers headers, trailers;
    bool has_headers, has_trailers, informational;
    /* The server has ended the stream. */
    bool stream_ended;
    cdti_deframer deframer;
    cdti_frame *first, *last;
    size_t uncredited;
    size_t received;

    /* The end. */
    cdt_code code;
    char *message;
    cdti_arena messages, details_memory;
    ProtobufCMessage *reply;
    ProtobufCMessage *details;
};

/* How an attempt ended that the server did not end with a status of its own. */
typedef struct cdti_failure {
    cdt_code code;
    const char *message;
    /* For certain, no handler has seen the call. */
    bool unprocessed;
    /* Another attempt would end the same. */
    bool final;
} cdti_failure;

/* Ends the call for good; takes it off its stream. */
void cdti_call_end(cdt_call *call, cdt_code code, const char *message);
/* Ends the call with a text of ours. */
void cdti_call_fail(cdt_call *call, cdt_code code, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Ends this attempt; there may be another. */
void cdti_call_attempt_failed(cdt_call *call, const cdti_failure *failure);
/* Its `on_change` is due. */
void cdti_call_changed(cdt_call *call);
/* Takes it off its stream, which is reset if the server has not ended it. */
void cdti_call_detach(cdt_call *call);
/* Bytes of `out` not yet sent. */
size_t cdti_call_unsent(const cdt_call *call);

/* What arrives (reply.c). */
void cdti_reply_header(cdt_call *call, const void *name, size_t name_length, const void *value, size_t value_length);
void cdti_reply_headers_end(cdt_call *call, bool end_of_stream);
void cdti_reply_data(cdt_call *call, const uint8_t *data, size_t length);
void cdti_reply_end(cdt_call *call);
void cdti_reply_reset(cdt_call *call, uint32_t http2_code);
/* Decodes a frame with the rules of the call; NULL: the call has been failed. */
ProtobufCMessage *cdti_reply_decode(cdt_call *call, const cdti_frame *frame);

/* ---- Connections (connection.c, session.c) ---- */

typedef enum {
    CDTI_CONNECTION_OPENING,
    CDTI_CONNECTION_OPEN,
    CDTI_CONNECTION_DRAINING, /* the server takes no new calls */
    CDTI_CONNECTION_CLOSED
} cdti_connection_state;

typedef struct cdti_connection {
    cdt_client *client;
    cdti_connection_state state;
    cdti_transport transport;
    int64_t connect_deadline;
    nghttp2_session *session;
    cdti_bytes output;
    size_t written;
    unsigned calls;
    /* There may be more to read than poll() can see. */
    bool more_to_read;
    /* The server has said something. */
    bool heard;
    int64_t last_read;
    int64_t ping_sent; /* CDTI_NEVER: none under way */
    double idle_frames;
    int64_t idle_frames_at;
    bool flooded;
} cdti_connection;

cdti_connection *cdti_connection_open(cdt_client *client);
/* Reads, answers, notices what has timed out. */
void cdti_connection_advance(cdti_connection *connection, int64_t now);
/* Puts a waiting call on a stream. */
void cdti_connection_start(cdti_connection *connection, cdt_call *call);
/* Writes what can be written. */
void cdti_connection_flush(cdti_connection *connection);
/* When advance() is due even without input. */
int64_t cdti_connection_due(const cdti_connection *connection);
/* Fails the attempts on it; `why` NULL: for the reason the transport gives. */
void cdti_connection_close(cdti_connection *connection, const char *why);
void cdti_connection_free(cdti_connection *connection);

/* The HTTP/2 session of a connection, with its callbacks. False: no memory. */
bool cdti_session_open(cdti_connection *connection);
/* Submits the request of a call. False: no memory or no stream ids left. */
bool cdti_session_submit(cdti_connection *connection, cdt_call *call);

/* ---- The client (client.c) ---- */

struct cdt_client {
    cdt_options options;
    char *host, *port, *server_name, *token, *agent;
    bool loopback;
    SSL_CTX *tls;
    cdt_call *calls, *last_call;
    cdt_call *changed_first, *changed_last;
    cdti_connection *connections[CDT_FILES];
    uint64_t random;
    int keepalive_ms;
};

/* Waiting calls go onto the connection, which is opened if there is none. */
void cdti_client_assign(cdt_client *client);
/* The same for one call. */
void cdti_client_place(cdt_call *call);
/* Between -0.2 and 0.2. */
double cdti_client_jitter(cdt_client *client);

#endif
