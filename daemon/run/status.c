/* What a daemon says about itself. Every number comes from the store or from what stands now, none
 * from a counter that a restart would set to nothing (but those that count since the start, which
 * say so). */
#include "daemon/run/status.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>

#include "daemon/base/clock.h"
#include "daemon/run/parents.h"

#define READ_MS 5000
#define ORIGINS_SHOWN ORIGINS_MAX
#define GROWTH_LEAST_MS 60000 /* before that the growth says nothing */
#define DAY_MS 86400000.0

/* ---- status ---- */

static json_t *ledger_object(struct daemon *d, int *err)
{
	struct store_txn *t;
	struct ledger_head h;
	char hex[2 * HASH_BYTES + 1];

	*err = store_read_begin(ledger_store(d->ledger), &t, READ_MS);
	if (*err)
		return NULL;
	h = ledger_head(t, d->origin);
	*err = store_txn_err(t);
	store_read_end(t);
	hex_put(hex, h.head, HASH_BYTES);
	return json_pack("{s:I, s:s, s:I}", "next", (json_int_t)h.position + 1, "head", hex,
		"oldest", (json_int_t)1);
}

static json_t *age(double seconds)
{
	return seconds < 0 ? json_null() : json_real(round(seconds * 10) / 10);
}

/* What is followed of a parent; null when it publishes nothing, or has not said so since the start.
 */
static json_t *decisions_object(struct store_txn *t, const struct link_followed *f)
{
	char origin[16], hex[2 * HASH_BYTES + 1];
	struct ledger_head h = { 0 };

	if (!f->origin)
		return json_null();
	if (t)
		h = ledger_head(t, f->origin);
	hex_put(hex, h.head, HASH_BYTES);
	snprintf(origin, sizeof(origin), "%u", f->origin);
	return json_pack("{s:s, s:I, s:s, s:I, s:o, s:o}", "origin", origin, "position",
		(json_int_t)h.position, "head", hex, "published", (json_int_t)f->published, "fault",
		f->fault ? json_string(link_fault_word(f->fault)) : json_null(), "error",
		f->error[0] ? json_string(f->error) : json_null());
}

/* Since the start: how many were asked here, and what came of them. */
static json_t *questions_object(const struct link_asking *q)
{
	json_t *all = json_pack("{s:I, s:I, s:I, s:I}", "granted", (json_int_t)q->granted,
		"standing", (json_int_t)q->standing, "asked", (json_int_t)q->asked, "stray",
		(json_int_t)q->stray);

	for (int answer = 0; answer < LINK_ANSWER_LAST; answer++)
		if (q->ended[answer])
			json_object_set_new(all, link_answer_word(answer),
				json_integer((json_int_t)q->ended[answer]));
	return all;
}

static json_t *parent_object(struct store_txn *t, const struct link_child_status *s)
{
	return json_pack("{s:s, s:s, s:s, s:I, s:I, s:o, s:I, s:o, s:o, s:o, s:o, s:o}", "name",
		s->name, "endpoint", s->endpoint, "state", s->state, "acked", (json_int_t)s->acked,
		"pending", (json_int_t)s->pending, "last_ack_age_s", age(s->last_ack_age_s),
		"proven", (json_int_t)s->proven, "error",
		s->error[0] ? json_string(s->error) : json_null(), "fault",
		s->fault ? json_string(link_fault_word(s->fault)) : json_null(), "decisions",
		decisions_object(t, &s->decisions), "away_s", age(s->away_s), "questions",
		questions_object(&s->questions));
}

static json_t *parents_array(struct daemon *d)
{
	struct link_child_status s[PARENTS_MAX];
	size_t n = parents_status(d, s);
	json_t *all = json_array();
	struct store_txn *t = NULL;

	if (n && store_read_begin(ledger_store(d->ledger), &t, READ_MS) != 0)
		t = NULL;
	for (size_t i = 0; i < n; i++)
		json_array_append_new(all, parent_object(t, &s[i]));
	if (t)
		store_read_end(t);
	return all;
}

#define ROOM_LEAST (1 << 20) /* with less on the disk nothing is taken in */

/* For how many days there is room, by the growth since the start; negative: unknown. */
static double room_days(struct daemon *d, const struct store_stats *s)
{
	uint64_t up_ms = clock_mono_ms() - d->started_ms;
	double room = (double)s->limit_bytes - (double)s->used_bytes;
	struct statvfs fs;

	if (fstatvfs(d->state_fd, &fs) == 0)
		room = fmin(room, (double)fs.f_bavail * (double)fs.f_frsize);
	if (s->full || room < ROOM_LEAST)
		return 0;
	if (up_ms < GROWTH_LEAST_MS || s->used_bytes <= d->used_at_start)
		return -1;
	return room * (double)up_ms / (double)(s->used_bytes - d->used_at_start) / DAY_MS;
}

static json_t *store_object(struct daemon *d)
{
	struct store_stats s;
	double days;

	store_stats(ledger_store(d->ledger), &s);
	days = room_days(d, &s);
	return json_pack("{s:I, s:I, s:o, s:b}", "used_bytes", (json_int_t)s.used_bytes,
		"limit_bytes", (json_int_t)s.limit_bytes, "room_days", age(days), "full", s.full);
}

void status_show(struct api_call *call)
{
	struct daemon *d = api_context(call);
	char origin[16];
	int err;
	json_t *ledger = ledger_object(d, &err), *all;

	if (err) {
		api_fail_err(call, err, "the ledger cannot be read");
		json_decref(ledger);
		return;
	}
	snprintf(origin, sizeof(origin), "%u", d->origin);
	all = json_pack("{s:s, s:s, s:s, s:I, s:o, s:o, s:o}", "role", d->program->role, "origin",
		origin, "version", TALLY_VERSION, "uptime_s",
		(json_int_t)((clock_mono_ms() - d->started_ms) / 1000), "ledger", ledger, "parents",
		parents_array(d), "store", store_object(d));
	if (all && d->program->status)
		d->program->status(d, all);
	api_json(call, all);
}

/* ---- metrics ---- */

static void ledger_metrics(struct daemon *d, struct buf *out)
{
	struct store_txn *t;
	uint32_t *origins = calloc(ORIGINS_SHOWN, sizeof(*origins));
	char labels[32];
	size_t n;

	if (!origins || store_read_begin(ledger_store(d->ledger), &t, READ_MS)) {
		free(origins);
		return;
	}
	n = ledger_origins(t, origins, ORIGINS_SHOWN);
	n = n > ORIGINS_SHOWN ? ORIGINS_SHOWN : n;
	for (size_t i = 0; i < n; i++) {
		snprintf(labels, sizeof(labels), "origin=\"%u\"", origins[i]);
		metric(out, "tally_ledger_position", "gauge",
			"Last position of a ledger held here.", labels,
			(double)ledger_head(t, origins[i]).position);
	}
	for (size_t i = 0; i < n; i++) {
		snprintf(labels, sizeof(labels), "origin=\"%u\"", origins[i]);
		metric(out, "tally_ledger_bytes", "gauge",
			"Bytes of all entries of a ledger held here.", labels,
			(double)ledger_head(t, origins[i]).bytes);
	}
	store_read_end(t);
	free(origins);
}

static void store_metrics(struct daemon *d, struct buf *out)
{
	struct store_stats s;

	store_stats(ledger_store(d->ledger), &s);
	metric(out, "tally_store_used_bytes", "gauge", "Bytes in use in the ledger's store.", NULL,
		(double)s.used_bytes);
	metric(out, "tally_store_limit_bytes", "gauge", "The most that the store may hold.", NULL,
		(double)s.limit_bytes);
	metric(out, "tally_store_full", "gauge", "1 while nothing is taken in for want of room.",
		NULL, s.full);
	metric(out, "tally_store_commits_total", "counter", "Durable commits since the start.",
		NULL, (double)s.commits);
	metric(out, "tally_store_jobs_total", "counter", "Write jobs since the start.", NULL,
		(double)s.jobs);
	metric(out, "tally_store_waiting_jobs", "gauge", "Write jobs that wait for a commit.", NULL,
		(double)s.waiting);
	metric(out, "tally_store_oldest_read_seconds", "gauge", "Age of the oldest open snapshot.",
		NULL, s.oldest_read_ms / 1000.0);
}

static double stray_answers(const struct link_child_status *s)
{
	return (double)s->questions.stray;
}
static double is_streaming(const struct link_child_status *s)
{
	return strcmp(s->state, "streaming") == 0;
}
static double acked(const struct link_child_status *s)
{
	return (double)s->acked;
}
static double proven(const struct link_child_status *s)
{
	return (double)s->proven;
}
static double pending(const struct link_child_status *s)
{
	return (double)s->pending;
}
static double batches(const struct link_child_status *s)
{
	return (double)s->sent_batches;
}
static double bytes(const struct link_child_status *s)
{
	return (double)s->sent_bytes;
}
static double followed_fault(const struct link_child_status *s)
{
	return s->decisions.fault != 0;
}
static double followed_behind(const struct link_child_status *s)
{
	return (double)s->decisions.behind;
}
static double followed_batches(const struct link_child_status *s)
{
	return (double)s->decisions.batches;
}
static double followed_refused(const struct link_child_status *s)
{
	double all = 0;

	for (int i = 0; i < LINK_FAULT_END; i++)
		all += (double)s->decisions.refused[i];
	return all;
}
static double sessions(const struct link_child_status *s)
{
	return (double)s->sessions;
}
static double faults(const struct link_child_status *s)
{
	return (double)s->faults;
}

static const struct {
	const char *name, *type, *help;
	double (*value)(const struct link_child_status *s);
} parent_rows[] = {
	{ "tally_parent_streaming", "gauge", "1 while the link to the parent is up.",
		is_streaming },
	{ "tally_parent_acked_position", "gauge", "Last own position that the parent has stored.",
		acked },
	{ "tally_parent_proven_position", "gauge", "Last own position that is proven equal.",
		proven },
	{ "tally_parent_pending_entries", "gauge", "Own entries not yet confirmed.", pending },
	{ "tally_parent_batches_total", "counter", "Batches sent since the start.", batches },
	{ "tally_parent_bytes_total", "counter", "Bytes of batches sent since the start.", bytes },
	{ "tally_parent_sessions_total", "counter", "Sessions since the start.", sessions },
	{ "tally_parent_faults_total", "counter", "Sessions that ended by a fault since the start.",
		faults },
	{ "tally_parent_stray_answers_total", "counter",
		"Answers since the start to no question that stood: late, doubled, made up.",
		stray_answers },
	{ "tally_parent_decisions_behind", "gauge",
		"Entries of the parent's decisions that it has told of and that are not here.",
		followed_behind },
	{ "tally_parent_decisions_fault", "gauge",
		"1 while the parent's decisions cannot be taken in.", followed_fault },
	{ "tally_parent_decisions_batches_total", "counter",
		"Batches of the parent's decisions since the start.", followed_batches },
	{ "tally_parent_decisions_refused_total", "counter",
		"Batches and answers about the parent's decisions that were refused since the "
		"start.",
		followed_refused },
};

static void parent_metrics(struct daemon *d, struct buf *out)
{
	struct link_child_status s[PARENTS_MAX];
	size_t n = parents_status(d, s);
	char labels[96];

	for (size_t r = 0; r < sizeof(parent_rows) / sizeof(parent_rows[0]); r++) {
		for (size_t i = 0; i < n; i++) {
			snprintf(labels, sizeof(labels), "parent=\"%.63s\"", s[i].name);
			metric(out, parent_rows[r].name, parent_rows[r].type, parent_rows[r].help,
				labels, parent_rows[r].value(&s[i]));
		}
	}
	for (size_t i = 0; i < n; i++) {
		for (int answer = 0; answer < LINK_ANSWER_LAST; answer++) {
			if (!link_answer_words(answer)[0])
				continue;
			snprintf(labels, sizeof(labels), "parent=\"%.63s\",end=\"%s\"", s[i].name,
				link_answer_word(answer));
			metric(out, "tally_parent_questions_total", "counter",
				"Questions to a parent since the start, by what came of them.",
				labels, (double)s[i].questions.ended[answer]);
		}
	}
}

void status_metrics(struct api_call *call)
{
	struct daemon *d = api_context(call);
	struct buf out = { 0 };
	char labels[128];

	snprintf(labels, sizeof(labels), "role=\"%s\",origin=\"%u\",version=\"%s\"",
		d->program->role, d->origin, TALLY_VERSION);
	metric(&out, "tally_build_info", "gauge", "Role, origin and version, as labels.", labels,
		1);
	metric(&out, "tally_uptime_seconds", "gauge", "Since the daemon was started.", NULL,
		(double)(clock_mono_ms() - d->started_ms) / 1000.0);
	ledger_metrics(d, &out);
	store_metrics(d, &out);
	parent_metrics(d, &out);
	api_metrics(d->api, &out);
	if (d->program->metrics)
		d->program->metrics(d, &out);
	api_text(call, "text/plain; version=0.0.4; charset=utf-8", &out);
}
