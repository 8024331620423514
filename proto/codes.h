/* Code lists, occupations and area codes, embedded from codes.tsv, occupations-2022.tsv and
 * district-history.tsv. */
#ifndef PROTO_CODES_H
#define PROTO_CODES_H

#include "proto/text.h"

struct code {
	const char *code; /* as stored in a record */
	const char *zh;	  /* exact Chinese text: what a clerk may write instead of the code */
	const char *en;
	const char *notes;
};

/* One list, in the order of codes.tsv: the order of forms and tables. */
struct code_list {
	const char *name;
	const struct code *at;
	size_t n;
};

/* All lists; n in *n. */
const struct code_list *code_lists(size_t *n);
/* NULL when there is no such list. */
const struct code_list *code_list_find(struct text name);
/* Index of a code in its list, or -1. Exact. */
int code_index(const struct code_list *list, struct text code);
/* Index of a code or of its exact Chinese text, or -1. */
int code_index_any(const struct code_list *list, struct text code_or_zh);

/* Rank of a level code: 8 → 0, 5 → 1 … S → 7; -1 for 9 and for what is no level. Order levels by
 * rank, never by digit. */
int level_rank(struct text level);

/* Is `code` one of today's sixteen districts (310000 is not)? */
bool district_known(uint32_t code);
/* Today's district for a code of today's or of the past (district-history.tsv); 0 when it never was
 * one. */
uint32_t district_now(uint32_t code);

enum occ_verdict {
	OCC_OK,	     /* a level-4 code of the 2022 edition */
	OCC_UNKNOWN, /* right form, not in the table: soft */
	OCC_BAD	     /* another form: hard */
};
enum occ_verdict occupation_check(struct text code);
/* Chinese name, or NULL. */
const char *occupation_name(struct text code);

#endif
