/* A real service: answers, and errors with their details. registry ADDRESS */
#include "cdt/registry/v1/registry_service.pb-c.h"
#include "cdt/registry/v1/units.pb-c.h"
#include "check.h"
#include "google/rpc/error_details.pb-c.h"
#include <cdt/client.h>

int check_failures;

static cdt_call *resolve(cdt_client *client, const char *code, const char *date)
{
    Cdt__Registry__V1__ResolveUnitCodeRequest request = CDT__REGISTRY__V1__RESOLVE_UNIT_CODE_REQUEST__INIT;
    request.code = (char *)code;
    request.date = (char *)date;
    return cdt_unary(
        client, &cdt__registry__v1__registry_service__descriptor, "ResolveUnitCode", &request.base, NULL);
}

int main(int count, char **arguments)
{
    if (count != 2) return 2;
    cdt_options options = {.size = sizeof options, .target = arguments[1]};
    cdt_client *client = cdt_client_new(&options, NULL, 0);
    static const char *const names[][2] = {{"2025-06-30", "Tỉnh Yên Bái"}, {"2025-07-01", "Tỉnh Lào Cai"}};
    for (int i = 0; i < 2; i++) {
        cdt_call *call = resolve(client, "15", names[i][0]);
        CHECK_STATUS(call, CDT_OK);
        const Cdt__Registry__V1__ResolveUnitCodeResponse *reply = cdt_reply(call);
        CHECK_TEXT(reply && reply->unit ? reply->unit->display_name : NULL, names[i][1]);
        cdt_call_free(call);
    }

    cdt_call *call = resolve(client, "10", "2025-07-01");
    CHECK_STATUS(call, CDT_NOT_FOUND);
    CHECK_TEXT(cdt_status_reason(call), "CODE_NOT_IN_FORCE");
    CHECK_TEXT(cdt_status_domain(call), "registry.cdt.vn");
    CHECK(cdt_status_localized(call, "vi") && !cdt_status_localized(call, "xx"));
    const Google__Rpc__ErrorInfo *info = cdt_status_detail(call, &google__rpc__error_info__descriptor, 0);
    const char *last = NULL;
    for (size_t i = 0; info && i < info->n_metadata; i++) {
        if (strcmp(info->metadata[i]->key, "lastName") == 0) last = info->metadata[i]->value;
    }
    CHECK_TEXT(last, "Tỉnh Lào Cai");
    CHECK(!cdt_status_detail(call, &google__rpc__error_info__descriptor, 1));
    CHECK(!cdt_status_detail(call, &google__rpc__help__descriptor, 0));
    cdt_call_free(call);

    call = resolve(client, "not a code", "yesterday");
    CHECK_STATUS(call, CDT_INVALID_ARGUMENT);
    const Google__Rpc__BadRequest *bad = cdt_status_detail(call, &google__rpc__bad_request__descriptor, 0);
    CHECK(bad && bad->n_field_violations > 0);
    cdt_call_free(call);
    cdt_client_free(client);
    return check_failures != 0;
}
