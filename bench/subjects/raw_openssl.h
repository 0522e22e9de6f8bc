/* bench/subjects/raw_openssl.h - what layers that leave OpenSSL to their users share with it.
 *
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_SUBJECTS_RAW_OPENSSL_H
#define BENCH_SUBJECTS_RAW_OPENSSL_H

#include "../subject.h"

extern const struct bench_subject bench_raw_openssl;

/* A connection of a context of bench_raw_openssl, without a transport: an SSL of OpenSSL, with the
 * host name that is to be proved, and the session that is to be resumed. NULL: failed. */
struct ssl_st *bench_raw_openssl_new(bench_context *context);

#endif
