/* The settings of every daemon, and what must hold between them. Pure. */
#ifndef RUN_SETTINGS_H
#define RUN_SETTINGS_H

#include "daemon/run/run.h"

/* Reads and judges a configuration as a whole. */
MUST_CHECK int settings_open(
	struct conf **out, const char *file, const struct daemon_program *p, struct errmsg *m);
MUST_CHECK int settings_parse(struct conf **out, const char *file, struct text text,
	const struct daemon_program *p, struct errmsg *m);
enum log_level settings_log_level(const struct conf *c);
/* Parent i; borrows from `c`. */
void settings_parent(const struct conf *c, size_t i, struct link_child_conf *out);
/* Does a change of this setting take effect at a reload? Otherwise it needs a restart. */
bool settings_reloads(const char *section, const char *name);

#endif
