/* A connection: from the socket to the session and back. */
#include <stdio.h>
#include <stdlib.h>

#include "internal.h"

enum { READ_SIZE = 16384, READS_AT_ONCE = 32 };

cdti_connection *cdti_connection_open(cdt_client *client)
{
    cdti_connection *connection = calloc(1, sizeof *connection);
    if (!connection) return NULL;
    int64_t now = cdti_now();
    connection->client = client;
    connection->connect_deadline = now + client->options.connect_timeout_ms;
    connection->last_read = connection->idle_frames_at = now;
    connection->ping_sent = CDTI_NEVER;
    if (!cdti_transport_start(&connection->transport, client->host, client->port, client->tls, client->server_name)) {
        cdti_connection_close(connection, NULL);
    }
    return connection;
}

void cdti_connection_close(cdti_connection *connection, const char *why)
{
    cdt_client *client = connection->client;
    bool opening = connection->state == CDTI_CONNECTION_OPENING;
    char text[CDTI_TEXT + 320];
    snprintf(
        text, sizeof text, "%s %s:%s: %s%s", opening ? "cannot connect to" : "lost the connection to", client->host,
        client->port, why ? why : connection->transport.error, opening ? "; is the service running there?" : "");
    /* Nothing came from the server yet: whoever waits for this connection has failed with it, instead of trying the
     * same again at once and for ever. */
    bool in_vain = opening || !connection->heard;
    bool permanent = opening && connection->transport.permanent;
    connection->state = CDTI_CONNECTION_CLOSED;
    nghttp2_session_del(connection->session);
    connection->session = NULL;
    cdti_transport_close(&connection->transport);
    cdti_bytes_free(&connection->output);
    for (cdt_call *call = client->calls; call; call = call->next) {
        bool waited = in_vain && call->state == CDTI_CALL_WAITING;
        if (waited) call->attempts++;
        if (!waited && call->connection != connection) continue;
        cdti_call_attempt_failed(
            call,
            &(cdti_failure){
                .code = CDT_UNAVAILABLE, .message = text, .unprocessed = !call->headers_sent, .final = permanent});
    }
}

void cdti_connection_free(cdti_connection *connection)
{
    nghttp2_session_del(connection->session);
    cdti_transport_close(&connection->transport);
    cdti_bytes_free(&connection->output);
    free(connection);
}

void cdti_connection_start(cdti_connection *connection, cdt_call *call)
{
    call->attempts++;
    call->connection = connection;
    call->state = CDTI_CALL_RUNNING;
    connection->calls++;
    if (cdti_session_submit(connection, call)) return;
    /* No stream ids left after 2^30 calls, or no memory: a new connection has both. */
    connection->state = CDTI_CONNECTION_DRAINING;
    cdti_call_attempt_failed(
        call,
        &(cdti_failure){.code = CDT_UNAVAILABLE, .message = "the connection takes no more calls", .unprocessed = true});
}

/* Feeds the session; false: the connection has been closed. */
static bool receive(cdti_connection *connection, int64_t now)
{
    uint8_t buffer[READ_SIZE];
    connection->more_to_read = false;
    for (int i = 0; i < READS_AT_ONCE; i++) {
        ssize_t count = cdti_transport_read(&connection->transport, buffer, sizeof buffer);
        if (count == 0) return true;
        if (count < 0) {
            cdti_connection_close(connection, NULL);
            return false;
        }
        connection->last_read = now;
        connection->heard = true;
        connection->ping_sent = CDTI_NEVER;
        ssize_t taken = nghttp2_session_mem_recv(connection->session, buffer, (size_t)count);
        if (taken < 0) {
            cdti_connection_close(connection, nghttp2_strerror((int)taken));
            return false;
        }
        if (connection->flooded) {
            cdti_connection_close(connection, "the server floods it with frames that carry nothing");
            return false;
        }
        /* What answers the server must not pile up: first it leaves, then more is read. */
        cdti_connection_flush(connection);
        if (connection->state == CDTI_CONNECTION_CLOSED) return false;
        if (connection->output.length - connection->written >= CDTI_OUTPUT_HIGH_WATER) return true;
    }
    /* Others want their turn; TLS may hold bytes that poll() does not see. */
    connection->more_to_read = true;
    return true;
}

/* Finds out whether a silent server is still there. */
static void keep_alive(cdti_connection *connection, int64_t now)
{
    cdt_client *client = connection->client;
    if (!connection->calls || client->keepalive_ms < 0) return;
    if (connection->ping_sent != CDTI_NEVER) {
        if (now - connection->ping_sent < client->options.keepalive_timeout_ms) return;
        char text[96];
        snprintf(text, sizeof text, "no answer to a ping within %d ms", client->options.keepalive_timeout_ms);
        cdti_connection_close(connection, text);
    } else if (now - connection->last_read >= client->keepalive_ms) {
        nghttp2_submit_ping(connection->session, NGHTTP2_FLAG_NONE, NULL);
        connection->ping_sent = now;
    }
}

void cdti_connection_advance(cdti_connection *connection, int64_t now)
{
    if (connection->state == CDTI_CONNECTION_OPENING) {
        cdti_transport_state state = cdti_transport_advance(&connection->transport, connection->client->server_name);
        if (state == CDTI_TRANSPORT_FAILED) {
            cdti_connection_close(connection, NULL);
        } else if (state == CDTI_TRANSPORT_WAITING && now >= connection->connect_deadline) {
            cdti_connection_close(connection, "no answer in time (connect_timeout_ms)");
        } else if (state == CDTI_TRANSPORT_OPEN) {
            if (!cdti_session_open(connection)) {
                cdti_connection_close(connection, "no memory for the session");
                return;
            }
            connection->state = CDTI_CONNECTION_OPEN;
            connection->last_read = now;
        }
        return;
    }
    if (connection->state == CDTI_CONNECTION_CLOSED || !receive(connection, now)) return;
    keep_alive(connection, now);
}

/* Moves frames from the session to our output. */
static bool collect(cdti_connection *connection)
{
    while (connection->output.length < CDTI_OUTPUT_HIGH_WATER) {
        const uint8_t *data;
        ssize_t count = nghttp2_session_mem_send(connection->session, &data);
        if (count == 0) return true;
        if (count < 0 || !cdti_bytes_append(&connection->output, data, (size_t)count)) return false;
    }
    return true;
}

/* Nothing more can be sent; what the server said before it closed (answers, or why: a GOAWAY, an alert of TLS)
 * counts. */
static void hear_the_last(cdti_connection *connection)
{
    uint8_t buffer[READ_SIZE];
    for (int i = 0; i < READS_AT_ONCE; i++) {
        ssize_t count = cdti_transport_read(&connection->transport, buffer, sizeof buffer);
        if (count <= 0 || nghttp2_session_mem_recv(connection->session, buffer, (size_t)count) < 0) return;
        connection->heard = true;
    }
}

void cdti_connection_flush(cdti_connection *connection)
{
    if (!connection->session) return;
    for (;;) {
        if (connection->written) {
            cdti_bytes_drop(&connection->output, connection->written);
            connection->written = 0;
        }
        if (!collect(connection)) {
            cdti_connection_close(connection, "no memory for its output");
            return;
        }
        if (!connection->output.length) break;
        ssize_t count =
            cdti_transport_write(&connection->transport, connection->output.data, connection->output.length);
        if (count < 0) {
            hear_the_last(connection);
            cdti_connection_close(connection, NULL);
            return;
        }
        if (count == 0) return;
        connection->written = (size_t)count;
    }
    bool finished = connection->state == CDTI_CONNECTION_DRAINING && !connection->calls;
    bool over = !nghttp2_session_want_read(connection->session) && !nghttp2_session_want_write(connection->session);
    if (finished || over) {
        bool asked = connection->state == CDTI_CONNECTION_DRAINING;
        cdti_connection_close(connection, asked ? "the server stopped" : "the server broke the rules of HTTP/2");
    }
}

int64_t cdti_connection_due(const cdti_connection *connection)
{
    if (connection->state == CDTI_CONNECTION_OPENING) return connection->connect_deadline;
    if (connection->more_to_read || connection->state == CDTI_CONNECTION_CLOSED) return 0;
    const cdt_client *client = connection->client;
    if (!connection->calls || client->keepalive_ms < 0) return CDTI_NEVER;
    if (connection->ping_sent != CDTI_NEVER) return connection->ping_sent + client->options.keepalive_timeout_ms;
    return connection->last_read + client->keepalive_ms;
}
