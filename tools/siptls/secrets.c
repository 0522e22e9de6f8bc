/* Files with secrets; see secrets.h.
 *
 * SPDX-License-Identifier: MIT */
#include "secrets.h"
#include "place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Who besides this process's user, and root, gets at what is in the file; NULL: nobody. A file of
 * root's may be readable by a group: so a service reads what it must not change. */
static const char *who_gets_at(const struct stat *facts, bool only_read) {
    bool is_roots = only_read && facts->st_uid == 0;
    if (facts->st_uid != geteuid() && !is_roots) {
        return "it belongs to another user";
    }
    if ((facts->st_mode & S_IRWXO) != 0) {
        return "everybody on this machine can read or write it";
    }
    if ((facts->st_mode & (is_roots ? S_IWGRP : S_IRWXG)) != 0) {
        return is_roots ? "its group can write it" : "its group can read or write it";
    }
    return NULL;
}

/* An open file that nobody else gets at, or -1 after the reason was printed. */
static int open_private(const char *command, const char *path, int flags) {
    struct stat facts;
    int fd = open(path, flags | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (fd < 0 || fstat(fd, &facts) != 0) {
        complain(command, "%s: %s", path, strerror(errno));
    } else {
        const char *who = who_gets_at(&facts, (flags & O_ACCMODE) == O_RDONLY);
        if (who == NULL) {
            return fd;
        }
        complain(command, "%s: %s, and it is for secrets: chown %lu %s; chmod 600 %s", path, who,
                 (unsigned long)geteuid(), path, path);
    }
    if (fd >= 0) {
        close(fd);
    }
    return -1;
}

/* --- Secrets as text */

enum { HEX_LEN = STLS_TICKET_SECRET_LEN * 2, LINE_SIZE = 256 };

static int hex_digit(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static bool read_secret(const char *line, size_t len, uint8_t secret[STLS_TICKET_SECRET_LEN]) {
    if (len != HEX_LEN) {
        return false;
    }
    for (size_t i = 0; i < STLS_TICKET_SECRET_LEN; i++) {
        int high = hex_digit(line[i * 2]), low = hex_digit(line[i * 2 + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        secret[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

/* Why the line cannot be taken, or NULL. */
static const char *take_line(secret_list *secrets, const char *line) {
    size_t begin = strspn(line, " \t"), end = strlen(line);
    while (end > begin && strchr(" \t\r\n", line[end - 1]) != NULL) {
        end--;
    }
    if (begin == end || line[begin] == '#') {
        return NULL;
    }
    if (secrets->count == SECRET_FILE_MAX) {
        return "one secret too many: 16 is the most";
    }
    if (!read_secret(line + begin, end - begin, secrets->bytes[secrets->count])) {
        return "a secret is 64 hex digits, as \"openssl rand -hex 32\" prints them";
    }
    secrets->count++;
    return NULL;
}

bool read_secrets(const char *command, const char *path, secret_list *secrets) {
    char line[LINE_SIZE];
    unsigned number = 0;
    const char *why = NULL;
    *secrets = (secret_list){.count = 0};
    int fd = open_private(command, path, O_RDONLY);
    FILE *file = fd >= 0 ? fdopen(fd, "r") : NULL;
    if (file == NULL) {
        return false;
    }
    setvbuf(file, NULL, _IONBF, 0); /* no second copy of them in memory */
    while (why == NULL && fgets(line, sizeof line, file) != NULL) {
        number++;
        why = take_line(secrets, line);
    }
    bool failed = ferror(file) != 0;
    fclose(file);
    wipe_text(line, sizeof line);
    if (why != NULL) { /* without a cut of it: it may be nearly a secret */
        complain(command, "%s, line %u: %s", path, number, why);
    } else if (failed) {
        complain(command, "%s: it cannot be read", path);
    } else if (secrets->count == 0) {
        complain(command, "%s: no secret in it; \"openssl rand -hex 32\" makes one", path);
    } else {
        return true;
    }
    wipe_secrets(secrets);
    return false;
}

void wipe_secrets(secret_list *secrets) {
    wipe_text((char *)secrets, sizeof *secrets);
}

/* --- The key log */

static void log_key(void *arg, const char *line) {
    char whole[1024];
    int len = snprintf(whole, sizeof whole, "%s\n", line);
    if (len > 0 && (size_t)len < sizeof whole) {
        (void)!write(*(const int *)arg, whole, (size_t)len); /* one call: lines stay whole */
    }
    wipe_text(whole, sizeof whole);
}

bool set_keylog(tls_options *options, stls_profile *profile) {
    stls_error error;
    if (options->keylog == NULL) {
        return true;
    }
    int fd = open_private(options->command, options->keylog, O_WRONLY | O_APPEND | O_CREAT);
    if (fd < 0) {
        return false;
    }
    if (options->keylog_fd != 0) { /* stdin is never a key log */
        /* A reload: the file may have been moved away, and connections of before log here too. */
        bool moved = dup3(fd, options->keylog_fd, O_CLOEXEC) >= 0;
        int code = errno;
        close(fd);
        if (!moved) {
            complain(options->command, "--keylog: %s: %s", options->keylog, strerror(code));
            return false;
        }
    } else {
        options->keylog_fd = fd;
        complain(options->command,
                 "warning: whoever reads %s can decrypt what is captured of these connections",
                 options->keylog);
    }
    if (stls_profile_set_keylog(profile, log_key, &options->keylog_fd, &error) != STLS_OK) {
        complain(options->command, "--keylog: %s", error.text);
        return false;
    }
    return true;
}

/* --- A session between two runs */

enum { SESSION_FILE_MAX = STLS_SESSION_BYTES_MAX + 1024 };

static bool read_session_key(session_file *file, const char *command) {
    if (!read_secrets(command, file->key_path, &file->key)) {
        return false;
    }
    if (file->key.count != 1) {
        complain(command, "%s: one secret seals a session, not %zu", file->key_path,
                 file->key.count);
        return false;
    }
    return true;
}

/* What the file has, at most SESSION_FILE_MAX bytes; -1, with errno, if it is no file that can be
 * read. */
static ssize_t read_session(const char *path, uint8_t *data) {
    struct stat facts;
    size_t len = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t got = -1;
    if (fd < 0) {
        return -1;
    }
    if (fstat(fd, &facts) == 0 && !S_ISREG(facts.st_mode)) {
        errno = S_ISDIR(facts.st_mode) ? EISDIR : EINVAL;
    } else {
        while ((got = read(fd, data + len, SESSION_FILE_MAX - len)) > 0) {
            len += (size_t)got;
        }
    }
    int code = errno;
    close(fd);
    errno = code;
    return got < 0 ? -1 : (ssize_t)len;
}

bool take_session(session_file *file, const char *command, stls_context *context,
                  char note[SESSION_NOTE_SIZE]) {
    static uint8_t data[SESSION_FILE_MAX];
    stls_error error;
    note[0] = '\0';
    if (file->path == NULL) {
        return true;
    }
    if (!read_session_key(file, command)) {
        return false;
    }
    ssize_t len = read_session(file->path, data);
    if (len < 0 && errno == ENOENT) {
        snprintf(note, SESSION_NOTE_SIZE, "none kept yet");
        return true;
    }
    if (len < 0) {
        complain(command, "--session: %s: %s", file->path, strerror(errno));
        return false;
    }
    stls_result result =
        stls_context_import_session(context, file->key.bytes[0], data, (size_t)len, &error);
    if (result != STLS_OK && result != STLS_E_REFUSED) { /* perhaps something else of the user's */
        complain(command, "--session: %s: %s; the file is left as it is", file->path, error.text);
        return false;
    }
    if (unlink(file->path) != 0) {
        complain(command, "--session: %s cannot be removed, and a session is offered once: %s",
                 file->path, strerror(errno));
        return false;
    }
    snprintf(note, SESSION_NOTE_SIZE, "%s%s",
             result == STLS_OK ? "taken from the file" : "no use: ",
             result == STLS_OK ? "" : error.text);
    return true;
}

static bool write_session(const char *command, const char *path, const uint8_t *data, size_t len) {
    char beside[4096];
    int length = snprintf(beside, sizeof beside, "%s.XXXXXX", path);
    if (length < 0 || (size_t)length >= sizeof beside) {
        complain(command, "--session: the path is too long");
        return false;
    }
    int fd = mkostemp(beside, O_CLOEXEC);
    bool good = fd >= 0 && write(fd, data, len) == (ssize_t)len;
    good = (fd < 0 || close(fd) == 0) && good && rename(beside, path) == 0;
    if (!good) {
        complain(command, "%s: the session cannot be written: %s", path, strerror(errno));
        if (fd >= 0) {
            unlink(beside);
        }
    }
    return good;
}

bool keep_session(session_file *file, const char *command, stls_context *context, const char *peer,
                  char note[SESSION_NOTE_SIZE]) {
    static uint8_t data[SESSION_FILE_MAX];
    size_t len = 0;
    stls_error error;
    note[0] = '\0';
    if (file->path == NULL) {
        return true;
    }
    stls_result result = stls_context_export_session(context, peer, file->key.bytes[0], data,
                                                     sizeof data, &len, &error);
    wipe_secrets(&file->key);
    if (result != STLS_OK) {
        snprintf(note, SESSION_NOTE_SIZE, "none to keep: %s", error.text);
        return true;
    }
    snprintf(note, SESSION_NOTE_SIZE, "kept for the next run, %zu bytes", len);
    return write_session(command, file->path, data, len);
}
