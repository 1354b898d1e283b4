/* Servers that break the rules (hostile_server.py): each call ends soon, with the right status, and harms nothing.
 * hostile ADDRESS */
#include <arpa/inet.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "grpc/testing/test.pb-c.h"
#include "internal.h"

/* Of a call: what the server does must end it before. */
enum { TIMEOUT_MS = 60000 };

int check_failures;
static const char *address;
static const ProtobufCServiceDescriptor *const service = &grpc__testing__test_service__descriptor;

static cdt_client *open_client(void)
{
    cdt_options options = {
        .size = sizeof options,
        .target = address,
        .timeout_ms = TIMEOUT_MS,
        .backoff_ms = 20,
        .max_receive_bytes = 1 << 20};
    cdt_client *client = cdt_client_new(&options, NULL, 0);
    CHECK(client);
    return client;
}

static cdt_call *call_case(cdt_client *client, const char *name, bool idempotent, int timeout_ms)
{
    const cdt_metadata field = {"case", name, 0};
    cdt_call_options options = {
        .size = sizeof options,
        .metadata = &field,
        .metadata_count = 1,
        .idempotent = idempotent,
        .timeout_ms = timeout_ms};
    Grpc__Testing__SimpleRequest request = GRPC__TESTING__SIMPLE_REQUEST__INIT;
    return cdt_unary(client, service, "UnaryCall", &request.base, &options);
}

/* Every case alone: how it ends, after how many attempts, and a part of what is said about it. */
static void every_case_ends_as_it_should(void)
{
    static const struct {
        const char *name;
        cdt_code code;
        int attempts;
        const char *part;
        bool idempotent;
    } table[] = {
        {"good", CDT_OK, 1, "", false},
        {"goaway_midway", CDT_OK, 1, "", false},
        {"goaway_refuses", CDT_OK, 2, "", false},
        {"refused", CDT_OK, 3, "", false},
        {"rst_after_header", CDT_INTERNAL, 1, "INTERNAL_ERROR", true},
        {"rst_during_data", CDT_INTERNAL, 1, "INTERNAL_ERROR", true},
        {"rst_after_data", CDT_CANCELLED, 1, "CANCEL", true},
        {"ping", CDT_OK, 1, "", false},
        {"padding", CDT_OK, 1, "", false},
        {"no_padding", CDT_OK, 1, "", false},
        {"content_type", CDT_UNKNOWN, 1, "text/html", true},
        {"no_content_type", CDT_UNKNOWN, 1, "content type", true},
        {"http_404", CDT_UNIMPLEMENTED, 1, "HTTP 404", true},
        {"http_503", CDT_OK, 2, "", true},
        {"informational", CDT_OK, 1, "", false},
        {"no_status", CDT_UNKNOWN, 1, "without a status", true},
        {"trailers_without_status", CDT_UNKNOWN, 1, "without a status", true},
        {"headers_only", CDT_UNKNOWN, 1, "without a status", true},
        {"data_first", CDT_UNAVAILABLE, 1, "rules of HTTP/2", false},
        {"status_99", CDT_UNKNOWN, 1, "hà%", true},
        {"status_text", CDT_UNKNOWN, 1, "", true},
        {"compressed_without_encoding", CDT_INTERNAL, 1, "compressed", true},
        {"unknown_encoding", CDT_INTERNAL, 1, "", true},
        {"gzip_bomb", CDT_RESOURCE_EXHAUSTED, 1, "too long once decompressed", true},
        {"broken_gzip", CDT_INTERNAL, 1, "cannot be decompressed", true},
        {"giant_length", CDT_RESOURCE_EXHAUSTED, 1, "max_receive_bytes", true},
        {"bad_flag", CDT_INTERNAL, 1, "compression flag", true},
        {"truncated", CDT_INTERNAL, 1, "within a message", true},
        {"two_messages", CDT_INTERNAL, 1, "two messages", true},
        {"no_message", CDT_INTERNAL, 1, "sent no message", true},
        {"invalid_utf8", CDT_INTERNAL, 1, "SimpleResponse.username is not valid UTF-8", true},
        {"nul", CDT_INTERNAL, 1, "SimpleResponse.username holds a NUL", true},
        {"malformed", CDT_INTERNAL, 1, "goes beyond the end", true},
        {"never_ending_headers", CDT_UNAVAILABLE, 1, "CONTINUATION", false},
        {"many_headers", CDT_RESOURCE_EXHAUSTED, 1, "max_header_bytes", true},
        {"ping_flood", CDT_UNAVAILABLE, 1, "floods", false},
        {"settings_flood", CDT_UNAVAILABLE, 1, "lood", false},
        {"empty_data_flood", CDT_UNAVAILABLE, 1, "floods", false},
        {"garbage", CDT_UNAVAILABLE, 1, "lost the connection", false},
        {"http1", CDT_UNAVAILABLE, 1, "lost the connection", false},
        {"push", CDT_UNAVAILABLE, 1, "lost the connection", false},
        {"hangs_up", CDT_UNAVAILABLE, 1, "lost the connection", false},
        {"hangs_up_once", CDT_OK, 2, "", true},
        {"unavailable", CDT_UNAVAILABLE, 1, "busy", false},
        {"unavailable_twice", CDT_OK, 3, "", true},
        {"pushback_never", CDT_UNAVAILABLE, 1, "busy", true},
        {"message_then_unavailable", CDT_UNAVAILABLE, 1, "", true},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        cdt_client *client = open_client();
        int64_t began = cdti_now();
        cdt_call *call = call_case(client, table[i].name, table[i].idempotent, 0);
        int before = check_failures;
        CHECK_STATUS(call, table[i].code);
        CHECK(cdt_attempts(call) == table[i].attempts);
        CHECK_CONTAINS(cdt_status_message(call), table[i].part);
        CHECK(cdti_now() - began < TIMEOUT_MS);
        if (check_failures > before) fprintf(stderr, "  in case %s\n", table[i].name);
        cdt_call_free(call);
        /* The client is as good as new. */
        call = call_case(client, "good", false, 0);
        CHECK_STATUS(call, CDT_OK);
        cdt_call_free(call);
        cdt_client_free(client);
    }
}

static void a_server_that_stops_is_left_for_a_new_connection(void)
{
    cdt_client *client = open_client();
    for (int i = 0; i < 5; i++) {
        cdt_call *call = call_case(client, "goaway", false, 0);
        CHECK_STATUS(call, CDT_OK);
        /* Sent before the GOAWAY was seen, a call is refused and goes to the new connection. */
        CHECK(cdt_attempts(call) <= 2);
        cdt_call_free(call);
    }
    cdt_client_free(client);
}

static void the_server_says_when_to_come_back(void)
{
    cdt_client *client = open_client();
    int64_t began = cdti_now();
    cdt_call *call = call_case(client, "pushback", true, 0);
    CHECK_STATUS(call, CDT_OK);
    CHECK(cdti_now() - began >= 300 && cdt_attempts(call) == 2);
    cdt_call_free(call);
    cdt_client_free(client);
}

static void silence_ends_with_the_deadline(void)
{
    cdt_client *client = open_client();
    int64_t began = cdti_now();
    cdt_call *call = call_case(client, "silence", true, 200);
    CHECK_STATUS(call, CDT_DEADLINE_EXCEEDED);
    CHECK(cdti_now() - began >= 200 && cdti_now() - began < 20000);
    cdt_call_free(call);
    cdt_client_free(client);
}

static void a_dead_server_is_found_out_by_ping(void)
{
    cdt_client *client = open_client();
    client->keepalive_ms = 100;
    client->options.keepalive_timeout_ms = 200;
    int64_t began = cdti_now();
    cdt_call *call = call_case(client, "dead", false, 0);
    CHECK_STATUS(call, CDT_UNAVAILABLE);
    CHECK_CONTAINS(cdt_status_message(call), "no answer to a ping");
    CHECK(cdti_now() - began < 20000);
    cdt_call_free(call);
    /* One that is only slow answers pings, however busy the machine is. */
    client->options.keepalive_timeout_ms = 20000;
    call = call_case(client, "silence", false, 1000);
    CHECK_STATUS(call, CDT_DEADLINE_EXCEEDED);
    cdt_call_free(call);
    cdt_client_free(client);
}

/* The server takes three calls at once; the others wait their turn. */
static void more_calls_than_the_server_takes_at_once_wait(void)
{
    enum { CALLS = 40 };
    cdt_client *client = open_client();
    cdt_call *calls[CALLS];
    const cdt_metadata field = {"case", "good", 0};
    cdt_call_options options = {.size = sizeof options, .metadata = &field, .metadata_count = 1};
    Grpc__Testing__SimpleRequest request = GRPC__TESTING__SIMPLE_REQUEST__INIT;
    for (int i = 0; i < CALLS; i++)
        calls[i] = cdt_start_unary(client, service, "UnaryCall", &request.base, &options);
    for (int i = 0; i < CALLS; i++) {
        CHECK(cdt_wait(calls[i]) == CDT_OK);
        cdt_call_free(calls[i]);
    }
    cdt_client_free(client);
}

static void a_server_that_is_not_there_is_named(void)
{
    cdt_options options = {.size = sizeof options, .target = "127.0.0.1:1", .backoff_ms = 5};
    cdt_client *client = cdt_client_new(&options, NULL, 0);
    Grpc__Testing__Empty empty = GRPC__TESTING__EMPTY__INIT;
    cdt_call *call = cdt_unary(client, service, "EmptyCall", &empty.base, NULL);
    CHECK_STATUS(call, CDT_UNAVAILABLE);
    CHECK_CONTAINS(cdt_status_message(call), "cannot connect to 127.0.0.1:1");
    CHECK(cdt_attempts(call) == 4);
    cdt_call_free(call);
    cdt_client_free(client);

    options.target = "no-such-name.invalid:1";
    options.attempts = 1;
    client = cdt_client_new(&options, NULL, 0);
    call = cdt_unary(client, service, "EmptyCall", &empty.base, NULL);
    CHECK_STATUS(call, CDT_UNAVAILABLE);
    CHECK_CONTAINS(cdt_status_message(call), "the name is not known");
    cdt_call_free(call);
    cdt_client_free(client);
}

/* A socket of 127.0.0.1 that listens in this very process; `target` becomes its address. */
static int listen_here(char target[32])
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof here;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(bind(listener, (struct sockaddr *)&here, size) == 0 && listen(listener, 8) == 0);
    CHECK(getsockname(listener, (struct sockaddr *)&here, &size) == 0);
    snprintf(target, 32, "127.0.0.1:%d", ntohs(here.sin_port));
    return listener;
}

/* Closed by the server before the client has sent anything: each attempt has failed, with pauses between. */
static void a_server_that_closes_at_once_is_not_tried_for_ever(void)
{
    char target[32];
    int listener = listen_here(target);
    cdt_options options = {.size = sizeof options, .target = target, .timeout_ms = TIMEOUT_MS, .backoff_ms = 20};
    cdt_client *client = cdt_client_new(&options, NULL, 0);
    Grpc__Testing__Empty empty = GRPC__TESTING__EMPTY__INIT;
    cdt_call *call = cdt_start_unary(client, service, "EmptyCall", &empty.base, NULL);
    int connections = 0;
    while (!cdt_ended(call)) {
        struct pollfd waiting = {.fd = listener, .events = POLLIN};
        if (poll(&waiting, 1, 20) == 1) {
            close(accept(listener, NULL, NULL));
            connections++;
        }
        cdt_client_on_ready(client);
    }
    CHECK_STATUS(call, CDT_UNAVAILABLE);
    CHECK_CONTAINS(cdt_status_message(call), "the server closed the connection");
    CHECK(cdt_attempts(call) == 4 && connections == 4);
    cdt_call_free(call);
    cdt_client_free(client);
    close(listener);
}

/* Answered and closed by the server while the client was busy: what it sends then is in vain, the answer is heard. */
static void what_was_said_before_closing_is_heard(void)
{
    /* SETTINGS; HEADERS with END_STREAM for stream 1: status 200, application/grpc, grpc-status 8, grpc-message
     * full. */
    static const char answer[] =
        "\0\0\0\4\0\0\0\0\0"
        "\0\0\x36\1\5\0\0\0\1\x88\x0f\x10\x10"
        "application/grpc\0\x0b"
        "grpc-status\1"
        "8\0\x0c"
        "grpc-message\4"
        "full";
    char target[32];
    int listener = listen_here(target);
    cdt_options options = {.size = sizeof options, .target = target, .timeout_ms = TIMEOUT_MS, .attempts = 1};
    cdt_client *client = cdt_client_new(&options, NULL, 0);
    cdt_call *call = cdt_start(client, service, "FullDuplexCall", NULL);
    while (!call->connection)
        cdt_client_turn(client);
    int server = accept(listener, NULL, NULL);
    CHECK(send(server, answer, sizeof answer - 1, 0) == sizeof answer - 1);
    close(server);
    Grpc__Testing__StreamingOutputCallRequest request = GRPC__TESTING__STREAMING_OUTPUT_CALL_REQUEST__INIT;
    for (int i = 0; i < 10 && !cdt_ended(call); i++) {
        cdt_try_send(call, &request.base);
        poll(NULL, 0, 10);
    }
    CHECK(cdt_wait(call) == CDT_RESOURCE_EXHAUSTED);
    CHECK_TEXT(cdt_status_message(call), "full");
    cdt_call_free(call);
    cdt_client_free(client);
    close(listener);
}

static void plaintext_is_not_tls(void)
{
    cdt_options options = {.size = sizeof options, .target = address, .tls = true, .attempts = 1};
    char error[CDT_ERROR_SIZE] = "";
    cdt_client *client = cdt_client_new(&options, error, sizeof error);
    CHECK_TEXT(error, "");
    Grpc__Testing__Empty empty = GRPC__TESTING__EMPTY__INIT;
    cdt_call *call = cdt_unary(client, service, "EmptyCall", &empty.base, NULL);
    CHECK_STATUS(call, CDT_UNAVAILABLE);
    CHECK_CONTAINS(cdt_status_message(call), "TLS");
    cdt_call_free(call);
    cdt_client_free(client);
}

int main(int count, char **arguments)
{
    if (count != 2) return 2;
    address = arguments[1];
    every_case_ends_as_it_should();
    a_server_that_stops_is_left_for_a_new_connection();
    the_server_says_when_to_come_back();
    silence_ends_with_the_deadline();
    a_dead_server_is_found_out_by_ping();
    more_calls_than_the_server_takes_at_once_wait();
    a_server_that_is_not_there_is_named();
    a_server_that_closes_at_once_is_not_tried_for_ever();
    what_was_said_before_closing_is_heard();
    plaintext_is_not_tls();
    return check_failures != 0;
}
