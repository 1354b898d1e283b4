/* What needs no server. */
#include <stdlib.h>
#include <zlib.h>

#include "cdt/feed/v1/feed.pb-c.h"
#include "cdt/registry/v1/registry_service.pb-c.h"
#include "cdt/registry/v1/units.pb-c.h"
#include "check.h"
#include "internal.h"
#include "strict.h"
#include "text.h"

int check_failures;

static bool utf8(const char *text)
{
    return cdti_is_utf8(text, strlen(text));
}

static void utf8_is_strict(void)
{
    CHECK(utf8(""));
    CHECK(utf8("Tổ công nghệ số cộng đồng"));
    CHECK(utf8("\xF0\x9F\x98\x88 \xF4\x8F\xBF\xBF \xEF\xBF\xBF \xED\x9F\xBF"));
    static const char *const wrong[] = {
        "\x80",         "\xC0\x80",         "\xC1\xBF",         "\xE0\x80\x80",     "\xE0\x9F\xBF",     "\xED\xA0\x80",
        "\xED\xBF\xBF", "\xF0\x80\x80\x80", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF",
        "\xC3",         "\xE2\x82",         "\xF0\x9F\x98",     "a\xC3(",           "\xE2\x28\xA1"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        CHECK(!utf8(wrong[i]));
    CHECK(cdti_is_utf8("a\0b", 3));
}

static void percent_decoding_never_fails(void)
{
    static const char *const table[][2] = {
        {"", ""},
        {"plain", "plain"},
        {"a%20b", "a b"},
        {"%", "%"},
        {"%4", "%4"},
        {"%zz", "%zz"},
        {"%%41", "%A"},
        {"Ti%E1%BA%BFng", "Tiếng"},
        {"ti%e1%ba%bfng", "tiếng"},
        {"%FF", "?"},
        {"%E1%BA", "??"},
        {"%00x", "?x"},
        {"%0A%0D", "\n\r"},
        {"%25", "%"},
        {"100%", "100%"},
        {"+", "+"}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char out[64];
        cdti_percent_decode(table[i][0], strlen(table[i][0]), out);
        CHECK_TEXT(out, table[i][1]);
    }
}

static void base64_is_read_with_and_without_padding(void)
{
    for (size_t length = 0; length < 60; length++) {
        uint8_t bytes[60], decoded[120];
        char text[120];
        size_t count;
        for (size_t i = 0; i < length; i++)
            bytes[i] = (uint8_t)(i * 37 + length);
        cdti_base64_encode(bytes, length, text);
        CHECK(strlen(text) == cdti_base64_size(length) && !strchr(text, '='));
        CHECK(cdti_base64_decode(text, strlen(text), decoded, &count) && count == length);
        CHECK(memcmp(bytes, decoded, length) == 0);
        while (strlen(text) % 4)
            strcat(text, "=");
        CHECK(cdti_base64_decode(text, strlen(text), decoded, &count) && count == length);
        strcat(text, ",AAAA");
        CHECK(cdti_base64_decode(text, strlen(text), decoded, &count) && count == length);
    }
    uint8_t out[16];
    size_t count;
    CHECK(!cdti_base64_decode("a", 1, out, &count));
    CHECK(!cdti_base64_decode("ab*d", 4, out, &count));
    CHECK(!cdti_base64_decode("ab\0d", 4, out, &count));
    CHECK(cdti_base64_decode("", 0, out, &count) && count == 0);
}

static void timeouts_have_eight_digits_at_most(void)
{
    static const struct {
        int64_t milliseconds;
        const char *text;
    } table[] = {
        {-5, "1m"},
        {0, "1m"},
        {1, "1m"},
        {99999999, "99999999m"},
        {100000000, "100000S"},
        {100000001, "100001S"},
        {99999999000, "99999999S"},
        {99999999001, "1666667M"},
        {INT64_MAX, "99999999H"}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char out[12];
        cdti_format_timeout(table[i].milliseconds, out);
        CHECK_TEXT(out, table[i].text);
    }
    CHECK(cdti_number("0", 1, 3) == 0 && cdti_number("123", 3, 3) == 123);
    CHECK(cdti_number("", 0, 3) < 0 && cdti_number("-1", 2, 3) < 0 && cdti_number("1234", 4, 3) < 0);
    CHECK(cdti_number(" 1", 2, 3) < 0 && cdti_number("1x", 2, 3) < 0);
}

static void frames_are_put_together_however_they_are_cut(void)
{
    static const uint8_t wire[] = {0, 0, 0, 0, 3, 'a', 'b', 'c', 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 'z'};
    for (size_t piece = 1; piece <= sizeof wire; piece++) {
        cdti_deframer deframer = {.limit = 100};
        size_t frames = 0;
        for (size_t at = 0; at < sizeof wire; at += piece) {
            const uint8_t *data = wire + at;
            size_t length = sizeof wire - at < piece ? sizeof wire - at : piece;
            cdti_frame *frame;
            while (cdti_deframe(&deframer, &data, &length, &frame) == CDTI_FRAME_READY) {
                static const size_t lengths[] = {3, 0, 1};
                CHECK(frames < 3 && frame->length == lengths[frames] && frame->compressed == (frames == 2));
                frames++;
                free(frame);
            }
        }
        CHECK(frames == 3 && !cdti_deframer_is_within(&deframer));
        cdti_deframer_reset(&deframer);
    }
}

static void a_frame_is_judged_by_its_prefix(void)
{
    cdti_deframer deframer = {.limit = 1000};
    cdti_frame *frame;
    const uint8_t *data = (const uint8_t *)"\0\xFF\xFF\xFF\xFF";
    size_t length = 5;
    CHECK(cdti_deframe(&deframer, &data, &length, &frame) == CDTI_FRAME_TOO_LONG && !deframer.frame);
    cdti_deframer_reset(&deframer);
    data = (const uint8_t *)"\2\0\0\0\0";
    length = 5;
    CHECK(cdti_deframe(&deframer, &data, &length, &frame) == CDTI_FRAME_BAD_FLAG);
    cdti_deframer_reset(&deframer);
    data = (const uint8_t *)"\0\0\0\0\5ab";
    length = 7;
    CHECK(cdti_deframe(&deframer, &data, &length, &frame) == CDTI_FRAME_MORE && cdti_deframer_is_within(&deframer));
    cdti_deframer_reset(&deframer);
}

static void gzip_is_undone_up_to_the_limit(void)
{
    Cdt__Registry__V1__ResolveUnitCodeRequest request = CDT__REGISTRY__V1__RESOLVE_UNIT_CODE_REQUEST__INIT;
    char *text = malloc(50001);
    memset(text, 'x', 50000);
    text[50000] = 0;
    request.code = text;
    size_t size = protobuf_c_message_get_packed_size(&request.base);
    cdti_bytes wire = {0}, out = {0};
    CHECK(cdti_frame_append(&wire, &request.base, size, true));
    CHECK(wire.data[0] == 1 && wire.length < 1000);
    CHECK(cdti_inflate(wire.data + 5, wire.length - 5, size, &out) == CDTI_INFLATED && out.length == size);
    out.length = 0;
    CHECK(cdti_inflate(wire.data + 5, wire.length - 5, size - 1, &out) == CDTI_INFLATE_TOO_LONG);
    CHECK(out.capacity < 2 * size + 65536);
    out.length = 0;
    CHECK(cdti_inflate(wire.data + 5, wire.length - 6, size, &out) == CDTI_INFLATE_BROKEN);
    out.length = 0;
    CHECK(cdti_inflate((const uint8_t *)"not gzip", 8, size, &out) == CDTI_INFLATE_BROKEN);
    out.length = 0;
    CHECK(cdti_inflate((const uint8_t *)"", 0, size, &out) == CDTI_INFLATE_BROKEN);
    /* Small messages are left alone. */
    cdti_bytes_free(&wire);
    request.code = "15";
    size = protobuf_c_message_get_packed_size(&request.base);
    CHECK(cdti_frame_append(&wire, &request.base, size, true) && wire.data[0] == 0 && wire.length == 5 + size);
    cdti_bytes_free(&wire);
    cdti_bytes_free(&out);
    free(text);
}

static void an_arena_gives_no_more_than_its_budget(void)
{
    cdti_arena arena;
    cdti_arena_init(&arena, 100000);
    size_t taken = 0;
    for (char *piece; (piece = cdti_arena_take(&arena, 100)); taken += 100)
        memset(piece, 1, 100);
    CHECK(taken > 80000 && taken <= 100000 && arena.exhausted);
    cdti_arena_reset(&arena);
    CHECK(cdti_arena_take(&arena, 100000) && !cdti_arena_take(&arena, 1));
    cdti_arena_reset(&arena);
    CHECK(!cdti_arena_take(&arena, SIZE_MAX) && !cdti_arena_take(&arena, 100001));
    cdti_arena_reset(&arena);
}

static void a_message_takes_no_more_memory_than_allowed(void)
{
    /* Two bytes on the wire, over a hundred in memory. */
    uint8_t wire[20000];
    for (size_t i = 0; i < sizeof wire; i += 2)
        wire[i] = 0x0A, wire[i + 1] = 0;
    cdti_arena arena;
    char error[256];
    cdti_arena_init(&arena, 200000);
    CHECK(!cdti_decode(&cdt__feed__v1__follow_response__descriptor, wire, sizeof wire, &arena, error, sizeof error));
    CHECK_CONTAINS(error, "max_message_memory");
    cdti_arena_reset(&arena);
    cdti_arena_init(&arena, 20000000);
    CHECK(
        cdti_decode(&cdt__feed__v1__follow_response__descriptor, wire, sizeof wire, &arena, error, sizeof error) !=
        NULL);
    cdti_arena_reset(&arena);
}

static void what_cannot_be_sent_is_named(void)
{
    char error[256];
    Cdt__Registry__V1__ResolveUnitCodeRequest request = CDT__REGISTRY__V1__RESOLVE_UNIT_CODE_REQUEST__INIT;
    CHECK(cdti_check_outgoing(&request.base, error, sizeof error));
    request.code = "\xC3";
    CHECK(!cdti_check_outgoing(&request.base, error, sizeof error));
    CHECK_CONTAINS(error, "cdt.registry.v1.ResolveUnitCodeRequest.code is not valid UTF-8");
    Cdt__Registry__V1__ResolveUnitCodeRequest unset = {0};
    CHECK(!cdti_check_outgoing(&unset.base, error, sizeof error));
    CHECK_CONTAINS(error, "__INIT");

    Cdt__Feed__V1__Event event = CDT__FEED__V1__EVENT__INIT;
    Cdt__Feed__V1__Event *events[] = {&event, NULL};
    Cdt__Feed__V1__FollowResponse response = CDT__FEED__V1__FOLLOW_RESPONSE__INIT;
    response.n_events = 2;
    CHECK(!cdti_check_outgoing(&response.base, error, sizeof error));
    CHECK_CONTAINS(error, "events has a count but no elements");
    response.events = events;
    CHECK(!cdti_check_outgoing(&response.base, error, sizeof error));
    CHECK_CONTAINS(error, "events is a NULL message");
    events[1] = (Cdt__Feed__V1__Event *)&request;
    CHECK(!cdti_check_outgoing(&response.base, error, sizeof error));
    CHECK_CONTAINS(error, "another type");
    response.n_events = 1;
    CHECK(cdti_check_outgoing(&response.base, error, sizeof error));
}

static void what_arrives_is_checked(void)
{
    static const struct {
        const char *wire;
        size_t length;
        const char *error; /* NULL: accepted */
    } table[] = {
        {"", 0, NULL},
        {"\x0A\x02"
         "15",
         4, NULL},
        {"\x0A\x01\xFF", 3, "code is not valid UTF-8"},
        {"\x0A\x03"
         "a\0b",
         5, "code holds a NUL"},
        {"\x08\x01", 2, "code has another wire type"},
        {"\x0A\x05"
         "15",
         4, "goes beyond the end"},
        {"\x0B\x0C", 2, "is a group"},
        {"\x00\x00", 2, "malformed tag"},
        {"\xF8\x07\x01", 3, NULL},
        {"\xF8\x07", 2, "malformed number"},
        {"\xFA\x07\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 13, "malformed length"},
        {"\xFA\x07\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 12, "goes beyond the end"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char error[256] = "";
        bool accepted = cdti_check_incoming(
            &cdt__registry__v1__resolve_unit_code_request__descriptor, (const uint8_t *)table[i].wire, table[i].length,
            error, sizeof error);
        CHECK(accepted == !table[i].error);
        if (table[i].error) CHECK_CONTAINS(error, table[i].error);
    }
}

/* Random changes of a valid message: what the check lets pass, libprotobuf-c decodes and encodes without a finding of
 * the sanitizers. */
static void mutated_messages_do_no_harm(void)
{
    Cdt__Feed__V1__Event event = CDT__FEED__V1__EVENT__INIT;
    Google__Protobuf__Timestamp time = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
    any.type_url = "type.googleapis.com/cdt.registry.v1.TeamFact";
    any.value = (ProtobufCBinaryData){5, (uint8_t *)"bytes"};
    time.seconds = 1760000000;
    event.sequence = 77, event.aggregate = "teams/ổ", event.version = 3, event.recorded_at = &time,
    event.payload = &any;
    Cdt__Feed__V1__Event *events[] = {&event, &event};
    Cdt__Feed__V1__FollowResponse response = CDT__FEED__V1__FOLLOW_RESPONSE__INIT;
    response.n_events = 2, response.events = events, response.cursor = "abc", response.caught_up = true;
    uint8_t wire[512];
    size_t length = protobuf_c_message_pack(&response.base, wire);
    uint32_t random = 1;
    unsigned accepted = 0;
    for (int i = 0; i < 20000; i++) {
        uint8_t mutated[512];
        memcpy(mutated, wire, length);
        for (unsigned n = 0; n < 1 + i % 3u; n++) {
            random = random * 1664525 + 1013904223;
            mutated[(random >> 8) % length] = (uint8_t)(random >> 24);
        }
        cdti_arena arena;
        char error[256];
        cdti_arena_init(&arena, 1 << 20);
        size_t cut = i % 5 ? length : (random >> 4) % (length + 1);
        ProtobufCMessage *message =
            cdti_decode(&cdt__feed__v1__follow_response__descriptor, mutated, cut, &arena, error, sizeof error);
        if (message) {
            accepted++;
            CHECK(cdti_check_outgoing(message, error, sizeof error));
            CHECK(protobuf_c_message_get_packed_size(message) < 2000);
        }
        cdti_arena_reset(&arena);
    }
    CHECK(accepted > 1000);
}

static void names_and_tokens_are_judged(void)
{
    CHECK(cdti_is_binary_name("x-bin") && cdti_is_binary_name("grpc-status-details-bin"));
    CHECK(!cdti_is_binary_name("") && !cdti_is_binary_name("bin") && !cdti_is_binary_name("-bin"));
    CHECK(!cdti_is_binary_name("x-bins") && !cdti_is_binary_name("x-BIN"));
    CHECK(cdti_is_token("abc.def-ghi_~+/="));
    CHECK(!cdti_is_token("") && !cdti_is_token("a b") && !cdti_is_token("a\n") && !cdti_is_token("ổ"));
}

static void options_are_checked(void)
{
    static const char *const wrong[] = {"",           "host",   "host:",     ":1",   "host:0",
                                        "host:65536", "host:x", "::1:50051", "[]:1", "[::1]"};
    char error[CDT_ERROR_SIZE];
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        cdt_options options = {.size = sizeof options, .target = wrong[i]};
        CHECK(!cdt_client_new(&options, error, sizeof error));
        CHECK_CONTAINS(error, "host:port");
    }
    cdt_options none = {.target = "host:1"};
    CHECK(!cdt_client_new(&none, error, sizeof error));
    CHECK_CONTAINS(error, "sizeof options");
    cdt_options half = {.size = sizeof half, .target = "host:1", .tls = true, .key_file = "key.pem"};
    CHECK(!cdt_client_new(&half, error, sizeof error));
    CHECK_CONTAINS(error, "belong together");
    cdt_options missing = {.size = sizeof missing, .target = "host:1", .tls = true, .authorities_file = "/missing.pem"};
    CHECK(!cdt_client_new(&missing, error, sizeof error));
    CHECK_CONTAINS(error, "/missing.pem");
    cdt_options token = {.size = sizeof token, .target = "host:1", .token = "two words"};
    CHECK(!cdt_client_new(&token, error, sizeof error));
    CHECK_CONTAINS(error, "token");
    cdt_options plain = {.size = sizeof plain, .target = "host:1", .authorities_file = "/missing.pem"};
    CHECK(!cdt_client_new(&plain, error, sizeof error));
    CHECK_CONTAINS(error, "set tls");
    cdt_options agent = {.size = sizeof agent, .target = "host:1", .user_agent = "nhập"};
    CHECK(!cdt_client_new(&agent, error, sizeof error));
    CHECK_CONTAINS(error, "user_agent");
}

static cdt_code refused(cdt_client *client, const char *method, const cdt_call_options *options, const char *part)
{
    Cdt__Registry__V1__ResolveUnitCodeRequest request = CDT__REGISTRY__V1__RESOLVE_UNIT_CODE_REQUEST__INIT;
    cdt_call *call =
        cdt_unary(client, &cdt__registry__v1__registry_service__descriptor, method, &request.base, options);
    cdt_code code = cdt_status(call);
    CHECK_CONTAINS(cdt_status_message(call), part);
    cdt_call_free(call);
    return code;
}

static void calls_are_checked_before_anything_is_sent(void)
{
    cdt_options options = {.size = sizeof options, .target = "registry.example:1"};
    cdt_client *client = cdt_client_new(&options, NULL, 0);
    CHECK(refused(client, "Missing", NULL, "no method Missing") == CDT_INVALID_ARGUMENT);
    CHECK(refused(client, "GetTeam", NULL, "takes a cdt.registry.v1.GetTeamRequest") == CDT_INVALID_ARGUMENT);
    cdt_call_options unsized = {.timeout_ms = 1};
    CHECK(refused(client, "ResolveUnitCode", &unsized, "sizeof options") == CDT_INVALID_ARGUMENT);
    cdt_call_options token = {.size = sizeof token, .token = "secret"};
    CHECK(refused(client, "ResolveUnitCode", &token, "plaintext") == CDT_INVALID_ARGUMENT);
    static const cdt_metadata wrong[] = {
        {"Upper", "x", 0}, {"", "x", 0},  {"grpc-status", "0", 0}, {"te", "x", 0}, {"authorization", "x", 0},
        {"x", "\n", 0},    {"x", "ổ", 0}, {":path", "x", 0},       {NULL, "x", 0}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        cdt_call_options with = {.size = sizeof with, .metadata = &wrong[i], .metadata_count = 1};
        CHECK(refused(client, "ResolveUnitCode", &with, "not sent: ") == CDT_INVALID_ARGUMENT);
    }
    cdt_client_free(client);
    /* What has no memory or no call answers too. */
    CHECK(cdt_status(NULL) == CDT_RESOURCE_EXHAUSTED && cdt_ended(NULL) && !cdt_reply(NULL) && !cdt_receive(NULL));
    CHECK(!cdt_send(NULL, NULL) && cdt_wait(NULL) == CDT_RESOURCE_EXHAUSTED && !cdt_status_reason(NULL));
    cdt_call_free(NULL);
    cdt_client_free(NULL);
    CHECK_TEXT(cdt_code_name(CDT_UNAUTHENTICATED), "UNAUTHENTICATED");
    CHECK_TEXT(cdt_code_name((cdt_code)99), "UNKNOWN");
}

int main(void)
{
    utf8_is_strict();
    percent_decoding_never_fails();
    base64_is_read_with_and_without_padding();
    timeouts_have_eight_digits_at_most();
    frames_are_put_together_however_they_are_cut();
    a_frame_is_judged_by_its_prefix();
    gzip_is_undone_up_to_the_limit();
    an_arena_gives_no_more_than_its_budget();
    a_message_takes_no_more_memory_than_allowed();
    what_cannot_be_sent_is_named();
    what_arrives_is_checked();
    mutated_messages_do_no_harm();
    names_and_tokens_are_judged();
    options_are_checked();
    calls_are_checked_before_anything_is_sent();
    return check_failures != 0;
}
