/* SPDX-License-Identifier: MIT */
#include "backends/contract.h"

bool stls_be_lists(stls_bytes list, uint16_t code) {
    for (const uint8_t *at = list.data; list.len >= 2; at += 2, list.len -= 2) {
        if ((at[0] << 8 | at[1]) == code) {
            return true;
        }
    }
    return false;
}

const char *stls_backend_flaw(const stls_backend *backend) {
    if (backend == NULL) {
        return "no backend was given: the one looked for is not built in, or its library could not "
               "be "
               "started";
    }
    if (backend->abi != STLS_CONTRACT_ABI) {
        return "the backend was built for another version of siptls";
    }
    bool whole = backend->name != NULL && backend->set_allocator != NULL &&
                 backend->start != NULL && backend->describe != NULL && backend->supports != NULL &&
                 backend->key_from_spki != NULL && backend->key_free != NULL &&
                 backend->verify_signature != NULL && backend->digest != NULL &&
                 backend->derive != NULL && backend->hmac != NULL && backend->cbc_decrypt != NULL &&
                 backend->random != NULL && backend->hkdf != NULL && backend->aead_seal != NULL &&
                 backend->aead_open != NULL && backend->credential_init != NULL &&
                 backend->credential_fini != NULL && backend->context_init != NULL &&
                 backend->context_fini != NULL && backend->conn_init != NULL &&
                 backend->conn_handshake != NULL && backend->conn_read != NULL &&
                 backend->conn_write != NULL && backend->conn_pending != NULL &&
                 backend->conn_close_notify != NULL && backend->conn_info != NULL &&
                 backend->conn_export != NULL && backend->conn_update_keys != NULL &&
                 backend->conn_memory != NULL && backend->conn_fini != NULL;
    return whole ? NULL : "the backend has an empty slot in its table";
}
