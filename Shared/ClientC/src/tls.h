/* TLS by OpenSSL: verified certificates, ALPN h2. */
#ifndef CDT_TLS_H
#define CDT_TLS_H

#include "transport.h"

typedef enum { CDTI_TLS_DONE, CDTI_TLS_WANTS_READ, CDTI_TLS_WANTS_WRITE, CDTI_TLS_FAILED } cdti_tls_result;

SSL *cdti_tls_session(SSL_CTX *context, const char *server_name, char *error, size_t error_size);
bool cdti_tls_attach(SSL *tls, int file);
cdti_tls_result cdti_tls_handshake(SSL *tls, const char *server_name, char *error, size_t error_size, bool *permanent);
ssize_t cdti_tls_read(SSL *tls, uint8_t *data, size_t size, char *error, size_t error_size);
ssize_t cdti_tls_write(SSL *tls, const uint8_t *data, size_t size, char *error, size_t error_size);
void cdti_tls_end(SSL *tls);

#endif
