/* Versions, read.
 *
 *	FORMS (parts) … FIGURES (parts) VERSION        one commit, one ledger
 *	   ▲                ▲              │
 *	   └────────────────┴──────────────┘           positions and digests
 *
 * A district may hold the ledger of decisions of its city; a city has its own. */
#include "daemon/figures/versions.h"

#include "daemon/figures/frozen.h"
#include "daemon/figures/route_ask.h"
#include "proto/entry.pb-c.h"

#define READ_MS 30000

const struct version_class version_classes[] = {
	{ "first", "首次关账", "first closing" },
	{ "routine", "常规修订", "routine revision" },
	{ "error", "差错更正", "correction of an error" },
	{ "definition", "口径调整", "change of definition" },
};
const size_t version_classes_n = sizeof(version_classes) / sizeof(*version_classes);

const char *version_class_words(struct text code, bool zh)
{
	for (size_t i = 0; i < version_classes_n; i++)
		if (text_is(code, version_classes[i].code))
			return zh ? version_classes[i].zh : version_classes[i].en;
	return code.p;
}

/* ---- which there are ---- */

/* Whose versions count here: a city's own, a district's city's. */
static bool is_ours(const struct office *o, uint32_t origin)
{
	return o->on_demand ? origin_is_decisions(origin) : origin == ORIGIN_DECISIONS(o->area);
}

struct finding_version {
	const struct office *o;
	uint32_t number;
	bool found;
	struct version_place *out;
};

static uint32_t number_of(const struct event *e)
{
	struct arena a;
	const Tally__Version *v;
	uint32_t number;

	arena_init(&a, VERSION_MEMORY);
	v = survey_version(e->body, &a);
	number = v ? v->number : 0;
	arena_deinit(&a);
	return number;
}

static bool find_one(void *arg, const struct event *e)
{
	struct finding_version *f = arg;
	uint32_t number;

	if (e->kind != TALLY__ENTRY_KIND__VERSION || !is_ours(f->o, e->origin))
		return true;
	number = number_of(e);
	if (number == 0 || (f->number ? number != f->number : f->found && number <= f->out->number))
		return true;
	*f->out = (struct version_place){ e->origin, e->position, number };
	f->found = true;
	return !f->number;
}

bool version_find(const struct office *o, struct store_txn *views, struct text form,
	const struct period *p, uint32_t number, struct version_place *out)
{
	struct finding_version f = { o, number, false, out };

	events_walk(views, form, p, 0, find_one, &f);
	return f.found;
}

struct walking {
	const struct office *o;
	bool (*fn)(void *arg, const struct event *e);
	void *arg;
};

static bool walk_one(void *arg, const struct event *e)
{
	struct walking *w = arg;

	if (e->kind != TALLY__ENTRY_KIND__VERSION || !is_ours(w->o, e->origin))
		return true;
	return w->fn(w->arg, e);
}

void versions_walk(const struct office *o, struct store_txn *views, struct text form,
	bool (*fn)(void *arg, const struct event *e), void *arg)
{
	struct walking w = { o, fn, arg };

	events_walk_form(views, form, walk_one, &w);
}

/* ---- what one says ---- */

/* What a version must have beyond what proto judges. */
static bool is_whole(const Tally__Version *v)
{
	uint32_t before = 0;

	if (!v->has_forms || !v->has_forms_parts || !v->forms_parts || !v->has_forms_digest ||
		v->forms_digest.len != HASH_BYTES || !v->n_areas ||
		(v->has_rules && v->rules.len != HASH_BYTES))
		return false;
	for (size_t i = 0; i < v->n_positions; i++) {
		if (v->positions[i]->origin <= before || !v->positions[i]->position)
			return false;
		before = v->positions[i]->origin;
	}
	return true;
}

int version_read(struct text entry, struct arena *a, struct version *out)
{
	struct entry_view e;

	*out = (struct version){ .entry = arena_copy(a, entry) };
	if (!out->entry.p)
		return ERR_LIMIT;
	if (entry_unpack(&e, out->entry, NULL) != 0 || e.kind != TALLY__ENTRY_KIND__VERSION)
		return ERR_INVALID;
	out->body = survey_version(e.body, a);
	if (!out->body || !is_whole(out->body) ||
		!period_parse(&out->period, survey_text(out->body->period)))
		return ERR_INVALID;
	out->form = arena_copy(a, survey_text(out->body->form)).p;
	if (!out->form)
		return ERR_LIMIT;
	out->at = (struct version_place){ e.origin, e.position, out->body->number };
	out->at_ms = e.at_ms;
	out->author = e.author;
	return 0;
}

int version_get(struct store_txn *ledgers, const struct version_place *at, struct arena *a,
	struct version *out)
{
	struct text bytes;
	int err = ledger_get(ledgers, at->origin, at->position, &bytes);

	if (!err)
		err = version_read(bytes, a, out);
	return err == ERR_INVALID || err == ERR_LIMIT ? ERR_DAMAGED : err;
}

int version_figures(
	struct store_txn *ledgers, const struct version *v, struct buf *out, uint64_t *broken)
{
	struct frozen_place p = { FROZEN_FIGURES, v->at.origin, v->body->figures, v->body->parts,
		v->body->digest.data };

	return frozen_read(ledgers, &p, out, broken);
}

int version_forms(
	struct store_txn *ledgers, const struct version *v, struct buf *out, uint64_t *broken)
{
	struct frozen_place p = { FROZEN_FORMS, v->at.origin, v->body->forms, v->body->forms_parts,
		v->body->forms_digest.data };

	return frozen_read(ledgers, &p, out, broken);
}

/* ---- a request ---- */

void version_fail(struct api_call *call, const struct version *v, int err, uint64_t broken)
{
	api_set_exit(call, 1);
	if (broken)
		api_fail(call, 409, "ledger %u, entry %llu: %s", v->at.origin,
			(unsigned long long)broken, err_words(err));
	else
		api_fail_err(call, err, "the version cannot be read");
}

static bool place_ask(
	struct api_call *call, struct version_call *c, const char *number, struct version_place *at)
{
	const char *form = api_arg(call, "form"), *text = api_arg(call, "period");
	uint64_t n = 0;
	struct period p;

	if (!form || !form_id_ok(text_of(form))) {
		api_fail(call, 400, "form %s: this cannot be a form", form ? form : "");
		return false;
	}
	if (!text || !period_parse(&p, text_of(text))) {
		api_fail(call, 400,
			"period %s: not a period: write 2019, 2019-H1, 2019-Q2 or 2019-06",
			text ? text : "");
		return false;
	}
	if (number && !api_number(call, number, 0, 1, UINT32_MAX, &n))
		return false;
	if (version_find(c->office, c->views, text_of(form), &p, (uint32_t)n, at))
		return true;
	if (n)
		api_fail(call, 404,
			"form %s %s has no version %llu; `period list %s` names those that stand",
			form, text, (unsigned long long)n, form);
	else
		api_fail(call, 404, "form %s %s is not closed", form, text);
	return false;
}

void version_ask(struct api_call *call, const char *number,
	int (*fn)(struct api_call *call, struct version_call *c), void *arg)
{
	struct daemon *d = daemon_of(call);
	struct version_call c = { .office = office_of(d), .zh = ask_zh(call), .arg = arg };
	struct version_place at;
	struct arena arena;
	int err = office_read(c.office, &c.views);

	if (err) {
		api_fail_err(call, err, "the versions cannot be read");
		return;
	}
	err = store_read_begin(ledger_store(d->ledger), &c.ledgers, READ_MS);
	if (err) {
		store_read_end(c.views);
		api_fail_err(call, err, "the ledgers cannot be read");
		return;
	}
	arena_init(&arena, VERSION_MEMORY);
	c.arena = &arena;
	if (place_ask(call, &c, number, &at)) {
		c.v.at = at;
		err = version_get(c.ledgers, &at, &arena, &c.v);
		if (err)
			version_fail(call, &(struct version){ .at = at }, err,
				err == ERR_DAMAGED ? at.position : 0);
		else
			err = fn(call, &c);
		if (err && c.v.body)
			api_fail_err(call, err, "the version cannot be read");
	}
	arena_deinit(&arena);
	store_read_end(c.ledgers);
	store_read_end(c.views);
}
