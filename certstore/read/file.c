/* SPDX-License-Identifier: MIT */
#include "base/error.h"
#include "base/memory.h"
#include "certstore/read/pem.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FIRST_ROOM = 16384 };

/* What has been read so far. Files may hold keys: what is given back is wiped. */
typedef struct content {
    uint8_t *data;
    size_t len, room;
} content;

static void discard(content *so_far) {
    stls_wipe(so_far->data, so_far->room);
    stls_free(so_far->data);
    *so_far = (content){.data = NULL};
}

/* Not realloc, which leaves what it moves behind. */
static bool grow(content *so_far, size_t room) {
    uint8_t *data = stls_alloc(room, 1);
    if (data == NULL) {
        return false;
    }
    size_t len = so_far->len;
    if (len != 0) {
        memcpy(data, so_far->data, len);
    }
    discard(so_far);
    *so_far = (content){.data = data, .len = len, .room = room};
    return true;
}

/* A pipe tells no length before, so there may be room for twice as much. */
static bool fit(content *so_far) {
    return so_far->len == 0 || so_far->room - so_far->len <= so_far->len / 8 ||
           grow(so_far, so_far->len);
}

static stls_result system_failure(const char *path, int reason, stls_error *error) {
    char text[128];
    return stls_fail(error, STLS_E_FILE, "file %s cannot be read: %s", path,
                     strerror_r(reason, text, sizeof text));
}

/* `expected` bytes, as far as one can know before. */
static stls_result read_all(int fd, const char *path, size_t expected, size_t limit,
                            content *so_far, stls_error *error) {
    /* One more, to see the end. */
    size_t first = expected != 0 && expected <= limit ? expected + 1 : FIRST_ROOM;
    for (;;) {
        if (so_far->len == so_far->room &&
            !grow(so_far, so_far->room != 0 ? 2 * so_far->room : first)) {
            return stls_fail(error, STLS_E_NO_MEMORY, "no memory to read file %s", path);
        }
        ssize_t got = read(fd, so_far->data + so_far->len, so_far->room - so_far->len);
        if (got == 0) {
            return STLS_OK;
        }
        if (got < 0 && errno != EINTR) {
            return system_failure(path, errno, error);
        }
        so_far->len += got > 0 ? (size_t)got : 0;
        if (so_far->len > limit) {
            return stls_fail(
                error, STLS_E_LIMIT,
                "file %s is larger than %zu bytes; is it the right one? If so, give it in parts",
                path, limit);
        }
    }
}

/* A device could block for ever, never end, or do something when it is opened. */
static stls_result check_kind(const char *path, size_t *size, stls_error *error) {
    struct stat facts;
    if (stat(path, &facts) != 0) {
        return system_failure(path, errno, error);
    }
    if (S_ISDIR(facts.st_mode)) {
        return stls_fail(error, STLS_E_FILE, "%s is a folder, not a file", path);
    }
    if (!S_ISREG(facts.st_mode) && !S_ISFIFO(facts.st_mode)) {
        return stls_fail(error, STLS_E_FILE, "%s is neither a file nor a pipe", path);
    }
    *size = (size_t)facts.st_size;
    return STLS_OK;
}

stls_result stls_file_read(const char *path, size_t limit, stls_bytes *data, stls_error *error) {
    content so_far = {.data = NULL};
    *data = (stls_bytes){NULL, 0};
    size_t size = 0;
    stls_result result = check_kind(path, &size, error);
    if (result != STLS_OK) {
        return result;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        return system_failure(path, errno, error);
    }
    result = read_all(fd, path, size, limit, &so_far, error);
    close(fd);
    if (result == STLS_OK && !fit(&so_far)) {
        result = stls_fail(error, STLS_E_NO_MEMORY, "no memory to read file %s", path);
    }
    if (result != STLS_OK || so_far.len == 0) {
        discard(&so_far);
        return result;
    }
    *data = (stls_bytes){.data = so_far.data, .len = so_far.len};
    return STLS_OK;
}
