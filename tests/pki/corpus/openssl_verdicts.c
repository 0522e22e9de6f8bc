/* openssl_verdicts [--parts] FILE: what OpenSSL's own verifier says to the cases of FILE.
 *
 * Prints one line for each: ID, accept or reject, the numbers of OpenSSL's errors (0: none; -1: a
 * certificate that it cannot read), and their texts, separated by tabs. Cases are those of
 * siptls-verdicts; lines that decide nothing here are passed over.
 *
 * OpenSSL builds one path and judges that. So with --parts, where it rejects, it is asked again
 * with all parts of what was sent and of what is trusted, in two orders, with key identifiers that
 * decide and that do not. If it accepts one of them, the answer is "part": a valid path is there,
 * but OpenSSL did not look for it. If not, the errors are those of the part with the fewest.
 *
 * The verifier is set to what siptls does by default: partial chains, strict checks, any policy,
 * security level 2, the purpose of a TLS server or client, names without the CN, 8 intermediates.
 *
 * SPDX-License-Identifier: MIT */
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    DEPTH = 8,
    SECURITY_LEVEL = 2,
    PARTS_MAX = 9 /* certificates, for which all parts are tried */
};

typedef struct chain_case {
    char *id;
    long long time;
    int depth; /* -1: the default */
    int is_client;
    char *dns, *ip;
    STACK_OF(X509) * anchors, *sent;
    X509 *leaf;
    int unreadable_leaf;
} chain_case;

static void fail(const char *what) {
    fprintf(stderr, "openssl_verdicts: %s\n", what);
    exit(EXIT_FAILURE);
}

static char *copy(const char *text) {
    char *made = strdup(text);
    if (made == NULL) {
        fail("no memory");
    }
    return made;
}

/* NULL for what is no certificate, or has something behind it. */
static X509 *read_certificate(const char *hex, size_t len) {
    unsigned char *der = malloc(len / 2 + 1);
    for (size_t i = 0; der != NULL && i < len / 2; i++) {
        unsigned octet;
        if (sscanf(hex + 2 * i, "%2x", &octet) != 1) {
            fail("this is no hexadecimal number");
        }
        der[i] = (unsigned char)octet;
    }
    const unsigned char *at = der;
    X509 *certificate = d2i_X509(NULL, &at, (long)(len / 2));
    if (certificate != NULL && at != der + len / 2) {
        X509_free(certificate);
        certificate = NULL;
    }
    free(der);
    ERR_clear_error();
    return certificate;
}

static void read_list(const char *text, STACK_OF(X509) * list) {
    while (*text != '\0') {
        size_t len = strcspn(text, " ");
        X509 *certificate = read_certificate(text, len);
        if (certificate != NULL && !sk_X509_push(list, certificate)) {
            fail("no memory");
        }
        text += len + strspn(text + len, " ");
    }
}

static void end(chain_case *self) {
    sk_X509_pop_free(self->anchors, X509_free);
    sk_X509_pop_free(self->sent, X509_free);
    X509_free(self->leaf);
    free(self->id);
    free(self->dns);
    free(self->ip);
    *self = (chain_case){.depth = -1};
}

static void begin(chain_case *self, const char *id) {
    end(self);
    self->id = copy(id);
    self->anchors = sk_X509_new_null();
    self->sent = sk_X509_new_null();
}

static void replace(char **text, const char *by) {
    free(*text);
    *text = copy(by);
}

static void take(chain_case *self, const char *word, const char *value) {
    if (strcmp(word, "kind") == 0) {
        self->is_client = strcmp(value, "CLIENT") == 0;
    } else if (strcmp(word, "time") == 0) {
        self->time = atoll(value);
    } else if (strcmp(word, "depth") == 0) {
        self->depth = atoi(value);
    } else if (strcmp(word, "name") == 0 && strncmp(value, "DNS ", 4) == 0) {
        replace(&self->dns, value + 4);
    } else if (strcmp(word, "name") == 0 && strncmp(value, "IP ", 3) == 0) {
        replace(&self->ip, value + 3);
    } else if (strcmp(word, "T") == 0) {
        read_list(value, self->anchors);
    } else if (strcmp(word, "I") == 0) {
        read_list(value, self->sent);
    } else if (strcmp(word, "L") == 0) {
        X509_free(self->leaf);
        self->leaf = read_certificate(value, strlen(value));
        self->unreadable_leaf = self->leaf == NULL;
    }
}

static void set_name(const chain_case *self, X509_VERIFY_PARAM *param) {
    size_t len = self->dns != NULL ? strlen(self->dns) : 0;
    if (len > 1 && self->dns[len - 1] == '.') {
        self->dns[len - 1] = '\0'; /* as siptls does: no certificate writes the root */
    }
    if ((self->dns != NULL && !X509_VERIFY_PARAM_set1_host(param, self->dns, 0)) ||
        (self->ip != NULL && !X509_VERIFY_PARAM_set1_ip_asc(param, self->ip))) {
        fail("a name cannot be set");
    }
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT |
                                               X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
}

static void set_rules(const chain_case *self, X509_VERIFY_PARAM *param) {
    X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_X509_STRICT |
                                           X509_V_FLAG_POLICY_CHECK | X509_V_FLAG_TRUSTED_FIRST);
    X509_VERIFY_PARAM_add0_policy(param, OBJ_nid2obj(NID_any_policy));
    X509_VERIFY_PARAM_set_purpose(param, self->is_client ? X509_PURPOSE_SSL_CLIENT
                                                         : X509_PURPOSE_SSL_SERVER);
    X509_VERIFY_PARAM_set_auth_level(param, SECURITY_LEVEL);
    X509_VERIFY_PARAM_set_time(param, (time_t)self->time);
    X509_VERIFY_PARAM_set_depth(param, self->depth >= 0 ? self->depth : DEPTH);
    set_name(self, param);
}

/* --- The verifier */

enum { ERRORS_MAX = 16 };

/* All that OpenSSL objects to on the path that it has built. */
typedef struct outcome {
    int errors[ERRORS_MAX];
    int count;
} outcome;

static void object(outcome *out, int error) {
    for (int i = 0; i < out->count; i++) {
        if (out->errors[i] == error) {
            return;
        }
    }
    if (out->count < ERRORS_MAX) {
        out->errors[out->count++] = error;
    }
}

/* Goes on after each objection, so that all are heard. */
static int collect(int good, X509_STORE_CTX *context) {
    if (!good) {
        object(X509_STORE_CTX_get_app_data(context), X509_STORE_CTX_get_error(context));
    }
    return 1;
}

/* Key identifiers are hints (RFC 5280 4.2.1.1), by which OpenSSL decides. */
static int names_issuer(X509_STORE_CTX *context, X509 *child, X509 *issuer) {
    (void)context;
    return X509_NAME_cmp(X509_get_issuer_name(child), X509_get_subject_name(issuer)) == 0;
}

static outcome verify(const chain_case *self, STACK_OF(X509) * anchors, STACK_OF(X509) * sent,
                      int by_name) {
    outcome out = {.count = 0};
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    for (int i = 0; i < sk_X509_num(anchors); i++) {
        X509_STORE_add_cert(store, sk_X509_value(anchors, i));
    }
    if (by_name) {
        X509_STORE_set_check_issued(store, names_issuer);
    }
    if (store == NULL || !X509_STORE_CTX_init(context, store, self->leaf, sent)) {
        fail("no memory");
    }
    set_rules(self, X509_STORE_CTX_get0_param(context));
    X509_STORE_CTX_set_verify_cb(context, collect);
    X509_STORE_CTX_set_app_data(context, &out);
    if (X509_verify_cert(context) != 1 && out.count == 0) {
        object(&out, X509_V_ERR_UNSPECIFIED);
    }
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    ERR_clear_error();
    return out;
}

/* --- Parts */

/* Those of `all` whose bit is set, in the same order or the other way round. */
static STACK_OF(X509) * part_of(STACK_OF(X509) * all, unsigned bits, int reversed) {
    STACK_OF(X509) *part = sk_X509_new_null();
    int count = sk_X509_num(all);
    for (int i = 0; i < count; i++) {
        int at = reversed ? count - 1 - i : i;
        if ((bits >> at & 1) != 0 && !sk_X509_push(part, sk_X509_value(all, at))) {
            fail("no memory");
        }
    }
    return part;
}

/* What OpenSSL asks for beyond RFC 5280 section 6.1, or as a matter of taste. */
static int is_light(int error) {
    return error == X509_V_ERR_INVALID_PURPOSE || error == X509_V_ERR_UNSUPPORTED_NAME_SYNTAX ||
           error == X509_V_ERR_EE_KEY_TOO_SMALL ||
           (error >= X509_V_ERR_PATHLEN_INVALID_FOR_NON_CA &&
            error <= X509_V_ERR_CA_CERT_MISSING_KEY_USAGE);
}

/* The path ends nowhere, or is broken. */
static int is_broken(int error) {
    return error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT ||
           error == X509_V_ERR_CERT_SIGNATURE_FAILURE ||
           (error >= X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT &&
            error <= X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE);
}

/* The part with the fewest objections is the best, and any number of lighter ones are less than one
 * that is graver. */
static int cost_of(const outcome *out) {
    enum { LIGHT = 1, MEDIUM = LIGHT * (ERRORS_MAX + 1), BROKEN = MEDIUM * (ERRORS_MAX + 1) };
    int cost = 0;
    for (int i = 0; i < out->count; i++) {
        int error = out->errors[i];
        cost += is_broken(error) ? BROKEN : is_light(error) ? LIGHT : MEDIUM;
    }
    return cost;
}

/* The low two bits of `bits` choose how, the others what. */
static outcome verify_part(const chain_case *self, unsigned bits) {
    int anchors = sk_X509_num(self->anchors);
    STACK_OF(X509) *some = part_of(self->anchors, bits >> 2, 0);
    STACK_OF(X509) *others = part_of(self->sent, bits >> (2 + anchors), (int)(bits & 1));
    outcome out = verify(self, some, others, (int)(bits >> 1 & 1));
    sk_X509_free(some);
    sk_X509_free(others);
    return out;
}

static outcome verify_parts(const chain_case *self, outcome best) {
    int count = sk_X509_num(self->anchors) + sk_X509_num(self->sent);
    for (unsigned bits = 0; count <= PARTS_MAX && best.count != 0 && bits < 4u << count; bits++) {
        outcome out = verify_part(self, bits);
        if (cost_of(&out) < cost_of(&best)) {
            best = out;
        }
    }
    return best;
}

/* --- Output */

static void print(const char *id, const char *answer, const outcome *out) {
    printf("%s\t%s\t", id, answer);
    for (int i = 0; i < out->count; i++) {
        printf("%s%d", i == 0 ? "" : ",", out->errors[i]);
    }
    printf("%s\t", out->count == 0 ? "0" : "");
    for (int i = 0; i < out->count; i++) {
        const char *text = out->errors[i] < 0 ? "a certificate that it cannot read"
                                              : X509_verify_cert_error_string(out->errors[i]);
        printf("%s%s", i == 0 ? "" : ", ", text);
    }
    puts("");
}

static void judge(const chain_case *self, int try_parts) {
    outcome out = {.errors = {-1}, .count = 1};
    const char *answer = "reject";
    if (!self->unreadable_leaf && sk_X509_num(self->anchors) != 0) {
        out = verify(self, self->anchors, self->sent, 0);
        answer = out.count == 0 ? "accept" : answer;
        if (try_parts && out.count != 0) {
            out = verify_parts(self, out);
            answer = out.count == 0 ? "part" : answer;
        }
    }
    print(self->id, answer, &out);
}

int main(int argc, char **argv) {
    int try_parts = argc == 3 && strcmp(argv[1], "--parts") == 0;
    FILE *file = argc == 2 + try_parts ? fopen(argv[argc - 1], "r") : NULL;
    if (file == NULL) {
        fail("say which file of cases to judge");
    }
    char *line = NULL;
    size_t room = 0;
    chain_case present = {.id = NULL};
    while (getline(&line, &room, file) > 0) {
        line[strcspn(line, "\n")] = '\0';
        char *value = strchr(line, ' ');
        if (line[0] == '#' || line[0] == '\0') {
            continue;
        }
        if (strcmp(line, "end") == 0) {
            judge(&present, try_parts);
            end(&present);
        } else if (value != NULL) {
            *value++ = '\0';
            if (strcmp(line, "case") == 0) {
                begin(&present, value);
            } else {
                take(&present, line, value);
            }
        }
    }
    end(&present);
    free(line);
    fclose(file);
    return EXIT_SUCCESS;
}
