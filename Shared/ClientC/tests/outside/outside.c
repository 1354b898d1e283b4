/* A program of an outsider: it knows the installed header, the installed messages and pkg-config, nothing else. */
#include <cdt/client.h>
#include <cdt/registry/v1/registry_service.pb-c.h>
#include <cdt/registry/v1/units.pb-c.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
    char error[CDT_ERROR_SIZE];
    /* Nobody listens there: what is shown is that the program builds, links, runs and is told why. */
    cdt_options options = {.size = sizeof options, .target = "127.0.0.1:1", .attempts = 1};
    cdt_client *client = cdt_client_new(&options, error, sizeof error);
    if (!client) {
        fprintf(stderr, "%s\n", error);
        return 1;
    }
    Cdt__Registry__V1__ResolveUnitCodeRequest request = CDT__REGISTRY__V1__RESOLVE_UNIT_CODE_REQUEST__INIT;
    request.code = "15", request.date = "2025-06-30";
    cdt_call *call =
        cdt_unary(client, &cdt__registry__v1__registry_service__descriptor, "ResolveUnitCode", &request.base, NULL);
    printf("%s %s: %s\n", cdt_version(), cdt_code_name(cdt_status(call)), cdt_status_message(call));
    int expected = cdt_status(call) == CDT_UNAVAILABLE && strstr(cdt_status_message(call), "127.0.0.1:1");
    cdt_call_free(call);
    cdt_client_free(client);
    return expected ? 0 : 1;
}
