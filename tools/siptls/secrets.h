/* secrets.h - files with secrets that the commands read and write: the secrets of tickets, the key
 * log, and a session that is kept between two runs.
 *
 * A file of another user's is refused, and one that others than its owner can read or write. A file
 * of root's may be read, also by its group; but is not written to, unless by root.
 *
 * SPDX-License-Identifier: MIT */
#ifndef SIPTLS_TOOL_SECRETS_H
#define SIPTLS_TOOL_SECRETS_H

#include "tool.h"

enum { SECRET_FILE_MAX = 16 }; /* more are no rotation but a mistake */

/* One secret a line, as 64 hex digits; lines that are empty or begin with '#' do not count. */
typedef struct secret_list {
    uint8_t bytes[SECRET_FILE_MAX][STLS_TICKET_SECRET_LEN];
    size_t count;
} secret_list;

/* False after the reason was printed. wipe_secrets() is for when they are no longer needed. */
bool read_secrets(const char *command, const char *path, secret_list *secrets);
void wipe_secrets(secret_list *secrets);

/* Lets `profile` log the keys of its connections to the file of --keylog, if there is one, after a
 * warning. The file stays open, and is opened anew by each call, so that a log which was moved
 * away ends there. False after the reason was printed. */
bool set_keylog(tls_options *options, stls_profile *profile);

/* A session in the file `path`, sealed with the only secret in the file `key_path`. */
typedef struct session_file {
    const char *path, *key_path; /* NULL: none */
    secret_list key;
} session_file;

/* What became of it: a sentence for people. */
enum { SESSION_NOTE_SIZE = 512 };

/* Takes the session into the cache of `context`, if the file is there, and removes it: a session is
 * offered once. One that is too old or was made with other settings is no failure. False, after the
 * reason was printed, if the key or the file cannot be read, or the file is no session that was
 * sealed with this key: then it is left as it is. */
bool take_session(session_file *file, const char *command, stls_context *context,
                  char note[SESSION_NOTE_SIZE]);

/* Writes the newest session with `peer`, if there is one. False after the reason was printed. */
bool keep_session(session_file *file, const char *command, stls_context *context, const char *peer,
                  char note[SESSION_NOTE_SIZE]);

#endif
