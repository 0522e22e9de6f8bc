/* tests/support/pki.h - the certificates of tests/pki/make.sh, by name.
 *
 * The environment variable SIPTLS_TEST_PKI names their folder. A file that is not there is a failed
 * check.
 *
 * SPDX-License-Identifier: MIT */
#ifndef STLS_TESTS_SUPPORT_PKI_H
#define STLS_TESTS_SUPPORT_PKI_H

#include <siptls/siptls.h>

/* The path of `file` in the PKI, in one of a few static buffers. */
const char *pki_path(const char *file);

/* What `file` holds; kept until pki_forget(). */
stls_bytes pki_bytes(const char *file);

/* A file of the PKI made again in memory: joins `files` (names separated by blanks) into one. Kept
 * as well. */
stls_bytes pki_join(const char *files);

/* A trust with the anchors `names` ("root other-root", without ".pem"); the caller frees it. */
stls_trust *pki_trust(const char *names);

/* The credential of NAME.chain.pem and NAME.key; NULL and a failed check if there is none. */
stls_credential *pki_credential(const stls_backend *backend, const char *name);

/* The same, without a check. */
stls_result pki_try_credential(const stls_backend *backend, const char *name,
                               stls_credential **credential, stls_error *error);

/* Frees what pki_bytes() and pki_join() keep. */
void pki_forget(void);

#endif
