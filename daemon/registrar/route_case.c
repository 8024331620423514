/* Identity cases: what the rules find, and what two persons decide.
 *
 * The list is made when asked: marks in the views (identities.h) say where to look, so it costs
 * what it finds. A decision: one at a time; the views catch up with the ledgers, the step is judged
 * as the fold will judge it, the entry is written, and the views catch up again: what is answered
 * as decided is in the figures. */
#include <stdlib.h>

#include "daemon/base/clock.h"
#include "daemon/figures/office.h"
#include "daemon/figures/route_ask.h"
#include "daemon/fold/cases.h"
#include "daemon/fold/identities.h"
#include "daemon/intake/records.h"
#include "daemon/registrar/registrar.h"
#include "daemon/registrar/routes.h"
#include "daemon/identity/named.h"
#include "proto/check.h"
#include "proto/entry.pb-c.h"
#include "proto/identity.pb-c.h"

#define CASES_MAX 20000
#define MEET_MAX 16 /* pids of one tag that are set against each other */
#define CATCH_UP_MS 60000
#define NOTE_CHARS 200

/* The rules, the more telling one last: of two that find a pair it is shown under the later. */
static const struct case_rule {
	unsigned tag; /* kind; 0: see `id` */
	const char *id, *zh, *en;
} rules[] = {
	{ 0, "I0", "人工提出", "proposed by hand" },
	{ 0, "I1", "同一证件号码出现不同姓名", "one number came with two names" },
	{ TALLY__TAG_KIND__TAG_BIRTH, "I2", "姓名和出生日期相同，证件不同",
		"same name and birth, different documents" },
	{ TALLY__TAG_KIND__TAG_PASSPORT, "I3", "姓名相同的两本护照：可能是换发",
		"two passports with one name: renewed, perhaps" },
	{ TALLY__TAG_KIND__TAG_CARD, "I4", "永久居留身份证换发（2017 版、2023 版）",
		"permanent resident cards of one person: 2017 replaced by 2023, perhaps" },
};
#define RULE_NAMES 1

struct found {
	struct case_pair pair;
	unsigned rule;
};

struct list {
	struct found *at;
	size_t n;
	bool more;
	uint32_t city;
	/* pids of the tag at hand */
	uint8_t tag[IDENTITY_TAG_SIZE];
	uint8_t pids[MEET_MAX][PID_BYTES];
	size_t n_pids;
};

static void add(struct list *l, const uint8_t *a, const uint8_t *b, unsigned rule)
{
	struct found *f = &l->at[l->n];

	if (l->n == CASES_MAX) {
		l->more = true;
		return;
	}
	l->n++;
	*f = (struct found){ .rule = rule, .pair = { .origin = l->city } };
	memcpy(f->pair.a, a, PID_BYTES);
	memcpy(f->pair.b, b, PID_BYTES);
}

static bool add_name(void *arg, const uint8_t pid[PID_BYTES])
{
	add(arg, pid, pid, RULE_NAMES);
	return true;
}

static bool add_tag(void *arg, const uint8_t tag[IDENTITY_TAG_SIZE], const uint8_t pid[PID_BYTES])
{
	struct list *l = arg;
	unsigned rule = 0;

	if (l->n_pids && memcmp(l->tag, tag, IDENTITY_TAG_SIZE) != 0)
		l->n_pids = 0;
	memcpy(l->tag, tag, IDENTITY_TAG_SIZE);
	while (rule < sizeof rules / sizeof *rules && rules[rule].tag != tag[0])
		rule++;
	if (rule == sizeof rules / sizeof *rules)
		return true; /* of a newer version */
	for (size_t i = 0; i < l->n_pids; i++)
		add(l, l->pids[i], pid, rule);
	if (l->n_pids < MEET_MAX)
		memcpy(l->pids[l->n_pids++], pid, PID_BYTES);
	else
		l->more = true;
	return true;
}

static bool add_pair(void *arg, const struct case_pair *pair)
{
	add(arg, pair->a, pair->b, 0);
	return true;
}

static int by_pair(const void *a, const void *b)
{
	const struct found *x = a, *y = b;
	int c = memcmp(x->pair.a, y->pair.a, PID_BYTES);

	if (!c)
		c = memcmp(x->pair.b, y->pair.b, PID_BYTES);
	return c ? c : (y->rule > x->rule) - (y->rule < x->rule);
}

/* ---- showing ---- */

static const char *const state_words[][2] = {
	[0] = { "待核", "open" },
	[TALLY__CASE_ACT__CASE_LINK] = { "已认定为同一人", "linked" },
	[TALLY__CASE_ACT__CASE_UNLINK] = { "已撤销认定", "unlinked" },
	[TALLY__CASE_ACT__CASE_NOT_SAME] = { "并非同一人", "not the same" },
};
static const char *const act_words[][2] = {
	[0] = { "", "" },
	[TALLY__CASE_ACT__CASE_LINK] = { "认定为同一人", "link" },
	[TALLY__CASE_ACT__CASE_UNLINK] = { "撤销认定", "unlink" },
	[TALLY__CASE_ACT__CASE_NOT_SAME] = { "并非同一人", "not the same" },
};

static void show(struct api_table *table, const struct found *f, bool zh)
{
	const struct case_pair *p = &f->pair;
	char hex[2 * PID_BYTES + 1];

	api_cell_str(table, rules[f->rule].id);
	hex_put(hex, p->a, PID_BYTES);
	api_cell_str(table, hex);
	hex_put(hex, p->b, PID_BYTES);
	api_cell_str(table, hex);
	api_cell_str(table, zh ? rules[f->rule].zh : rules[f->rule].en);
	api_cell_str(table, state_words[p->decided.act][!zh]);
	api_cell_str(table, act_words[p->proposed.act][!zh]);
	api_cell_str(table, p->proposed.who);
	api_cell_str(table, p->decided.who);
}

void route_case_list(struct api_call *call)
{
	static const struct api_column columns[] = {
		{ "rule", "规则", "rule", API_TEXT },
		{ "a", "编号甲", "a", API_TEXT },
		{ "b", "编号乙", "b", API_TEXT },
		{ "why", "发现", "why", API_TEXT },
		{ "state", "状态", "state", API_TEXT },
		{ "proposed", "提议", "proposed", API_TEXT },
		{ "by", "提出人", "by", API_TEXT },
		{ "decided_by", "决定人", "decided by", API_TEXT },
	};
	struct daemon *d = api_context(call);
	struct list *l = calloc(1, sizeof *l);
	struct found *at = calloc(CASES_MAX, sizeof *at);
	struct store_txn *t;
	uint64_t limit, shown = 0;
	bool all = api_flag(call, "all");
	int err = l && at ? 0 : ERR_NOMEM;
	struct api_table *table;

	if (!api_number(call, "limit", 1000, 1, CASES_MAX, &limit))
		goto out;
	if (!err)
		err = office_read(office_of(d), &t);
	if (err) {
		api_fail_err(call, err, "the cases cannot be read");
		goto out;
	}
	l->at = at;
	l->city = office_of(d)->area;
	names_walk(t, add_name, l);
	tags_walk(t, add_tag, l);
	case_pairs_walk(t, add_pair, l);
	qsort(at, l->n, sizeof *at, by_pair);
	table = api_table(call, columns, sizeof columns / sizeof *columns);
	for (size_t i = 0; i < l->n; i++) {
		struct found *f = &at[i];
		struct case_pair pair;

		if (i && memcmp(&f->pair, &at[i - 1].pair, 2 * PID_BYTES) == 0)
			continue;
		pair = f->pair;
		case_pair_get(t, pair.a, pair.b, l->city, &f->pair);
		if (!all && !f->pair.proposed.act && f->pair.decided.act)
			continue; /* settled */
		if (shown++ < limit)
			show(table, f, ask_zh(call));
	}
	if (shown > limit || l->more)
		api_note(table, "%s", ask_zh(call) ? "还有更多" : "there are more");
	api_table_end(table);
	store_read_end(t);
out:
	free(at);
	free(l);
}

/* ---- deciding ---- */

struct step {
	struct ledger *ledger;
	const Tally__Case *body;
	struct text author;
	uint64_t position;
};

static int step_job(struct store_txn *t, void *arg)
{
	struct step *s = arg;
	uint8_t packed[1200];
	struct entry_draft d = {
		.kind = TALLY__ENTRY_KIND__CASE, .at_ms = clock_wall_ms(), .author = s->author
	};

	if (tally__case__get_packed_size(s->body) > sizeof packed)
		return ERR_LIMIT;
	d.body = (struct text){ (const char *)packed, tally__case__pack(s->body, packed) };
	s->position = ledger_append(t, s->ledger, &d);
	return store_txn_err(t);
}

/* Somebody of whom records or an identity are held? */
static bool see(void *arg, const struct identity_row *row)
{
	(void)row;
	*(bool *)arg = true;
	return false;
}

static bool known(struct store_txn *t, const uint8_t pid[PID_BYTES])
{
	uint8_t person[PID_BYTES];
	struct text value;
	bool found = false;

	case_person(t, pid, person);
	if (store_get(t, VIEW_PERSON, (struct text){ (const char *)person, PID_BYTES }, &value) ==
		0)
		return true;
	identity_walk(t, pid, see, &found);
	return found;
}

/* Both persons of the path, the smaller first. False: it was answered. */
static bool take_pair(struct api_call *call, struct store_txn *t, struct case_pair *pair)
{
	uint8_t a[PID_BYTES], b[PID_BYTES];
	bool there = registrar_named(t, text_of(api_arg(call, "a")), a) &&
		     registrar_named(t, text_of(api_arg(call, "b")), b) && known(t, a) &&
		     known(t, b);
	bool ordered = there && memcmp(a, b, PID_BYTES) < 0;

	if (there)
		case_pair_get(t, ordered ? a : b, ordered ? b : a, pair->origin, pair);
	return there;
}

/* The pair as it stands, when the views hold all that the ledgers do. False: it was answered. */
static bool pair_read(struct api_call *call, struct case_pair *pair)
{
	struct daemon *d = api_context(call);
	struct office *o = office_of(d);
	struct store_txn *t;
	int err = views_catch_up(o->views, CATCH_UP_MS);
	bool there = false;

	if (!err)
		err = store_read_begin(views_store(o->views), &t, CATCH_UP_MS);
	if (!err) {
		pair->origin = o->area;
		there = take_pair(call, t, pair);
		err = store_txn_err(t);
		store_read_end(t);
	}
	if (err)
		api_fail_err(call, err, "the views do not follow the ledgers");
	else if (!there)
		api_fail(call, 404, "there is nobody of that id; `case list` names them");
	return !err && there;
}

static void answer(struct api_call *call, const struct case_pair *pair, unsigned act, bool decided,
	uint64_t position)
{
	api_json(call,
		json_pack("{s:s, s:s, s:s?, s:I}", "step", decided ? "decided" : "proposed", "act",
			act_words[act][1], "proposed_by", decided ? pair->proposed.who : NULL,
			"position", (json_int_t)position));
}

static void step_take(struct api_call *call, struct case_pair *pair, unsigned act)
{
	struct daemon *d = api_context(call);
	const char *user = api_user(call), *note = api_arg(call, "note");
	bool decides = pair->proposed.act == act && strcmp(pair->proposed.who, user) != 0;
	struct text words = text_trim(text_of(note ? note : ""));
	Tally__Case body = TALLY__CASE__INIT;
	struct step s = { .ledger = d->ledger, .body = &body, .author = text_of(user) };
	const char *why = case_refuses(pair, act, decides ? pair->proposed.position : 0, s.author);
	int err;

	if (!why && pair->proposed.act == act && !decides)
		why = "you proposed it; another person's call decides it";
	if (!why &&
		(!text_utf8_ok(words) || text_has_control(words) || text_chars(words) > NOTE_CHARS))
		why = "the note is longer than 200 characters, or no text";
	if (!why && text_names_somebody(words))
		why = "the note: " NAMED_WORDS;
	if (why) {
		api_fail(call, 409, "%s", why);
		return;
	}
	body.has_a = body.has_b = body.has_act = 1;
	body.a = (ProtobufCBinaryData){ PID_BYTES, pair->a };
	body.b = (ProtobufCBinaryData){ PID_BYTES, pair->b };
	body.act = act;
	body.has_decides = decides;
	body.decides = pair->proposed.position;
	body.has_note = words.n > 0;
	body.note = (ProtobufCBinaryData){ words.n, (uint8_t *)(uintptr_t)words.p };
	err = store_write(ledger_store(d->ledger), step_job, &s, 0);
	if (!err) {
		daemon_ledger_grew(d);
		err = views_catch_up(office_of(d)->views, CATCH_UP_MS);
	}
	if (err)
		api_fail_err(call, err,
			s.position ? "it stands in the ledger, but the views do not follow yet"
				   : "it cannot be written");
	else
		answer(call, pair, act, decides, s.position);
}

static void decide(struct api_call *call, unsigned act)
{
	struct daemon *d = api_context(call);
	struct case_pair pair = { .origin = 0 };

	pthread_mutex_lock(&registrar_of(d)->cases);
	if (pair_read(call, &pair))
		step_take(call, &pair, act);
	pthread_mutex_unlock(&registrar_of(d)->cases);
}

void route_case_link(struct api_call *call)
{
	decide(call, TALLY__CASE_ACT__CASE_LINK);
}

void route_case_unlink(struct api_call *call)
{
	decide(call, TALLY__CASE_ACT__CASE_UNLINK);
}

void route_case_not_same(struct api_call *call)
{
	decide(call, TALLY__CASE_ACT__CASE_NOT_SAME);
}
