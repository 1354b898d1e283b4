#include "transport.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tls.h"

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

static int open_socket(const struct addrinfo *address)
{
    int file = socket(address->ai_family, address->ai_socktype, address->ai_protocol);
    if (file < 0) return -1;
    int on = 1;
    if (fcntl(file, F_SETFD, FD_CLOEXEC) < 0 || fcntl(file, F_SETFL, O_NONBLOCK) < 0) {
        close(file);
        return -1;
    }
    /* We write whole batches of frames; waiting for more only delays them. */
    setsockopt(file, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
#ifdef SO_NOSIGPIPE
    setsockopt(file, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
#endif
    return file;
}

/* Tries the addresses left in turn until one is at least on its way. */
static bool connect_next(cdti_transport *transport)
{
    for (; transport->next; transport->next = transport->next->ai_next) {
        if (transport->file >= 0) close(transport->file);
        transport->file = open_socket(transport->next);
        if (transport->file < 0) {
            snprintf(transport->error, CDTI_TEXT, "no socket: %s", strerror(errno));
            continue;
        }
        if (connect(transport->file, transport->next->ai_addr, transport->next->ai_addrlen) == 0 ||
            errno == EINPROGRESS) {
            transport->next = transport->next->ai_next;
            transport->wants = POLLOUT;
            return true;
        }
        snprintf(transport->error, CDTI_TEXT, "%s", strerror(errno));
    }
    return false;
}

bool cdti_transport_start(
    cdti_transport *transport, const char *host, const char *port, SSL_CTX *context, const char *server_name)
{
    *transport = (cdti_transport){.file = -1};
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    int code = getaddrinfo(host, port, &hints, &transport->addresses);
    if (code) {
        snprintf(transport->error, CDTI_TEXT, "the name is not known: %s", gai_strerror(code));
        return false;
    }
    if (context) {
        transport->tls = cdti_tls_session(context, server_name, transport->error, CDTI_TEXT);
        transport->permanent = !transport->tls;
        if (!transport->tls) return false;
    }
    transport->next = transport->addresses;
    return connect_next(transport);
}

cdti_transport_state cdti_transport_advance(cdti_transport *transport, const char *server_name)
{
    if (!transport->connected) {
        struct pollfd ready = {.fd = transport->file, .events = POLLOUT};
        if (poll(&ready, 1, 0) != 1) return CDTI_TRANSPORT_WAITING;
        int code = 0;
        socklen_t size = sizeof code;
        getsockopt(transport->file, SOL_SOCKET, SO_ERROR, &code, &size);
        if (code) {
            snprintf(transport->error, CDTI_TEXT, "%s", strerror(code));
            return connect_next(transport) ? CDTI_TRANSPORT_WAITING : CDTI_TRANSPORT_FAILED;
        }
        transport->connected = true;
        transport->wants = POLLIN;
        freeaddrinfo(transport->addresses);
        transport->addresses = transport->next = NULL;
        if (transport->tls && !cdti_tls_attach(transport->tls, transport->file)) {
            snprintf(transport->error, CDTI_TEXT, "no memory for TLS");
            return CDTI_TRANSPORT_FAILED;
        }
    }
    if (!transport->tls) return CDTI_TRANSPORT_OPEN;
    switch (cdti_tls_handshake(transport->tls, server_name, transport->error, CDTI_TEXT, &transport->permanent)) {
        case CDTI_TLS_DONE: transport->wants = POLLIN; return CDTI_TRANSPORT_OPEN;
        case CDTI_TLS_WANTS_READ: transport->wants = POLLIN; return CDTI_TRANSPORT_WAITING;
        case CDTI_TLS_WANTS_WRITE: transport->wants = POLLOUT; return CDTI_TRANSPORT_WAITING;
        case CDTI_TLS_FAILED: break;
    }
    return CDTI_TRANSPORT_FAILED;
}

static bool would_block(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

ssize_t cdti_transport_read(cdti_transport *transport, uint8_t *data, size_t size)
{
    if (transport->tls) return cdti_tls_read(transport->tls, data, size, transport->error, CDTI_TEXT);
    ssize_t count = recv(transport->file, data, size, 0);
    if (count > 0) return count;
    if (count < 0 && would_block()) return 0;
    snprintf(transport->error, CDTI_TEXT, "%s", count == 0 ? "the server closed the connection" : strerror(errno));
    return -1;
}

ssize_t cdti_transport_write(cdti_transport *transport, const uint8_t *data, size_t size)
{
    if (transport->tls) return cdti_tls_write(transport->tls, data, size, transport->error, CDTI_TEXT);
    ssize_t count = send(transport->file, data, size, MSG_NOSIGNAL);
    if (count >= 0) return count;
    if (would_block()) return 0;
    snprintf(transport->error, CDTI_TEXT, "%s", strerror(errno));
    return -1;
}

void cdti_transport_close(cdti_transport *transport)
{
    if (transport->tls) cdti_tls_end(transport->tls);
    if (transport->file >= 0) close(transport->file);
    if (transport->addresses) freeaddrinfo(transport->addresses);
    transport->tls = NULL;
    transport->file = -1;
    transport->addresses = transport->next = NULL;
}
