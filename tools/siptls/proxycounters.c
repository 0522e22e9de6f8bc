/* SPDX-License-Identifier: MIT */
#include "proxycounters.h"

#include <string.h>

proxy_count proxy_count_of(stls_result result) {
    switch ((int)result) {
    case STLS_E_TIMEOUT:
        return COUNT_HANDSHAKES_TIMEOUT;
    case STLS_E_NOT_TLS:
        return COUNT_HANDSHAKES_NOT_TLS;
    case STLS_E_VERIFY:
        return COUNT_HANDSHAKES_VERIFY;
    case STLS_E_ALERT:
        return COUNT_HANDSHAKES_ALERT;
    case STLS_E_NOTHING_SHARED:
        return COUNT_HANDSHAKES_NOTHING_SHARED;
    case STLS_E_REFUSED:
        return COUNT_HANDSHAKES_REFUSED;
    case STLS_CLOSED:
    case STLS_EOF:
    case STLS_E_TRANSPORT:
        return COUNT_HANDSHAKES_CUT;
    case STLS_E_PROTOCOL:
        return COUNT_HANDSHAKES_PROTOCOL;
    default:
        return COUNT_HANDSHAKES_OTHER;
    }
}

void proxy_counters_sum(proxy_counters *sum, const proxy_counters *from) {
    for (int i = 0; i < COUNT_MAX; i++) {
        proxy_count_add(sum, (proxy_count)i,
                        atomic_load_explicit(&from->at[i], memory_order_relaxed));
    }
}

/* In the order of the enumeration; a group is an object around its members. */
static const struct {
    const char *group, *name;
} names[COUNT_MAX] = {
    [COUNT_ACCEPTED] = {NULL, "accepted"},
    [COUNT_REFUSED_CONNECTIONS] = {"refused", "max_connections"},
    [COUNT_REFUSED_HANDSHAKES] = {"refused", "max_handshakes"},
    [COUNT_REFUSED_RESOURCES] = {"refused", "resources"},
    [COUNT_HANDSHAKES_FULL] = {"handshakes", "full"},
    [COUNT_HANDSHAKES_RESUMED] = {"handshakes", "resumed"},
    [COUNT_HANDSHAKES_TIMEOUT] = {"handshakes_failed", "timeout"},
    [COUNT_HANDSHAKES_NOT_TLS] = {"handshakes_failed", "not_tls"},
    [COUNT_HANDSHAKES_VERIFY] = {"handshakes_failed", "verify"},
    [COUNT_HANDSHAKES_ALERT] = {"handshakes_failed", "alert"},
    [COUNT_HANDSHAKES_NOTHING_SHARED] = {"handshakes_failed", "nothing_shared"},
    [COUNT_HANDSHAKES_REFUSED] = {"handshakes_failed", "refused"},
    [COUNT_HANDSHAKES_CUT] = {"handshakes_failed", "cut"},
    [COUNT_HANDSHAKES_PROTOCOL] = {"handshakes_failed", "protocol"},
    [COUNT_HANDSHAKES_OTHER] = {"handshakes_failed", "other"},
    [COUNT_SERVER_CONNECTED] = {"server", "connected"},
    [COUNT_SERVER_TCP] = {"server", "no_tcp"},
    [COUNT_SERVER_TLS] = {"server", "no_tls"},
    [COUNT_ENDED_CLIENT_CLOSED] = {"ended", "client_closed"},
    [COUNT_ENDED_CLIENT_CUT] = {"ended", "client_cut"},
    [COUNT_ENDED_SERVER_CLOSED] = {"ended", "server_closed"},
    [COUNT_ENDED_SERVER_CUT] = {"ended", "server_cut"},
    [COUNT_ENDED_IDLE] = {"ended", "idle"},
    [COUNT_ENDED_HALF_CLOSED] = {"ended", "half_closed"},
    [COUNT_ENDED_STOPPED] = {"ended", "stopped"},
    [COUNT_BYTES_TO_SERVER] = {"bytes", "to_server"},
    [COUNT_BYTES_TO_CLIENT] = {"bytes", "to_client"},
    [COUNT_RELOADS_GOOD] = {"reloads", "good"},
    [COUNT_RELOADS_BAD] = {"reloads", "bad"},
    [COUNT_LOG_LEFT_OUT] = {NULL, "log_lines_left_out"},
};

static bool is_same(const char *one, const char *other) {
    return one == other || (one != NULL && other != NULL && strcmp(one, other) == 0);
}

void proxy_counters_print(FILE *out, const proxy_counters *sum, const proxy_gauges *gauges,
                          int64_t uptime_ms) {
    json writer = json_to(out);
    const char *group = NULL;
    json_object(&writer, NULL);
    json_text(&writer, "event", "counters");
    json_number(&writer, "uptime_ms", uptime_ms);
    json_number(&writer, "live", atomic_load(&gauges->live));
    json_number(&writer, "handshaking", atomic_load(&gauges->handshaking));
    for (int i = 0; i < COUNT_MAX; i++) {
        if (!is_same(group, names[i].group)) {
            if (group != NULL) {
                json_object_end(&writer);
            }
            group = names[i].group;
            if (group != NULL) {
                json_object(&writer, group);
            }
        }
        json_number(&writer, names[i].name, (int64_t)atomic_load(&sum->at[i]));
    }
    json_object_end(&writer);
    fflush(out);
}
