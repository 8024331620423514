/* A person's records: which they are stands in the person's facts, what they say in the ledgers. */
#include <stdlib.h>

#include "aggregator/talents/talents.h"
#include "daemon/fold/cases.h"
#include "daemon/fold/talents.h"

#define MEMBERS_MAX 64
#define MENTORED_MAX 10000
#define DOSSIER_MEMORY (16u * 1024 * 1024)

static int records_read(struct dossier *d, const struct talents_view *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int err = person_record(v->ledgers, &d->refs[i], &d->arena, &d->records[d->n]);

		if (store_txn_err(v->ledgers))
			return store_txn_err(v->ledgers);
		if (d->arena.used > DOSSIER_MEMORY - LEDGER_ENTRY_MAX)
			return ERR_LIMIT;
		if (err) {
			d->unreadable++;
			continue;
		}
		d->refs[d->n] = d->refs[i];
		d->facts[d->n] = (struct talent_record){ &d->records[d->n], d->refs[i].origin };
		d->n++;
	}
	return 0;
}

int dossier_init(struct dossier *d, const struct talents_view *v, const uint8_t pid[PID_BYTES])
{
	struct fact_list facts;
	struct text value;
	size_t n;
	int err;

	*d = (struct dossier){ .n = 0 };
	arena_init(&d->arena, DOSSIER_MEMORY);
	err = store_get(
		v->views, VIEW_PERSON, (struct text){ (const char *)pid, PID_BYTES }, &value);
	if (err)
		return err;
	if (value.n % FACT_BYTES)
		return ERR_DAMAGED;
	facts = (struct fact_list){ (const uint8_t(*)[FACT_BYTES])value.p, value.n / FACT_BYTES };
	d->refs = calloc(facts.n + 1, sizeof(*d->refs));
	d->records = calloc(facts.n + 1, sizeof(*d->records));
	d->facts = calloc(facts.n + 1, sizeof(*d->facts));
	if (!d->refs || !d->records || !d->facts)
		return ERR_NOMEM;
	n = d->all = person_refs(facts, d->refs);
	return records_read(d, v, n);
}

int dossier_mentored(struct dossier *d, const struct talents_view *v, const uint8_t pid[PID_BYTES])
{
	uint8_t members[MEMBERS_MAX][PID_BYTES];
	size_t n = case_members(v->views, pid, members, MEMBERS_MAX);
	struct store_cursor *c = store_cursor_open(v->views, VIEW_MARK);
	struct text key, value;

	*d = (struct dossier){ .n = 0 };
	arena_init(&d->arena, DOSSIER_MEMORY);
	d->refs = calloc(MENTORED_MAX, sizeof(*d->refs));
	d->records = calloc(MENTORED_MAX, sizeof(*d->records));
	d->facts = calloc(MENTORED_MAX, sizeof(*d->facts));
	if (!d->refs || !d->records || !d->facts || !c)
		return ERR_NOMEM;
	for (size_t i = 0; i < n && i < MEMBERS_MAX; i++) {
		char with[1 + TALENT_ID_BYTES] = { MARK_MENTOR };

		memcpy(with + 1, members[i], TALENT_ID_BYTES);
		for (bool more = store_seek(c, (struct text){ with, sizeof(with) }, &key, &value);
			more && key.n == MARK_KEY_MAX && memcmp(key.p, with, sizeof(with)) == 0 &&
			d->n < MENTORED_MAX;
			more = store_next(c, &key, &value)) {
			const uint8_t *at = (const uint8_t *)key.p + sizeof(with);

			d->refs[d->n] = (struct person_ref){ get_u32(at), get_u64(at + 4) };
			if (person_record(
				    v->ledgers, &d->refs[d->n], &d->arena, &d->records[d->n]) != 0)
				continue;
			d->facts[d->n] =
				(struct talent_record){ &d->records[d->n], d->refs[d->n].origin };
			d->n++;
		}
	}
	store_cursor_close(c);
	return store_txn_err(v->views);
}

void dossier_deinit(struct dossier *d)
{
	free(d->refs);
	free(d->records);
	free(d->facts);
	arena_deinit(&d->arena);
}

struct text dossier_key(struct dossier *d, size_t i)
{
	return record_key(&d->records[i], &d->arena);
}
