/* The client: its options, its turn of the event loop. */
#define _DEFAULT_SOURCE
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "internal.h"
#include "text.h"

#define VERSION "1.0.0"

const char *cdt_version(void)
{
    return VERSION;
}

int64_t cdti_now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

double cdti_client_jitter(cdt_client *client)
{
    client->random ^= client->random << 13;
    client->random ^= client->random >> 7;
    client->random ^= client->random << 17;
    return (double)(client->random >> 11) / (double)(1ull << 53) * 0.4 - 0.2;
}

/* ---- Options ---- */

static bool refuse(char *error, size_t size, const char *text)
{
    if (error && size) snprintf(error, size, "%s", text);
    return false;
}

static char *copy_text(const char *text)
{
    return text ? cdti_copy(text, strlen(text)) : NULL;
}

/* "host:port" or "[address]:port". */
static bool split_target(cdt_client *client, const char *target)
{
    const char *colon = target ? strrchr(target, ':') : NULL;
    if (!colon || colon == target) return false;
    const char *host = target, *end = colon;
    if (*target == '[') {
        if (colon[-1] != ']' || colon - target < 3) return false;
        host++;
        end--;
    } else if (memchr(target, ':', (size_t)(colon - target))) {
        return false; /* An IPv6 address without brackets. */
    }
    int64_t port = cdti_number(colon + 1, strlen(colon + 1), 5);
    if (port < 1 || port > 65535) return false;
    client->host = cdti_copy(host, (size_t)(end - host));
    client->port = copy_text(colon + 1);
    if (!client->host || !client->port) return false;
    client->loopback = strcmp(client->host, "localhost") == 0 || strncmp(client->host, "127.", 4) == 0 ||
                       strcmp(client->host, "::1") == 0;
    return cdti_is_header_value(target, strlen(target));
}

static void set_default(int *value, int standard)
{
    if (*value == 0) *value = standard;
}

static void set_size(size_t *value, size_t standard, size_t most)
{
    if (*value == 0) *value = standard;
    if (*value > most) *value = most;
}

static void set_defaults(cdt_options *options)
{
    set_default(&options->timeout_ms, 30000);
    set_default(&options->connect_timeout_ms, 10000);
    if (options->connect_timeout_ms < 0) options->connect_timeout_ms = INT_MAX;
    set_default(&options->keepalive_ms, 60000);
    /* Servers send away who pings more often. */
    if (options->keepalive_ms > 0 && options->keepalive_ms < 10000) options->keepalive_ms = 10000;
    set_default(&options->keepalive_timeout_ms, 20000);
    if (options->keepalive_timeout_ms < 0) options->keepalive_timeout_ms = INT_MAX;
    set_default(&options->attempts, 4);
    set_default(&options->backoff_ms, 100);
    set_default(&options->backoff_max_ms, 5000);
    if (options->backoff_ms < 0) options->backoff_ms = 0;
    if (options->backoff_max_ms < options->backoff_ms) options->backoff_max_ms = options->backoff_ms;
    const size_t most = (size_t)1 << 30;
    set_size(&options->max_receive_bytes, 4 << 20, most);
    set_size(&options->max_send_bytes, 4 << 20, most);
    set_size(&options->max_message_memory, 64 << 20, SIZE_MAX / 4);
    set_size(&options->max_header_bytes, 16 << 10, most);
}

static bool set_agent(cdt_client *client, const char *agent)
{
    static const char own[] = "cdt-c/" VERSION;
    size_t size = sizeof own + (agent ? strlen(agent) + 1 : 0);
    client->agent = malloc(size);
    if (client->agent) snprintf(client->agent, size, "%s%s%s", agent ? agent : "", agent ? " " : "", own);
    return client->agent && cdti_is_header_value(client->agent, strlen(client->agent));
}

static bool configure(cdt_client *client, const cdt_options *given, char *error, size_t error_size)
{
    if (!given || !given->size) return refuse(error, error_size, "the options have no size; set it to sizeof options");
    cdt_options *options = &client->options;
    memcpy(options, given, given->size < sizeof *options ? given->size : sizeof *options);
    set_defaults(options);
    const char *target = options->target, *name = options->server_name;
    options->target = options->server_name = NULL;
    if (!split_target(client, target)) {
        return refuse(error, error_size, "target is not host:port, for example 127.0.0.1:50051 or [::1]:50051");
    }
    options->target = copy_text(target);
    client->server_name = copy_text(name ? name : client->host);
    if (name) options->server_name = client->server_name;
    if (!options->target || !client->server_name) return refuse(error, error_size, "no memory");
    if (!set_agent(client, options->user_agent)) return refuse(error, error_size, "user_agent is not plain ASCII");
    if (options->token && !cdt_client_set_token(client, options->token)) {
        return refuse(error, error_size, "token holds blanks or other characters than visible ASCII");
    }
    client->keepalive_ms = options->keepalive_ms;
    if (getentropy(&client->random, sizeof client->random) || !client->random)
        client->random = (uint64_t)cdti_now() + 1;
    bool files = options->authorities_file || options->certificate_file || options->key_file;
    if (!options->tls && files) {
        return refuse(
            error, error_size, "authorities_file, certificate_file or key_file but no tls; set tls or leave them out");
    }
    if (!options->tls) return true;
    if (!options->certificate_file != !options->key_file) {
        return refuse(error, error_size, "certificate_file and key_file belong together; give both or none");
    }
    client->tls =
        cdti_tls_context(options->authorities_file, options->certificate_file, options->key_file, error, error_size);
    return client->tls;
}

cdt_client *cdt_client_new(const cdt_options *options, char *error, size_t error_size)
{
    char unused[CDT_ERROR_SIZE];
    if (!error || !error_size) {
        error = unused;
        error_size = sizeof unused;
    }
    cdt_client *client = calloc(1, sizeof *client);
    if (!client) {
        refuse(error, error_size, "no memory for a client");
        return NULL;
    }
    if (configure(client, options, error, error_size)) return client;
    cdt_client_free(client);
    return NULL;
}

bool cdt_client_set_token(cdt_client *client, const char *token)
{
    if (token && !cdti_is_token(token)) return false;
    char *copy = copy_text(token);
    if (token && !copy) return false;
    free(client->token);
    client->token = copy;
    return true;
}

void cdt_client_free(cdt_client *client)
{
    if (!client) return;
    for (cdt_call *call = client->calls, *next; call; call = next) {
        next = call->next;
        call->on_change = NULL;
        cdti_call_end(call, CDT_CANCELLED, "the client was freed");
        call->client = NULL;
    }
    for (int i = 0; i < CDT_FILES; i++) {
        if (!client->connections[i]) continue;
        /* The server learns of cancelled calls, if that needs no waiting. */
        client->calls = NULL;
        cdti_connection_flush(client->connections[i]);
        cdti_connection_free(client->connections[i]);
    }
    SSL_CTX_free(client->tls);
    free(client->host);
    free(client->port);
    free(client->server_name);
    free(client->token);
    free(client->agent);
    free((char *)client->options.target);
    free(client);
}

/* ---- Connections for calls ---- */

/* The connection that takes new calls, opened if there is none; NULL: none yet. */
static cdti_connection *usable(cdt_client *client)
{
    int free_slot = -1;
    for (int i = 0; i < CDT_FILES; i++) {
        cdti_connection *connection = client->connections[i];
        if (!connection)
            free_slot = i;
        else if (connection->state == CDTI_CONNECTION_OPEN)
            return connection;
        else if (connection->state == CDTI_CONNECTION_OPENING)
            return NULL;
    }
    if (free_slot >= 0) client->connections[free_slot] = cdti_connection_open(client);
    return NULL;
}

void cdti_client_place(cdt_call *call)
{
    cdti_connection *connection = call->state == CDTI_CALL_WAITING ? usable(call->client) : NULL;
    if (!connection || call->state != CDTI_CALL_WAITING) return;
    /* After a pause, a server may have gone away unnoticed. */
    if (!connection->calls) cdti_connection_advance(connection, cdti_now());
    if (connection->state == CDTI_CONNECTION_OPEN)
        cdti_connection_start(connection, call);
    else
        cdti_client_place(call);
}

void cdti_client_assign(cdt_client *client)
{
    for (cdt_call *call = client->calls; call; call = call->next) {
        if (call->state == CDTI_CALL_WAITING) cdti_client_place(call);
    }
}

/* ---- The event loop ---- */

int cdt_client_files(const cdt_client *client, struct pollfd files[CDT_FILES])
{
    int count = 0;
    for (int i = 0; i < CDT_FILES; i++) {
        const cdti_connection *connection = client->connections[i];
        if (!connection || connection->transport.file < 0) continue;
        short wants = connection->transport.wants;
        if (connection->state != CDTI_CONNECTION_OPENING) {
            wants = POLLIN;
            if (connection->output.length > connection->written || nghttp2_session_want_write(connection->session)) {
                wants |= POLLOUT;
            }
        }
        files[count++] = (struct pollfd){.fd = connection->transport.file, .events = wants};
    }
    return count;
}

int cdt_client_timeout(const cdt_client *client)
{
    int64_t due = client->changed_first ? 0 : CDTI_NEVER;
    for (const cdt_call *call = client->calls; call; call = call->next) {
        if (call->state == CDTI_CALL_ENDED) continue;
        if (call->deadline < due) due = call->deadline;
        if (call->state == CDTI_CALL_PAUSED && call->retry_at < due) due = call->retry_at;
    }
    for (int i = 0; i < CDT_FILES; i++) {
        int64_t at = client->connections[i] ? cdti_connection_due(client->connections[i]) : CDTI_NEVER;
        if (at < due) due = at;
    }
    if (due == CDTI_NEVER) return -1;
    int64_t left = due - cdti_now();
    return left <= 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

static void advance_calls(cdt_client *client, int64_t now)
{
    for (cdt_call *call = client->calls; call; call = call->next) {
        if (call->state == CDTI_CALL_ENDED) continue;
        if (now >= call->deadline) {
            cdti_call_end(call, CDT_DEADLINE_EXCEEDED, "the deadline passed before the call ended");
        } else if (call->state == CDTI_CALL_PAUSED && now >= call->retry_at) {
            call->state = CDTI_CALL_WAITING;
        }
    }
}

/* Tells calls that something has changed. Each may free any. Only those due now: one that brings about another change
 * is told at the next turn. */
static void tell_changes(cdt_client *client)
{
    cdt_call *last = client->changed_last;
    bool more = last != NULL;
    while (more && client->changed_first) {
        cdt_call *call = client->changed_first;
        more = call != last;
        client->changed_first = call->changed_next;
        if (client->changed_first)
            client->changed_first->changed_previous = NULL;
        else
            client->changed_last = NULL;
        call->changed = false;
        call->on_change(call, call->context);
        /* `last` may have been freed; then what is left is told at the next turn at the latest. */
        if (more && client->changed_last != last) more = false;
    }
}

void cdt_client_on_ready(cdt_client *client)
{
    int64_t now = cdti_now();
    for (int i = 0; i < CDT_FILES; i++) {
        if (client->connections[i]) cdti_connection_advance(client->connections[i], now);
    }
    advance_calls(client, now);
    cdti_client_assign(client);
    for (int i = 0; i < CDT_FILES; i++) {
        cdti_connection *connection = client->connections[i];
        if (!connection) continue;
        cdti_connection_flush(connection);
        if (connection->state != CDTI_CONNECTION_CLOSED) continue;
        client->connections[i] = NULL;
        cdti_connection_free(connection);
    }
    tell_changes(client);
}

void cdt_client_turn(cdt_client *client)
{
    struct pollfd files[CDT_FILES];
    int count = cdt_client_files(client, files);
    /* Interrupted by a signal or not: what is due is found out by looking. */
    poll(files, (nfds_t)count, cdt_client_timeout(client));
    cdt_client_on_ready(client);
}
