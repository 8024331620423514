/* Events of the survey, as the fold keeps them: what was signed, explained, decided and closed.
 *
 * A row is one entry, never a state: what a return has come to depends on several ledgers, whose
 * order among each other nobody knows, so it is derived when asked (daemon/figures/returns.h).
 *
 * Stored in VIEW_EVENT: form, a zero byte, period (2, period_code()) area (4) kind (1) origin (4)
 * position (8), numbers big-endian → when it was written (8), then the entry's body as it stands in
 * the ledger. Rows of one form, period and area stand together, kind by kind, and in the order of
 * positions. A form that is not known here has rows too: it may come back. */
#ifndef FOLD_EVENTS_H
#define FOLD_EVENTS_H

#include "daemon/ledger/ledger.h"
#include "daemon/survey/form.h"

/* Does the kind of an entry make an event: RETURN, EXPLAIN, DECISION, VERSION? */
bool event_is_kind(uint32_t kind);
/* Folds such an entry; NULL, or the code of a finding: its body is damaged, or the ledger is not
 * one in which it may stand. Sticky errors in t. */
const char *event_fold(struct store_txn *views, const struct entry_view *e, struct arena *a);
/* May an entry of a kind stand in a ledger of this origin? Those of districts sign and explain,
 * those of decisions decide and close; figures stand in both. True for every other kind. */
bool event_ledger_ok(uint32_t kind, uint32_t origin);

struct event {
	char form[FORM_ID_MAX + 1];
	struct period period;
	uint32_t area; /* 0: a VERSION, which is of all */
	uint32_t kind; /* TALLY__ENTRY_KIND__… */
	uint32_t origin;
	uint64_t position, at_ms;
	struct text body; /* borrowed from the snapshot */
};

/* Calls `fn` for each event of a form, period and area (0: the versions) in the order of keys,
 * until it returns false. Sticky errors in t. */
void events_walk(struct store_txn *views, struct text form, const struct period *p, uint32_t area,
	bool (*fn)(void *arg, const struct event *e), void *arg);
/* The same for every event of a form; `form` empty: of all forms. */
void events_walk_form(struct store_txn *views, struct text form,
	bool (*fn)(void *arg, const struct event *e), void *arg);

#endif
