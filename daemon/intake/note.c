/* One small entry at the end of an import that refused rows, in a commit of its own: when the
 * process dies before it, nobody was told how the import ended, and importing again writes it. */
#include "daemon/intake/note.h"

#include "daemon/base/clock.h"
#include "proto/entry.pb-c.h"
#include "proto/survey.h"

/* The message and all that it points to. */
struct message {
	Tally__Intake intake;
	Tally__Intake__Fault faults[FAULT_DEFS_MAX];
	Tally__Intake__Fault *list[FAULT_DEFS_MAX];
};

#define GIVE(m, field, v) ((m)->has_##field = true, (m)->field = (v))

static void message_make(struct message *m, const struct note *n)
{
	Tally__Intake *i = &m->intake;
	size_t n_defs;
	const struct fault_def *defs = fault_defs(&n_defs);

	tally__intake__init(i);
	GIVE(i, register_, survey_bytes(n->reg));
	GIVE(i, accepted, n->counts.accepted);
	GIVE(i, changed, n->counts.changed);
	GIVE(i, unchanged, n->counts.unchanged);
	GIVE(i, retracted, n->counts.retracted);
	GIVE(i, refused, n->counts.refused);
	i->faults = m->list;
	for (size_t k = 0; k < n_defs && k < FAULT_DEFS_MAX; k++) {
		Tally__Intake__Fault *f = &m->faults[i->n_faults];

		if (!n->faults->at[k])
			continue;
		tally__intake__fault__init(f);
		GIVE(f, code, survey_bytes(text_of(defs[k].code)));
		GIVE(f, n, n->faults->at[k]);
		m->list[i->n_faults++] = f;
	}
}

struct writing {
	struct ledger *ledger;
	struct entry_draft draft;
};

static int write_job(struct store_txn *t, void *arg)
{
	struct writing *w = arg;

	ledger_append(t, w->ledger, &w->draft);
	return store_txn_err(t);
}

int note_write(const struct note *n)
{
	struct writing w = { .ledger = n->ledger,
		.draft = { .kind = TALLY__ENTRY_KIND__INTAKE,
			.at_ms = clock_wall_ms(),
			.author = n->author } };
	struct buf body = { 0 };
	struct message m;
	void *room;
	size_t size;
	int err = ERR_NOMEM;

	message_make(&m, n);
	size = tally__intake__get_packed_size(&m.intake);
	room = buf_room(&body, size);
	if (room) {
		body.n += tally__intake__pack(&m.intake, room);
		w.draft.body = buf_as_text(&body);
		err = store_write(ledger_store(n->ledger), write_job, &w, 0);
	}
	buf_deinit(&body);
	return err;
}
