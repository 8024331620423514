/* Closed versions: a form and period as they were published, in a ledger of public decisions. Read
 * only; who closes is daemon/periods.
 *
 * Which versions there are comes from the views (events), what a version says from its ledger:
 * every byte of it has its hash. */
#ifndef FIGURES_VERSIONS_H
#define FIGURES_VERSIONS_H

#include "daemon/figures/office.h"
#include "daemon/fold/events.h"
#include "proto/survey.h"

/* Memory for one version, unpacked. */
#define VERSION_MEMORY (512u * 1024)

struct version_place {
	uint32_t origin;
	uint64_t position;
	uint32_t number;
};
/* Where a version stands; number 0: the newest. False: there is none. Sticky errors in views. */
bool version_find(const struct office *o, struct store_txn *views, struct text form,
	const struct period *p, uint32_t number, struct version_place *out);
/* Calls fn for every version that stands here, form by form, period by period, in the order in
 * which they were made. `form` empty: of all forms. */
void versions_walk(const struct office *o, struct store_txn *views, struct text form,
	bool (*fn)(void *arg, const struct event *e), void *arg);

struct version {
	struct version_place at;
	uint64_t at_ms;
	struct text author;
	struct text entry; /* its bytes */
	const char *form;  /* its id */
	struct period period;
	const Tally__Version *body; /* judged: all that must be there is */
};
/* Reads it from its ledger; all memory from `a`, which must be of VERSION_MEMORY. ERR_DAMAGED: the
 * entry is broken, or says nothing that a version must; ERR_NOTFOUND: it is not (yet) here. */
MUST_CHECK int version_get(struct store_txn *ledgers, const struct version_place *at,
	struct arena *a, struct version *out);
/* The same of an entry that came from elsewhere. ERR_INVALID: it is no version. */
MUST_CHECK int version_read(struct text entry, struct arena *a, struct version *out);
/* Its figures, as frozen.h writes them; its form files. As frozen_read(). */
MUST_CHECK int version_figures(
	struct store_txn *ledgers, const struct version *v, struct buf *out, uint64_t *broken);
MUST_CHECK int version_forms(
	struct store_txn *ledgers, const struct version *v, struct buf *out, uint64_t *broken);

/* Why a version was made: first, routine, error, definition. */
struct version_class {
	const char *code, *zh, *en;
};
extern const struct version_class version_classes[];
extern const size_t version_classes_n;
/* Words for a code; the code itself when it is unknown. */
const char *version_class_words(struct text code, bool zh);

/* ---- a request that names a version ---- */

/* Reads the version that {form}, {period} and `version` ask for (absent: the newest) out of
 * snapshots of both stores; answers by `fn`. A fault is answered too. */
struct version_call {
	struct office *office;
	struct store_txn *views, *ledgers;
	struct version v;
	struct arena *arena;
	bool zh;
	void *arg;
};
void version_ask(struct api_call *call, const char *number,
	int (*fn)(struct api_call *call, struct version_call *c), void *arg);
/* Names the entry of the version's ledger that is broken: answers with exit code 1. */
void version_fail(struct api_call *call, const struct version *v, int err, uint64_t broken);

#endif
