/* Whom a SIP message goes to, by libre's own parser.
 *
 * SPDX-License-Identifier: MIT */
#include "adapter.h"

static bool route_host(const struct sip_msg *msg, struct pl *host) {
    const struct sip_hdr *header = sip_msg_hdr(msg, SIP_HDR_ROUTE);
    struct sip_addr route;
    if (header == NULL || sip_addr_decode(&route, &header->val) != 0) {
        return false;
    }
    *host = route.uri.host;
    return true;
}

static enum message read_message(struct mbuf *mb, char host[STLS_SIP_HOST_SIZE]) {
    struct sip_msg *msg = NULL;
    enum message message = MESSAGE_OTHER;
    if (sip_msg_decode(&msg, mb) == 0 && msg->req) {
        struct pl name = msg->uri.host;
        bool routed = sip_msg_hdr(msg, SIP_HDR_ROUTE) == NULL || route_host(msg, &name);
        if (!routed || pl_strcpy(&name, host, STLS_SIP_HOST_SIZE) != 0) {
            host[0] = '\0';
        }
        message = pl_isset(&msg->to.tag) ? MESSAGE_FOLLOWUP : MESSAGE_NEW;
    }
    mem_deref(msg);
    return message;
}

enum message next_hop(const struct mbuf *mb, char host[STLS_SIP_HOST_SIZE]) {
    /* The parser keeps a reference to its buffer, and this one may stand on a stack. */
    struct mbuf *copy = mbuf_alloc(mbuf_get_left(mb) + 1);
    enum message message = MESSAGE_NEW;
    host[0] = '\0';
    if (copy != NULL && mbuf_write_mem(copy, mbuf_buf(mb), mbuf_get_left(mb)) == 0) {
        mbuf_set_pos(copy, 0);
        message = read_message(copy, host);
    }
    mem_deref(copy);
    return message;
}
