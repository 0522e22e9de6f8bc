/* bench/code/server.c - the smallest server: shows a certificate from a PEM file, reads a message.
 * For the size of what it takes in; bench/code.py.
 *
 * SPDX-License-Identifier: MIT */
#include "only.h"

#include <siptls/siptls.h>

#include <stdio.h>

static stls_result make_context(stls_context **context, const char *chain_file,
                                const char *key_file, stls_error *error) {
    stls_profile *profile = NULL;
    stls_credential *credential = NULL;
    stls_result result =
        stls_credential_load(&BENCH_BACKEND, chain_file, key_file, NULL, &credential, error);
    if (result == STLS_OK) {
        result = stls_profile_new(&BENCH_BACKEND, STLS_ROLE_SERVER, &profile, error);
    }
    if (result == STLS_OK) {
        result = stls_profile_set_credential(profile, credential, error);
    }
    if (result == STLS_OK) {
        result = stls_context_new(profile, context, error);
    }
    stls_profile_free(profile);
    stls_credential_free(credential);
    return result;
}

int main(int argc, char **argv) {
    stls_context *context = NULL;
    stls_conn *conn = NULL;
    stls_error error;
    char message[4096];
    size_t got = 0;
    int fd = 0; /* accepted by whoever started it */
    stls_result result =
        argc < 3 ? STLS_E_ARGUMENT : make_context(&context, argv[1], argv[2], &error);
    if (result == STLS_OK) {
        result = stls_conn_new(context, NULL, &conn, &error);
    }
    if (result == STLS_OK) {
        result = stls_conn_set_fd(conn, fd, &error);
    }
    if (result == STLS_OK) {
        result = stls_conn_handshake(conn);
    }
    if (result == STLS_OK) {
        result = stls_conn_read(conn, message, sizeof message, &got);
    }
    if (conn != NULL && result != STLS_OK) {
        puts(stls_conn_error(conn)->text);
    }
    stls_conn_free(conn);
    stls_context_free(context);
    return result == STLS_OK ? 0 : 1;
}
