/* What was found, as a verdict: flags with names, the alert, the path, the state. Words are in
 * sentence.c.
 *
 * SPDX-License-Identifier: MIT */
#include "certstore/read/describe.h"
#include "certstore/verify/crl_list.h"
#include "certstore/verify/search.h"

#include <siptls/verify.h>
#include <string.h>

/* One row a flag, the gravest first: the first one that is found and not tolerated chooses the
 * alert (RFC 8446 section 6.2) and begins the sentence. What says that the chain cannot be believed
 * stands before what says that it is out of date, and that before what says that it is for somebody
 * or something else.
 *
 * certificate_required is TLS 1.3's; in TLS 1.2 the caller sends handshake_failure (40) in its
 * place. */
static const struct flag_row {
    uint32_t flag;
    int alert;
    const char *name;
} rows[] = {
    {STLS_FLAG_OTHER, 80, "other"},                       /* internal_error */
    {STLS_FLAG_NO_CERTIFICATE, 116, "no-certificate"},    /* certificate_required */
    {STLS_FLAG_MALFORMED, 42, "malformed"},               /* bad_certificate */
    {STLS_FLAG_UNREADABLE, 43, "unreadable"},             /* unsupported_certificate */
    {STLS_FLAG_REVOKED, 44, "revoked"},                   /* certificate_revoked */
    {STLS_FLAG_BAD_SIGNATURE, 42, "bad-signature"},       /* bad_certificate */
    {STLS_FLAG_UNTRUSTED, 48, "untrusted"},               /* unknown_ca */
    {STLS_FLAG_NOT_A_CA, 48, "not-a-ca"},                 /* unknown_ca */
    {STLS_FLAG_LIMIT, 46, "limit"},                       /* certificate_unknown */
    {STLS_FLAG_EXPIRED, 45, "expired"},                   /* certificate_expired: "has expired or */
    {STLS_FLAG_NOT_YET_VALID, 45, "not-yet-valid"},       /* is not currently valid" */
    {STLS_FLAG_CLOCK_NOT_SET, 46, "clock-not-set"},       /* certificate_unknown */
    {STLS_FLAG_NAME_CONSTRAINT, 46, "name-constraint"},   /* certificate_unknown */
    {STLS_FLAG_UNKNOWN_CRITICAL, 43, "unknown-critical"}, /* unsupported_certificate */
    {STLS_FLAG_NAME_MISMATCH, 42, "name-mismatch"},       /* bad_certificate */
    {STLS_FLAG_WRONG_USAGE, 43, "wrong-usage"},           /* unsupported_certificate */
    {STLS_FLAG_PATH_TOO_LONG, 46, "path-too-long"},       /* certificate_unknown */
    {STLS_FLAG_POLICY, 46, "policy"},                     /* certificate_unknown */
    {STLS_FLAG_CRL_MISSING, 46, "crl-missing"},           /* certificate_unknown */
    {STLS_FLAG_CRL_EXPIRED, 46, "crl-expired"},           /* certificate_unknown */
    {STLS_FLAG_CRL_INVALID, 46, "crl-invalid"},           /* certificate_unknown */
    {STLS_FLAG_WEAK_ALGORITHM, 46, "weak-algorithm"},     /* certificate_unknown */
    {STLS_FLAG_WEAK_KEY, 46, "weak-key"},                 /* certificate_unknown */
    {STLS_FLAG_UNSUPPORTED, 43, "unsupported"},           /* unsupported_certificate */
};

enum { ROWS = sizeof rows / sizeof rows[0], ALERT_UNSUPPORTED_CERTIFICATE = 43 };

static const struct flag_row *row_of(uint32_t flag) {
    for (size_t i = 0; i < ROWS; i++) {
        if (rows[i].flag == flag) {
            return &rows[i];
        }
    }
    return NULL;
}

const char *stls_flag_name(uint32_t flag) {
    const struct flag_row *row = row_of(flag);
    return row != NULL ? row->name : NULL;
}

uint32_t stls_flag_find(const char *name) {
    for (size_t i = 0; name != NULL && i < ROWS; i++) {
        if (strcmp(rows[i].name, name) == 0) {
            return rows[i].flag;
        }
    }
    return 0;
}

const char *stls_name_kind_text(stls_name_kind kind) {
    switch (kind) {
    case STLS_NAME_NONE:
        return "no name";
    case STLS_NAME_SIP_URI:
        return "SAN sip URI";
    case STLS_NAME_DNS:
        return "SAN DNS name";
    case STLS_NAME_IP:
        return "SAN IP address";
    case STLS_NAME_CN:
        return "common name";
    }
    return "unknown";
}

bool stls_verdict_is_secure(const stls_verdict *verdict) {
    return verdict != NULL && verdict->state == STLS_VERDICT_ACCEPTED && verdict->flags == 0 &&
           verdict->name_kind != STLS_NAME_NONE;
}

/* --- Findings */

size_t stls_flag_bit(uint32_t flags) {
    size_t bit = 0;
    while ((flags >> bit & 1) == 0) {
        bit++;
    }
    return bit;
}

void stls_found(stls_findings *findings, uint32_t flags, size_t depth) {
    for (uint32_t rest = flags; rest != 0; rest &= rest - 1) {
        size_t bit = stls_flag_bit(rest);
        if ((findings->flags >> bit & 1) == 0 || findings->depth[bit] > depth) {
            findings->depth[bit] = (uint8_t)depth;
        }
    }
    findings->flags |= flags;
}

void stls_found_all(stls_findings *into, const stls_findings *from) {
    for (uint32_t rest = from->flags; rest != 0; rest &= rest - 1) {
        stls_found(into, rest & (~rest + 1), from->depth[stls_flag_bit(rest)]);
    }
}

/* --- The verdict */

static void write_path(const stls_path *path, stls_verdict *verdict) {
    verdict->path_len = path->len;
    for (size_t i = 0; i < path->len; i++) {
        const stls_step *step = &path->steps[i];
        verdict->path[i] = step->anchor == NULL ? step->node->index : STLS_PATH_ANCHOR;
    }
}

/* The first date ahead that changes what was found: a certificate's of the path, or a CRL's. */
static int64_t first_end(const stls_search *search) {
    int64_t least = stls_time_least(search->request), first = search->best.crls_expire;
    for (size_t i = 0; i < search->best.len; i++) {
        int64_t end = search->best.steps[i].cert->x509.not_after;
        first = end >= least && end < first ? end : first;
    }
    return first;
}

/* Something is so from `first` to `last`, and otherwise before and after that. */
static void narrow(stls_verdict *verdict, int64_t now, int64_t first, int64_t last) {
    int64_t after = last < INT64_MAX ? last + 1 : last;
    const int64_t changes[] = {first, after};
    for (size_t i = 0; i < 2; i++) {
        if (changes[i] <= now && changes[i] > verdict->holds_since) {
            verdict->holds_since = changes[i];
        } else if (changes[i] > now && changes[i] - 1 < verdict->holds_until) {
            verdict->holds_until = changes[i] - 1;
        }
    }
}

/* What a CRL says counts as long as who signed it is valid: see is_crl_signer() in crl.c. */
static void narrow_by_signers(const stls_search *search, const stls_cert *cert,
                              stls_verdict *verdict) {
    for (size_t i = 0; i < search->count; i++) {
        const stls_node *node = &search->nodes[i];
        const stls_x509 *x509 = &node->cert.x509;
        if (node->usable && (x509->key_usage & STLS_KU_CRL_SIGN) != 0 &&
            stls_cert_names_issuer(cert, &node->cert)) {
            narrow(verdict, search->request->now, x509->not_before, x509->not_after);
        }
    }
}

static void write_dates(const stls_search *search, stls_verdict *verdict) {
    const stls_judge_request *request = search->request;
    const stls_crl_list *crls = stls_trust_crls(request->trust);
    size_t crl_count = request->rules->crl != STLS_CRL_OFF ? crls->count : 0;
    verdict->holds_since = INT64_MIN;
    verdict->holds_until = INT64_MAX;
    /* From then on the clock is set, and dates count. */
    narrow(verdict, request->now,
           request->earliest != 0 ? request->earliest : STLS_CLOCK_NOT_SET + 1, INT64_MAX);
    for (size_t i = 0; i < search->best.len; i++) {
        const stls_cert *cert = search->best.steps[i].cert;
        narrow(verdict, request->now, cert->x509.not_before, cert->x509.not_after);
        if (crl_count > 0) {
            narrow_by_signers(search, cert, verdict);
        }
        for (size_t k = 0; k < crl_count; k++) {
            const stls_loaded_crl *loaded = crls->items[k];
            if (loaded->issuer_hash == cert->issuer_hash) {
                narrow(verdict, request->now, loaded->crl.this_update,
                       loaded->crl.has_next_update ? loaded->crl.next_update : INT64_MAX);
            }
        }
    }
}

/* The gravest of `flags`. */
static const struct flag_row *gravest(uint32_t flags) {
    const struct flag_row *row = rows;
    while ((row->flag & flags) == 0) {
        row++;
    }
    return row;
}

/* The names of all flags but `but`. */
static void add_others(stls_text *text, const char *before, uint32_t flags, uint32_t but) {
    for (size_t i = 0; i < ROWS; i++) {
        if ((flags & rows[i].flag & ~but) != 0) {
            stls_text_add(text, "%s%s", before, rows[i].name);
            before = ", ";
        }
    }
}

void stls_verdict_write(const stls_search *search, stls_findings *found, stls_verdict *verdict) {
    uint32_t tolerated = search->request->rules->tolerated & STLS_FLAGS_TOLERABLE;
    if ((found->flags & ~tolerated) == 0 && !search->valid) {
        stls_found(found, STLS_FLAG_OTHER, 0); /* cannot be; but if it is, nobody is let in */
    }
    uint32_t open = found->flags & ~tolerated;
    verdict->flags = found->flags;
    verdict->tolerated = found->flags & tolerated;
    verdict->state = open == 0 ? STLS_VERDICT_ACCEPTED : STLS_VERDICT_REJECTED;
    memcpy(verdict->depth, found->depth, sizeof verdict->depth);
    write_path(&search->best, verdict);
    write_dates(search, verdict);
    stls_text text = stls_text_in(verdict->text, sizeof verdict->text);
    if (open == 0) {
        verdict->next_expiry = first_end(search);
        stls_sentence_accepted(&text, search, verdict);
        add_others(&text, "; tolerated: ", verdict->tolerated, 0);
        return;
    }
    const struct flag_row *first = gravest(open);
    verdict->alert = first->alert;
    stls_sentence_flaw(&text, search, first->flag, found->depth[stls_flag_bit(first->flag)]);
    add_others(&text, "; also: ", open, first->flag);
    add_others(&text, "; tolerated: ", verdict->tolerated, 0);
}

void stls_verdict_no_memory(stls_verdict *verdict) {
    *verdict = (stls_verdict){.state = STLS_VERDICT_REJECTED,
                              .flags = STLS_FLAG_OTHER,
                              .alert = row_of(STLS_FLAG_OTHER)->alert};
    stls_text text = stls_text_in(verdict->text, sizeof verdict->text);
    stls_text_add(&text, "no memory to judge the peer's certificates");
}

void stls_judge_unreadable(const stls_backend *backend, const stls_bytes *chain, size_t count,
                           size_t index, stls_verdict *verdict) {
    stls_findings found = {.flags = 0};
    size_t depth = index < STLS_CHAIN_COUNT_MAX ? index : STLS_CHAIN_COUNT_MAX;
    *verdict = (stls_verdict){.state = STLS_VERDICT_REJECTED};
    stls_text text = stls_text_in(verdict->text, sizeof verdict->text);
    stls_found(&found, STLS_FLAG_UNREADABLE, depth);
    stls_x509 x509;
    stls_error error;
    stls_text_add(&text, "%s cannot read certificate %zu of the peer", backend->name, index);
    if (index < count && stls_x509_parse(chain[index], &x509, &error) != STLS_OK) {
        stls_found(&found, STLS_FLAG_MALFORMED, depth);
        stls_text_add(&text, ": %s", error.text);
    } else if (index < count) {
        stls_text_add(&text, " (");
        stls_describe_subject(&text, &x509);
        stls_text_add(&text, ", key ");
        stls_describe_key(&text, &x509);
        stls_text_add(&text, "): it lacks the kind of key, or an extension in it");
    }
    verdict->flags = found.flags;
    memcpy(verdict->depth, found.depth, sizeof verdict->depth);
    verdict->alert = gravest(found.flags)->alert;
}
