/* libcdt: calls to the suite's services, and to any gRPC server, from C.
 *
 * On libnghttp2 (HTTP/2), libprotobuf-c (messages) and OpenSSL (TLS). A first call:
 *
 *     char error[CDT_ERROR_SIZE];
 *     cdt_options options = {.size = sizeof options, .target = "127.0.0.1:50051"};
 *     cdt_client *client = cdt_client_new(&options, error, sizeof error);
 *     Cdt__Registry__V1__ResolveUnitCodeRequest request = CDT__REGISTRY__V1__RESOLVE_UNIT_CODE_REQUEST__INIT;
 *     request.code = "15", request.date = "2025-06-30";
 *     cdt_call *call = cdt_unary(
 *         client, &cdt__registry__v1__registry_service__descriptor, "ResolveUnitCode", &request.base, NULL);
 *     const Cdt__Registry__V1__ResolveUnitCodeResponse *reply = cdt_reply(call);
 *     if (reply) puts(reply->unit->display_name);
 *     else fprintf(stderr, "%s: %s\n", cdt_code_name(cdt_status(call)), cdt_status_message(call));
 *     cdt_call_free(call);
 *     cdt_client_free(client);
 *
 * Threads. The library has no global state and no locks. A client and its calls belong to one thread at a time: two
 * threads must never be inside functions of the same client at once. Threads that each have a client of their own share
 * nothing. A client may be handed to another thread between calls. Signals are left alone: no SIGPIPE is ever raised.
 * After fork(), the child must not touch a client made before it, not even free it.
 *
 * Memory. What a call returns (messages, texts, metadata) belongs to the call and is valid until cdt_call_free(), a
 * received message of a stream until the next is taken. Every limit is in cdt_options. When memory runs out a call ends
 * with CDT_RESOURCE_EXHAUSTED; functions that return a call return NULL, and all functions accept NULL in its place and
 * then say the same.
 *
 * Strictness. libprotobuf-c accepts invalid UTF-8, cuts strings at a NUL and knows no limit of depth. This library
 * refuses such messages: before sending with CDT_INVALID_ARGUMENT (nothing is sent), on receipt with CDT_INTERNAL. Both
 * errors name the field. One difference to other implementations stays: of a message field inside a oneof that a sender
 * wrote twice, the last replaces the first instead of being merged with it.
 */
#ifndef CDT_CLIENT_H
#define CDT_CLIENT_H

#include <poll.h>
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define CDT_API __attribute__((visibility("default")))
#else
#define CDT_API
#endif

/* ---- Status -------------------------------------------------------------------------------------------------------
 */

/* How a call ended: gRPC's status codes. */
typedef enum cdt_code {
    CDT_OK = 0,
    CDT_CANCELLED = 1,
    CDT_UNKNOWN = 2,
    CDT_INVALID_ARGUMENT = 3,
    CDT_DEADLINE_EXCEEDED = 4,
    CDT_NOT_FOUND = 5,
    CDT_ALREADY_EXISTS = 6,
    CDT_PERMISSION_DENIED = 7,
    CDT_RESOURCE_EXHAUSTED = 8,
    CDT_FAILED_PRECONDITION = 9,
    CDT_ABORTED = 10,
    CDT_OUT_OF_RANGE = 11,
    CDT_UNIMPLEMENTED = 12,
    CDT_INTERNAL = 13,
    CDT_UNAVAILABLE = 14,
    CDT_DATA_LOSS = 15,
    CDT_UNAUTHENTICATED = 16
} cdt_code;

/* "NOT_FOUND" for CDT_NOT_FOUND; never NULL. */
CDT_API const char *cdt_code_name(cdt_code code);

/* The version of the library in use, for example "1.0.0". */
CDT_API const char *cdt_version(void);

/* ---- Client -------------------------------------------------------------------------------------------------------
 */

typedef struct cdt_client cdt_client;
typedef struct cdt_call cdt_call;

/* Room enough for every error text of cdt_client_new(). */
#define CDT_ERROR_SIZE 512

/* How to reach a server and how to treat it. A field that is 0 or NULL has its default, a time of -1 means never. Texts
 * are copied. */
typedef struct cdt_options {
    /* sizeof(cdt_options): tells which version of this header the program was compiled with. */
    size_t size;

    /* "host:port" or "[address]:port". The name is looked up with getaddrinfo() at every connection, which may block;
     * an address never does. */
    const char *target;

    /* TLS 1.2 or newer with ALPN "h2". The server's certificate is always verified. */
    bool tls;
    /* PEM file with the authorities to trust; NULL: the system's. */
    const char *authorities_file;
    /* PEM files of our own certificate chain, leaf first, and its key, for mutual TLS; both or none. */
    const char *certificate_file;
    const char *key_file;
    /* The name the server's certificate must carry; NULL: the target's host. */
    const char *server_name;

    /* Bearer token for every call, without the word Bearer. Refused without TLS, except to a loopback address or with
     * `token_in_plaintext`, since whoever listens could use it. */
    const char *token;
    bool token_in_plaintext;

    /* Put before the library's own name in the header user-agent, for example "so-tttt-import/1.2". */
    const char *user_agent;

    /* Compress messages of 1 KiB and more with gzip. Compressed replies are always understood. */
    bool gzip;

    /* Deadline of a unary call that names none; 30 s. Streams have none unless they name one. */
    int timeout_ms;
    /* For TCP and TLS to be set up, over all addresses of the name; 10 s. */
    int connect_timeout_ms;

    /* With calls under way, a server that has been silent for `keepalive_ms` (60 s; at least 10 s) is pinged, and given
     * up after `keepalive_timeout_ms` (20 s). -1: never. */
    int keepalive_ms;
    int keepalive_timeout_ms;

    /* A call is tried at most so often; 4. 1: never again. Tried again is what failed as UNAVAILABLE and either never
     * reached a handler for certain, or is marked idempotent and had no answer yet. */
    int attempts;
    /* Pause before the second attempt, doubled for each further one up to the maximum, each ±20 %; 100 ms and 5 s. The
     * server's grpc-retry-pushback-ms takes its place. */
    int backoff_ms;
    int backoff_max_ms;

    /* Bytes of one message, also of one that was compressed; 4 MiB each. */
    size_t max_receive_bytes;
    size_t max_send_bytes;
    /* Memory that one received message may take once decoded; 64 MiB. */
    size_t max_message_memory;
    /* Bytes of the headers or of the trailers of a reply, with 32 for each field; 16 KiB. */
    size_t max_header_bytes;
} cdt_options;

/* Makes a client. Nothing is connected before the first call. NULL: `error` says why. */
CDT_API cdt_client *cdt_client_new(const cdt_options *options, char *error, size_t error_size);

/* Ends all calls with CDT_CANCELLED and closes the connection. Calls must still be freed. */
CDT_API void cdt_client_free(cdt_client *client);

/* Another token for calls to come; NULL: none. False: not a token (then nothing has changed), or no memory. */
CDT_API bool cdt_client_set_token(cdt_client *client, const char *token);

/* ---- Calls --------------------------------------------------------------------------------------------------------
 */

/* A header field. Names are lower case. Values of names that end in "-bin" are any bytes, others visible ASCII and
 * blanks. */
typedef struct cdt_metadata {
    const char *name;
    const void *value;
    /* Bytes of `value`; 0 for a value that is not binary: up to its NUL. */
    size_t length;
} cdt_metadata;

/* What is particular about one call. A field that is 0 or NULL has its default. Metadata are copied. */
typedef struct cdt_call_options {
    /* sizeof(cdt_call_options). */
    size_t size;
    /* Deadline for the whole call with all its attempts, sent as grpc-timeout and kept here too. 0: the client's for
     * unary calls, none for streams. -1: none. */
    int timeout_ms;
    /* True when doing it twice is the same as once: reads, and writes with a request or operation id. Then the call is
     * also tried again where the server may have worked on it. */
    bool idempotent;
    /* Instead of the client's; NULL: the client's. */
    const char *token;
    const cdt_metadata *metadata;
    size_t metadata_count;
    /* Called from cdt_client_on_ready() when something may have changed: a message waits, there is room to send, the
     * call has ended. It may use and free any call, but not block and not free the client. */
    void (*on_change)(cdt_call *call, void *context);
    void *context;
} cdt_call_options;

/* A unary call: sends the request, waits for the reply. Then cdt_reply() has it, or cdt_status() says why not.
 * `service` is protoc-c's descriptor of the service, `method` the name of one of its RPCs. */
CDT_API cdt_call *cdt_unary(
    cdt_client *client, const ProtobufCServiceDescriptor *service, const char *method, const ProtobufCMessage *request,
    const cdt_call_options *options);

/* The reply of a unary call that ended with CDT_OK; else NULL. Cast to the method's reply. */
CDT_API const void *cdt_reply(const cdt_call *call);

/* Starts a call with a stream in either direction, or both. Sends nothing yet and does not wait. */
CDT_API cdt_call *cdt_start(
    cdt_client *client, const ProtobufCServiceDescriptor *service, const char *method, const cdt_call_options *options);

/* Sends a message; waits while the server does not take more. In a call that streams both ways a server may not take
 * more before its messages are taken: there, wait with cdt_client_turn() until cdt_can_send(), and take messages
 * meanwhile, as examples/import_teams.c does. False: the call has ended, cdt_status() says how; messages that came
 * before may still be received. */
CDT_API bool cdt_send(cdt_call *call, const ProtobufCMessage *message);

/* Says that no more messages will be sent. Does not wait. */
CDT_API void cdt_end_sending(cdt_call *call);

/* Waits for the next message; valid until the next is received. NULL: there are no more, cdt_status() says why. */
CDT_API const void *cdt_receive(cdt_call *call);

/* Takes no more messages and waits for the end. For a call without a reply still wanted: ends sending, waits, returns
 * the status. */
CDT_API cdt_code cdt_wait(cdt_call *call);

/* Ends a call with CDT_CANCELLED, here and at the server. Nothing happens to a call that has ended. */
CDT_API void cdt_cancel(cdt_call *call);

/* Frees a call, cancelling it if it has not ended. */
CDT_API void cdt_call_free(cdt_call *call);

/* ---- How a call ended
 * ------------------------------------------------------------------------------------------------ */

/* Status of a call that has ended. Of one that goes on: CDT_UNKNOWN. */
CDT_API cdt_code cdt_status(const cdt_call *call);

/* What happened, in English and valid UTF-8; "" with CDT_OK. Never NULL. */
CDT_API const char *cdt_status_message(const cdt_call *call);

/* Reason and domain of the server's google.rpc.ErrorInfo, for example "CODE_NOT_IN_FORCE"; NULL: none. Programs decide
 * by code and reason, never by the message. */
CDT_API const char *cdt_status_reason(const cdt_call *call);
CDT_API const char *cdt_status_domain(const cdt_call *call);

/* The error for people in their language, for example "vi" (google.rpc.LocalizedMessage); NULL: none. */
CDT_API const char *cdt_status_localized(const cdt_call *call, const char *locale);

/* The `index`th detail of a type, for example of &google__rpc__bad_request__descriptor; NULL: none, or not valid. */
CDT_API const void *cdt_status_detail(const cdt_call *call, const ProtobufCMessageDescriptor *type, size_t index);

/* Value of the first field of this name among the reply's headers or trailers, decoded if it ends in "-bin",
 * NUL-terminated; NULL: none. `length` may be NULL. */
CDT_API const char *cdt_header(const cdt_call *call, const char *name, size_t *length);
CDT_API const char *cdt_trailer(const cdt_call *call, const char *name, size_t *length);

/* How often the call has been tried so far. */
CDT_API int cdt_attempts(const cdt_call *call);

/* ---- In an event loop ---------------------------------------------------------------------------------------------
 */

/* Nothing below waits, but cdt_client_turn(). Turn the loop like this:
 *
 *     struct pollfd files[CDT_FILES];
 *     int count = cdt_client_files(client, files);
 *     poll(files, count, cdt_client_timeout(client));
 *     cdt_client_on_ready(client);
 *
 * or give the descriptors and the timeout to another loop and call cdt_client_on_ready() when one is ready or the time
 * has passed. Ask for both again after every call of any function of the client: they change. */

/* At most so many descriptors: the connection, and older ones whose last calls a stopping server still finishes. */
#define CDT_FILES 4

/* Fills in descriptors with POLLIN (want read) and POLLOUT (want write) in `events`; returns how many. */
CDT_API int cdt_client_files(const cdt_client *client, struct pollfd files[CDT_FILES]);

/* Milliseconds until cdt_client_on_ready() is due even if no descriptor is ready; -1: never. */
CDT_API int cdt_client_timeout(const cdt_client *client);

/* Does all that can be done now without waiting, then tells calls by their `on_change`. */
CDT_API void cdt_client_on_ready(cdt_client *client);

/* The loop above, turned once: waits until a descriptor is ready or something is due. For programs without a loop of
 * their own that send and receive at the same time, or wait for several calls. */
CDT_API void cdt_client_turn(cdt_client *client);

/* As cdt_unary(), without waiting. */
CDT_API cdt_call *cdt_start_unary(
    cdt_client *client, const ProtobufCServiceDescriptor *service, const char *method, const ProtobufCMessage *request,
    const cdt_call_options *options);

/* True when a message would be taken now: the call goes on, sending has not ended and little is waiting to be sent. */
CDT_API bool cdt_can_send(const cdt_call *call);

/* As cdt_send(); false also when there is no room now. */
CDT_API bool cdt_try_send(cdt_call *call, const ProtobufCMessage *message);

/* As cdt_receive(); NULL also when no message is there now, see cdt_ended(). */
CDT_API const void *cdt_try_receive(cdt_call *call);

/* True when the call has ended and all its messages have been taken. */
CDT_API bool cdt_ended(const cdt_call *call);

#ifdef __cplusplus
}
#endif
#endif
