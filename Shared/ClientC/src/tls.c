#include "tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

/* OpenSSL's socket BIO writes with write(), which raises SIGPIPE; a library must not, nor change what signals do. */
static int socket_write(BIO *bio, const char *data, size_t size, size_t *written)
{
    ssize_t count = send((int)(intptr_t)BIO_get_data(bio), data, size, MSG_NOSIGNAL);
    BIO_clear_retry_flags(bio);
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) BIO_set_retry_write(bio);
    *written = count > 0 ? (size_t)count : 0;
    return count > 0;
}

static int socket_read(BIO *bio, char *data, size_t size, size_t *taken)
{
    ssize_t count = recv((int)(intptr_t)BIO_get_data(bio), data, size, 0);
    BIO_clear_retry_flags(bio);
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) BIO_set_retry_read(bio);
    *taken = count > 0 ? (size_t)count : 0;
    return count > 0;
}

static long socket_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

/* The newest error of OpenSSL, and leaves none behind for others on this thread. */
static const char *last_error(char *buffer, size_t size)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    if (reason)
        snprintf(buffer, size, "%s", reason);
    else if (code)
        ERR_error_string_n(code, buffer, size);
    else
        snprintf(buffer, size, "%s", errno ? strerror(errno) : "the connection was closed");
    ERR_clear_error();
    return buffer;
}

SSL_CTX *cdti_tls_context(
    const char *authorities, const char *certificate, const char *key, char *error, size_t error_size)
{
    ERR_clear_error();
    char reason[128];
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (!context) {
        snprintf(error, error_size, "TLS is not available: %s", last_error(reason, sizeof reason));
        return NULL;
    }
    /* Renegotiation is off; partial writes because our buffer moves between tries. */
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    static const unsigned char protocols[] = {2, 'h', '2'};
    const char *wrong = NULL, *file = NULL;
    if (!SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) || SSL_CTX_set_alpn_protos(context, protocols, 3)) {
        wrong = "cannot set up TLS";
    } else if (!(authorities ? SSL_CTX_load_verify_locations(context, file = authorities, NULL)
                             : SSL_CTX_set_default_verify_paths(context))) {
        wrong = "cannot read the authorities to trust";
    } else if (certificate && SSL_CTX_use_certificate_chain_file(context, file = certificate) != 1) {
        wrong = "cannot read our certificate";
    } else if (key && SSL_CTX_use_PrivateKey_file(context, file = key, SSL_FILETYPE_PEM) != 1) {
        wrong = "cannot read the key of our certificate, or it belongs to another";
    }
    if (!wrong) return context;
    snprintf(
        error, error_size, "%s%s%s: %s", wrong, file ? " from " : "", file ? file : "",
        last_error(reason, sizeof reason));
    SSL_CTX_free(context);
    return NULL;
}

SSL *cdti_tls_session(SSL_CTX *context, const char *server_name, char *error, size_t error_size)
{
    SSL *tls = SSL_new(context);
    unsigned char address[16];
    bool is_address = inet_pton(AF_INET, server_name, address) == 1 || inet_pton(AF_INET6, server_name, address) == 1;
    bool named = tls && (is_address ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls), server_name)
                                    : SSL_set1_host(tls, server_name) && SSL_set_tlsext_host_name(tls, server_name));
    if (!named) {
        snprintf(error, error_size, "cannot ask for a certificate of %s", server_name);
        ERR_clear_error();
        SSL_free(tls);
        return NULL;
    }
    SSL_set_connect_state(tls);
    return tls;
}

bool cdti_tls_attach(SSL *tls, int file)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "cdt");
    if (!method) return false;
    BIO_meth_set_write_ex(method, socket_write);
    BIO_meth_set_read_ex(method, socket_read);
    BIO_meth_set_ctrl(method, socket_control);
    BIO *bio = BIO_new(method);
    if (!bio) {
        BIO_meth_free(method);
        return false;
    }
    BIO_set_data(bio, (void *)(intptr_t)file);
    BIO_set_init(bio, 1);
    SSL_set_bio(tls, bio, bio);
    /* Freed with the session, in cdti_tls_end(). */
    SSL_set_app_data(tls, (char *)method);
    return true;
}

cdti_tls_result cdti_tls_handshake(SSL *tls, const char *server_name, char *error, size_t error_size, bool *permanent)
{
    ERR_clear_error();
    errno = 0;
    int result = SSL_do_handshake(tls);
    if (result == 1) {
        const unsigned char *protocol = NULL;
        unsigned length = 0;
        SSL_get0_alpn_selected(tls, &protocol, &length);
        if (length == 2 && memcmp(protocol, "h2", 2) == 0) return CDTI_TLS_DONE;
        snprintf(error, error_size, "the server does not offer HTTP/2 (ALPN h2); is it the gRPC port?");
        *permanent = true;
        return CDTI_TLS_FAILED;
    }
    switch (SSL_get_error(tls, result)) {
        case SSL_ERROR_WANT_READ: return CDTI_TLS_WANTS_READ;
        case SSL_ERROR_WANT_WRITE: return CDTI_TLS_WANTS_WRITE;
        default: break;
    }
    long verdict = SSL_get_verify_result(tls);
    char reason[128];
    if (verdict != X509_V_OK) {
        *permanent = true;
        snprintf(
            error, error_size, "the certificate is not accepted for %s: %s; check authorities_file and server_name",
            server_name, X509_verify_cert_error_string(verdict));
        ERR_clear_error();
    } else {
        snprintf(error, error_size, "the TLS handshake failed: %s", last_error(reason, sizeof reason));
    }
    return CDTI_TLS_FAILED;
}

static ssize_t outcome(SSL *tls, int result, char *error, size_t error_size)
{
    switch (SSL_get_error(tls, result)) {
        case SSL_ERROR_WANT_READ:
        case SSL_ERROR_WANT_WRITE: return 0;
        case SSL_ERROR_ZERO_RETURN: snprintf(error, error_size, "the server closed the connection"); return -1;
        default: break;
    }
    char reason[128];
    snprintf(error, error_size, "TLS: %s", last_error(reason, sizeof reason));
    return -1;
}

ssize_t cdti_tls_read(SSL *tls, uint8_t *data, size_t size, char *error, size_t error_size)
{
    ERR_clear_error();
    errno = 0;
    size_t count = 0;
    int result = SSL_read_ex(tls, data, size, &count);
    return result == 1 ? (ssize_t)count : outcome(tls, result, error, error_size);
}

ssize_t cdti_tls_write(SSL *tls, const uint8_t *data, size_t size, char *error, size_t error_size)
{
    ERR_clear_error();
    errno = 0;
    size_t count = 0;
    int result = SSL_write_ex(tls, data, size, &count);
    return result == 1 ? (ssize_t)count : outcome(tls, result, error, error_size);
}

void cdti_tls_end(SSL *tls)
{
    BIO_METHOD *method = (BIO_METHOD *)SSL_get_app_data(tls);
    /* After a failed handshake a close notice must not be sent. */
    if (method && SSL_is_init_finished(tls)) SSL_shutdown(tls);
    SSL_free(tls);
    if (method) BIO_meth_free(method);
    ERR_clear_error();
}
