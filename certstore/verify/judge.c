/* The whole of a verdict: the chain is read, a path is looked for, the leaf's names are compared.
 *
 * SPDX-License-Identifier: MIT */
#include "base/memory.h"
#include "certstore/verify/identity.h"
#include "certstore/verify/search.h"

/* --- The chain */

static bool exceeds_limits(const stls_judge_request *request) {
    size_t left = request->rules->chain_bytes_max;
    for (size_t i = 0; i < request->count && i < STLS_CHAIN_COUNT_MAX; i++) {
        if (request->chain[i].len > left) {
            return true;
        }
        left -= request->chain[i].len;
    }
    return request->count > STLS_CHAIN_COUNT_MAX;
}

static bool was_sent_before(const stls_judge_request *request, size_t index) {
    for (size_t i = 0; i < index; i++) {
        if (stls_bytes_equal(request->chain[i], request->chain[index])) {
            return true;
        }
    }
    return false;
}

static bool is_anchor(const stls_trust *trust, const stls_cert *cert) {
    for (const stls_anchor *anchor = stls_anchor_bucket(trust, cert->subject_hash); anchor != NULL;
         anchor = anchor->next) {
        if (stls_bytes_equal(anchor->der, cert->x509.der)) {
            return true;
        }
    }
    return false;
}

/* An intermediate that cannot be read is as if it had not been sent, unless the path then ends
 * nowhere. */
static void read_chain(stls_search *search) {
    const stls_judge_request *request = search->request;
    search->unreadable = search->count;
    for (size_t i = 0; i < search->count; i++) {
        stls_node *node = &search->nodes[i];
        stls_error error;
        node->index = (uint8_t)i;
        if (stls_cert_read(request->chain[i], &node->cert, &error) == STLS_OK) {
            node->usable = !was_sent_before(request, i) && !is_anchor(request->trust, &node->cert);
        } else if (search->unreadable == search->count) {
            search->unreadable = i;
            search->unreadable_error = error;
        }
    }
}

/* --- The verdict */

static void search_path(stls_search *search, stls_findings *found) {
    search->path.steps[0] = (stls_step){.cert = &search->nodes[0].cert, .node = &search->nodes[0]};
    search->path.len = 1;
    stls_step_leaf(search);
    stls_search_run(search);
    stls_found_all(found, &search->leaf);
    stls_found_all(found, &search->best.steps[search->best.len - 1].found);
    if (!search->reached && search->unreadable < search->count) {
        stls_found(found, STLS_FLAG_MALFORMED, search->best.len);
    }
    if (!search->valid && search->exhausted) {
        stls_found(found, STLS_FLAG_LIMIT, search->best.len - 1);
    }
}

static void judge_chain(stls_search *search, stls_findings *found, stls_verdict *verdict) {
    const stls_judge_request *request = search->request;
    read_chain(search);
    if (search->unreadable == 0) {
        stls_found(found, STLS_FLAG_MALFORMED, 0);
        return;
    }
    search_path(search, found);
    if (!stls_identity_check(request->rules, request->peer, &search->nodes[0].cert.x509, verdict)) {
        stls_found(found, STLS_FLAG_NAME_MISMATCH, 0);
    }
    stls_search_free_keys(search);
}

static void judge(stls_search *search, stls_verdict *verdict) {
    const stls_judge_request *request = search->request;
    stls_findings found = {.flags = 0};
    if (request->count == 0) {
        stls_found(&found, STLS_FLAG_NO_CERTIFICATE, 0);
    } else if (exceeds_limits(request)) {
        stls_found(&found, STLS_FLAG_LIMIT, 0);
    } else {
        search->count = request->count;
        judge_chain(search, &found, verdict);
    }
    if (search->no_memory) { /* and what else was found may be for want of it */
        stls_verdict_no_memory(verdict);
        return;
    }
    stls_verdict_write(search, &found, verdict);
    if (search->valid) {
        stls_signatures_remember(search);
    }
}

void stls_judge(const stls_judge_request *request, stls_verdict *verdict) {
    *verdict = (stls_verdict){.alert = STLS_ALERT_NONE};
    stls_search *search = stls_alloc(1, sizeof *search);
    size_t count = request->count <= STLS_CHAIN_COUNT_MAX ? request->count : 0;
    stls_node *nodes = stls_alloc(count, sizeof *nodes);
    if (search == NULL || nodes == NULL) {
        stls_verdict_no_memory(verdict);
    } else {
        search->request = request;
        search->nodes = nodes;
        judge(search, verdict);
    }
    stls_free(nodes);
    stls_free(search);
}
