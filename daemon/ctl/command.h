/* The daemon's commands, as GET /v1/ lists them, and how words become a request. Pure.
 *
 * A route's command is a row of words: small letters stand for themselves, CAPITALS for a value
 * (the path's variables in order, then query values of that name), [CAPITALS] for a value that may
 * be left out, CAPITALS… for one or more local files whose bytes are sent. Its query names the
 * options: `name!` must be given, `name?` is a flag, `name` may be given, `name<` names a local
 * file whose bytes are sent (it must be given, and may be given again). What must stand in no list
 * of processes is asked for at the terminal, and sent as a line `name=value` of the body: `name%`
 * always, `name@` when its flag is given. `--to FILE` fits every
 * question (GET) that has no option of that name: the answer goes into that file. */
#ifndef CTL_COMMAND_H
#define CTL_COMMAND_H

#include <jansson.h>

#include "daemon/base/buf.h"
#include "daemon/base/err.h"

#define REQUEST_FILES_MAX 4096
#define REQUEST_QUERY_MAX 32
#define REQUEST_VALUES_MAX 16
#define REQUEST_ASKS_MAX 4

/* A route's texts, borrowed from the list; absent ones are "". */
struct command {
	const char *method, *path, *command, *query, *right, *help_en, *help_zh;
	bool upload;
};

/* Row i of the answer to GET /v1/; false when there is none, or it has no command. */
bool command_at(const json_t *answer, size_t i, struct command *out);
size_t commands_n(const json_t *answer);

struct request {
	const char *method;
	struct buf url; /* path and query, percent-encoded */
	char **files;	/* of an upload; points into the words */
	size_t n_files;
	struct text asks[REQUEST_ASKS_MAX]; /* what is asked for at the terminal */
	size_t n_asks;
	bool asking;	/* the route has such values: its body is made of them */
	const char *to; /* where the answer is to be saved; NULL: nowhere */
	char why[300];	/* command_match() failed: what does not fit */
	/* What fits, also when it failed: words of the command; options that the route has, flags
	 * (which often tell two forms of one command apart) and others. */
	size_t literals, flags, options;
	bool named; /* all words of the command fit: it is this command that was meant */
};
void request_deinit(struct request *q);
/* Of several that failed, is `q` of the command that was rather meant than `other`'s? */
bool request_nearer(const struct request *q, const struct request *other);

/* Words → request of this route. `lang` (NULL: not given) goes along where the route has such an
 * option. 0, or ERR_INVALID with q->why and what says how near it came. */
MUST_CHECK int command_match(
	const struct command *r, char *const *words, size_t n, const char *lang, struct request *q);

/* How a command is written: "form show FORM --period PERIOD [--area AREA] [--cumulative]". */
void command_usage(const struct command *r, struct buf *out);

#endif
