/* One file into the intake: a reader and a run, from the first byte to the counts. Doors that take
 * files (the control socket, the drop folder) share it. One thread each. */
#ifndef INTAKE_LOAD_H
#define INTAKE_LOAD_H

#include "daemon/intake/intake.h"

struct load;

struct load_conf {
	struct intake *intake;
	struct intake_request
		request; /* author and what it points to: borrowed until load_free() */
	enum reader_format format;
	enum reader_encoding otherwise;
	const char *dir; /* for nameless files; borrowed */
};

/* ERR_NOMEM. */
MUST_CHECK int load_open(struct load **out, const struct load_conf *conf);
/* A piece of the file; nothing is taken in before its end. False: no more of it, load_end() says
 * why. */
bool load_feed(struct load *l, const char *p, size_t n);
/* The file is whole: everything happens here. Once, and instead of load_file(). */
const struct intake_result *load_end(struct load *l);
/* A regular file that is read where it lies. */
const struct intake_result *load_file(struct load *l, int fd);
bool load_retracts(const struct load *l);
/* What the user should know besides; NULL: nothing. */
const char *load_warning(const struct load *l);
/* The file changed while it was read: what was taken in stays, and it is to be read again. */
bool load_moved(const struct load *l);
/* The result's file of refused rows is the caller's. */
void load_free(struct load *l);

#endif
