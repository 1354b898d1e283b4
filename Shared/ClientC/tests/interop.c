/* gRPC's interoperability cases (grpc/doc/interop-test-descriptions.md) and this library's own, against the interop
 * server. interop ADDRESS; with CDT_TEST_AUTHORITIES: over TLS, and with CDT_TEST_WRONG_AUTHORITIES: refusing it. */
#include <stdlib.h>
#include <time.h>

#include "check.h"
#include "grpc/testing/test.pb-c.h"
#include "internal.h"

int check_failures;
static const char *address;
static const ProtobufCServiceDescriptor *const service = &grpc__testing__test_service__descriptor;

static cdt_options standard(void)
{
    const char *authorities = getenv("CDT_TEST_AUTHORITIES");
    return (cdt_options){
        .size = sizeof(cdt_options),
        .target = address,
        .tls = authorities,
        .authorities_file = authorities,
        .user_agent = "interop/1"};
}

static cdt_client *open_client(const cdt_options *options)
{
    char error[CDT_ERROR_SIZE] = "";
    cdt_options defaults = standard();
    cdt_client *client = cdt_client_new(options ? options : &defaults, error, sizeof error);
    CHECK_TEXT(error, "");
    return client;
}

static Grpc__Testing__Payload *payload(size_t size)
{
    static uint8_t zeros[300000];
    static Grpc__Testing__Payload payload;
    payload = (Grpc__Testing__Payload)GRPC__TESTING__PAYLOAD__INIT;
    payload.body = (ProtobufCBinaryData){size, zeros};
    return &payload;
}

static void unary_calls(cdt_client *client)
{
    Grpc__Testing__Empty empty = GRPC__TESTING__EMPTY__INIT;
    cdt_call *call = cdt_unary(client, service, "EmptyCall", &empty.base, NULL);
    CHECK_STATUS(call, CDT_OK);
    CHECK(cdt_reply(call) && cdt_attempts(call) == 1);
    CHECK_TEXT(cdt_header(call, "content-type", NULL), "application/grpc");
    cdt_call_free(call);

    Grpc__Testing__SimpleRequest request = GRPC__TESTING__SIMPLE_REQUEST__INIT;
    request.response_size = 314159;
    request.payload = payload(271828);
    call = cdt_unary(client, service, "UnaryCall", &request.base, NULL);
    CHECK_STATUS(call, CDT_OK);
    const Grpc__Testing__SimpleResponse *reply = cdt_reply(call);
    CHECK(reply && reply->payload && reply->payload->body.len == 314159);
    cdt_call_free(call);
}

static void statuses(cdt_client *client)
{
    Grpc__Testing__EchoStatus status = GRPC__TESTING__ECHO_STATUS__INIT;
    Grpc__Testing__SimpleRequest request = GRPC__TESTING__SIMPLE_REQUEST__INIT;
    request.response_status = &status;
    status.code = 2;
    status.message = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n";
    cdt_call *call = cdt_unary(client, service, "UnaryCall", &request.base, NULL);
    CHECK_STATUS(call, CDT_UNKNOWN);
    CHECK_TEXT(cdt_status_message(call), status.message);
    CHECK(!cdt_reply(call) && !cdt_status_reason(call));
    cdt_call_free(call);

    Grpc__Testing__Empty empty = GRPC__TESTING__EMPTY__INIT;
    call = cdt_unary(client, service, "UnimplementedCall", &empty.base, NULL);
    CHECK_STATUS(call, CDT_UNIMPLEMENTED);
    cdt_call_free(call);
    call = cdt_unary(client, &grpc__testing__unimplemented_service__descriptor, "UnimplementedCall", &empty.base, NULL);
    CHECK_STATUS(call, CDT_UNIMPLEMENTED);
    cdt_call_free(call);
}

static void metadata(cdt_client *client)
{
    const cdt_metadata fields[] = {
        {"x-grpc-test-echo-initial", "test_initial_metadata_value", 0},
        {"x-grpc-test-echo-trailing-bin", "\xab\0\xab", 3}};
    cdt_call_options options = {.size = sizeof options, .metadata = fields, .metadata_count = 2, .token = "abc.def"};
    Grpc__Testing__SimpleRequest request = GRPC__TESTING__SIMPLE_REQUEST__INIT;
    cdt_call *call = cdt_unary(client, service, "UnaryCall", &request.base, &options);
    CHECK_STATUS(call, CDT_OK);
    CHECK_TEXT(cdt_header(call, "x-grpc-test-echo-initial", NULL), "test_initial_metadata_value");
    size_t length = 0;
    const char *value = cdt_trailer(call, "x-grpc-test-echo-trailing-bin", &length);
    CHECK(value && length == 3 && memcmp(value, "\xab\0\xab", 3) == 0);
    cdt_call_free(call);
}

static void compression(void)
{
    cdt_options options = standard();
    options.gzip = true;
    cdt_client *client = open_client(&options);
    Grpc__Testing__BoolValue yes = GRPC__TESTING__BOOL_VALUE__INIT;
    yes.value = true;
    Grpc__Testing__SimpleRequest request = GRPC__TESTING__SIMPLE_REQUEST__INIT;
    request.expect_compressed = request.response_compressed = &yes;
    request.payload = payload(271828);
    request.response_size = 314159;
    cdt_call *call = cdt_unary(client, service, "UnaryCall", &request.base, NULL);
    CHECK_STATUS(call, CDT_OK);
    CHECK_TEXT(cdt_header(call, "grpc-encoding", NULL), "gzip");
    const Grpc__Testing__SimpleResponse *reply = cdt_reply(call);
    CHECK(reply && reply->payload && reply->payload->body.len == 314159);
    cdt_call_free(call);
    cdt_client_free(client);
}

static void client_streaming(cdt_client *client)
{
    static const size_t sizes[] = {27182, 8, 1828, 45904};
    cdt_call *call = cdt_start(client, service, "StreamingInputCall", NULL);
    for (size_t i = 0; i < 4; i++) {
        Grpc__Testing__StreamingInputCallRequest request = GRPC__TESTING__STREAMING_INPUT_CALL_REQUEST__INIT;
        request.payload = payload(sizes[i]);
        CHECK(cdt_send(call, &request.base));
    }
    cdt_end_sending(call);
    CHECK(!cdt_send(call, NULL));
    const Grpc__Testing__StreamingInputCallResponse *reply = cdt_receive(call);
    CHECK(reply && reply->aggregated_payload_size == 74922);
    CHECK(!cdt_receive(call));
    CHECK_STATUS(call, CDT_OK);
    CHECK(cdt_ended(call));
    cdt_call_free(call);
}

/* More than every window, so that both sides must wait for each other. */
static void long_streams(cdt_client *client)
{
    cdt_call *call = cdt_start(client, service, "StreamingInputCall", NULL);
    Grpc__Testing__StreamingInputCallRequest request = GRPC__TESTING__STREAMING_INPUT_CALL_REQUEST__INIT;
    request.payload = payload(100000);
    for (int i = 0; i < 100; i++)
        CHECK(cdt_send(call, &request.base));
    cdt_end_sending(call);
    const Grpc__Testing__StreamingInputCallResponse *total = cdt_receive(call);
    CHECK(total && total->aggregated_payload_size == 10000000);
    CHECK(cdt_wait(call) == CDT_OK);
    cdt_call_free(call);

    Grpc__Testing__ResponseParameters parameters = GRPC__TESTING__RESPONSE_PARAMETERS__INIT;
    Grpc__Testing__ResponseParameters *list[100];
    for (int i = 0; i < 100; i++)
        list[i] = &parameters;
    parameters.size = 100000;
    Grpc__Testing__StreamingOutputCallRequest ask = GRPC__TESTING__STREAMING_OUTPUT_CALL_REQUEST__INIT;
    ask.n_response_parameters = 100, ask.response_parameters = list;
    call = cdt_start(client, service, "StreamingOutputCall", NULL);
    CHECK(cdt_send(call, &ask.base));
    cdt_end_sending(call);
    /* While nobody takes them, other calls go on, and no more than the stream's window waits here. */
    unary_calls(client);
    CHECK(call->received <= CDTI_STREAM_WINDOW / 100000 + 1);
    size_t bytes = 0;
    for (const Grpc__Testing__StreamingOutputCallResponse *reply; (reply = cdt_receive(call));)
        bytes += reply->payload->body.len;
    CHECK(bytes == 10000000);
    CHECK_STATUS(call, CDT_OK);
    cdt_call_free(call);
}

static Grpc__Testing__StreamingOutputCallRequest *ask_for(int32_t size, int32_t pause_us)
{
    static Grpc__Testing__ResponseParameters parameters;
    static Grpc__Testing__ResponseParameters *list[1];
    static Grpc__Testing__StreamingOutputCallRequest request;
    parameters = (Grpc__Testing__ResponseParameters)GRPC__TESTING__RESPONSE_PARAMETERS__INIT;
    request = (Grpc__Testing__StreamingOutputCallRequest)GRPC__TESTING__STREAMING_OUTPUT_CALL_REQUEST__INIT;
    parameters.size = size;
    parameters.interval_us = pause_us;
    list[0] = &parameters;
    request.n_response_parameters = 1;
    request.response_parameters = list;
    return &request;
}

static void ping_pong(cdt_client *client)
{
    static const int32_t sizes[] = {31415, 9, 2653, 58979};
    cdt_call *call = cdt_start(client, service, "FullDuplexCall", NULL);
    for (size_t i = 0; i < 4; i++) {
        CHECK(cdt_send(call, &ask_for(sizes[i], 0)->base));
        const Grpc__Testing__StreamingOutputCallResponse *reply = cdt_receive(call);
        CHECK(reply && reply->payload->body.len == (size_t)sizes[i]);
    }
    CHECK(!cdt_ended(call) && cdt_status(call) == CDT_UNKNOWN);
    cdt_end_sending(call);
    CHECK(!cdt_receive(call));
    CHECK_STATUS(call, CDT_OK);
    cdt_call_free(call);

    call = cdt_start(client, service, "FullDuplexCall", NULL);
    CHECK(cdt_wait(call) == CDT_OK);
    cdt_call_free(call);
}

static void cancelling(cdt_client *client)
{
    cdt_call *call = cdt_start(client, service, "StreamingInputCall", NULL);
    cdt_cancel(call);
    CHECK_STATUS(call, CDT_CANCELLED);
    cdt_call_free(call);
    call = cdt_start(client, service, "FullDuplexCall", NULL);
    CHECK(cdt_send(call, &ask_for(31415, 0)->base) && cdt_receive(call));
    cdt_cancel(call);
    CHECK_STATUS(call, CDT_CANCELLED);
    CHECK(!cdt_receive(call));
    cdt_call_free(call);
    /* Freed while it runs. */
    call = cdt_start(client, service, "FullDuplexCall", NULL);
    CHECK(cdt_send(call, &ask_for(31415, 0)->base));
    cdt_call_free(call);
}

static void deadlines(cdt_client *client)
{
    cdt_call_options options = {.size = sizeof options, .timeout_ms = 500};
    cdt_call *call = cdt_start(client, service, "FullDuplexCall", &options);
    CHECK(cdt_send(call, &ask_for(10, 30000000)->base));
    int64_t began = cdti_now();
    CHECK(!cdt_receive(call));
    CHECK_STATUS(call, CDT_DEADLINE_EXCEEDED);
    CHECK(cdti_now() - began < 20000);
    cdt_call_free(call);
}

/* Many calls at once on one connection, by the event loop's interface alone. */
typedef struct {
    int ended;
    int ok;
} progress;

static void note_end(cdt_call *call, void *context)
{
    progress *so_far = context;
    if (!cdt_ended(call)) return;
    const Grpc__Testing__SimpleResponse *reply = cdt_reply(call);
    so_far->ended++;
    if (reply && reply->payload && reply->payload->body.len == 1000) so_far->ok++;
    cdt_call_free(call);
}

static void an_event_loop_makes_many_calls_at_once(void)
{
    enum { CALLS = 500 };
    cdt_client *client = open_client(NULL);
    progress count = {0};
    cdt_call_options options = {.size = sizeof options, .on_change = note_end, .context = &count};
    Grpc__Testing__SimpleRequest request = GRPC__TESTING__SIMPLE_REQUEST__INIT;
    request.response_size = 1000;
    request.payload = payload(1000);
    for (int i = 0; i < CALLS; i++)
        CHECK(cdt_start_unary(client, service, "UnaryCall", &request.base, &options));
    while (count.ended < CALLS) {
        struct pollfd files[CDT_FILES];
        int files_count = cdt_client_files(client, files);
        CHECK(files_count == 1);
        CHECK(poll(files, (nfds_t)files_count, cdt_client_timeout(client)) >= 0);
        cdt_client_on_ready(client);
    }
    CHECK(count.ok == CALLS);
    cdt_client_free(client);
}

static void a_freed_client_ends_its_calls(void)
{
    cdt_client *client = open_client(NULL);
    cdt_call *call = cdt_start(client, service, "FullDuplexCall", NULL);
    CHECK(cdt_send(call, &ask_for(10, 0)->base) && cdt_receive(call));
    cdt_client_free(client);
    CHECK_STATUS(call, CDT_CANCELLED);
    CHECK(!cdt_receive(call) && !cdt_send(call, &ask_for(10, 0)->base));
    cdt_call_free(call);
}

static void what_is_too_long_is_refused(void)
{
    cdt_options options = standard();
    options.max_send_bytes = 1000;
    options.max_receive_bytes = 1000;
    cdt_client *client = open_client(&options);
    Grpc__Testing__SimpleRequest request = GRPC__TESTING__SIMPLE_REQUEST__INIT;
    request.payload = payload(1001);
    cdt_call *call = cdt_unary(client, service, "UnaryCall", &request.base, NULL);
    CHECK_STATUS(call, CDT_RESOURCE_EXHAUSTED);
    CHECK_CONTAINS(cdt_status_message(call), "not sent");
    cdt_call_free(call);
    request.payload = NULL;
    request.response_size = 1001;
    call = cdt_unary(client, service, "UnaryCall", &request.base, NULL);
    CHECK_STATUS(call, CDT_RESOURCE_EXHAUSTED);
    CHECK_CONTAINS(cdt_status_message(call), "max_receive_bytes");
    cdt_call_free(call);
    cdt_client_free(client);
}

static void a_server_that_is_not_trusted_gets_nothing(void)
{
    const char *wrong = getenv("CDT_TEST_WRONG_AUTHORITIES");
    if (!wrong) return;
    Grpc__Testing__Empty empty = GRPC__TESTING__EMPTY__INIT;
    cdt_options options = standard();
    options.authorities_file = wrong;
    cdt_client *client = open_client(&options);
    cdt_call *call = cdt_unary(client, service, "EmptyCall", &empty.base, NULL);
    CHECK_STATUS(call, CDT_UNAVAILABLE);
    CHECK_CONTAINS(cdt_status_message(call), "certificate is not accepted");
    CHECK(cdt_attempts(call) == 1);
    cdt_call_free(call);
    cdt_client_free(client);

    options = standard();
    options.server_name = "elsewhere.example";
    client = open_client(&options);
    call = cdt_unary(client, service, "EmptyCall", &empty.base, NULL);
    CHECK_STATUS(call, CDT_UNAVAILABLE);
    CHECK_CONTAINS(cdt_status_message(call), "elsewhere.example");
    cdt_call_free(call);
    cdt_client_free(client);
}

int main(int count, char **arguments)
{
    if (count != 2) return 2;
    address = arguments[1];
    cdt_client *client = open_client(NULL);
    if (!client) return 1;
    unary_calls(client);
    statuses(client);
    metadata(client);
    client_streaming(client);
    ping_pong(client);
    long_streams(client);
    cancelling(client);
    deadlines(client);
    unary_calls(client);
    cdt_client_free(client);
    compression();
    an_event_loop_makes_many_calls_at_once();
    a_freed_client_ends_its_calls();
    what_is_too_long_is_refused();
    a_server_that_is_not_trusted_gets_nothing();
    return check_failures != 0;
}
