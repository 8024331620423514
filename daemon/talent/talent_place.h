/* Where the rules come from: those that the program carries, and the files of a directory. And what
 * is said of them, so that two nodes can be compared. */
#ifndef TALENT_TALENT_PLACE_H
#define TALENT_TALENT_PLACE_H

#include "daemon/talent/talent_rules.h"

/* The rules of the program; a file *.rule of `dir` ("": none) takes the place of the one of its
 * name, others are added. In the order of names. NULL and words in m (file and line). */
struct talent_rules *talent_rules_place(const char *dir, struct errmsg *m);

#define TALENT_MARK_CHARS 16
/* What the rules are known by, without holding them. */
struct talent_mark {
	char all[TALENT_MARK_CHARS + 1];   /* of all files */
	char gates[TALENT_MARK_CHARS + 1]; /* of what the gates say: equal on two nodes, equal
					      people get in */
	size_t n_gates;
	struct talent_mark_gate {
		int valid_from;
		char version[24];
	} at[TALENT_GATES_MAX]; /* newest first */
};
void talent_mark(struct talent_mark *out, const struct talent_rules *t);
/* The version of the gate in force on a day; "" before the first. Points into `k`. */
const char *talent_mark_gate(const struct talent_mark *k, int day);

#endif
