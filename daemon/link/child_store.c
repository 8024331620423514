/* Snapshots have a deadline; these readings are short, and one that fails ends the session with a
 * fault, not the daemon. */
#include "daemon/link/child_store.h"

#include "daemon/link/fault.h"

#define READ_MS 5000

int child_store_open(
	struct child_store *s, struct ledger *l, const uint8_t signer[SIGN_PUBLIC_BYTES])
{
	*s = (struct child_store){ .store = ledger_store(l), .squeezer = squeezer_open() };
	memcpy(s->signer, signer, sizeof s->signer);
	return s->squeezer ? 0 : ERR_NOMEM;
}

void child_store_close(struct child_store *s)
{
	buf_deinit(&s->raw);
	buf_deinit(&s->squeezed);
	squeezer_close(s->squeezer);
}

int child_store_states(struct child_store *s, const struct child *m, struct frame_ledger *out)
{
	struct store_txn *t;

	if (store_read_begin(s->store, &t, READ_MS) != 0)
		return LINK_INTERNAL;
	for (size_t i = 0; i < m->n_ledgers; i++) {
		struct ledger_head h = ledger_head(t, m->ledgers[i].origin);
		out[i] = (struct frame_ledger){ .origin = m->ledgers[i].origin,
			.position = h.position };
		memcpy(out[i].head, h.head, HASH_BYTES);
	}
	int err = store_txn_err(t);
	store_read_end(t);
	return fault_of_err(err);
}

static enum claim judge(struct child_store *s, struct store_txn *t, const struct frame_ledger *l)
{
	uint8_t own[HASH_BYTES];

	if (!sign_position_ok(
		    l->signature, s->signer, SIGN_RECEIPT, l->origin, l->position, l->head))
		return CLAIM_UNSIGNED;
	switch (ledger_hash_at(t, l->origin, l->position, own)) {
	case 0:
		return memcmp(own, l->head, HASH_BYTES) == 0 ? CLAIM_FITS : CLAIM_FORK;
	case ERR_NOTFOUND:
		return CLAIM_BEYOND;
	default:
		return CLAIM_DAMAGED;
	}
}

void child_store_judge(struct child_store *s, const struct frame *f, struct child_claim *claims)
{
	struct store_txn *t;
	bool read = f->n_ledgers > 0 && store_read_begin(s->store, &t, READ_MS) == 0;

	for (size_t i = 0; i < f->n_ledgers; i++) {
		claims[i].origin = f->ledgers[i].origin;
		claims[i].position = f->ledgers[i].position;
		claims[i].claim = read ? judge(s, t, &f->ledgers[i]) : CLAIM_DAMAGED;
	}
	if (read)
		store_read_end(t);
}

int child_store_batch(struct child_store *s, const struct child_action *a, struct frame *f,
	uint64_t *last, size_t *raw)
{
	struct store_txn *t;
	size_t most = a->room < LEDGER_BATCH_MAX ? (size_t)a->room : LEDGER_BATCH_MAX;

	if (store_read_begin(s->store, &t, READ_MS) != 0)
		return LINK_INTERNAL;
	int err = ledger_batch_make(t, f->origin, a->position, most, &s->raw, last);
	store_read_end(t);
	if (err)
		return fault_of_err(err);
	if (*last == 0)
		return LINK_DAMAGED; /* the head says there are more, and they are not there */
	*raw = s->raw.n;
	f->batch = buf_as_text(&s->raw);
	if (squeeze(s->squeezer, f->batch, &s->squeezed)) {
		f->raw_size = (uint32_t)s->raw.n;
		f->batch = buf_as_text(&s->squeezed);
	}
	return LINK_OK;
}
