/* SPDX-License-Identifier: MIT */
#include "output.h"

#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { SECONDS_A_DAY = 86400 };

static bool can_show_lock, can_paint;

void output_init(void) {
    setlocale(LC_CTYPE, "");
    can_show_lock = isatty(STDOUT_FILENO) && strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    const char *term = getenv("TERM");
    can_paint = isatty(STDOUT_FILENO) != 0 && getenv("NO_COLOR") == NULL && term != NULL &&
                strcmp(term, "dumb") != 0;
}

const char *output_paint(const char *paint) {
    return can_paint ? paint : "";
}

const char *output_lock(bool secure) {
    if (!secure) {
        return "[not secure]";
    }
    return can_show_lock ? "\xf0\x9f\x94\x92" : "[secure]";
}

/* --- Words */

static void write_time(int64_t seconds, bool with_clock, char text[OUTPUT_DATE_SIZE]) {
    time_t time = (time_t)seconds;
    struct tm day;
    if (gmtime_r(&time, &day) == NULL || day.tm_year > 9999 - 1900 || day.tm_year < -1900) {
        snprintf(text, OUTPUT_DATE_SIZE, "beyond the calendar");
        return;
    }
    if (with_clock) {
        strftime(text, OUTPUT_DATE_SIZE, "%Y-%m-%dT%H:%M:%SZ", &day);
    } else {
        strftime(text, OUTPUT_DATE_SIZE, "%Y-%m-%d", &day);
    }
}

void output_date(int64_t seconds, char text[OUTPUT_DATE_SIZE]) {
    write_time(seconds, false, text);
}

void output_date_and_time(int64_t seconds, char text[OUTPUT_DATE_SIZE]) {
    write_time(seconds, true, text);
}

static long long whole_days(int64_t seconds) {
    return (long long)(seconds / SECONDS_A_DAY);
}

static void write_days(const stls_certificate_info *info, int64_t now,
                       char text[OUTPUT_DAYS_SIZE]) {
    if (now > info->not_after) {
        long long days = whole_days(now - info->not_after);
        snprintf(text, OUTPUT_DAYS_SIZE, days == 0 ? "expired today" : "expired %lld day%s ago",
                 days, days == 1 ? "" : "s");
    } else if (now < info->not_before) {
        long long days = whole_days(info->not_before - now);
        snprintf(text, OUTPUT_DAYS_SIZE, days == 0 ? "begins within a day" : "begins in %lld day%s",
                 days, days == 1 ? "" : "s");
    } else {
        long long days = whole_days(info->not_after - now);
        snprintf(text, OUTPUT_DAYS_SIZE, days == 0 ? "ends within a day" : "%lld day%s left", days,
                 days == 1 ? "" : "s");
    }
}

void output_alert(int alert, char *text, size_t size) {
    const char *name = alert >= 0 ? stls_iana_name(STLS_REGISTRY_ALERT, (uint16_t)alert) : NULL;
    if (name != NULL) {
        snprintf(text, size, "%s (%d)", name, alert);
    } else {
        snprintf(text, size, "number %d", alert);
    }
}

void output_foreign(const char *data, size_t len, char *text, size_t size) {
    size_t room = size - 1, shown = len < room ? len : room;
    for (size_t i = 0; i < shown; i++) {
        text[i] = data[i] >= 0x20 && data[i] < 0x7f ? data[i] : '?';
    }
    text[shown] = '\0';
    if (shown < len && shown >= 3) {
        memcpy(text + shown - 3, "...", 3);
    }
}

/* IANA's name, or the number; "not known" for 0. */
static const char *code_name(stls_registry registry, uint16_t code, char number[16]) {
    const char *name = stls_iana_name(registry, code);
    if (code == 0) {
        return "not known";
    }
    snprintf(number, 16, "0x%04x", code);
    return name != NULL ? name : number;
}

static const char *version_name(uint16_t version) {
    return version == STLS_TLS1_3   ? "TLS 1.3"
           : version == STLS_TLS1_2 ? "TLS 1.2"
                                    : "unknown version";
}

/* --- The handshake */

static void print_memory(const stls_conn *conn) {
    stls_conn_memory_use use;
    stls_conn_memory(conn, &use);
    printf("    memory        %zu bytes by siptls, ", use.own);
    if (use.library > 0) {
        printf("%zu by the library\n", use.library);
    } else {
        puts("the library does not tell");
    }
}

void output_handshake(const stls_conn *conn) {
    stls_conn_info info;
    char number[16];
    const stls_backend *backend = stls_context_backend(stls_conn_context(conn));
    stls_conn_get_info(conn, &info);
    printf("    protocol      %s, done in %u ms\n", version_name(info.version), info.handshake_ms);
    printf("    cipher suite  %s\n", code_name(STLS_REGISTRY_SUITE, info.suite, number));
    printf("    key exchange  %s\n", code_name(STLS_REGISTRY_GROUP, info.group, number));
    printf("    signature     %s\n", code_name(STLS_REGISTRY_SCHEME, info.peer_scheme, number));
    printf("    ALPN          %s\n", info.alpn[0] != '\0' ? info.alpn : "none");
    if (info.server_name[0] != '\0') {
        printf("    server name   %s (SNI)\n", info.server_name);
    }
    printf("    session       %s\n", info.resumed ? "resumed" : "new, by a full handshake");
    printf("    library       %s %s\n", stls_backend_name(backend),
           stls_backend_version_running(backend));
    print_memory(conn);
}

static void code_json(json *writer, const char *name, stls_registry registry, uint16_t code) {
    char number[16];
    json_text(writer, name, code != 0 ? code_name(registry, code, number) : NULL);
}

void output_handshake_json(json *writer, const stls_conn *conn) {
    stls_conn_info info;
    stls_conn_memory_use use;
    stls_conn_get_info(conn, &info);
    stls_conn_memory(conn, &use);
    json_object(writer, "tls");
    code_json(writer, "version", STLS_REGISTRY_VERSION, info.version);
    code_json(writer, "suite", STLS_REGISTRY_SUITE, info.suite);
    code_json(writer, "group", STLS_REGISTRY_GROUP, info.group);
    code_json(writer, "scheme", STLS_REGISTRY_SCHEME, info.peer_scheme);
    json_text(writer, "alpn", info.alpn[0] != '\0' ? info.alpn : NULL);
    json_text(writer, "server_name", info.server_name[0] != '\0' ? info.server_name : NULL);
    json_bool(writer, "resumed", info.resumed);
    json_number(writer, "handshake_ms", info.handshake_ms);
    json_object(writer, "memory");
    json_number(writer, "own", (int64_t)use.own);
    if (use.library > 0) {
        json_number(writer, "library", (int64_t)use.library);
    } else {
        json_null(writer, "library");
    }
    json_object_end(writer);
    json_object_end(writer);
}

/* --- Certificates */

/* In two lines: one would be wider than a terminal. */
static void print_fingerprint(const uint8_t *fingerprint) {
    for (size_t i = 0; i < STLS_FINGERPRINT_LEN; i++) {
        bool ends_line = i % 16 == 15;
        if (i % 16 == 0) {
            printf(i == 0 ? "         SHA-256  " : "                  ");
        }
        printf("%02X%s", fingerprint[i], ends_line ? "\n" : ":");
    }
}

void output_certificate(const stls_backend *backend, stls_bytes der, const char *label,
                        int64_t now) {
    stls_certificate_info info;
    stls_error error;
    char from[OUTPUT_DATE_SIZE], to[OUTPUT_DATE_SIZE], days[OUTPUT_DAYS_SIZE];
    uint8_t fingerprint[STLS_FINGERPRINT_LEN];
    if (stls_certificate_read(der, &info, &error) != STLS_OK) {
        printf("    %-3s  unreadable: %s\n", label, error.text);
        return;
    }
    output_date(info.not_before, from);
    output_date(info.not_after, to);
    write_days(&info, now, days);
    printf("    %-3s  subject  %s\n", label, info.subject);
    printf("         issuer   %s\n", info.issuer);
    printf("         valid    %s to %s: %s\n", from, to, days);
    printf("         key      %s%s\n", info.key, info.is_ca ? "; a CA" : "");
    if (stls_certificate_fingerprint(backend, der, fingerprint) == STLS_OK) {
        print_fingerprint(fingerprint);
    }
}

static void names_json(json *writer, stls_bytes der, bool is_ca) {
    char name[STLS_NAME_SIZE];
    stls_name_kind kind;
    json_array(writer, "alt_names");
    for (size_t i = 0; stls_certificate_alt_name(der, i, name, sizeof name); i++) {
        json_text(writer, NULL, name);
    }
    json_array_end(writer);
    json_array(writer, "sip_identities");
    for (size_t i = 0; !is_ca && stls_certificate_sip_identity(der, i, name, sizeof name, &kind);
         i++) {
        json_text(writer, NULL, name);
    }
    json_array_end(writer);
}

static void fingerprint_json(json *writer, const stls_backend *backend, stls_bytes der) {
    uint8_t fingerprint[STLS_FINGERPRINT_LEN];
    char text[OUTPUT_FINGERPRINT_SIZE];
    if (stls_certificate_fingerprint(backend, der, fingerprint) != STLS_OK) {
        json_null(writer, "sha256");
        return;
    }
    for (size_t i = 0; i < STLS_FINGERPRINT_LEN; i++) {
        snprintf(text + i * 3, sizeof text - i * 3, "%02X%s", fingerprint[i],
                 i + 1 < STLS_FINGERPRINT_LEN ? ":" : "");
    }
    json_text(writer, "sha256", text);
}

void output_certificate_json(json *writer, const char *name, const stls_backend *backend,
                             stls_bytes der, int64_t now) {
    stls_certificate_info info;
    stls_error error;
    char date[OUTPUT_DATE_SIZE];
    json_object(writer, name);
    if (stls_certificate_read(der, &info, &error) != STLS_OK) {
        json_text(writer, "unreadable", error.text);
    } else {
        json_text(writer, "subject", info.subject);
        json_text(writer, "issuer", info.issuer);
        json_text(writer, "serial", info.serial);
        output_date_and_time(info.not_before, date);
        json_text(writer, "not_before", date);
        output_date_and_time(info.not_after, date);
        json_text(writer, "not_after", date);
        json_number(writer, "days_left",
                    now <= info.not_after ? whole_days(info.not_after - now)
                                          : -whole_days(now - info.not_after));
        json_text(writer, "key", info.key);
        json_bool(writer, "is_ca", info.is_ca);
        names_json(writer, der, info.is_ca);
    }
    fingerprint_json(writer, backend, der);
    json_object_end(writer);
}

void output_chain(const stls_conn *conn) {
    const stls_backend *backend = stls_context_backend(stls_conn_context(conn));
    for (size_t i = 0; i < stls_conn_peer_count(conn); i++) {
        char label[24];
        snprintf(label, sizeof label, "%zu", i);
        output_certificate(backend, stls_conn_peer_certificate(conn, i), label, time(NULL));
    }
}

void output_chain_json(json *writer, const stls_conn *conn) {
    const stls_backend *backend = stls_context_backend(stls_conn_context(conn));
    json_array(writer, "peer_certificates");
    for (size_t i = 0; i < stls_conn_peer_count(conn); i++) {
        output_certificate_json(writer, NULL, backend, stls_conn_peer_certificate(conn, i),
                                time(NULL));
    }
    json_array_end(writer);
}

/* --- Verdicts */

static const char *state_name(const stls_verdict *verdict) {
    switch (verdict->state) {
    case STLS_VERDICT_ACCEPTED:
        return "accepted";
    case STLS_VERDICT_REJECTED:
        return "rejected";
    case STLS_VERDICT_NOT_DONE:
        break;
    }
    return "none, nobody has looked at the certificates";
}

static void print_flags(const char *title, uint32_t flags, const uint8_t *depth) {
    const char *separator = " ";
    if (flags == 0) {
        return;
    }
    printf("    %-12s ", title);
    for (unsigned bit = 0; bit < STLS_FLAG_COUNT; bit++) {
        const char *name = stls_flag_name((uint32_t)1 << bit);
        if ((flags & (uint32_t)1 << bit) != 0) {
            printf("%s%s at depth %d", separator, name != NULL ? name : "unknown", depth[bit]);
            separator = ", ";
        }
    }
    putchar('\n');
}

void output_flags(const stls_verdict *verdict) {
    print_flags("flags", verdict->flags, verdict->depth);
    print_flags("tolerated", verdict->tolerated, verdict->depth);
}

void output_verdict(const stls_verdict *verdict) {
    bool says_it_all = verdict->state == STLS_VERDICT_ACCEPTED && verdict->text[0] != '\0';
    printf("    verdict       %s%s%s\n", says_it_all ? "" : state_name(verdict),
           says_it_all || verdict->text[0] == '\0' ? "" : ": ", verdict->text);
    output_flags(verdict);
}

static void flags_json(json *writer, const char *name, uint32_t flags, const uint8_t *depth) {
    json_array(writer, name);
    for (unsigned bit = 0; bit < STLS_FLAG_COUNT; bit++) {
        if ((flags & (uint32_t)1 << bit) != 0) {
            json_object(writer, NULL);
            json_text(writer, "flag", stls_flag_name((uint32_t)1 << bit));
            json_number(writer, "depth", depth[bit]);
            json_object_end(writer);
        }
    }
    json_array_end(writer);
}

static void path_json(json *writer, const stls_verdict *verdict) {
    json_array(writer, "path");
    for (size_t i = 0; i < verdict->path_len; i++) {
        if (verdict->path[i] == STLS_PATH_ANCHOR) {
            json_text(writer, NULL, "anchor");
        } else {
            json_number(writer, NULL, verdict->path[i]);
        }
    }
    json_array_end(writer);
}

void output_verdict_json(json *writer, const stls_verdict *verdict) {
    json_object(writer, "verdict");
    json_text(writer, "state",
              verdict->state == STLS_VERDICT_NOT_DONE ? "not done" : state_name(verdict));
    json_bool(writer, "secure", stls_verdict_is_secure(verdict));
    json_text(writer, "text", verdict->text);
    flags_json(writer, "flags", verdict->flags, verdict->depth);
    flags_json(writer, "tolerated", verdict->tolerated, verdict->depth);
    if (verdict->alert != STLS_ALERT_NONE) {
        json_number(writer, "alert", verdict->alert);
    } else {
        json_null(writer, "alert");
    }
    path_json(writer, verdict);
    bool named = verdict->name_kind != STLS_NAME_NONE;
    json_text(writer, "name", named ? verdict->name : NULL);
    json_text(writer, "name_kind", named ? stls_name_kind_text(verdict->name_kind) : NULL);
    json_object_end(writer);
}

/* --- Failures */

void output_failure(const char *command, const stls_error *error, const stls_verdict *verdict) {
    char alert[64];
    stls_sip_answer answer;
    stls_sip_answer_for(error, verdict, &answer);
    fflush(stdout);
    fprintf(stderr, "%s: %s\n", command, error->text);
    if (error->alert_sent != STLS_ALERT_NONE) {
        output_alert(error->alert_sent, alert, sizeof alert);
        fprintf(stderr, "    alert sent       %s\n", alert);
    }
    if (error->alert_received != STLS_ALERT_NONE) {
        output_alert(error->alert_received, alert, sizeof alert);
        fprintf(stderr, "    alert received   %s\n", alert);
    }
    fprintf(stderr, "    for SIP          %d %s; try again later: %s; try the next server: %s\n",
            answer.status, answer.reason, answer.retry_later ? "yes" : "no",
            answer.try_next ? "yes" : "no");
}

static void alert_json(json *writer, const char *name, int alert) {
    if (alert == STLS_ALERT_NONE) {
        json_null(writer, name);
        return;
    }
    json_object(writer, name);
    json_number(writer, "number", alert);
    json_text(writer, "name", stls_iana_name(STLS_REGISTRY_ALERT, (uint16_t)alert));
    json_object_end(writer);
}

void output_failure_json(json *writer, const stls_error *error, const stls_verdict *verdict) {
    stls_sip_answer answer;
    stls_sip_answer_for(error, verdict, &answer);
    json_object(writer, "error");
    json_text(writer, "result", stls_result_name(error->result));
    json_text(writer, "text", error->text);
    alert_json(writer, "alert_sent", error->alert_sent);
    alert_json(writer, "alert_received", error->alert_received);
    json_number(writer, "native", error->native);
    json_object(writer, "sip_answer");
    json_number(writer, "status", answer.status);
    json_text(writer, "reason", answer.reason);
    json_text(writer, "warning", answer.warning);
    json_bool(writer, "retry_later", answer.retry_later);
    json_bool(writer, "try_next", answer.try_next);
    json_object_end(writer);
    json_object_end(writer);
}
