/* The one list of errors. Functions return 0 or one of these (positive); foreign codes are
 * translated at the border. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#define MUST_CHECK __attribute__((warn_unused_result))

/* X(name, words) */
#define ERR_LIST(X) \
	X(ERR_NOMEM, "out of memory") \
	X(ERR_IO, "input/output error") \
	X(ERR_FULL, "no room left on the disk or in the store") \
	X(ERR_UNKNOWN, "the commit's outcome is unknown; the process must end") \
	X(ERR_NOTFOUND, "not found") \
	X(ERR_EXISTS, "exists already") \
	X(ERR_INVALID, "invalid") \
	X(ERR_LIMIT, "over a limit") \
	X(ERR_DAMAGED, "damaged: the bytes do not fit their hash") \
	X(ERR_SIGNER, "not signed by the expected key") \
	X(ERR_CHAIN, "the chain of hashes is broken") \
	X(ERR_GAP, "entries are missing in between") \
	X(ERR_FORK, "two different ledgers under one name") \
	X(ERR_BUSY, "busy") \
	X(ERR_CLOSED, "closed") \
	X(ERR_DENIED, "not allowed") \
	X(ERR_EXPIRED, "took too long")

enum err {
	ERR_NONE = 0,
#define X(name, words) name,
	ERR_LIST(X)
#undef X
};

/* Words for people; never NULL. */
const char *err_words(int err);

/* What went wrong in words, for one line to the operator: filled by functions that open and load.
 */
struct errmsg {
	char text[512];
};
void errmsg_set(struct errmsg *m, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
