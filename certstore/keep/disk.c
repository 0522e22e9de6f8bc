/* A folder as the storage of a store.
 *
 * SPDX-License-Identifier: MIT */
#include "certstore/keep/storage.h"

#include "base/error.h"
#include "base/memory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

typedef struct disk {
    const stls_disk_calls *calls;
    int folder, lock;
    char *name;       /* "folder PATH" */
    const char *path; /* in that */
} disk;

enum { TEMPORARY_SIZE = 96 };

#define TEMPORARY ".new-"
#define LOCK_NAME "lock"

/* --- The system's calls */

static int system_make_folder(const char *path) {
    if (mkdir(path, 0755) != 0 && errno != EEXIST) { /* another process may have been faster */
        return -1;
    }
    int made = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int above = made >= 0 ? openat(made, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    int status = above >= 0 ? fsync(above) : -1;
    int reason = errno;
    if (above >= 0) {
        close(above);
    }
    if (made >= 0) {
        close(made);
    }
    errno = reason;
    return status;
}

static int system_open_folder(const char *path) {
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int system_open(int folder, const char *name, int flags, mode_t mode) {
    return openat(folder, name, flags, mode);
}

static int system_adopt(int fd, const struct stat *facts) {
    int owned = fchown(fd, facts->st_uid, facts->st_gid);
    (void)owned; /* only the superuser may give files away */
    return fchmod(fd, facts->st_mode & 07777);
}

static void system_give(int fd, int folder) {
    struct stat facts;
    if (geteuid() == 0 && fstat(folder, &facts) == 0) {
        int given = fchown(fd, facts.st_uid, facts.st_gid);
        (void)given; /* some file systems know no owners */
    }
}

static int system_rename(int folder, const char *from, const char *to) {
    return renameat(folder, from, folder, to);
}

static int system_remove(int folder, const char *name) {
    return unlinkat(folder, name, 0);
}

static int system_list(int folder, void (*visit)(void *visit_arg, const char *name),
                       void *visit_arg) {
    int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = copy >= 0 ? fdopendir(copy) : NULL;
    if (stream == NULL) {
        int reason = errno;
        if (copy >= 0) {
            close(copy);
        }
        errno = reason;
        return -1;
    }
    const struct dirent *entry;
    while ((entry = readdir(stream)) != NULL) { /* NOLINT(concurrency-mt-unsafe): of our stream */
        visit(visit_arg, entry->d_name);
    }
    closedir(stream);
    return 0;
}

static int system_lock(int fd) {
    return flock(fd, LOCK_EX | LOCK_NB);
}

static int system_unlock(int fd) {
    return flock(fd, LOCK_UN);
}

const stls_disk_calls stls_disk_system = {
    .make_folder = system_make_folder,
    .open_folder = system_open_folder,
    .open = system_open,
    .stat = fstat,
    .adopt = system_adopt,
    .give = system_give,
    .read = read,
    .write = write,
    .sync = fsync,
    .close = close,
    .rename = system_rename,
    .remove = system_remove,
    .list = system_list,
    .lock = system_lock,
    .unlock = system_unlock,
};

/* --- Sentences */

static const char *cure(int reason) {
    switch (reason) {
    case ENOSPC:
    case EDQUOT:
        return ": make room there, then try again";
    case EROFS:
        return ": mount it for writing first";
    case EACCES:
    case EPERM:
        return ": give this user the right (chown, chmod), or be another user";
    case ENOENT:
        return ": see whether the path is right, and make the folders that are missing";
    case ELOOP:
        return ": name the file that the link stands for";
    default:
        return "";
    }
}

static stls_result fail_with(const disk *self, const char *what, const char *name, int reason,
                             stls_error *error) {
    char text[128];
    const char *words = strerror_r(reason, text, sizeof text);
    return stls_fail(error, STLS_E_FILE, "%s: cannot %s%s%s: %s%s", self->name, what,
                     name[0] != '\0' ? " " : "", name, words, cure(reason));
}

/* --- Reading */

static bool is_secret(const char *name) {
    return strncmp(name, "server-", 7) == 0;
}

static stls_result read_some(const disk *self, int fd, const char *name, uint8_t *data, size_t size,
                             stls_error *error) {
    size_t len = 0;
    while (len < size) {
        ssize_t got = self->calls->read(fd, data + len, size - len);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return fail_with(self, "read", name, got == 0 ? EIO : errno, error);
        }
        len += (size_t)got;
    }
    return STLS_OK;
}

static stls_result read_open(const disk *self, int fd, const char *name, uint8_t *data, size_t size,
                             stls_storage_facts *facts, stls_error *error) {
    struct stat of_file, of_folder;
    if (self->calls->stat(fd, &of_file) != 0 || self->calls->stat(self->folder, &of_folder) != 0) {
        return fail_with(self, "look at", name, errno, error);
    }
    if (!S_ISREG(of_file.st_mode)) {
        return stls_fail(error, STLS_E_FILE, "%s: %s is not a file", self->name, name);
    }
    const mode_t others_write = S_IWGRP | S_IWOTH, others_read = S_IRGRP | S_IROTH;
    facts->exists = true;
    facts->len = (size_t)of_file.st_size;
    facts->exposed = ((of_file.st_mode | of_folder.st_mode) & others_write) != 0 ||
                     (is_secret(name) && (of_file.st_mode & others_read) != 0);
    return read_some(self, fd, name, data, size < facts->len ? size : facts->len, error);
}

static stls_result disk_read(void *arg, const char *name, uint8_t *data, size_t size,
                             stls_storage_facts *facts, stls_error *error) {
    const disk *self = arg;
    *facts = (stls_storage_facts){.exists = false};
    /* Not blocking: somebody may have put a pipe there. */
    int fd = self->calls->open(self->folder, name,
                               O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0);
    if (fd < 0) {
        return errno == ENOENT ? STLS_OK : fail_with(self, "read", name, errno, error);
    }
    stls_result result = read_open(self, fd, name, data, size, facts, error);
    self->calls->close(fd);
    return result;
}

/* --- Writing */

static stls_result write_all(const disk *self, int fd, const char *name, const uint8_t *data,
                             size_t len, stls_error *error) {
    while (len > 0) {
        ssize_t taken = self->calls->write(fd, data, len);
        if (taken < 0 && errno == EINTR) {
            continue;
        }
        if (taken <= 0) {
            return fail_with(self, "write", name, taken == 0 ? ENOSPC : errno, error);
        }
        data += taken;
        len -= (size_t)taken;
    }
    return self->calls->sync(fd) == 0 ? STLS_OK : fail_with(self, "sync", name, errno, error);
}

/* Whose the new file is. */
typedef enum { OWNER_US, OWNER_OF_FOLDER } owner;

/* `as` (may be NULL): the file whose mode and owner it takes over. */
static stls_result write_temporary(const disk *self, const char *temporary, const char *name,
                                   stls_bytes data, mode_t mode, owner whose, const struct stat *as,
                                   stls_error *error) {
    /* What is left of a write that was cut off; O_EXCL makes sure that the file is ours. */
    self->calls->remove(self->folder, temporary);
    int fd = self->calls->open(self->folder, temporary,
                               O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0) {
        return fail_with(self, "write", name, errno, error);
    }
    if (whose == OWNER_OF_FOLDER) {
        self->calls->give(fd, self->folder);
    }
    stls_result result = as == NULL || self->calls->adopt(fd, as) == 0
                             ? write_all(self, fd, name, data.data, data.len, error)
                             : fail_with(self, "set the mode of", name, errno, error);
    if (self->calls->close(fd) != 0 && result == STLS_OK) {
        result = fail_with(self, "write", name, errno, error);
    }
    return result;
}

static stls_result write_file(const disk *self, const char *temporary, const char *name,
                              stls_bytes data, mode_t mode, owner whose, const struct stat *as,
                              stls_error *error) {
    stls_result result = write_temporary(self, temporary, name, data, mode, whose, as, error);
    if (result == STLS_OK && self->calls->rename(self->folder, temporary, name) != 0) {
        result = fail_with(self, "write", name, errno, error);
    }
    if (result != STLS_OK) {
        self->calls->remove(self->folder, temporary);
        return result;
    }
    return self->calls->sync(self->folder) == 0 ? STLS_OK
                                                : fail_with(self, "sync", "", errno, error);
}

static stls_result disk_write(void *arg, const char *name, const uint8_t *data, size_t len,
                              bool secret, stls_error *error) {
    char temporary[TEMPORARY_SIZE];
    snprintf(temporary, sizeof temporary, TEMPORARY "%s", name);
    return write_file(arg, temporary, name, (stls_bytes){data, len}, secret ? 0600 : 0644,
                      OWNER_OF_FOLDER, NULL, error);
}

static stls_result disk_remove(void *arg, const char *name, stls_error *error) {
    const disk *self = arg;
    return self->calls->remove(self->folder, name) == 0 || errno == ENOENT
               ? STLS_OK
               : fail_with(self, "remove", name, errno, error);
}

typedef struct blob_filter {
    void (*visit)(void *visit_arg, const char *name);
    void *visit_arg;
} blob_filter;

static void visit_blob(void *arg, const char *name) {
    const blob_filter *filter = arg;
    if (name[0] != '.' && strcmp(name, LOCK_NAME) != 0) {
        filter->visit(filter->visit_arg, name);
    }
}

static stls_result disk_list(void *arg, void (*visit)(void *visit_arg, const char *name),
                             void *visit_arg, stls_error *error) {
    const disk *self = arg;
    blob_filter filter = {.visit = visit, .visit_arg = visit_arg};
    return self->calls->list(self->folder, visit_blob, &filter) == 0
               ? STLS_OK
               : fail_with(self, "list", "its files", errno, error);
}

/* --- The lock */

static int64_t milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* `file`: the one that is locked; "": the folder itself. */
static stls_result wait_for_lock(disk *self, const char *file, unsigned wait_ms,
                                 stls_error *error) {
    int64_t deadline = milliseconds() + wait_ms;
    while (self->calls->lock(self->lock) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) {
            return fail_with(self, "lock", file, errno, error);
        }
        if (milliseconds() >= deadline) {
            return stls_fail(error, STLS_E_STATE,
                             "%s: another process has been changing it for %u ms; try again when "
                             "that has ended (fuser %s%s%s tells which it is)",
                             self->name, wait_ms, self->path, *file != '\0' ? "/" : "", file);
        }
        nanosleep(&(struct timespec){.tv_nsec = 10 * 1000 * 1000}, NULL);
    }
    return STLS_OK;
}

/* Closing alone leaves it locked while a child has the descriptor, which another thread forked. */
static void disk_unlock(void *arg) {
    disk *self = arg;
    if (self->lock >= 0) {
        self->calls->unlock(self->lock);
        self->calls->close(self->lock);
        self->lock = -1;
    }
}

/* What writes left that were cut off. It may be a private key. */
static void remove_temporary(void *arg, const char *name) {
    const disk *self = arg;
    if (strncmp(name, TEMPORARY, strlen(TEMPORARY)) == 0) {
        self->calls->remove(self->folder, name);
    }
}

/* A file that is given away must be new: a name could be another's, of a file that is not ours. */
static int open_lock(const disk *self) {
    const int flags = O_RDWR | O_NOFOLLOW | O_CLOEXEC;
    int fd = self->calls->open(self->folder, LOCK_NAME, flags, 0);
    if (fd < 0 && errno == ENOENT) {
        fd = self->calls->open(self->folder, LOCK_NAME, flags | O_CREAT | O_EXCL, 0600);
        if (fd >= 0) {
            self->calls->give(fd, self->folder);
        } else if (errno == EEXIST) { /* another process was faster */
            fd = self->calls->open(self->folder, LOCK_NAME, flags, 0);
        }
    }
    return fd;
}

/* The file stays: removing it would let two processes lock two files of one name. */
static stls_result disk_lock(void *arg, unsigned wait_ms, stls_error *error) {
    disk *self = arg;
    self->lock = open_lock(self);
    if (self->lock < 0) {
        return fail_with(self, "write", LOCK_NAME, errno, error);
    }
    stls_result result = wait_for_lock(self, LOCK_NAME, wait_ms, error);
    if (result != STLS_OK) {
        disk_unlock(self);
        return result;
    }
    self->calls->list(self->folder, remove_temporary, self);
    return STLS_OK;
}

/* --- Opening */

static void disk_close(void *arg) {
    disk *self = arg;
    if (self->folder >= 0) {
        self->calls->close(self->folder);
    }
    stls_free(self->name);
    stls_free(self);
}

static disk *allocate(const char *path, const stls_disk_calls *calls) {
    disk *self = stls_alloc(1, sizeof *self);
    size_t size = strlen(path) + sizeof "folder ";
    if (self == NULL) {
        return NULL;
    }
    *self = (disk){.calls = calls, .folder = -1, .lock = -1, .name = stls_alloc(size, 1)};
    if (self->name == NULL) {
        disk_close(self);
        return NULL;
    }
    snprintf(self->name, size, "folder %s", path);
    self->path = self->name + strlen("folder ");
    return self;
}

static stls_result open_folder(disk *self, const char *path, bool create, stls_error *error) {
    self->folder = self->calls->open_folder(path);
    if (self->folder < 0 && errno == ENOENT && create) {
        if (self->calls->make_folder(path) != 0) {
            return fail_with(self, "make", "it", errno, error);
        }
        self->folder = self->calls->open_folder(path);
    }
    return self->folder >= 0 ? STLS_OK : fail_with(self, "open", "it", errno, error);
}

stls_result stls_disk_open(const char *path, bool create, const stls_disk_calls *calls,
                           stls_storage *storage, stls_error *error) {
    disk *self = allocate(path, calls);
    if (self == NULL) {
        return stls_fail(error, STLS_E_NO_MEMORY, "no memory to open folder %s", path);
    }
    stls_result result = open_folder(self, path, create, error);
    if (result != STLS_OK) {
        disk_close(self);
        return result;
    }
    *storage = (stls_storage){.arg = self,
                              .name = self->name,
                              .read = disk_read,
                              .write = disk_write,
                              .remove = disk_remove,
                              .list = disk_list,
                              .lock = disk_lock,
                              .unlock = disk_unlock,
                              .close = disk_close};
    return STLS_OK;
}

/* --- One file by itself */

/* Whether file `name` holds `expected`; `*facts` of it, with st_nlink 0 if it is not there. */
static stls_result compare(const disk *self, const char *name, stls_bytes expected,
                           struct stat *facts, stls_error *error) {
    *facts = (struct stat){.st_nlink = 0};
    int fd = self->calls->open(self->folder, name,
                               O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0);
    int reason = errno;
    bool is_there = fd >= 0, same = !is_there && expected.len == 0;
    uint8_t *data = stls_alloc(expected.len + 1, 1);
    stls_result result = STLS_OK;
    if (data == NULL) {
        result = stls_fail(error, STLS_E_NO_MEMORY, "no memory to compare %s", name);
    } else if (!is_there && reason != ENOENT) {
        result = fail_with(self, "read", name, reason, error);
    } else if (is_there && self->calls->stat(fd, facts) != 0) {
        result = fail_with(self, "look at", name, errno, error);
    } else if (is_there && S_ISREG(facts->st_mode) && (size_t)facts->st_size == expected.len) {
        result = read_some(self, fd, name, data, expected.len, error);
        same = result == STLS_OK && stls_bytes_equal((stls_bytes){data, expected.len}, expected);
        facts->st_nlink = 1;
    }
    if (is_there) {
        self->calls->close(fd);
    }
    stls_free(data);
    return result != STLS_OK || same
               ? result
               : stls_fail(error, STLS_E_STATE,
                           "%s: %s has been changed meanwhile by somebody else, and is left as it "
                           "is; read it again, then change it",
                           self->name, name);
}

static bool name_temporary(const char *name, char temporary[NAME_MAX + 1], stls_error *error) {
    int len = snprintf(temporary, NAME_MAX + 1, ".%s.new", name);
    if (*name == '\0' || len < 0 || len > NAME_MAX) {
        stls_error_fill(error, STLS_E_ARGUMENT, "a file needs a name of 1 to %d bytes, not \"%s\"",
                        NAME_MAX - 5, name);
        return false;
    }
    return true;
}

static stls_result replace(const disk *self, const char *name, stls_bytes expected, stls_bytes data,
                           stls_error *error) {
    struct stat facts;
    char temporary[NAME_MAX + 1];
    if (!name_temporary(name, temporary, error)) {
        return STLS_E_ARGUMENT;
    }
    stls_result result = compare(self, name, expected, &facts, error);
    if (result == STLS_E_STATE && compare(self, name, data, &facts, NULL) == STLS_OK) {
        result = STLS_OK; /* as after a call that could not sync */
    }
    return result == STLS_OK ? write_file(self, temporary, name, data, 0644, OWNER_US,
                                          facts.st_nlink != 0 ? &facts : NULL, error)
                             : result;
}

/* Whether file `name` is of the kind whose content begins with `magic`, or holds nothing. */
static stls_result check_kind(disk *self, const char *name, const char *magic, stls_error *error) {
    uint8_t there[32] = {0};
    stls_storage_facts facts;
    stls_result result = disk_read(self, name, there, strlen(magic), &facts, error);
    bool is_same = memcmp(there, magic, strlen(magic)) == 0;
    return result != STLS_OK || facts.len == 0 || is_same
               ? result
               : stls_fail(error, STLS_E_REFUSED,
                           "%s: %s is there and holds something else, so it is left as it is; give "
                           "another name, or remove it first",
                           self->name, name);
}

static stls_result save(disk *self, const char *name, const char *magic, stls_bytes data,
                        stls_error *error) {
    char temporary[NAME_MAX + 1];
    if (!name_temporary(name, temporary, error)) {
        return STLS_E_ARGUMENT;
    }
    stls_result result = check_kind(self, name, magic, error);
    return result == STLS_OK ? write_file(self, temporary, name, data, 0600, OWNER_US, NULL, error)
                             : result;
}

static void close_parent(disk *self) {
    if (self != NULL) {
        disk_unlock(self);
        disk_close(self);
    }
}

/* Opens and locks the folder that file `path` is in. The lock is on the folder itself, so that no
 * file is left behind. `*name` becomes that of the file. */
static stls_result open_parent(const char *path, const stls_disk_calls *calls, disk **out,
                               const char **name, stls_error *error) {
    const char *slash = strrchr(path, '/');
    *name = slash != NULL ? slash + 1 : path;
    size_t len = (size_t)(*name - path);
    char *folder = stls_alloc(len + 2, 1);
    disk *self = NULL;
    if (folder != NULL) {
        memcpy(folder, len != 0 ? path : ".", len != 0 ? len : 1);
        len = strlen(folder);
        folder[len - 1] = len > 1 ? '\0' : folder[0]; /* no slash at the end, but "/" */
        self = allocate(folder, calls);
        stls_free(folder);
    }
    *out = self;
    if (self == NULL) {
        return stls_fail(error, STLS_E_NO_MEMORY, "no memory to write %s", path);
    }
    stls_result result = open_folder(self, self->path, false, error);
    if (result != STLS_OK) {
        return result;
    }
    self->lock = calls->open_folder(self->path);
    return self->lock >= 0 ? wait_for_lock(self, "", STLS_CERTSTORE_LOCK_MS, error)
                           : fail_with(self, "open", "it", errno, error);
}

stls_result stls_disk_replace(const char *path, stls_bytes expected, stls_bytes data,
                              const stls_disk_calls *calls, stls_error *error) {
    disk *parent;
    const char *name;
    stls_result result = open_parent(path, calls, &parent, &name, error);
    if (result == STLS_OK) {
        result = replace(parent, name, expected, data, error);
    }
    close_parent(parent);
    return result;
}

stls_result stls_disk_save(const char *path, const char *magic, stls_bytes data,
                           const stls_disk_calls *calls, stls_error *error) {
    disk *parent;
    const char *name;
    stls_result result = open_parent(path, calls, &parent, &name, error);
    if (result == STLS_OK) {
        result = save(parent, name, magic, data, error);
    }
    close_parent(parent);
    return result;
}
