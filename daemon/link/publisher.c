/* Most children stand at the same place when a decision is written: the batch made last is kept,
 * and serves all of them until the ledger grows. What it holds of memory: one batch, raw and
 * packed. */
#include "daemon/link/publisher.h"

#include <stdio.h>

#include "daemon/link/fault.h"

#define READ_MS 5000

int publisher_open(struct publisher *p, struct ledger *l, const struct sign_key *signer)
{
	uint32_t origin = ORIGIN_DECISIONS(ledger_own(l));

	*p = (struct publisher){ .store = ledger_store(l), .signer = signer };
	p->squeezer = squeezer_open();
	if (!p->squeezer)
		return ERR_NOMEM;
	if (ledger_is_own(l, origin))
		p->origin = origin;
	publisher_grew(p);
	return 0;
}

void publisher_close(struct publisher *p)
{
	buf_deinit(&p->raw);
	buf_deinit(&p->squeezed);
	squeezer_close(p->squeezer);
}

static int head_read(struct publisher *p, struct ledger_head *h)
{
	struct store_txn *t;

	if (store_read_begin(p->store, &t, READ_MS) != 0)
		return LINK_INTERNAL;
	*h = ledger_head(t, p->origin);
	int err = store_txn_err(t);
	store_read_end(t);
	return fault_of_err(err);
}

bool publisher_grew(struct publisher *p)
{
	struct ledger_head h;

	if (p->origin == 0 || head_read(p, &h) != 0 || h.position <= p->position)
		return false;
	p->position = h.position;
	p->first = 0; /* a batch can be longer now */
	return true;
}

int publisher_state(struct publisher *p, struct frame_ledger *out)
{
	struct ledger_head h;
	int fault = head_read(p, &h);

	if (fault)
		return fault;
	*out = (struct frame_ledger){
		.origin = p->origin, .position = h.position, .is_signed = true
	};
	memcpy(out->head, h.head, HASH_BYTES);
	sign_position(out->signature, p->signer, SIGN_SEAL, p->origin, h.position, h.head);
	return LINK_OK;
}

int publisher_judge(struct publisher *p, const struct frame_ledger *held)
{
	uint8_t own[HASH_BYTES];
	struct store_txn *t;

	if (p->origin == 0 || held->origin != p->origin)
		return LINK_UNLISTED;
	if (store_read_begin(p->store, &t, READ_MS) != 0)
		return LINK_INTERNAL;
	int err = ledger_hash_at(t, p->origin, held->position, own);
	store_read_end(t);
	if (err == ERR_NOTFOUND)
		return LINK_BEHIND;
	if (err)
		return fault_of_err(err);
	return memcmp(own, held->head, HASH_BYTES) == 0 ? LINK_OK : LINK_FORK;
}

int publisher_batch(struct publisher *p, uint64_t first, struct frame *f)
{
	struct store_txn *t;
	uint64_t last;

	if (p->first != first) {
		p->first = 0;
		if (store_read_begin(p->store, &t, READ_MS) != 0)
			return LINK_INTERNAL;
		int err = ledger_batch_make(t, p->origin, first, LEDGER_BATCH_MAX, &p->raw, &last);
		store_read_end(t);
		if (err)
			return fault_of_err(err);
		if (last == 0)
			return LINK_DAMAGED; /* the head says there are more */
		p->small = squeeze(p->squeezer, buf_as_text(&p->raw), &p->squeezed);
		p->first = first;
	}
	f->origin = p->origin;
	f->raw_size = p->small ? (uint32_t)p->raw.n : 0;
	f->batch = buf_as_text(p->small ? &p->squeezed : &p->raw);
	return LINK_OK;
}

void publisher_reason(const struct publisher *p, int fault, uint64_t held, char *out, size_t size)
{
	if (fault == LINK_BEHIND)
		snprintf(out, size,
			"the parent holds less of %u than the child: %llu against %llu; restored "
			"from an old copy?",
			p->origin, (unsigned long long)p->position, (unsigned long long)held);
	else if (fault == LINK_UNLISTED)
		snprintf(out, size, "no such ledger is published here");
	else
		snprintf(out, size, "%s", link_fault_words(fault));
}
