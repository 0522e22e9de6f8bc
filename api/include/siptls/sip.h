/* siptls/sip.h - where TLS meets SIP.
 *
 * The model: a SIP stack has a URI and wants a connection; and when the connection fails, it has a
 * request that must be answered. These are the two translations, as pure functions without state.
 *
 * SPDX-License-Identifier: MIT */
#ifndef SIPTLS_SIP_H
#define SIPTLS_SIP_H

#include <siptls/conn.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { STLS_SIP_HOST_SIZE = 256 };

typedef struct stls_sip_target {
    bool secure;                   /* scheme sips, or transport=tls */
    char host[STLS_SIP_HOST_SIZE]; /* the SIP domain: lower case, no brackets, no trailing dot */
    bool is_ip;                    /* host is an IPv4 or IPv6 address: no SNI, no domain */
    uint16_t port; /* 0: none in the URI; then NAPTR and SRV decide (RFC 3263), else 5061 */
} stls_sip_target;

/* Takes the host of `uri` apart (RFC 3261 section 19.1): "sips:alice@example.com;transport=tls",
 * "sip:[::1]:5061", or a bare host[:port]. What is in `host` is what stls_conn_new() wants as
 * `peer` (RFC 5922 section 4). STLS_E_FORMAT with a sentence. */
STLS_API stls_result stls_sip_target_read(const char *uri, stls_sip_target *target,
                                          stls_error *error);

enum { STLS_SIP_WARNING_SIZE = 256 };

/* What to do with a request whose TLS connection failed. */
typedef struct stls_sip_answer {
    int status;         /* the status code to answer with */
    const char *reason; /* its reason phrase, a constant */
    bool retry_later;   /* the same server may work later without anybody's help */
    bool try_next; /* another server of the same domain may be tried at once (RFC 3263 section 4.3)
                    */
    char warning[STLS_SIP_WARNING_SIZE]; /* the text of a Warning header, without its quotes: code
                                            399 (RFC 3261 section 20.43); printable ASCII, no quote,
                                            no backslash */
} stls_sip_answer;

/* The answer to `error`, with `verdict` (may be NULL) for the reason. */
STLS_API void stls_sip_answer_for(const stls_error *error, const stls_verdict *verdict,
                                  stls_sip_answer *answer);

#ifdef __cplusplus
}
#endif
#endif
