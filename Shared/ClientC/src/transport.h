/* A TCP connection, with TLS or without, that never blocks and never raises SIGPIPE. */
#ifndef CDT_TRANSPORT_H
#define CDT_TRANSPORT_H

#include <netdb.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { CDTI_TEXT = 384 };

/* What a client needs for TLS: its trust and its own certificate. NULL: `error` says which file is wrong and why. */
SSL_CTX *cdti_tls_context(
    const char *authorities, const char *certificate, const char *key, char *error, size_t error_size);

typedef enum { CDTI_TRANSPORT_WAITING, CDTI_TRANSPORT_OPEN, CDTI_TRANSPORT_FAILED } cdti_transport_state;

typedef struct cdti_transport {
    int file;
    struct addrinfo *addresses;
    struct addrinfo *next;
    bool connected;
    SSL *tls;
    short wants;
    /* What went wrong, and whether the same would go wrong again. */
    char error[CDTI_TEXT];
    bool permanent;
} cdti_transport;

/* Begins to connect. `context` NULL: plaintext. False: `error` says why. */
bool cdti_transport_start(
    cdti_transport *transport, const char *host, const char *port, SSL_CTX *context, const char *server_name);
/* Goes on with connecting and the handshake. */
cdti_transport_state cdti_transport_advance(cdti_transport *transport, const char *server_name);
/* Bytes read; 0: none now; -1: closed or broken, `error` says which. */
ssize_t cdti_transport_read(cdti_transport *transport, uint8_t *data, size_t size);
/* Bytes written; 0: none now; -1: broken. */
ssize_t cdti_transport_write(cdti_transport *transport, const uint8_t *data, size_t size);
void cdti_transport_close(cdti_transport *transport);

#endif
