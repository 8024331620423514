/* Sealing: when a record lets its person into the talent database, the collector appends an
 * IDENTITY entry in the same transaction: name, document and phone, sealed to the registrar's key
 * (daemon/identity); and again when they change. Nobody else's identity leaves the vault.
 *
 * Who is to be sealed is judged record by record: a gate of the talent rules has clauses, one
 * clause is enough, and a clause looks at one record (daemon/talent), so a person qualifies if and
 * only if one of the person's records does so alone. */
#ifndef INTAKE_SEALING_H
#define INTAKE_SEALING_H

#include "daemon/identity/seal.h"
#include "daemon/ledger/ledger.h"
#include "daemon/intake/secrets.h"

/* Who gets in; any thread. */
struct sealing_rule {
	/* May records of this register let somebody in? */
	bool (*takes)(const void *arg, const struct reg *reg);
	/* Does this record let its person in, today or on a day to come? */
	bool (*speaks)(const void *arg, const struct record *r, int today);
	/* Of the rule that holds today: when it is another, everybody is looked at anew. */
	void (*mark)(const void *arg, int today, uint8_t out[8]);
	const void *arg;
};

struct sealing {
	struct registrar registrar;
	struct ledger *ledger;
	const struct secrets *secrets;
	struct sealing_rule rule;
	int table; /* number in the vault → mark of the registrar, position of the entry */
};

/* NULL: nobody. Any thread. */
bool sealing_speaks(const struct sealing *s, const struct record *r, int today);

/* ---- inside a job ---- */

/* Is an entry due for the person under this number? `speaks`: a record lets the person in;
 * `changed`: the vault holds another identity than before. */
bool sealing_wanted(
	struct store_txn *t, const struct sealing *s, uint64_t number, bool speaks, bool changed);

struct sealing_person {
	uint64_t number; /* in the vault */
	const uint8_t *pid;
	const struct identity *identity; /* borrowed for the call */
	struct text author;
};
/* Appends the entry and remembers it. Errors are sticky in t. */
void sealing_append(struct store_txn *t, const struct sealing *s, const struct sealing_person *p);

#endif
