/* One chunk of the fold.
 *
 * Normal path, entry by entry: read from the ledger → unpack → check again (the district is not
 * trusted) → the record's old version, if it has one, goes out: its effects with weight −1; the new
 * one comes in: weight 1. Effects on cells and facts are added up in memory. At the end everything
 * that changed is written once, in the order of keys: record index, then entity by entry the facts
 * and what they do to the distinct counts, cells, positions.
 *
 * The judgement is made with the date on which the entry was written (its at_ms), not with today's:
 * folding again tomorrow must give the same.
 *
 * How it fails: an entry that cannot be understood, or fails its checks, becomes a finding and the
 * fold goes on; an entry that the ledger cannot read (damaged) ends its span: its ledger waits
 * there until the ledger is whole again, the others go on. */
#include "daemon/fold/fold.h"

#include <stdio.h>
#include <stdlib.h>

#include "daemon/fold/cases.h"
#include "daemon/fold/events.h"
#include "daemon/fold/finding.h"
#include "daemon/fold/holdings.h"
#include "daemon/fold/identities.h"
#include "daemon/fold/inside.h"
#include "daemon/fold/judged.h"
#include "daemon/base/clock.h"
#include "proto/entry.pb-c.h"
#include "proto/survey.h"

#define ENTRY_MEMORY (512u * 1024) /* for one entry and its record, unpacked */
/* Rows of one import; more is no count, and sums of such stay far from the end of their numbers. */
#define REFUSED_MOST 1000000000u

const char *const view_table_names[VIEW_TABLES] = { VIEW_TABLE_NAMES };

struct fold *fold_open(const struct forms *fs, uint32_t city)
{
	struct fold *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->forms = fs;
	f->city = city;
	f->cells = cells_open(fs);
	f->records = record_index_open();
	f->samples = samples_open();
	f->activities = activities_open();
	arena_init(&f->now, ENTRY_MEMORY);
	arena_init(&f->before, ENTRY_MEMORY);
	if (!f->cells || !f->records || !f->samples || !f->activities) {
		fold_close(f);
		return NULL;
	}
	return f;
}

void fold_close(struct fold *f)
{
	if (!f)
		return;
	cells_close(f->cells);
	record_index_close(f->records);
	samples_close(f->samples);
	activities_close(f->activities);
	talents_close(f->talents);
	fact_changes_deinit(&f->changes);
	entity_scratch_deinit(&f->scratch);
	free(f->facts);
	free(f->order);
	free(f->group);
	arena_deinit(&f->now);
	arena_deinit(&f->before);
	free(f);
}

int fold_talents(struct fold *f, const struct talent_rules *rules)
{
	f->talents = talents_open(rules);
	return f->talents ? 0 : ERR_NOMEM;
}

const struct talents *fold_talents_of(const struct fold *f)
{
	return f->talents;
}

/* ---- one entry ---- */

static void finding_put(
	struct fold *f, const struct entry_view *e, const char *code, const struct field *field)
{
	uint8_t key[12];
	char value[80];
	int n = snprintf(
		value, sizeof(value), "%s%s%s", code, field ? " " : "", field ? field->name : "");

	put_u32(key, e->origin);
	put_u64(key + 4, e->position);
	store_put(f->views, VIEW_FINDING, (struct text){ (const char *)key, sizeof(key) },
		(struct text){ value, (size_t)n });
}

static struct record_place place_in(const struct fold *f, const struct entry_view *e, int weight)
{
	return (struct record_place){
		.origin = e->origin, .position = e->position, .city = f->city, .weight = weight
	};
}

static unsigned effects_of(struct fold *f, const struct record *r, const struct record_place *place)
{
	struct effect_sinks sinks = { f->cells, &f->changes, f->samples };
	struct record_place at = *place;
	uint8_t person[PID_BYTES];

	if (f->linked && r->reg->n_persons && record_person(r, 0).pid) {
		case_person(f->views, record_person(r, 0).pid, person);
		at.person = person;
	}
	if (f->talents)
		talents_record(f->talents, r, &at, &f->changes);
	holding_fold(f->views, f->forms, r, place);
	return record_effects(f->forms, r, &at, &sinks);
}

/* A record that is folded already. ERR_DAMAGED: it cannot be read. */
static int read_back(struct fold *f, uint32_t origin, uint64_t position, struct record *r)
{
	struct entry_view e;
	struct text bytes;
	const struct reg *reg;
	int err = ledger_get(f->ledgers, origin, position, &bytes);

	if (err)
		return err;
	arena_reset(&f->before);
	if (entry_unpack(&e, bytes, &f->before) != 0)
		return ERR_DAMAGED;
	reg = register_find(e.reg);
	return reg && record_unpack(reg, e.body, &f->before, r) == 0 ? 0 : ERR_DAMAGED;
}

static int weigh(void *arg, uint32_t origin, uint64_t position, int weight)
{
	struct fold *f = arg;
	struct entry_view e = { .origin = origin, .position = position };
	struct record_place place = place_in(f, &e, weight);
	struct record r;
	int err = read_back(f, origin, position, &r);

	if (!err)
		effects_of(f, &r, &place);
	return err;
}

/* Takes away what the version at `position` had brought. */
static int take_out(struct fold *f, uint32_t origin, uint64_t position)
{
	return weigh(f, origin, position, -1);
}

static int pid_of(void *arg, uint32_t origin, uint64_t position, uint8_t pid[PID_BYTES])
{
	struct record r;
	int err = read_back(arg, origin, position, &r);

	if (!err && !record_person(&r, 0).pid)
		err = ERR_DAMAGED;
	if (!err)
		memcpy(pid, record_person(&r, 0).pid, PID_BYTES);
	return err;
}

static bool watched(const struct fold *f, const struct reg *reg)
{
	return f->talents && talents_watches(f->talents, reg);
}

static int fold_record(struct fold *f, const struct entry_view *e, struct activity *did)
{
	struct record_place place = place_in(f, e, 1);
	struct record_judged j;
	unsigned lacks;
	uint64_t old;
	int err;

	record_judge(e, &f->now, &j);
	if (j.code) {
		finding_put(f, e, j.code, j.field);
		return 0;
	}
	old = record_index_get(f->records, f->views, VIEW_RECORD, j.id);
	err = old ? take_out(f, e->origin, old) : 0;
	if (err)
		return err;
	if (!record_index_put(f->records, j.id, e->position, watched(f, j.record.reg)))
		return ERR_NOMEM;
	did->corrections = old != 0;
	lacks = effects_of(f, &j.record, &place);
	if (lacks)
		finding_put(f, e, lacks & EFFECT_NO_ROW ? FINDING_NO_ROW : FINDING_NO_BIRTH, NULL);
	return 0;
}

static int fold_retract(struct fold *f, const struct entry_view *e, struct activity *did)
{
	uint8_t id[RECORD_KEY_BYTES];
	uint64_t old;
	int err;

	record_id_put(id, e->origin, e->reg, e->key);
	old = record_index_get(f->records, f->views, VIEW_RECORD, id);
	if (!old) {
		finding_put(f, e, register_find(e->reg) ? FINDING_RETRACT : FINDING_REGISTER, NULL);
		return 0;
	}
	err = take_out(f, e->origin, old);
	if (err)
		return err;
	did->retractions = 1;
	return record_index_put(f->records, id, 0, watched(f, register_find(e->reg))) ? 0
										      : ERR_NOMEM;
}

static void fold_intake(struct fold *f, const struct entry_view *e, struct activity *did)
{
	const Tally__Intake *i = NULL;

	if (!event_ledger_ok(e->kind, e->origin)) {
		finding_put(f, e, FINDING_LEDGER, NULL);
		return;
	}
	i = survey_intake(e->body, &f->now);
	if (!i || i->refused > REFUSED_MOST)
		finding_put(f, e, FINDING_BODY, NULL);
	else
		did->refused = i->refused;
}

static void fold_event(struct fold *f, const struct entry_view *e)
{
	const char *code = event_fold(f->views, e, &f->now);

	if (code)
		finding_put(f, e, code, NULL);
}

/* So that a person's facts can be read in the middle of a chunk. */
static int settle(void *arg)
{
	struct fold *f = arg;
	int err = fold_entities_write(f);

	f->changes.n = 0;
	return err;
}

/* Only a city says who is who: its own ledger, or that of a city below. */
static int fold_case(struct fold *f, const struct entry_view *e)
{
	const struct case_hands hands = { settle, pid_of, weigh, f };
	const char *code = FINDING_LEDGER;
	int err = 0;

	f->linked = true; /* while records move */
	if (e->origin == f->city || (!origin_is_decisions(e->origin) && !district_known(e->origin)))
		code = case_fold(f->views, e, &f->now, &hands, &err);
	f->linked = case_any(f->views);
	if (code)
		finding_put(f, e, code, NULL);
	return err;
}

static void fold_identity(struct fold *f, const struct entry_view *e)
{
	const char *code = identity_fold(f->views, e, &f->now);

	if (code)
		finding_put(f, e, code, NULL);
}

/* What the entry did goes to *did. */
static int fold_kind(struct fold *f, const struct entry_view *e, struct activity *did)
{
	switch (e->kind) {
	case TALLY__ENTRY_KIND__GENESIS:
		return 0;
	case TALLY__ENTRY_KIND__RECORD:
		return fold_record(f, e, did);
	case TALLY__ENTRY_KIND__RETRACT:
		return fold_retract(f, e, did);
	case TALLY__ENTRY_KIND__RETURN:
	case TALLY__ENTRY_KIND__EXPLAIN:
	case TALLY__ENTRY_KIND__DECISION:
	case TALLY__ENTRY_KIND__VERSION:
		fold_event(f, e);
		return 0;
	case TALLY__ENTRY_KIND__INTAKE:
		fold_intake(f, e, did);
		return 0;
	case TALLY__ENTRY_KIND__IDENTITY:
		fold_identity(f, e);
		return 0;
	case TALLY__ENTRY_KIND__CASE:
		return fold_case(f, e);
	case TALLY__ENTRY_KIND__FIGURES:
	case TALLY__ENTRY_KIND__FORMS:
		/* Parts of what stands beside them: read with it, and judged there. */
		if (!event_ledger_ok(e->kind, e->origin))
			finding_put(f, e, FINDING_LEDGER, NULL);
		return 0;
	default:
		finding_put(f, e, FINDING_KIND, NULL);
		return 0;
	}
}

static void activity_book(struct fold *f, const struct entry_view *e, const struct activity *did)
{
	int day = clock_date(e->at_ms);
	struct activity *sum = activities_at(f->activities, e->origin, day);

	if (!sum)
		return;
	sum->entries++;
	sum->corrections += did->corrections;
	sum->retractions += did->retractions;
	sum->refused += did->refused;
	if (day > sum->last_day)
		sum->last_day = day;
}

static int fold_entry(struct fold *f, struct ledger_walk *walk, uint64_t position)
{
	struct activity did = { 0 };
	struct entry_view e;
	int err = ledger_walk_get(walk, position, &e);

	if (err)
		return err;
	arena_reset(&f->now);
	err = fold_kind(f, &e, &did);
	/* A ledger that was only opened says nothing of when its district was at work. */
	if (!err && e.kind != TALLY__ENTRY_KIND__GENESIS)
		activity_book(f, &e, &did);
	return err;
}

/* ---- the end of a chunk ---- */

static void position_write(struct fold *f, const struct fold_span *s)
{
	uint8_t key[4], value[8 + HASH_BYTES];
	int err;

	if (s->last < s->first)
		return;
	put_u32(key, s->origin);
	put_u64(value, s->last);
	err = ledger_hash_at(f->ledgers, s->origin, s->last, value + 8);
	if (err)
		store_fail(f->views, err);
	store_put(f->views, VIEW_FOLD, (struct text){ (const char *)key, sizeof(key) },
		(struct text){ (const char *)value, sizeof(value) });
}

/* An error of the entry alone: its ledger stops here. Anything else ends the chunk. */
static bool ends_span(const struct fold *f, int err)
{
	return (err == ERR_DAMAGED || err == ERR_NOTFOUND) && store_txn_err(f->views) == 0 &&
	       store_txn_err(f->ledgers) == 0;
}

int fold_chunk(struct fold *f, struct store_txn *views, struct store_txn *ledgers,
	struct fold_span *spans, size_t n)
{
	int err = 0;

	f->views = views;
	f->ledgers = ledgers;
	cells_reset(f->cells);
	record_index_reset(f->records);
	samples_reset(f->samples);
	activities_reset(f->activities);
	if (f->talents)
		talents_reset(f->talents, views, ledgers);
	f->changes.n = 0;
	f->changes.failed = false;
	f->linked = case_any(views);
	for (size_t i = 0; i < n && !err; i++) {
		struct fold_span *s = &spans[i];
		struct ledger_walk walk = { .t = ledgers, .origin = s->origin };

		s->err = 0;
		for (uint64_t p = s->first; p <= s->last && !err; p++) {
			err = fold_entry(f, &walk, p);
			if (err && ends_span(f, err)) {
				s->err = err;
				s->last = p - 1;
				err = 0;
			}
		}
		ledger_walk_end(&walk);
	}
	if (!err)
		err = fold_entities_write(f);
	if (!err) {
		record_index_write(f->records, views, VIEW_RECORD);
		if (f->talents)
			record_index_shared(
				f->records, views, VIEW_RECORD, talents_shared, f->talents);
		cells_write(f->cells, views, VIEW_CELL);
		samples_write(f->samples, views, VIEW_SAMPLE);
		activities_write(f->activities, views, VIEW_ACTIVITY);
		for (size_t i = 0; i < n; i++)
			position_write(f, &spans[i]);
		err = store_txn_err(views);
	}
	return err ? err : store_txn_err(ledgers);
}
