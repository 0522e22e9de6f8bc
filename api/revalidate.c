/* The verdict on the peer of a live connection, given again.
 *
 * SPDX-License-Identifier: MIT */
#include "api/internal.h"
#include "base/error.h"

#include <string.h>

/* The host that the client asked for, of another context of a server; NULL: it has none for it. */
static const stls_host *host_of(const stls_context *context, const stls_conn *conn) {
    stls_bytes name = {(const uint8_t *)conn->server_name, strlen(conn->server_name)};
    return stls_profile_find_host(context->profile, name);
}

/* The verify mode that a handshake on `context` would be under, for that host. */
static stls_verify_mode mode_of(const stls_context *context, const stls_conn *conn) {
    const stls_profile *profile = context->profile;
    if (context == conn->context) {
        return conn->verify;
    }
    if (profile->role == STLS_ROLE_CLIENT) {
        return profile->verify;
    }
    const stls_host *host = host_of(context, conn);
    return host != NULL ? host->verify : profile->verify;
}

/* Whether a handshake on `context` would end at the name. */
static bool serves_other_hosts(const stls_context *context, const stls_conn *conn) {
    const stls_profile *profile = context->profile;
    return context != conn->context && profile->role == STLS_ROLE_SERVER &&
           (profile->strict_hosts || profile->credential == NULL) && host_of(context, conn) == NULL;
}

static stls_result check_conn(const stls_conn *conn, stls_error *error) {
    if (conn == NULL) {
        return stls_fail(error, STLS_E_ARGUMENT, "the connection is NULL");
    }
    stls_result result = stls_conn_check_process(conn, error);
    if (result != STLS_OK) {
        return result;
    }
    if (conn->io.scratch != NULL) {
        return stls_fail(error, STLS_E_STATE, "a callback calls back into its connection");
    }
    if (conn->state != STLS_CONN_OPEN) {
        return stls_fail(error, STLS_E_STATE, "%s",
                         conn->state == STLS_CONN_FAILED ? "the connection has failed"
                                                         : "the handshake is not complete");
    }
    return STLS_OK;
}

static stls_result check_context(const stls_context *context, const stls_conn *conn,
                                 stls_error *error) {
    char peer[STLS_PEER_NAME_SIZE];
    bool is_ip;
    if (stls_context_role(context) != stls_context_role(conn->context)) {
        return stls_fail(error, STLS_E_ARGUMENT,
                         "the context is for the other end of a connection");
    }
    if (context->only_verifies) {
        return stls_fail(error, STLS_E_ARGUMENT,
                         "the context was made by stls_context_new_verifier(): it lets nobody in, "
                         "so nobody stays by its rules");
    }
    if (serves_other_hosts(context, conn)) {
        return stls_fail(error, STLS_E_REFUSED,
                         "the client asked for host \"%s\", which the context does not serve",
                         conn->server_name);
    }
    if (mode_of(context, conn) == STLS_VERIFY_NONE) {
        return stls_fail(error, STLS_E_STATE,
                         "verification is off (STLS_VERIFY_NONE): there is nothing to judge by");
    }
    return stls_context_peer(context, stls_conn_peer(conn), peer, &is_ip, error);
}

stls_result stls_conn_revalidate(stls_conn *conn, const stls_context *context, stls_error *error) {
    stls_result result = check_conn(conn, error);
    if (result != STLS_OK) {
        return result;
    }
    context = context != NULL ? context : conn->context;
    result = check_context(context, conn, error);
    if (result != STLS_OK) {
        return result;
    }
    stls_verify_mode mode = mode_of(context, conn);
    if (conn->peer_count == 0 && mode != STLS_VERIFY_REQUIRED &&
        context->profile->role == STLS_ROLE_SERVER) {
        if (conn->verdict != NULL) { /* by one for whom somebody had to be there */
            *conn->verdict = (stls_verdict){.alert = STLS_ALERT_NONE};
        }
        return STLS_OK; /* nobody to judge, and nobody has to be there */
    }
    stls_verdict verdict;
    stls_context_judge(context, stls_conn_peer(conn), conn->peer_chain, NULL, conn->peer_count,
                       &verdict);
    if ((verdict.flags & STLS_FLAG_OTHER) != 0) {
        return stls_fail(error, STLS_E_NO_MEMORY, "%s", verdict.text);
    }
    stls_verdict *place = stls_conn_new_verdict(conn);
    if (place == NULL) {
        conn->io.no_memory = false; /* the connection itself lacks nothing */
        return stls_fail(error, STLS_E_NO_MEMORY, "no memory for the verdict");
    }
    *place = verdict;
    conn->judged_elsewhere = context != conn->context;
    if (verdict.state == STLS_VERDICT_ACCEPTED || mode == STLS_VERIFY_OPTIONAL_ANY) {
        return STLS_OK;
    }
    return stls_fail(error, STLS_E_VERIFY, "%s", verdict.text);
}
