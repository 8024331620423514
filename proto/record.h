/* Records: from a row's cells to a checked message, and back to facts that can be read. Pure.
 *
 * The one judgement is record_check(): the district asks it before a record enters the ledger, the
 * city again when it folds one (never trust). record_from_row() parses, reports what cannot be
 * parsed, and then asks record_check() too. */
#ifndef PROTO_RECORD_H
#define PROTO_RECORD_H

#include "proto/arena.h"
#include "proto/registers.h"

/* ---- faults ---- */

/* A numbered, stable error code of faults.tsv: "E…" refuses the row, "W…" takes it in with a
 * warning. */
struct fault_def {
	const char *code;
	const char *zh; /* what is wrong and what to do; never holds a value of the row */
	const char *en;
};
const struct fault_def *fault_defs(size_t *n);

struct fault {
	const struct fault_def *def;
	const struct field *field; /* or NULL: the row as a whole */
};

#define FAULTS_MAX 48
struct faults {
	size_t n;
	bool hard; /* one of them is an E */
	struct fault at[FAULTS_MAX];
};

/* Adds a fault by code ("E101"); the same code on the same field once. */
void faults_add(struct faults *f, const char *code, const struct field *field);

/* ---- identity ---- */

enum sex { SEX_UNKNOWN = 0, SEX_MALE = 1, SEX_FEMALE = 2 };

/* A person's identity out of a row, canonical (validation.md). Texts live in the row's arena. */
struct identity {
	struct text name;
	struct text doc_type;	/* code: "111" */
	struct text doc_number; /* canonical */
	struct text phone;	/* may be empty */
	enum sex sex;		/* by the document, where it tells */
	int birth_year;		/* by the document; 0: unknown */
	bool present;
};

/* ---- rows ---- */

/* A row's cells, by index of the register's fields; empty = absent. Borrowed for the call. p is
 * NULL where the file has no such column: a document type is then 111, whereas an empty cell in its
 * column is a fault. */
struct row {
	const struct reg *reg;
	struct text cells[REGISTER_FIELDS_MAX];
};

/* A record: a register and its message. */
struct record {
	const struct reg *reg;
	ProtobufCMessage *msg; /* in an arena */
};

/* Parses and checks a whole row; every fault at once. `today` is yyyymmdd.
 * Faults are added to f (begin with {0}); a soft one is common, so they are cheap.
 * Out: r->msg and ids[i] for person_group i, in `a`. The message's pid and name_tag are not set
 * yet: the caller makes them with the linking key and calls record_set_person(). When f->hard is
 * set, r is not to be used. 0, or -1 when the arena is full. */
int record_from_row(const struct row *row, int today, struct arena *a, struct record *r,
	struct identity ids[REGISTER_PERSONS_MAX], struct faults *f);

/* Of a row only what its natural key is made of: for rows that name a record, without stating it.
 * Other cells may be there or not (they help to bring a number into its canonical form); faults are
 * only those of the key's own columns. Out as above, but only record_key() may be asked of r; when
 * the key names a person, `id` is whose pid is to be set first (no name in it). */
int record_key_from_row(const struct row *row, int today, struct arena *a, struct record *r,
	struct identity *id, struct faults *f);

#define PID_BYTES 16
#define NAME_TAG_BYTES 8
/* Puts the pseudonym and the facts of identity i into the message; pid and tag are borrowed (keep
 * them in the arena). */
void record_set_person(struct record *r, size_t i, const struct identity *id,
	const uint8_t pid[PID_BYTES], const uint8_t name_tag[NAME_TAG_BYTES]);

/* Every rule on a message's own fields: presence, types, codes, ranges, cross-field rules, persons.
 * Takes nothing about the message for granted but that protobuf-c unpacked it or record_from_row()
 * and record_set_person() made it. Adds to f. */
void record_check(const struct record *r, int today, struct faults *f);

/* ---- bytes ---- */

size_t record_packed_size(const struct record *r);
size_t record_pack(const struct record *r, uint8_t *out);
/* Unpacks a body of a register; 0, or -1: damaged, or over the arena's budget. */
int record_unpack(const struct reg *reg, struct text body, struct arena *a, struct record *r);

/* The natural key as text: its fields joined by '/', the pid as 32 hex digits. In `a`. p is NULL
 * when the arena is full. */
struct text record_key(const struct record *r, struct arena *a);

/* ---- facts ---- */

/* A field's value. Numbers as their type says (yyyymmdd, tenths, fen); code, key, text, uscc, occ
 * as text; codes as a list of texts. */
struct value {
	bool present;
	int64_t number;
	struct text text;
	const ProtobufCBinaryData *list; /* FIELD_CODES */
	size_t n_list;
};
struct value record_value(const struct record *r, const struct field *f);

struct person_facts {
	const uint8_t *pid; /* 16 bytes in the message; NULL: nobody */
	enum sex sex;
	int birth_year;		 /* 0: unknown */
	const uint8_t *name_tag; /* 8 bytes or NULL */
};
struct person_facts record_person(const struct record *r, size_t i);

/* A value as people write it: 2019-05-01, 1234.50, 12.5, 1, a;b; nothing when it is absent. Returns
 * the length; at most `size` bytes are written, no NUL. Texts are printed as they are: those of a
 * checked record hold no control character. */
size_t value_print(const struct field *f, const struct value *v, char *out, size_t size);

#endif
