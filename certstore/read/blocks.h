/* certstore/read/blocks.h - what the files behind pem.h share.
 *
 * SPDX-License-Identifier: MIT */
#ifndef STLS_CERTSTORE_READ_BLOCKS_H
#define STLS_CERTSTORE_READ_BLOCKS_H

#include "certstore/read/pem.h"

/* What the DER element `der` is, judged by the shape of its fields alone; UNKNOWN: something else,
 * or not one whole element. */
stls_block_kind stls_block_classify(stls_bytes der);

/* What is to be said of a file that is neither DER nor holds a PEM block, as the end of a sentence
 * that begins with the file's name. */
const char *stls_block_guess(stls_bytes data);

/* Whether the file is text in UTF-16, or a web page: to be said before anything else is looked for.
 */
bool stls_block_is_utf16(stls_bytes data);
bool stls_block_is_html(stls_bytes data);

#endif
