/* A claim that somebody is about to pay: what is asked of it, as a value, as the bytes that travel
 * (SubsidyQuestion of proto/link.proto), and as the record that the rules judge. Pure. */
#ifndef SUBSIDY_CLAIM_H
#define SUBSIDY_CLAIM_H

#include "daemon/base/buf.h"
#include "daemon/base/err.h"
#include "daemon/talent/talent_row.h"
#include "proto/arena.h"
#include "proto/record.h"

/* Its fields as rows: the option of the command, the field of the register `subsidy` and of the
 * message. The first must be given. */
#define CLAIM_FIELDS 6
struct claim_field {
	const char *option, *field;
};
extern const struct claim_field claim_fields[CLAIM_FIELDS];

struct claim {
	uint8_t person[PID_BYTES];
	size_t n_person; /* PID_BYTES, or TALENT_ID_BYTES: a talent's id is known only */
	struct text fields[CLAIM_FIELDS]; /* in the order of the rows; n 0: not given. Borrowed */
	int day;			  /* yyyymmdd; 0: today where it is judged */
};

/* Are they what a record may hold? Codes may come as their Chinese text: that is replaced by the
 * code. ERR_INVALID with words that name the option. Not the person. */
MUST_CHECK int claim_check(struct claim *c, struct errmsg *m);
/* 32 hexadecimal digits, or a talent's id. False: it is neither. */
bool claim_person(struct claim *c, struct text id);

/* Into out (reset first); look at out->failed. */
void claim_pack(const struct claim *c, struct buf *out);
/* Of bytes from outside: lengths, texts and codes are as claim_check() wants them. Texts point into
 * `a`. ERR_INVALID; ERR_LIMIT: the arena is full. */
MUST_CHECK int claim_unpack(struct claim *c, struct text bytes, struct arena *a);

/* The claim as a record that stood already: approved, on the day. `pid` is the person's, and not
 * looked at in the claim; borrowed, as the claim's texts are. False: the arena is full. */
MUST_CHECK bool claim_record(const struct claim *c, const uint8_t pid[PID_BYTES], int day,
	struct arena *a, struct record *out);

#endif
