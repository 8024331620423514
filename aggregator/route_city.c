/* Routes of the city: its districts, and their part of status and metrics. Every number comes from
 * the stores or from the link's own status: nothing is counted here that a restart would lose. */
#include <stdio.h>
#include <stdlib.h>

#include "aggregator/aggregator.h"
#include "aggregator/children.h"

_Static_assert(TALENT_MARK_CHARS == 2 * LINK_GATES_BYTES, "one mark, in bytes and in hex");

static uint64_t behind(const struct link_peer_status *s)
{
	return s->claimed > s->position ? s->claimed - s->position : 0;
}

/* Where both sides are known to hold the same: what is stored here chains up to a head that the
 * child has signed, and the child claims no other ledger (a fork is a fault). */
static uint64_t proven(const struct link_peer_status *s)
{
	return s->fault == LINK_FORK || s->fault == LINK_BEHIND ? 0 : s->position;
}

/* The mark of the child's gates in hex; NULL: it has not told, or is of an older version. */
static const char *gates_told(const struct link_peer_status *s, char out[TALENT_MARK_CHARS + 1])
{
	if (!s->told_gates)
		return NULL;
	hex_put(out, s->gates, LINK_GATES_BYTES);
	return out;
}

static bool gates_differ(const struct daemon *d, const struct link_peer_status *s)
{
	return s->told_gates && memcmp(s->gates, d->gates, LINK_GATES_BYTES) != 0;
}

static void gates_cells(
	struct api_table *table, const struct daemon *d, const struct link_peer_status *s)
{
	char mark[TALENT_MARK_CHARS + 1];

	api_cell_str(table, gates_told(s, mark));
	api_cell_str(table, !s->told_gates ? NULL : gates_differ(d, s) ? "differ" : "same");
}

void route_districts(struct api_call *call)
{
	static const struct api_column columns[] = {
		{ "origin", "区代码", "origin", API_TEXT },
		{ "name", "名称", "name", API_TEXT },
		{ "state", "连接", "state", API_TEXT },
		{ "position", "位置", "position", API_INT },
		{ "behind", "落后", "behind", API_INT },
		{ "proven", "相符至", "proven", API_INT },
		{ "folded", "入表至", "folded", API_INT },
		{ "last_entry_age_s", "距上次（秒）", "last entry (s)", API_DECIMAL },
		{ "fault", "问题", "fault", API_TEXT },
		{ "decisions", "决定收至", "decisions held", API_INT },
		{ "gates", "准入规则", "gates", API_TEXT },
		{ "gates_here", "与本级相比", "beside ours", API_TEXT },
	};
	size_t n = 0;
	struct child *all = children_now(daemon_of(call), &n);
	bool zh = !api_english(call);
	struct api_table *table;

	if (!all) {
		api_fail_err(call, ERR_NOMEM, "the districts cannot be read");
		return;
	}
	table = api_table(call, columns, sizeof(columns) / sizeof(*columns));
	for (size_t i = 0; i < n; i++) {
		const struct link_peer_status *s = &all[i].link;

		api_cell_printf(table, "%06u", s->origin);
		api_cell_str(table, area_name(s->origin, zh));
		api_cell_str(table, s->state);
		api_cell_int(table, (int64_t)s->position);
		api_cell_int(table, (int64_t)behind(s));
		api_cell_int(table, (int64_t)proven(s));
		api_cell_int(table, (int64_t)all[i].folded);
		if (s->last_entry_age_s < 0)
			api_cell_str(table, NULL);
		else
			api_cell_printf(table, "%.1f", s->last_entry_age_s);
		if (s->fault)
			api_cell_printf(table, "%s: %s", link_fault_word(s->fault),
				s->error[0] ? s->error : link_fault_words(s->fault));
		else
			api_cell_str(table, "");
		if (s->followed)
			api_cell_int(table, (int64_t)s->decisions);
		else
			api_cell_str(table, NULL);
		gates_cells(table, daemon_of(call), s);
	}
	free(all);
	api_table_end(table);
}

/* Since the start: how many it asked, and what they were answered. */
static json_t *questions_json(const struct link_peer_status *s)
{
	json_t *all = json_pack("{s:I}", "asked", (json_int_t)s->asked);

	for (int answer = LINK_YES; answer < LINK_ANSWER_END; answer++)
		json_object_set_new(all, link_answer_word(answer),
			json_integer((json_int_t)s->answered[answer]));
	return all;
}

static json_t *child_json(const struct daemon *d, const struct child *c)
{
	const struct link_peer_status *s = &c->link;
	char head[2 * HASH_BYTES + 1], origin[12], mark[TALENT_MARK_CHARS + 1];
	json_t *age = s->last_entry_age_s < 0 ? json_null() : json_real(s->last_entry_age_s);
	json_t *error = s->fault ? json_string(s->error[0] ? s->error : link_fault_words(s->fault))
				 : json_null();

	hex_put(head, s->head, HASH_BYTES);
	snprintf(origin, sizeof(origin), "%06u", s->origin);
	return json_pack("{s:s, s:s, s:I, s:s, s:o, s:I, s:I, s:o, s:o, s:o, s:o, s:s?, s:o}",
		"origin", origin, "state", s->state, "position", (json_int_t)s->position, "head",
		head, "last_entry_age_s", age, "fold_position", (json_int_t)c->folded, "claimed",
		(json_int_t)s->claimed, "error", error, "decisions",
		s->followed ? json_integer((json_int_t)s->decisions) : json_null(),
		"decisions_fault",
		s->decisions_fault ? json_string(link_fault_word(s->decisions_fault)) : json_null(),
		"questions", questions_json(s), "gates", gates_told(s, mark), "gates_differ",
		s->told_gates ? json_boolean(gates_differ(d, s)) : json_null());
}

/* ---- status ---- */

void city_status(struct daemon *d, json_t *object)
{
	size_t n = 0;
	struct child *all = children_now(d, &n);
	json_t *list = json_array();

	for (size_t i = 0; all && i < n; i++)
		json_array_append_new(list, child_json(d, &all[i]));
	free(all);
	json_object_set_new(object, "children", list);
}

/* ---- metrics ---- */

static void metrics_gates(
	const struct daemon *d, const struct child *all, size_t n, struct buf *out)
{
	for (size_t i = 0; i < n; i++) {
		const struct link_peer_status *s = &all[i].link;
		char labels[32];

		snprintf(labels, sizeof(labels), "origin=\"%06u\"", s->origin);
		if (s->told_gates)
			metric(out, "tally_child_gates_differ", "gauge",
				"1 while a child goes by other gates than this node; none of a "
				"child that has not told its gates since the start.",
				labels, gates_differ(d, s) ? 1 : 0);
	}
}

static void metrics_children(struct daemon *d, struct buf *out)
{
	static const struct {
		const char *name, *type, *help;
	} rows[] = {
		{ "tally_child_position", "gauge",
			"Entries of a child's ledger that are stored here." },
		{ "tally_child_behind", "gauge",
			"Entries that a child holds and this node does not." },
		{ "tally_fold_lag", "gauge",
			"Entries that are stored but not yet in the figures." },
		{ "tally_child_batches_total", "counter", "Batches taken in from a child." },
		{ "tally_child_bytes_total", "counter", "Bytes of batches taken in from a child." },
		{ "tally_child_sessions_total", "counter", "Sessions of a child." },
		{ "tally_child_faults_total", "counter",
			"Sessions of a child that ended by a fault." },
		{ "tally_child_decisions_position", "gauge",
			"Our decisions that a child has said it holds; 0 when it has not said "
			"since "
			"the start." },
	};
	size_t n = 0;
	struct child *all = children_now(d, &n);

	for (size_t k = 0; all && k < sizeof(rows) / sizeof(*rows); k++) {
		for (size_t i = 0; i < n; i++) {
			const struct link_peer_status *s = &all[i].link;
			const double values[] = { (double)s->position, (double)behind(s),
				(double)(s->position > all[i].folded ? s->position - all[i].folded
								     : 0),
				(double)s->batches, (double)s->bytes, (double)s->sessions,
				(double)s->faults, (double)s->decisions };
			char labels[32];

			snprintf(labels, sizeof(labels), "origin=\"%06u\"", s->origin);
			metric(out, rows[k].name, rows[k].type, rows[k].help, labels, values[k]);
		}
	}
	metrics_gates(d, all, all ? n : 0, out);
	for (size_t i = 0; all && i < n; i++) {
		const struct link_peer_status *s = &all[i].link;
		char labels[64];

		snprintf(labels, sizeof(labels), "origin=\"%06u\"", s->origin);
		metric(out, "tally_child_questions_total", "counter",
			"Questions that a child has asked since the start.", labels,
			(double)s->asked);
	}
	for (size_t i = 0; all && i < n; i++) {
		for (int answer = LINK_YES; answer < LINK_ANSWER_END; answer++) {
			char labels[64];

			snprintf(labels, sizeof(labels), "origin=\"%06u\",answer=\"%s\"",
				all[i].link.origin, link_answer_word(answer));
			metric(out, "tally_child_answers_total", "counter",
				"Answers to a child's questions since the start.", labels,
				(double)all[i].link.answered[answer]);
		}
	}
	free(all);
}

void city_metrics(struct daemon *d, struct buf *out)
{
	metrics_children(d, out);
	for (int fault = 1; fault <= LINK_DAMAGED; fault++) {
		char labels[64];

		snprintf(labels, sizeof(labels), "fault=\"%s\"", link_fault_word(fault));
		metric(out, "tally_link_refused_total", "counter", "Frames refused, by fault.",
			labels, (double)children_refused(d, fault));
	}
	metric(out, "tally_link_denied_total", "counter",
		"Connections with a key that is not listed.", NULL,
		(double)link_net_denied(d->net));
}
