/* What may stand in a section of a form file, as rows, and how a reader gets at it. Faults are
 * sticky: the first one is kept. */
#ifndef SURVEY_FORM_KEYS_H
#define SURVEY_FORM_KEYS_H

#include "daemon/survey/form_read.h"

enum key_type { KEY_TEXT, KEY_BOOL, KEY_LIST, KEY_SECTION };
struct key {
	const char *name;
	enum key_type type;
	bool required;
};

/* Everything in a section is a key of its list, once (but sections), of the right kind; and what
 * must be there is. */
bool keys_check(
	struct loader *l, const struct node *section, const struct key *keys, size_t n_keys);
#define KEYS_CHECK(l, section, keys) keys_check(l, section, keys, sizeof(keys) / sizeof(*(keys)))

/* The item of a name, or NULL. */
const struct node *key_find(const struct node *section, const char *name);
const char *key_text(const struct node *section, const char *name, const char *preset);
/* false when absent. */
bool key_flag(const struct node *section, const char *name);

/* Words about a part of a setting (a condition, a rule), told with the setting's line. */
void key_refuse_part(struct loader *l, const struct node *n, const struct errmsg *part);
/* The setting `where`, compiled; NULL when absent or after a fault. */
const struct expr *key_where(struct loader *l, const struct node *section, const struct reg *reg);
/* Bits of the period kinds in a list. */
unsigned key_periods(struct loader *l, const struct node *list);
/* The setting `register`; NULL when absent or after a fault. */
const struct reg *key_register(struct loader *l, const struct node *section);
/* The register's field that a value names; NULL after a fault. */
const struct field *key_field(struct loader *l, const struct reg *reg, const struct node *n);
/* The date field that a setting names; NULL when absent or after a fault. */
const struct field *key_date(
	struct loader *l, const struct node *section, const struct reg *reg, const char *name);

/* The same where a year, a month or a text that names a period will do too. */
const struct field *key_when(
	struct loader *l, const struct node *section, const struct reg *reg, const char *name);

#endif
