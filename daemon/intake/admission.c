/* A record speaks when one clause of the gate in force takes it and is not over yet: a record that
 * begins to count tomorrow is sealed today, so that no clock has to be watched. What has expired
 * lets nobody in: nobody's identity is given away for a title that is no longer held. */
#include "daemon/intake/admission.h"

#include <stdlib.h>

#include "daemon/talent/talent_rules.h"

struct admission {
	struct sealing sealing;
	const struct talent_rules *rules;
};

static bool takes(const void *arg, const struct reg *reg)
{
	const struct admission *a = arg;

	for (const struct talent_gate *g = a->rules->gates; g; g = g->next)
		for (const struct talent_clause *c = g->clauses; c; c = c->next)
			if (c->reg == reg)
				return true;
	return false;
}

static bool speaks(const void *arg, const struct record *r, int today)
{
	const struct admission *a = arg;
	const struct talent_gate *gate = talent_gate_at(a->rules, today);
	struct talent_record record = { r, ledger_own(a->sealing.ledger) };

	for (const struct talent_clause *c = gate ? gate->clauses : NULL; c; c = c->next)
		if (talent_clause_open(c, &record, today))
			return true;
	return false;
}

static void mark(const void *arg, int today, uint8_t out[8])
{
	const struct admission *a = arg;
	const struct talent_gate *gate = talent_gate_at(a->rules, today);
	uint8_t hash[KEY_HASH_BYTES];

	hash_key(hash, (struct text){ (const char *)a->rules->gates_digest, HASH_BYTES },
		text_of(gate ? gate->version : ""));
	memcpy(out, hash, 8);
}

int admission_open(struct admission **out, const struct sealing *sealing,
	const struct talent_rules *rules, struct text registrar, struct errmsg *m)
{
	struct admission *a = calloc(1, sizeof *a);

	if (!a) {
		errmsg_set(m, "%s", err_words(ERR_NOMEM));
		return ERR_NOMEM;
	}
	a->sealing = *sealing;
	a->sealing.rule = (struct sealing_rule){ takes, speaks, mark, a };
	if (registrar_init(&a->sealing.registrar, registrar)) {
		errmsg_set(m, "registrar: not a public key of 32 bytes in base64");
		free(a);
		return ERR_INVALID;
	}
	a->rules = rules;
	*out = a;
	return 0;
}

void admission_close(struct admission *a)
{
	free(a);
}

const struct sealing *admission_sealing(const struct admission *a)
{
	return a ? &a->sealing : NULL;
}
