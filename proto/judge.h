/* The judgement on one record: what is known of it while its fields and rules are checked. For this
 * room; others ask record_check() and record_from_row(). */
#ifndef PROTO_JUDGE_H
#define PROTO_JUDGE_H

#include "proto/faults.h"
#include "proto/message.h"

/* Bits are fields by index. An identity column is present when the row gave it, or the message
 * shows it: a name by its tag, a document number by its pid. */
struct judgement {
	const struct reg *reg;
	ProtobufCMessage *msg; /* rules may bring a value into canonical form when `arena` is set */
	int today;	       /* yyyymmdd */
	struct faults *f;
	struct arena *arena; /* of a row's record; NULL: a message that must be canonical already */
	bool full;	     /* the arena had no room */
	uint32_t present;
	uint32_t bad; /* has a fault of its own: says nothing more, not even "missing" */
	int8_t code[REGISTER_FIELDS_MAX];     /* present FIELD_CODE: its index in the list */
	int birth_year[REGISTER_PERSONS_MAX]; /* 0: unknown */
};

static inline bool judge_has(const struct judgement *j, int field)
{
	return (j->present >> field) & 1;
}

/* Adds a fault on a field by code; a hard one marks the field bad. */
void judge_fault(struct judgement *j, int field, const char *code);

/* Every field by its type, what is required, then the rules. In: reg, msg, today, f, and of a row
 * also arena, bad, the presence of identity columns and birth_year. */
void judge(struct judgement *j);

#endif
