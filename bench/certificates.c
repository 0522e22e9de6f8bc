/* bench_certificates COUNT DIR: many certificates at once, for sections "memory" and "scale".
 *
 *   anchors-N.pem   N trust anchors (150, and each that "scale" asks for, up to COUNT): the root of
 *                   the bench's P-256 servers is the last, the others are strangers
 *   host-I.pem      for I below COUNT: the certificate of server hI.example.test, issued by that
 * root, all with the key host.key
 *
 * Needs DIR/p256-root.pem and .key (make-pki.sh). Does nothing if all is there and younger than the
 * root.
 *
 * SPDX-License-Identifier: MIT */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const unsigned anchors[] = {10, 150, 1000, 10000};

static void fail(const char *what) {
    fprintf(stderr, "bench_certificates: %s: %s\n", what, errno != 0 ? strerror(errno) : "");
    ERR_print_errors_fp(stderr);
    exit(1);
}

static FILE *open_file(const char *name, const char *mode) {
    FILE *file = fopen(name, mode);
    if (file == NULL) {
        fail(name);
    }
    return file;
}

static void close_file(FILE *file, const char *name) {
    if (ferror(file) != 0 || fclose(file) != 0) {
        fail(name);
    }
}

static void extend(X509 *certificate, X509 *issuer, int kind, const char *value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);
    if (extension == NULL || X509_add_ext(certificate, extension, -1) != 1) {
        fail("an extension");
    }
    X509_EXTENSION_free(extension);
}

/* Without extensions. */
static X509 *begin_certificate(unsigned number, const char *name, EVP_PKEY *key) {
    enum { YEAR = 365 * 86400 };
    X509 *certificate = X509_new();
    X509_NAME *subject = certificate != NULL ? X509_get_subject_name(certificate) : NULL;
    if (subject == NULL || X509_set_version(certificate, X509_VERSION_3) != 1 ||
        ASN1_INTEGER_set(X509_get_serialNumber(certificate), (long)number + 1) != 1 ||
        X509_gmtime_adj(X509_getm_notBefore(certificate), -86400) == NULL ||
        X509_gmtime_adj(X509_getm_notAfter(certificate), YEAR) == NULL ||
        X509_NAME_add_entry_by_txt(subject, "O", MBSTRING_ASC,
                                   (const unsigned char *)"siptls bench", -1, -1, 0) != 1 ||
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1,
                                   0) != 1 ||
        X509_set_pubkey(certificate, key) != 1) {
        fail("a certificate");
    }
    return certificate;
}

static X509 *make_anchor(unsigned number, EVP_PKEY *key) {
    char name[64], id[64];
    snprintf(name, sizeof name, "stranger %u", number);
    snprintf(id, sizeof id, "%08X", number + 1);
    X509 *anchor = begin_certificate(number, name, key);
    X509_set_issuer_name(anchor, X509_get_subject_name(anchor));
    extend(anchor, anchor, NID_basic_constraints, "critical,CA:TRUE");
    extend(anchor, anchor, NID_key_usage, "critical,keyCertSign,cRLSign");
    extend(anchor, anchor, NID_subject_key_identifier, id);
    if (X509_sign(anchor, key, EVP_sha256()) == 0) {
        fail("a signature");
    }
    return anchor;
}

static X509 *make_host(unsigned number, EVP_PKEY *key, X509 *root, EVP_PKEY *root_key) {
    char name[64], san[80];
    snprintf(name, sizeof name, "h%u.example.test", number);
    snprintf(san, sizeof san, "DNS:%s", name);
    X509 *host = begin_certificate(number, name, key);
    X509_set_issuer_name(host, X509_get_subject_name(root));
    extend(host, root, NID_basic_constraints, "critical,CA:FALSE");
    extend(host, root, NID_key_usage, "critical,digitalSignature");
    extend(host, root, NID_ext_key_usage, "serverAuth");
    extend(host, root, NID_subject_alt_name, san);
    extend(host, root, NID_authority_key_identifier, "keyid:always");
    if (X509_sign(host, root_key, EVP_sha256()) == 0) {
        fail("a signature");
    }
    return host;
}

static void write_anchors(unsigned count, EVP_PKEY *key, X509 *root) {
    char name[64];
    snprintf(name, sizeof name, "anchors-%u.pem", count);
    FILE *file = open_file(name, "w");
    for (unsigned i = 0; i + 1 < count; i++) {
        X509 *anchor = make_anchor(i, key);
        PEM_write_X509(file, anchor);
        X509_free(anchor);
    }
    PEM_write_X509(file, root);
    close_file(file, name);
}

static bool is_made(unsigned count) {
    struct stat made, root;
    char name[64];
    snprintf(name, sizeof name, "many-%u", count);
    return stat(name, &made) == 0 && stat("p256-root.pem", &root) == 0 &&
           made.st_mtime >= root.st_mtime;
}

int main(int argc, char **argv) {
    unsigned count = argc == 3 ? (unsigned)strtoul(argv[1], NULL, 10) : 0;
    if (count < 1 || count > 10000) {
        fprintf(stderr, "usage: bench_certificates COUNT DIR (1 to 10000)\n");
        return 2;
    }
    if (chdir(argv[2]) != 0) {
        fail(argv[2]);
    }
    if (is_made(count) || is_made(10000)) {
        return 0;
    }
    FILE *file = open_file("p256-root.pem", "r");
    X509 *root = PEM_read_X509(file, NULL, NULL, NULL);
    fclose(file);
    file = open_file("p256-root.key", "r");
    EVP_PKEY *root_key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    fclose(file);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    if (root == NULL || root_key == NULL || key == NULL) {
        fail("the keys");
    }
    file = open_file("host.key", "w");
    PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL);
    close_file(file, "host.key");
    for (size_t i = 0; i < sizeof anchors / sizeof *anchors && anchors[i] <= count; i++) {
        write_anchors(anchors[i], key, root);
    }
    for (unsigned i = 0; i < count; i++) {
        char name[64];
        X509 *host = make_host(i, key, root, root_key);
        snprintf(name, sizeof name, "host-%u.pem", i);
        file = open_file(name, "w");
        PEM_write_X509(file, host);
        close_file(file, name);
        X509_free(host);
    }
    char name[64];
    snprintf(name, sizeof name, "many-%u", count);
    close_file(open_file(name, "w"), name);
    EVP_PKEY_free(key);
    EVP_PKEY_free(root_key);
    X509_free(root);
    return 0;
}
