/* What all modules of tallyctl share: its exit codes, its options, and how it says what went wrong.
 */
#ifndef CTL_CTL_H
#define CTL_CTL_H

#include <stdbool.h>

/* Exit codes, part of the public surface. */
enum ctl_exit {
	CTL_DONE = 0,
	CTL_FAILED = 1,
	CTL_USAGE = 2,	   /* wrong usage */
	CTL_PART = 3,	   /* done in part: some rows were refused */
	CTL_NO_DAEMON = 4, /* nobody answers at the socket */
	CTL_DENIED = 5,	   /* not allowed */
};

enum ctl_output { CTL_TABLE, CTL_CSV, CTL_JSON };

struct ctl_options {
	const char *socket; /* -s; NULL: not given */
	enum ctl_output output;
	bool zh;	  /* headers and help in Chinese: --lang, else by the locale */
	const char *lang; /* --lang as given; NULL: not given */
	bool help, version;
	char **words; /* what is left: the command with its own options; borrowed */
	int n_words;
};

/* Takes the options that every command has out of argv, wherever they stand; the rest keeps its
 * order (words point into argv, which is rearranged). 0, or CTL_USAGE after a line on standard
 * error. */
int options_parse(struct ctl_options *o, int argc, char **argv);

/* One line on standard error: what is wrong, where, and what to do. Control characters are made
 * harmless. Returns code. */
int ctl_fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
