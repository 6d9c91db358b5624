/*
 * The audit file: what operators did to dead letters, in lines that are chained
 * (audit_line.h) and only ever appended. Several may write at once.
 */
#ifndef CLI_AUDIT_H
#define CLI_AUDIT_H

#include "cli/audit_line.h"
#include "cli/settings.h"

struct audit;

/* Where it is: --audit, else in the state_dir of the configuration in use, else under XDG_STATE_HOME. ERR_CONFIG. */
MUST_CHECK bool audit_path(const struct options *options, const struct settings *settings, char *out, size_t room,
                           struct err *e);

/*
 * Open it, or make it (0600, its folder too). A file that others may write to, and one that is not regular, is refused. ERR_LOCAL.
 * *out is the caller's: audit_close().
 */
MUST_CHECK bool audit_open(const char *path, struct audit **out, struct err *e);
void audit_close(struct audit *audit); /* NULL is fine; what was not committed is lost */

/* Add a line, to be written by audit_commit(). Who acts is filled in. ERR_LOCAL. */
MUST_CHECK bool audit_add(struct audit *audit, const struct audit_entry *entry, struct err *e);
bool audit_has_lines(const struct audit *audit); /* to be committed */

/*
 * Write what was added, and return when it is on the disk. Waits while another
 * program writes. Fails with ERR_LOCAL: then nothing may be done that is not in
 * the file; a file whose last line is torn or not what was written is not continued.
 */
MUST_CHECK bool audit_commit(struct audit *audit, struct err *e);

/* `keyferry audit verify [FILE]`: the exit status. */
int audit_run(const struct options *options);

#endif
