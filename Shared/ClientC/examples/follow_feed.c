/* Follows a change feed from where it stopped the last time.
 *
 *   follow_feed HOST:PORT TOPIC CURSOR_FILE [--once]
 *
 * TOPIC is for example registry.facts. Prints a line for each event: sequence, aggregate, version, type. The cursor is
 * stored after what it covers has been printed and flushed: after a crash some events may come again, none is lost. A
 * program with a database stores the cursor in the transaction in which it applies the events, and passes over versions
 * it has already. --once ends when everything recorded so far has been read. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cdt/feed/v1/feed.pb-c.h"
#include "common.h"

static char cursor[1024];
/* Since the last response. */
static int failures;

static void load_cursor(const char *path)
{
    FILE *file = fopen(path, "r");
    if (!file) return;
    if (!fgets(cursor, sizeof cursor, file)) *cursor = 0;
    cursor[strcspn(cursor, "\n")] = 0;
    fclose(file);
}

/* Written beside and renamed, so that a crash leaves the old cursor or the new one. */
static void store_cursor(const char *path, const char *value)
{
    char beside[4096];
    snprintf(beside, sizeof beside, "%s.new", path);
    FILE *file = fopen(beside, "w");
    bool stored = file && fprintf(file, "%s\n", value) > 0 && fflush(file) == 0 && fsync(fileno(file)) == 0;
    if (file) stored = fclose(file) == 0 && stored;
    if (!stored || rename(beside, path)) {
        perror(path);
        exit(1);
    }
    snprintf(cursor, sizeof cursor, "%s", value);
}

static void print_event(const Cdt__Feed__V1__Event *event)
{
    const char *type = event->payload ? strrchr(event->payload->type_url, '/') : NULL;
    printf(
        "%" PRId64 " %s %" PRId64 " %s\n", event->sequence, event->aggregate, event->version,
        event->tombstone ? "(gone)"
        : type           ? type + 1
                         : "?");
}

/* Follows until the stream ends; with `once` until everything has been read. Returns true when it has. */
static bool follow(cdt_call *call, const char *path, bool once)
{
    for (const Cdt__Feed__V1__FollowResponse *response; (response = cdt_receive(call));) {
        failures = 0;
        for (size_t i = 0; i < response->n_events; i++)
            print_event(response->events[i]);
        fflush(stdout);
        if (*response->cursor && strcmp(response->cursor, cursor) != 0) store_cursor(path, response->cursor);
        if (once && response->caught_up) return true;
    }
    return false;
}

int main(int count, char **arguments)
{
    bool once = count == 5 && strcmp(arguments[4], "--once") == 0;
    if (count != 4 && !once) {
        fprintf(stderr, "usage: follow_feed HOST:PORT TOPIC CURSOR_FILE [--once]\n");
        return 64;
    }
    load_cursor(arguments[3]);
    cdt_client *client = open_client(arguments[1]);
    bool done = false;
    while (!done && failures < 10) {
        Cdt__Feed__V1__FollowRequest request = CDT__FEED__V1__FOLLOW_REQUEST__INIT;
        request.topic = arguments[2];
        request.cursor = cursor;
        cdt_call *call = cdt_start(client, &cdt__feed__v1__feed_service__descriptor, "Follow", NULL);
        if (cdt_send(call, &request.base)) {
            cdt_end_sending(call);
            done = follow(call, arguments[3], once);
        }
        if (!done) {
            const char *reason = cdt_status_reason(call);
            cdt_code code = cdt_status(call);
            if (code != CDT_OK) tell_failure("follow", call);
            if (code == CDT_OUT_OF_RANGE && reason && strcmp(reason, "CURSOR_EXPIRED") == 0) {
                *cursor = 0; /* What it stood for is kept no longer: everything once more. */
            } else if (code != CDT_UNAVAILABLE && code != CDT_OK) {
                failures = 10;
            }
            failures++;
        }
        cdt_call_free(call);
        if (!done && failures < 10) nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
    }
    cdt_client_free(client);
    return done ? 0 : 1;
}
