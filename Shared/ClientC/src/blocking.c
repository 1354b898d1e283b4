/* Calls that wait: each turns the client's event loop until what it waits for has happened. */
#include "internal.h"

cdt_call *cdt_unary(
    cdt_client *client, const ProtobufCServiceDescriptor *service, const char *method, const ProtobufCMessage *request,
    const cdt_call_options *options)
{
    cdt_call *call = cdt_start_unary(client, service, method, request, options);
    while (call && call->state != CDTI_CALL_ENDED)
        cdt_client_turn(client);
    return call;
}

bool cdt_send(cdt_call *call, const ProtobufCMessage *message)
{
    while (call && call->state != CDTI_CALL_ENDED && !call->sending_ended && !cdt_can_send(call)) {
        cdt_client_turn(call->client);
    }
    return cdt_try_send(call, message);
}

const void *cdt_receive(cdt_call *call)
{
    while (call && !call->first && call->state != CDTI_CALL_ENDED)
        cdt_client_turn(call->client);
    return cdt_try_receive(call);
}

cdt_code cdt_wait(cdt_call *call)
{
    cdt_end_sending(call);
    while (call && call->state != CDTI_CALL_ENDED) {
        if (!call->unary && call->first)
            cdt_try_receive(call);
        else
            cdt_client_turn(call->client);
    }
    while (call && !call->unary && call->first)
        cdt_try_receive(call);
    return cdt_status(call);
}
