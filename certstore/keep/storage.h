/* certstore/keep/storage.h - a folder as the storage of a store.
 *
 * The model: the rules stand at stls_storage in siptls/certstore.h. A blob is a file of its name.
 * It is written as ".new-NAME", synced, renamed to NAME, and the folder is synced; what is left of
 * a write that was cut off is overwritten by the next. The file "lock" is for flock(). What the
 * superuser writes belongs to the owner of the folder, or whoever runs as that could not read the
 * keys any more.
 *
 * All that touches the file system goes through a table, so that a test can be the file system, and
 * cut the power at each call.
 *
 * SPDX-License-Identifier: MIT */
#ifndef STLS_CERTSTORE_KEEP_STORAGE_H
#define STLS_CERTSTORE_KEEP_STORAGE_H

#include <siptls/certstore.h>

#include <sys/stat.h>
#include <sys/types.h>

/* As the system calls of those names; each answers -1 and sets errno. `folder` is a descriptor of
 * open_folder(). */
typedef struct stls_disk_calls {
    int (*make_folder)(const char *path); /* and syncs the one it is in */
    int (*open_folder)(const char *path);
    int (*open)(int folder, const char *name, int flags, mode_t mode);
    int (*stat)(int fd, struct stat *facts);
    int (*adopt)(int fd, const struct stat *facts); /* gives the file that mode, and if allowed that
                                                       owner */
    void (*give)(int fd, int folder); /* by the superuser: gives the file, which is ours and new, to
                                         the owner of the folder */
    ssize_t (*read)(int fd, void *data, size_t size);
    ssize_t (*write)(int fd, const void *data, size_t len);
    int (*sync)(int fd); /* a file or a folder */
    int (*close)(int fd);
    int (*rename)(int folder, const char *from, const char *to);
    int (*remove)(int folder, const char *name);
    int (*list)(int folder, void (*visit)(void *visit_arg, const char *name), void *visit_arg);
    int (*lock)(int fd); /* does not wait: EWOULDBLOCK */
    int (*unlock)(int fd);
} stls_disk_calls;

/* The system's. */
extern const stls_disk_calls stls_disk_system;

/* Fills `*storage` for folder `path`, which is made if `create` is set and it is missing. `calls`
 * must stay. storage->close gives everything back. */
stls_result stls_disk_open(const char *path, bool create, const stls_disk_calls *calls,
                           stls_storage *storage, stls_error *error);

/* Makes the file at `path`, which is no link, hold `data`, in one step and durably, if it holds
 * `expected` or, as after a call that failed late, `data`; a file that is not there holds nothing.
 * Its mode stays; a new one has 0644. STLS_E_STATE if it holds something else, or if others that
 * replace files in that folder are at it for long. */
stls_result stls_disk_replace(const char *path, stls_bytes expected, stls_bytes data,
                              const stls_disk_calls *calls, stls_error *error);

/* Makes the file at `path` hold `data`, which begins with `magic` (at most 32 bytes), in one step
 * and durably, for its owner only. STLS_E_REFUSED if something else than a file that begins so, or
 * is empty, is there. */
stls_result stls_disk_save(const char *path, const char *magic, stls_bytes data,
                           const stls_disk_calls *calls, stls_error *error);

#endif
