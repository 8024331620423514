/* The registers as rows: registers.tsv says which fields there are, rules.tsv what must hold
 * between them, faults.tsv what is said when it does not. A further register is rows and one
 * message in registers.proto; no code knows one by name. */
#ifndef PROTO_REGISTERS_H
#define PROTO_REGISTERS_H

#include <protobuf-c/protobuf-c.h>

#include "proto/codes.h"

enum field_type {
	FIELD_KEY,   /* text: the natural key */
	FIELD_TEXT,  /* at most 200 characters */
	FIELD_DATE,  /* yyyymmdd */
	FIELD_MONTH, /* yyyymm */
	FIELD_YEAR,  /* yyyy */
	FIELD_INT,
	FIELD_DEC1,  /* tenths */
	FIELD_MONEY, /* fen */
	FIELD_CODE,
	FIELD_CODES, /* several, in list order, without repeats */
	FIELD_USCC,
	FIELD_OCC,
	FIELD_BOOL, /* 0 or 1 */
	/* identity columns: they go to the vault, never into a body */
	FIELD_NAME,
	FIELD_DOC_TYPE,
	FIELD_DOC_NUMBER,
	FIELD_PHONE,
};

/* A person in a record: {prefix}name, {prefix}doc_type, {prefix}doc_number, {prefix}phone become,
 * in the body, {prefix}pid, {prefix}sex, {prefix}birth_year and {prefix}name_tag. */
struct person_group {
	const char *prefix; /* "" or "lead_" */
	const ProtobufCFieldDescriptor *pid, *sex, *birth_year, *name_tag;
	int name, doc_type, doc_number; /* indexes of its columns */
	int phone;			/* or -1 */
};

struct field {
	const char *name; /* English header, name in forms and JSON, and of the message's field */
	const char *zh;	  /* Chinese header */
	enum field_type type;
	bool required;		       /* always; conditions are rules */
	const struct code_list *codes; /* FIELD_CODE, FIELD_CODES, FIELD_DOC_TYPE; else NULL */
	const ProtobufCFieldDescriptor
		*pb; /* where it stands in the message; NULL for identity columns */
	int person;  /* index of its person_group for identity columns; -1 otherwise */
	const char *notes;
};

struct rule; /* rules.h */

#define REGISTER_FIELDS_MAX 32
#define REGISTER_PERSONS_MAX 2
#define REGISTER_KEY_MAX 4

struct reg {
	const char *name;
	const char *zh;
	bool at_district, at_city; /* who enters it */
	const ProtobufCMessageDescriptor *pb;
	const struct field *fields;
	size_t n_fields;
	struct person_group persons[REGISTER_PERSONS_MAX];
	size_t n_persons;
	int key[REGISTER_KEY_MAX + 2]; /* indexes of the natural key's fields, -1 = the pid of
					  persons[0]; ends with -2 */
	const struct rule *rules;
	size_t n_rules;
};

/* All registers, made from the embedded rows at the first call; thread-safe after registers_init().
 * A register in the table without a message does not compile (embed.awk names each message).
 * registers_init() is called first by every program and returns NULL, or a sentence on the row that
 * does not fit (a field without its message field, a rule on an unknown field, …): a bug of ours,
 * found by the unit tests. */
const char *registers_init(void);
const struct reg *registers(size_t *n);
const struct reg *register_find(struct text name);
/* By English name or by Chinese header; -1 when unknown. */
int register_field(const struct reg *reg, struct text name_or_zh);

#endif
