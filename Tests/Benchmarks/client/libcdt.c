// Unary calls by libcdt, to be measured beside gRPC C++'s: so many, so many of them at once, on one connection.
//
//     libcdt HOST:PORT CALLS AT_ONCE
//
// Prints the seconds that went by and the CPU seconds of this process, without connecting. Ends with 1 when a call
// fails.
#include <cdt/client.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "grpc/testing/test.pb-c.h"

enum { SMALL = 125 };  // bytes of payload in a reply, like a small team

static const ProtobufCServiceDescriptor *const service = &grpc__testing__test_service__descriptor;
static Grpc__Testing__SimpleRequest request = GRPC__TESTING__SIMPLE_REQUEST__INIT;
static cdt_client *client;
static long wanted, started, done;

static double elapsed(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static double spent(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void check(const cdt_call *call) {
    const Grpc__Testing__SimpleResponse *reply = cdt_reply(call);
    if (reply && reply->payload && reply->payload->body.len == SMALL) return;
    fprintf(stderr, "libcdt: a call failed: %s: %s\n", cdt_code_name(cdt_status(call)), cdt_status_message(call));
    exit(1);
}

static void call_once(void) {
    cdt_call *call = cdt_unary(client, service, "UnaryCall", &request.base, NULL);
    check(call);
    cdt_call_free(call);
}

static void start_call(void);

static void changed(cdt_call *call, void *context) {
    (void)context;
    if (!cdt_ended(call) && !cdt_reply(call)) return;
    check(call);
    cdt_call_free(call);
    done++;
    if (started < wanted) start_call();
}

static void start_call(void) {
    cdt_call_options options = {.size = sizeof options, .on_change = changed};
    started++;
    if (cdt_start_unary(client, service, "UnaryCall", &request.base, &options)) return;
    fprintf(stderr, "libcdt: out of memory\n");
    exit(1);
}

int main(int count, char **arguments) {
    if (count != 4) {
        fprintf(stderr, "usage: libcdt HOST:PORT CALLS AT_ONCE\n");
        return 64;
    }
    char error[CDT_ERROR_SIZE];
    cdt_options options = {.size = sizeof options, .target = arguments[1]};
    client = cdt_client_new(&options, error, sizeof error);
    if (!client) {
        fprintf(stderr, "%s\n", error);
        return 1;
    }
    wanted = atol(arguments[2]);
    long at_once = atol(arguments[3]);
    request.response_size = SMALL;
    call_once();
    double begun = elapsed(), before = spent();
    if (at_once <= 1) {
        for (; done < wanted; done++) call_once();
    } else {
        while (started < wanted && started < at_once) start_call();
        while (done < wanted) cdt_client_turn(client);
    }
    printf("%.9f %.6f\n", elapsed() - begun, spent() - before);
    cdt_client_free(client);
    return 0;
}
