/* Mutual TLS: the server asks for a certificate of ours. mutual ADDRESS, with the files of tls.sh in the environment.
 */
#include <stdlib.h>

#include "check.h"
#include "grpc/testing/test.pb-c.h"
#include "internal.h"

int check_failures;

static cdt_call *call_with(const char *address, const char *certificate, const char *key, cdt_client **client)
{
    const cdt_metadata field = {"case", "good", 0};
    cdt_call_options how = {.size = sizeof how, .metadata = &field, .metadata_count = 1};
    cdt_options options = {
        .size = sizeof options,
        .target = address,
        .tls = true,
        .attempts = 1,
        .certificate_file = certificate,
        .authorities_file = getenv("CDT_TEST_AUTHORITIES"),
        .key_file = key,
        .timeout_ms = 60000};
    char error[CDT_ERROR_SIZE] = "";
    *client = cdt_client_new(&options, error, sizeof error);
    CHECK_TEXT(error, "");
    Grpc__Testing__SimpleRequest request = GRPC__TESTING__SIMPLE_REQUEST__INIT;
    return cdt_unary(*client, &grpc__testing__test_service__descriptor, "UnaryCall", &request.base, &how);
}

int main(int count, char **arguments)
{
    if (count != 2) return 2;
    cdt_client *client;
    cdt_call *call = call_with(arguments[1], getenv("CDT_TEST_CERTIFICATE"), getenv("CDT_TEST_KEY"), &client);
    CHECK_STATUS(call, CDT_OK);
    cdt_call_free(call);
    cdt_client_free(client);

    call = call_with(arguments[1], NULL, NULL, &client);
    CHECK_STATUS(call, CDT_UNAVAILABLE);
    CHECK_CONTAINS(cdt_status_message(call), "certificate required");
    cdt_call_free(call);
    cdt_client_free(client);

    /* A key that belongs to another certificate is found out before anything is sent. */
    char error[CDT_ERROR_SIZE];
    cdt_options mixed = {
        .size = sizeof mixed,
        .target = arguments[1],
        .tls = true,
        .certificate_file = getenv("CDT_TEST_CERTIFICATE"),
        .key_file = getenv("CDT_TEST_WRONG_KEY")};
    CHECK(!cdt_client_new(&mixed, error, sizeof error));
    CHECK_CONTAINS(error, "belongs to another");
    return check_failures != 0;
}
