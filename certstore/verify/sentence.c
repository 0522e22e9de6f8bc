/* The verdict in words, for whoever has to act on it: what is wrong, which certificate, what to do.
 *
 * SPDX-License-Identifier: MIT */
#include "base/memory.h"
#include "certstore/read/describe.h"
#include "certstore/verify/identity.h"
#include "certstore/verify/search.h"

enum { NAME_ROOM = 72 }; /* so that a long name leaves room for the rest */

/* The certificate at `depth` of the path that is reported. */
typedef struct subject {
    const stls_search *search;
    const stls_step *step; /* NULL: the path does not reach so far */
    size_t depth;
} subject;

static void add_subject_name(stls_text *text, const stls_x509 *x509) {
    char name[NAME_ROOM];
    stls_text one = stls_text_in(name, sizeof name);
    stls_describe_subject(&one, x509);
    stls_text_add(text, "%s", name);
}

static void add_name(stls_text *text, stls_bytes value) {
    char name[NAME_ROOM];
    stls_text one = stls_text_in(name, sizeof name);
    stls_describe_short_name(&one, value);
    stls_text_add(text, "%s", name);
}

/* "certificate 1, CN=...", by its place in what the peer sent; "trusted certificate CN=...". */
static void add_certificate(stls_text *text, subject of) {
    if (of.step == NULL) {
        stls_text_add(text, "certificate chain");
        return;
    }
    if (of.step->anchor != NULL) {
        stls_text_add(text, "trusted certificate ");
    } else {
        stls_text_add(text, "certificate %u, ", of.step->node->index);
    }
    add_subject_name(text, &of.step->cert->x509);
}

static void add_where(stls_text *text, subject of) {
    stls_text_add(text, " (");
    add_certificate(text, of);
    stls_text_add(text, ")");
}

static bool is_anchor(subject of) {
    return of.step != NULL && of.step->anchor != NULL;
}

static void simple(stls_text *text, subject of, const char *what, const char *advice) {
    stls_text_add(text, "%s", what);
    add_where(text, of);
    stls_text_add(text, "%s", advice);
}

/* --- One function a flaw, where one sentence does not do */

static void say_expired(stls_text *text, subject of) {
    const stls_judge_request *request = of.search->request;
    stls_text_add(text, "expired on ");
    stls_text_add_date(text, of.step != NULL ? of.step->cert->x509.not_after : 0);
    add_where(text, of);
    stls_text_add(text, ": %s, ",
                  is_anchor(of) ? "replace it among the trusted certificates" : "renew it");
    stls_text_add(text, stls_clock_is_set(request) ? "or check this device's clock ("
                                                   : "though the clock is not set (it is ");
    stls_text_add_date(text, stls_time_least(request));
    stls_text_add(text, stls_clock_is_set(request) ? ")" : " or later)");
}

/* What the clock says, as it is no use for anything else. */
static void say_clock(stls_text *text, subject of) {
    const stls_judge_request *request = of.search->request;
    stls_text_add(text, "the clock is not set");
    if (request->now != STLS_CLOCK_NOT_SET) {
        stls_text_add(text, " (it says ");
        stls_text_add_date(text, request->now);
        stls_text_add(text, ", and it is ");
        stls_text_add_date(text, request->earliest);
        stls_text_add(text, " or later)");
    }
    stls_text_add(text,
                  ", so the dates of the peer's certificates%s cannot be judged: set the "
                  "clock, and try again",
                  request->rules->crl > STLS_CRL_OFF ? " and their CRLs" : "");
}

static void say_not_yet_valid(stls_text *text, subject of) {
    stls_text_add(text, "valid only from ");
    stls_text_add_date(text, of.step != NULL ? of.step->cert->x509.not_before : 0);
    stls_text_add(text, " on");
    add_where(text, of);
    stls_text_add(text, ": check this device's clock (");
    stls_text_add_date(text, of.search->request->now);
    stls_text_add(text, ")");
}

static bool was_sent(const stls_search *search, const stls_cert *child) {
    for (size_t i = 0; i < search->count; i++) {
        if (search->nodes[i].usable && stls_cert_names_issuer(child, &search->nodes[i].cert)) {
            return true;
        }
    }
    return false;
}

static bool has_namesake(const stls_search *search, const stls_cert *child) {
    const stls_anchor *anchor = stls_anchor_bucket(search->request->trust, child->issuer_hash);
    while (anchor != NULL && !stls_cert_names_issuer(child, &anchor->cert)) {
        anchor = anchor->next;
    }
    return anchor != NULL;
}

static void say_untrusted(stls_text *text, subject of) {
    size_t anchors = stls_trust_count(of.search->request->trust);
    if (anchors == 0) {
        stls_text_add(text, "no CA is trusted here: add the certificate of the peer's CA");
        return;
    }
    if (of.step == NULL) {
        stls_text_add(text, "no trusted CA issued it");
        return;
    }
    const stls_cert *cert = of.step->cert;
    if (cert->self_issued && of.depth == 0) {
        stls_text_add(text, "self-signed, and not among the %zu trusted certificates", anchors);
        add_where(text, of);
        return;
    }
    stls_text_add(text, "no trusted CA issued it: the chain ends at certificate %u, ",
                  of.step->node->index);
    if (cert->self_issued) {
        stls_text_add(text, "the self-signed ");
        add_subject_name(text, &cert->x509);
    } else {
        stls_text_add(text, "issued by \"");
        add_name(text, cert->x509.issuer);
        stls_text_add(text, "\"");
    }
    if (has_namesake(of.search, cert)) {
        stls_text_add(text, "; the trusted certificate of that name has another key");
        return;
    }
    stls_text_add(text, ", which is not among the %zu trusted certificates%s", anchors,
                  was_sent(of.search, cert) ? "" : " and was not sent along");
}

static void say_bad_signature(stls_text *text, subject of) {
    stls_text_add(text, "the signature is not that of its issuer");
    if (of.step != NULL) {
        stls_text_add(text, " \"");
        add_name(text, of.step->cert->x509.issuer);
        stls_text_add(text, "\"");
    }
    add_where(text, of);
    stls_text_add(text, ": the certificate was altered, or another CA has the same name");
}

static void say_mismatch(stls_text *text, subject of) {
    const stls_judge_request *request = of.search->request;
    const stls_rules *rules = request->rules;
    char names[160];
    stls_text list = stls_text_in(names, sizeof names);
    stls_identity_describe(&list, &of.search->nodes[0].cert.x509);
    stls_text_add(text, "the certificate is for %s, not for ", names);
    if (rules->identity == STLS_IDENTITY_LIST) {
        stls_text_add(text, "any of the %zu names that are allowed", rules->name_count);
        return;
    }
    stls_text_add(text, "\"%.80s\" (%s): ", request->peer,
                  rules->identity == STLS_IDENTITY_SIP ? "RFC 5922" : "RFC 9525");
    stls_text_add(text, "check the configured domain, or reissue the certificate");
}

static void say_usage(stls_text *text, subject of) {
    const stls_judge_request *request = of.search->request;
    stls_text_add(text, "its key usage or extended key usage does not allow %s a %s",
                  of.depth == 0 ? "it to be" : "issuing for",
                  request->rules->usage == STLS_USAGE_SIP  ? "SIP domain (RFC 5924)"
                  : request->peer_role == STLS_ROLE_CLIENT ? "TLS client"
                                                           : "TLS server");
    add_where(text, of);
}

static void say_malformed(stls_text *text, subject of) {
    const stls_search *search = of.search;
    if (search->unreadable < search->count) {
        stls_text_add(text, "certificate %zu cannot be read: %s", search->unreadable,
                      search->unreadable_error.text);
    } else {
        simple(text, of, "the public key is not a possible one", "");
    }
}

static void say_constraint(stls_text *text, subject of) {
    const stls_path *path = &of.search->best;
    size_t i = 0;
    while (i < path->len && path->steps[i].bad_name.len == 0) {
        i++;
    }
    if (i == path->len) {
        simple(text, of, "a name is outside of what its issuers may name", "");
        return;
    }
    char name[NAME_ROOM];
    stls_text one = stls_text_in(name, sizeof name);
    stls_describe_general_name(&one, path->steps[i].bad_kind, path->steps[i].bad_name);
    stls_text_add(text, "the name %s", name);
    add_where(text, of);
    stls_text_add(text, " is outside of what its issuer may name (");
    add_certificate(text, (subject){of.search, &path->steps[i], i});
    stls_text_add(text, ", name constraints)");
}

static void say_critical(stls_text *text, subject of) {
    stls_text_add(text, "it has a critical extension that is not understood");
    if (of.step != NULL && of.step->cert->x509.unknown_critical.len != 0) {
        stls_text_add(text, ", ");
        stls_describe_oid(text, of.step->cert->x509.unknown_critical);
    }
    add_where(text, of);
}

static void say_weak_key(stls_text *text, subject of) {
    bool legacy = of.search->request->rules->strength == STLS_STRENGTH_LEGACY;
    stls_text_add(text, "the key is too short");
    if (of.step != NULL) {
        stls_text_add(text, ", ");
        stls_describe_key(text, &of.step->cert->x509);
    }
    add_where(text, of);
    stls_text_add(text, ": RSA needs %d bits, EC %d", legacy ? 1024 : 2048, legacy ? 224 : 256);
}

static void say_weak_algorithm(stls_text *text, subject of) {
    stls_hash hash =
        of.step != NULL ? of.step->cert->x509.signature_algorithm.hash : STLS_HASH_SHA1;
    if (hash != STLS_HASH_MD5 && hash != STLS_HASH_SHA1) {
        simple(text, of, "the CRL of its issuer is signed with SHA-1, which can be forged", "");
        return;
    }
    stls_text_add(text, "signed with %s, which can be forged",
                  hash == STLS_HASH_MD5 ? "MD5" : "SHA-1");
    add_where(text, of);
    stls_text_add(text, ": have it issued anew with SHA-256");
}

static void say_revocation(stls_text *text, subject of, uint32_t flag) {
    stls_text_add(text, flag == STLS_FLAG_REVOKED ? "revoked by its issuer"
                                                  : "nobody can tell whether it was revoked");
    add_where(text, of);
    if (of.step != NULL) {
        stls_revocation_describe(text, of.search->request, &of.step->cert->x509, flag);
    }
}

static void say_unsupported(stls_text *text, subject of) {
    const char *backend = of.search->request->backend->name;
    if (of.step == NULL) {
        stls_text_add(text, "%s cannot check a signature in the chain", backend);
        return;
    }
    const stls_x509 *x509 = &of.step->cert->x509;
    if (x509->signature_algorithm.kind == STLS_SIGNATURE_UNKNOWN && !is_anchor(of)) {
        stls_text_add(text, "signed with an unknown algorithm, ");
        stls_describe_oid(text, x509->signature_oid);
    } else if (x509->key_kind == STLS_KEY_UNKNOWN) {
        stls_text_add(text, "the key is of a kind that cannot be used, ");
        stls_describe_key(text, x509);
    } else {
        stls_text_add(text, "%s cannot check its signature, or use its key, ", backend);
        stls_describe_key(text, x509);
    }
    add_where(text, of);
}

static void say_policy(stls_text *text, subject of) {
    simple(text, of, "it has no certificate policy where its issuers demand one", "");
}

static void say_limit(stls_text *text, subject of) {
    const stls_judge_request *request = of.search->request;
    size_t bytes = 0;
    for (size_t i = 0; i < request->count; i++) {
        bytes += request->chain[i].len;
    }
    stls_text_add(text, "the chain costs too much to judge: %zu certificates, %zu bytes",
                  request->count, bytes);
    if (bytes > request->rules->chain_bytes_max) {
        stls_text_add(text, " (at most %zu are allowed)", request->rules->chain_bytes_max);
    }
}

static void say_too_long(stls_text *text, subject of) {
    unsigned allowed = of.search->request->rules->max_intermediates;
    if (of.step != NULL && of.step->anchor == NULL && of.step->counted > allowed) {
        stls_text_add(text, "more than %u intermediate certificates", allowed);
        add_where(text, of);
    } else {
        simple(text, of, "more intermediate certificates below it than it allows", "");
    }
}

void stls_sentence_flaw(stls_text *text, const stls_search *search, uint32_t flag, size_t depth) {
    const stls_path *path = &search->best;
    subject of = {search, depth < path->len ? &path->steps[depth] : NULL, depth};
    switch ((stls_flag)flag) {
    case STLS_FLAG_NO_CERTIFICATE:
        stls_text_add(text, "the peer sent no certificate");
        return;
    case STLS_FLAG_MALFORMED:
        say_malformed(text, of);
        return;
    case STLS_FLAG_UNTRUSTED:
        say_untrusted(text, of);
        return;
    case STLS_FLAG_BAD_SIGNATURE:
        say_bad_signature(text, of);
        return;
    case STLS_FLAG_EXPIRED:
        say_expired(text, of);
        return;
    case STLS_FLAG_NOT_YET_VALID:
        say_not_yet_valid(text, of);
        return;
    case STLS_FLAG_CLOCK_NOT_SET:
        say_clock(text, of);
        return;
    case STLS_FLAG_REVOKED:
    case STLS_FLAG_CRL_MISSING:
    case STLS_FLAG_CRL_EXPIRED:
    case STLS_FLAG_CRL_INVALID:
        say_revocation(text, of, flag);
        return;
    case STLS_FLAG_NAME_MISMATCH:
        say_mismatch(text, of);
        return;
    case STLS_FLAG_WRONG_USAGE:
        say_usage(text, of);
        return;
    case STLS_FLAG_NOT_A_CA:
        simple(text, of, "an issuer is not a CA, or may not sign certificates", "");
        return;
    case STLS_FLAG_PATH_TOO_LONG:
        say_too_long(text, of);
        return;
    case STLS_FLAG_NAME_CONSTRAINT:
        say_constraint(text, of);
        return;
    case STLS_FLAG_POLICY:
        say_policy(text, of);
        return;
    case STLS_FLAG_UNKNOWN_CRITICAL:
        say_critical(text, of);
        return;
    case STLS_FLAG_WEAK_KEY:
        say_weak_key(text, of);
        return;
    case STLS_FLAG_WEAK_ALGORITHM:
        say_weak_algorithm(text, of);
        return;
    case STLS_FLAG_UNSUPPORTED:
        say_unsupported(text, of);
        return;
    case STLS_FLAG_LIMIT:
        say_limit(text, of);
        return;
    case STLS_FLAG_UNREADABLE: /* stls_judge_unreadable() has its own words */
    case STLS_FLAG_OTHER:
        break;
    }
    stls_text_add(text, "no memory to judge the peer's certificates");
}

void stls_sentence_accepted(stls_text *text, const stls_search *search,
                            const stls_verdict *verdict) {
    const stls_path *path = &search->best;
    if (verdict->name_kind != STLS_NAME_NONE) {
        stls_text_add(text, "verified: %.120s by %s, ", verdict->name,
                      stls_name_kind_text(verdict->name_kind));
    } else {
        stls_text_add(text, "verified, with any name: ");
    }
    if (path->len == 1) {
        stls_text_add(text, "itself a trusted certificate, ");
    } else {
        stls_text_add(text, "issued under ");
    }
    add_subject_name(text, &path->steps[path->len - 1].cert->x509);
}
