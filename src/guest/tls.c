/* SPDX-License-Identifier: MIT */
#include "tls.h"

#include <bearssl.h>
#include <sodium.h>

#define ANCHORS_MAX 1024
#define DER_MAX 32768

/* Grows while BearSSL hands out bytes. */
struct bytes {
    unsigned char *data;
    size_t len, size;
    bool bad;
};

/* What was read of one certificate: the key of its anchor lies in the decoder. */
struct authority {
    br_x509_decoder_context decoder;
    struct bytes name;
    struct authority *next;
};

struct tls_anchors {
    br_x509_trust_anchor *list;
    size_t count;
    struct authority *authorities;
};

struct tls {
    br_ssl_client_context client;
    br_x509_minimal_context x509;
    br_sslio_context io;
    int fd;
    int failure; /* errno of the socket */
    unsigned char buffer[BR_SSL_BUFSIZE_BIDI];
};

static void bytes_add(void *ctx, const void *data, size_t len) {
    struct bytes *bytes = ctx;
    if (bytes->bad || bytes->len + len > DER_MAX) {
        bytes->bad = true;
        return;
    }
    if (bytes->len + len > bytes->size) {
        size_t size = (bytes->len + len) * 2;
        unsigned char *more = realloc(bytes->data, size);
        if (!more) {
            bytes->bad = true;
            return;
        }
        bytes->data = more;
        bytes->size = size;
    }
    memcpy(bytes->data + bytes->len, data, len);
    bytes->len += len;
}

static void authority_free(struct authority *authority) {
    free(authority->name.data);
    free(authority);
}

/* What the certificate says, NULL when it is no authority's. */
static struct authority *authority_from(const struct bytes *der) {
    struct authority *authority = der->bad ? NULL : calloc(1, sizeof *authority);
    if (!authority)
        return NULL;
    br_x509_decoder_init(&authority->decoder, bytes_add, &authority->name);
    br_x509_decoder_push(&authority->decoder, der->data, der->len);
    if (br_x509_decoder_get_pkey(&authority->decoder) && br_x509_decoder_isCA(&authority->decoder) &&
        !authority->name.bad)
        return authority;
    authority_free(authority);
    return NULL;
}

static void anchors_take(struct tls_anchors *anchors, const struct bytes *der) {
    struct authority *authority = anchors->count < ANCHORS_MAX ? authority_from(der) : NULL;
    if (!authority)
        return;
    br_x509_trust_anchor *more = realloc(anchors->list, (anchors->count + 1) * sizeof *more);
    if (!more) {
        authority_free(authority);
        return;
    }
    authority->next = anchors->authorities;
    anchors->authorities = authority;
    anchors->list = more;
    more[anchors->count++] = (br_x509_trust_anchor){
        .dn = {authority->name.data, authority->name.len},
        .flags = BR_X509_TA_CA,
        .pkey = *br_x509_decoder_get_pkey(&authority->decoder),
    };
}

struct tls_anchors *tls_anchors_new(void) {
    return calloc(1, sizeof(struct tls_anchors));
}

void tls_anchors_free(struct tls_anchors *anchors) {
    if (!anchors)
        return;
    while (anchors->authorities) {
        struct authority *authority = anchors->authorities;
        anchors->authorities = authority->next;
        authority_free(authority);
    }
    free(anchors->list);
    free(anchors);
}

size_t tls_anchors_count(const struct tls_anchors *anchors) {
    return anchors->count;
}

size_t tls_anchors_add(struct tls_anchors *anchors, const char *pem, size_t len) {
    br_pem_decoder_context decoder;
    struct bytes der = {0};
    bool inside = false;
    size_t before = anchors->count;
    br_pem_decoder_init(&decoder);
    while (len > 0) {
        size_t n = br_pem_decoder_push(&decoder, pem, len);
        pem += n;
        len -= n;
        switch (br_pem_decoder_event(&decoder)) {
        case BR_PEM_BEGIN_OBJ: {
            const char *name = br_pem_decoder_name(&decoder);
            inside = strcmp(name, "CERTIFICATE") == 0 || strcmp(name, "TRUSTED CERTIFICATE") == 0;
            der.len = 0;
            der.bad = false;
            br_pem_decoder_setdest(&decoder, inside ? bytes_add : NULL, inside ? &der : NULL);
            break;
        }
        case BR_PEM_END_OBJ:
            if (inside)
                anchors_take(anchors, &der);
            inside = false;
            break;
        case BR_PEM_ERROR:
            inside = false;
            break;
        default:
            break;
        }
    }
    free(der.data);
    return anchors->count - before;
}

static int socket_read(void *ctx, unsigned char *data, size_t len) {
    struct tls *tls = ctx;
    ssize_t n;
    while ((n = read(tls->fd, data, len)) < 0 && errno == EINTR) {
    }
    if (n < 0)
        tls->failure = errno;
    return n > 0 ? (int)n : -1;
}

static int socket_write(void *ctx, const unsigned char *data, size_t len) {
    struct tls *tls = ctx;
    ssize_t n;
    while ((n = write(tls->fd, data, len)) < 0 && errno == EINTR) {
    }
    if (n < 0)
        tls->failure = errno;
    return n > 0 ? (int)n : -1;
}

/* Why there was no handshake, for the log. */
static void explain(const struct tls *tls, char *why, size_t why_size) {
    static const struct {
        int error;
        const char *complaint;
    } known[] = {{BR_ERR_X509_EXPIRED, "is outside its dates"},
                 {BR_ERR_X509_BAD_SERVER_NAME, "is for another name"},
                 {BR_ERR_X509_NOT_TRUSTED, "is from no authority we know"},
                 {BR_ERR_X509_NOT_CA, "is signed by a certificate that is no authority"}};
    int error = br_ssl_engine_last_error(&tls->client.eng);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (known[i].error == error) {
            snprintf(why, why_size, "TLS refused: the certificate %s", known[i].complaint);
            return;
        }
    }
    if (error == BR_ERR_X509_BAD_SIGNATURE)
        snprintf(why, why_size, "TLS refused: the certificate's signature is wrong");
    else if (error != BR_ERR_OK && error != BR_ERR_IO)
        snprintf(why, why_size, "TLS refused: BearSSL error %d", error);
    else if (tls->failure == EAGAIN || tls->failure == EWOULDBLOCK)
        snprintf(why, why_size, "TLS handshake timed out");
    else
        snprintf(why, why_size, "connection lost in the TLS handshake");
}

struct tls *tls_open(int fd, const struct tls_anchors *anchors, const char *name, int64_t when, char *why,
                     size_t why_size) {
    unsigned char seed[32];
    struct tls *tls = malloc(sizeof *tls);
    if (!tls) {
        snprintf(why, why_size, "out of memory");
        return NULL;
    }
    tls->fd = fd;
    tls->failure = 0;
    br_ssl_client_init_full(&tls->client, &tls->x509, anchors->list, anchors->count);
    br_ssl_engine_set_versions(&tls->client.eng, BR_TLS12, BR_TLS12);
    /* Days since the year 0, as BearSSL counts. */
    br_x509_minimal_set_time(&tls->x509, (uint32_t)(when / 86400 + 719528), (uint32_t)(when % 86400));
    br_ssl_engine_set_buffer(&tls->client.eng, tls->buffer, sizeof tls->buffer, 1);
    randombytes_buf(seed, sizeof seed);
    br_ssl_engine_inject_entropy(&tls->client.eng, seed, sizeof seed);
    sodium_memzero(seed, sizeof seed);
    if (!br_ssl_client_reset(&tls->client, name, 0)) {
        explain(tls, why, why_size);
        free(tls);
        return NULL;
    }
    br_sslio_init(&tls->io, &tls->client.eng, socket_read, tls, socket_write, tls);
    if (br_sslio_flush(&tls->io) != 0 ||
        (br_ssl_engine_current_state(&tls->client.eng) & BR_SSL_SENDAPP) == 0) {
        explain(tls, why, why_size);
        tls_close(tls);
        return NULL;
    }
    return tls;
}

bool tls_write(struct tls *tls, const char *data, size_t len) {
    return br_sslio_write_all(&tls->io, data, len) == 0 && br_sslio_flush(&tls->io) == 0;
}

long tls_read(struct tls *tls, char *out, size_t size) {
    int n = br_sslio_read(&tls->io, out, size);
    if (n >= 0)
        return n;
    return br_ssl_engine_last_error(&tls->client.eng) == BR_ERR_OK ? 0 : -1;
}

void tls_close(struct tls *tls) {
    if (!tls)
        return;
    sodium_memzero(tls, sizeof *tls);
    free(tls);
}
