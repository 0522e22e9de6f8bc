/* tests/unit/simulated_disk.h - a file system in memory that fails, and loses power, where it is
 * told to.
 *
 * The model: an inode has bytes, and the bytes that were synced; the folder has entries, those that
 * were synced, and between them the list of changes since. Cutting the power makes a new file
 * system: each inode that was not synced holds what was synced last, or half, or all of its bytes;
 * of the changes of the folder that were not synced, any may have come through, or not. That is
 * more cruel than real file systems are.
 *
 * SPDX-License-Identifier: MIT */
#ifndef STLS_TESTS_UNIT_SIMULATED_DISK_H
#define STLS_TESTS_UNIT_SIMULATED_DISK_H

#include "certstore/keep/storage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIM_INODES = 64, SIM_ENTRIES = 32, SIM_CHANGES = 24, SIM_FDS = 16, SIM_FOLDER = 1000 };

typedef struct sim_bytes {
    uint8_t *data;
    size_t len;
} sim_bytes;

typedef struct sim_inode {
    sim_bytes now, synced;
    bool is_synced;
    mode_t mode;
} sim_inode;

typedef struct sim_entry {
    char name[96]; /* "": none */
    int inode;
} sim_entry;

typedef enum { SIM_LINK, SIM_UNLINK, SIM_RENAME } sim_change_kind;

typedef struct sim_change {
    sim_change_kind kind;
    char name[96], to[96];
    int inode;
} sim_change;

typedef struct sim_disk {
    bool exists;
    sim_inode inodes[SIM_INODES];
    int inode_count;
    sim_entry now[SIM_ENTRIES], synced[SIM_ENTRIES];
    sim_change changes[SIM_CHANGES];
    int change_count;
    mode_t folder_mode;
} sim_disk;

/* What the calls work on. */
static sim_disk *sim;
static struct {
    int inode; /* -1: free */
    size_t at;
} sim_fds[SIM_FDS];

/* Where it fails: at call `sim_fail_at` (from 0; -1: never) and the `sim_fail_for` - 1 that follow,
 * with `sim_fail_with`. SIM_KILLED: at all that follow, as if the process had been killed there. */
enum { SIM_KILLED = 1000000 };
static int sim_calls, sim_fail_at = -1, sim_fail_for = 1, sim_fail_with = EIO;
static bool sim_failed;
static void (*sim_hook)(void); /* before each call */

static void sim_reset_faults(void) {
    sim_calls = 0;
    sim_fail_at = -1;
    sim_fail_with = EIO;
    sim_fail_for = 1;
    sim_failed = false;
}

/* Whether this call fails. */
static bool sim_fault(void) {
    if (sim_hook != NULL) {
        void (*hook)(void) = sim_hook;
        sim_hook = NULL;
        hook();
        sim_hook = hook;
    }
    int call = sim_calls++;
    if (sim_fail_at >= 0 && call >= sim_fail_at && call - sim_fail_at < sim_fail_for) {
        sim_failed = true;
        errno = sim_fail_with;
        return true;
    }
    return false;
}

static sim_bytes sim_copy(const uint8_t *data, size_t len) {
    sim_bytes copy = {malloc(len + 1), len};
    if (copy.data == NULL) {
        abort();
    }
    if (len != 0) {
        memcpy(copy.data, data, len);
    }
    return copy;
}

static sim_entry *sim_find(sim_entry *entries, const char *name) {
    for (int i = 0; i < SIM_ENTRIES; i++) {
        if (strcmp(entries[i].name, name) == 0) {
            return &entries[i];
        }
    }
    return NULL;
}

static void sim_apply(sim_entry *entries, const sim_change *change) {
    sim_entry *entry = sim_find(entries, change->name);
    if (change->kind != SIM_LINK && entry != NULL) {
        entry->name[0] = '\0';
    }
    if (change->kind == SIM_UNLINK) {
        return;
    }
    const char *to = change->kind == SIM_LINK ? change->name : change->to;
    entry = sim_find(entries, to);
    entry = entry != NULL ? entry : sim_find(entries, "");
    if (entry == NULL) {
        abort();
    }
    snprintf(entry->name, sizeof entry->name, "%s", to);
    entry->inode = change->inode;
}

static void sim_change_folder(sim_change_kind kind, const char *name, const char *to, int inode) {
    if (sim->change_count == SIM_CHANGES) {
        abort();
    }
    sim_change *change = &sim->changes[sim->change_count++];
    *change = (sim_change){.kind = kind, .inode = inode};
    snprintf(change->name, sizeof change->name, "%s", name);
    snprintf(change->to, sizeof change->to, "%s", to);
    sim_apply(sim->now, change);
}

/* --- The calls */

static int sim_make_folder(const char *path) {
    (void)path;
    if (sim_fault()) {
        return -1;
    }
    sim->exists = true;
    return 0;
}

static int sim_open_folder(const char *path) {
    (void)path;
    if (sim_fault()) {
        return -1;
    }
    errno = ENOENT;
    return sim->exists ? SIM_FOLDER : -1;
}

static int sim_fd_for(int inode) {
    for (int i = 0; i < SIM_FDS; i++) {
        if (sim_fds[i].inode < 0) {
            sim_fds[i].inode = inode;
            sim_fds[i].at = 0;
            return i;
        }
    }
    abort();
}

static int sim_open(int folder, const char *name, int flags, mode_t mode) {
    (void)folder;
    if (sim_fault()) {
        return -1;
    }
    const sim_entry *entry = sim_find(sim->now, name);
    if (entry != NULL && (flags & O_EXCL) != 0) {
        errno = EEXIST;
        return -1;
    }
    if (entry == NULL && (flags & O_CREAT) == 0) {
        errno = ENOENT;
        return -1;
    }
    if (entry == NULL) {
        if (sim->inode_count == SIM_INODES) {
            abort();
        }
        sim->inodes[sim->inode_count] =
            (sim_inode){.now = sim_copy(NULL, 0), .synced = sim_copy(NULL, 0), .mode = mode};
        sim_change_folder(SIM_LINK, name, "", sim->inode_count++);
        entry = sim_find(sim->now, name);
    }
    return entry != NULL ? sim_fd_for(entry->inode) : -1;
}

static int sim_stat(int fd, struct stat *facts) {
    if (sim_fault()) {
        return -1;
    }
    *facts = (struct stat){.st_mode = S_IFDIR | sim->folder_mode};
    if (fd != SIM_FOLDER) {
        const sim_inode *inode = &sim->inodes[sim_fds[fd].inode];
        *facts = (struct stat){.st_mode = S_IFREG | inode->mode, .st_size = (off_t)inode->now.len};
    }
    return 0;
}

static int sim_adopt(int fd, const struct stat *facts) {
    if (sim_fault()) {
        return -1;
    }
    sim->inodes[sim_fds[fd].inode].mode = facts->st_mode & 07777;
    return 0;
}

static void sim_give(int fd, int folder) {
    (void)fd, (void)folder;
}

static ssize_t sim_read(int fd, void *data, size_t size) {
    if (sim_fault()) {
        return -1;
    }
    const sim_inode *inode = &sim->inodes[sim_fds[fd].inode];
    size_t left = inode->now.len - sim_fds[fd].at, len = left < size ? left : size;
    memcpy(data, inode->now.data + sim_fds[fd].at, len);
    sim_fds[fd].at += len;
    return (ssize_t)len;
}

/* Takes at most 700 bytes at once, so that a file needs several. */
static ssize_t sim_write(int fd, const void *data, size_t len) {
    enum { MOST = 700 };
    if (sim_fault()) {
        return -1;
    }
    sim_inode *inode = &sim->inodes[sim_fds[fd].inode];
    len = len < MOST ? len : MOST;
    sim_bytes longer = {realloc(inode->now.data, inode->now.len + len + 1), inode->now.len + len};
    if (longer.data == NULL) {
        abort();
    }
    memcpy(longer.data + inode->now.len, data, len);
    inode->now = longer;
    inode->is_synced = false;
    return (ssize_t)len;
}

static int sim_sync(int fd) {
    if (sim_fault()) {
        return -1;
    }
    if (fd == SIM_FOLDER) {
        memcpy(sim->synced, sim->now, sizeof sim->synced);
        sim->change_count = 0;
        return 0;
    }
    sim_inode *inode = &sim->inodes[sim_fds[fd].inode];
    free(inode->synced.data);
    inode->synced = sim_copy(inode->now.data, inode->now.len);
    inode->is_synced = true;
    return 0;
}

static int sim_close(int fd) {
    if (fd != SIM_FOLDER) {
        sim_fds[fd].inode = -1;
    }
    return sim_fault() ? -1 : 0;
}

static int sim_rename(int folder, const char *from, const char *to) {
    (void)folder;
    if (sim_fault()) {
        return -1;
    }
    const sim_entry *entry = sim_find(sim->now, from);
    if (entry == NULL) {
        errno = ENOENT;
        return -1;
    }
    sim_change_folder(SIM_RENAME, from, to, entry->inode);
    return 0;
}

static int sim_remove(int folder, const char *name) {
    (void)folder;
    if (sim_fault()) {
        return -1;
    }
    const sim_entry *entry = sim_find(sim->now, name);
    if (entry == NULL) {
        errno = ENOENT;
        return -1;
    }
    sim_change_folder(SIM_UNLINK, name, "", entry->inode);
    return 0;
}

static int sim_list(int folder, void (*visit)(void *visit_arg, const char *name), void *visit_arg) {
    sim_entry entries[SIM_ENTRIES];
    (void)folder;
    if (sim_fault()) {
        return -1;
    }
    memcpy(entries, sim->now, sizeof entries);
    for (int i = 0; i < SIM_ENTRIES; i++) {
        if (entries[i].name[0] != '\0') {
            visit(visit_arg, entries[i].name);
        }
    }
    return 0;
}

static int sim_lock(int fd) {
    (void)fd;
    return sim_fault() ? -1 : 0;
}

static int sim_unlock(int fd) {
    (void)fd;
    return sim_fault() ? -1 : 0;
}

static const stls_disk_calls sim_disk_calls = {
    .make_folder = sim_make_folder,
    .open_folder = sim_open_folder,
    .open = sim_open,
    .stat = sim_stat,
    .adopt = sim_adopt,
    .give = sim_give,
    .read = sim_read,
    .write = sim_write,
    .sync = sim_sync,
    .close = sim_close,
    .rename = sim_rename,
    .remove = sim_remove,
    .list = sim_list,
    .lock = sim_lock,
    .unlock = sim_unlock,
};

/* --- Whole file systems */

static sim_disk *sim_new(void) {
    sim_disk *disk = calloc(1, sizeof *disk);
    if (disk == NULL) {
        abort();
    }
    disk->folder_mode = 0755;
    for (int i = 0; i < SIM_FDS; i++) {
        sim_fds[i].inode = -1;
    }
    return disk;
}

static void sim_free(sim_disk *disk) {
    for (int i = 0; i < disk->inode_count; i++) {
        free(disk->inodes[i].now.data);
        free(disk->inodes[i].synced.data);
    }
    free(disk);
}

/* As it is; nobody has anything open. */
static sim_disk *sim_duplicate(const sim_disk *from) {
    sim_disk *copy = sim_new();
    *copy = *from;
    for (int i = 0; i < copy->inode_count; i++) {
        sim_inode *inode = &copy->inodes[i];
        inode->now = sim_copy(inode->now.data, inode->now.len);
        inode->synced = sim_copy(inode->synced.data, inode->synced.len);
    }
    return copy;
}

typedef enum { SIM_DATA_LOST, SIM_DATA_HALF, SIM_DATA_WHOLE, SIM_DATA_MODES } sim_data;

/* What a power cut leaves: bit i of `mask` says that change i of the folder has come through. */
static sim_disk *sim_cut(const sim_disk *from, unsigned mask, sim_data data) {
    sim_disk *cut = sim_duplicate(from);
    memcpy(cut->now, cut->synced, sizeof cut->now);
    for (int i = 0; i < cut->change_count; i++) {
        if ((mask >> i & 1) != 0) {
            sim_apply(cut->now, &cut->changes[i]);
        }
    }
    memcpy(cut->synced, cut->now, sizeof cut->synced);
    cut->change_count = 0;
    for (int i = 0; i < cut->inode_count; i++) {
        sim_inode *inode = &cut->inodes[i];
        if (inode->is_synced || data == SIM_DATA_WHOLE) {
            continue;
        }
        if (data == SIM_DATA_HALF) {
            inode->now.len /= 2;
        } else {
            free(inode->now.data);
            inode->now = sim_copy(inode->synced.data, inode->synced.len);
        }
    }
    return cut;
}

#endif
