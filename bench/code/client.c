/* bench/code/client.c - the smallest client: connects a socket, verifies the server, sends a
 * message. For the size of what it takes in; bench/code.py.
 *
 * SPDX-License-Identifier: MIT */
#include "only.h"

#include <siptls/siptls.h>

#include <stdio.h>
#include <string.h>

static stls_result make_context(stls_context **context, const char *ca_file, stls_error *error) {
    stls_profile *profile = NULL;
    stls_trust *trust = stls_trust_new();
    stls_result result = stls_trust_add_file(trust, ca_file, error);
    if (result == STLS_OK) {
        result = stls_profile_new(&BENCH_BACKEND, STLS_ROLE_CLIENT, &profile, error);
    }
    if (result == STLS_OK) {
        result = stls_profile_set_trust(profile, trust, error);
    }
    if (result == STLS_OK) {
        result = stls_context_new(profile, context, error);
    }
    stls_profile_free(profile);
    stls_trust_free(trust);
    return result;
}

int main(int argc, char **argv) {
    static const char message[] = "OPTIONS sip:example.test SIP/2.0\r\n\r\n";
    stls_context *context = NULL;
    stls_conn *conn = NULL;
    stls_error error;
    size_t done = 0;
    int fd = 0; /* connected by whoever started it */
    stls_result result = argc < 3 ? STLS_E_ARGUMENT : make_context(&context, argv[1], &error);
    if (result == STLS_OK) {
        result = stls_conn_new(context, argv[2], &conn, &error);
    }
    if (result == STLS_OK) {
        result = stls_conn_set_fd(conn, fd, &error);
    }
    if (result == STLS_OK) {
        result = stls_conn_handshake(conn);
    }
    if (result == STLS_OK) {
        result = stls_conn_write(conn, message, strlen(message), &done);
    }
    if (conn != NULL && result != STLS_OK) {
        puts(stls_conn_error(conn)->text);
    }
    stls_conn_free(conn);
    stls_context_free(context);
    return result == STLS_OK ? 0 : 1;
}
