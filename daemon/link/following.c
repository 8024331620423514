/* The desk of accept.c does the work: a batch of a parent's decisions is a batch as any other,
 * signed by its origin. What is asked for here beyond that: that it is a ledger of decisions, not
 * one of our own, and that our copy of it has the signer that this parent is configured with: two
 * parents that publish one origin under different signers are two cities of one name, and the
 * second is named, not mixed in. */
#include "daemon/link/following.h"

#include "daemon/link/fault.h"

#define READ_MS 5000

int following_open(struct following *f, const struct following_conf *conf)
{
	struct accept_conf desk = { .ledger = conf->ledger,
		.wake = conf->wake,
		.wake_arg = conf->wake_arg,
		.on_accept = conf->on_followed,
		.accept_arg = conf->arg };

	*f = (struct following){ .ledger = conf->ledger };
	memcpy(f->signer, conf->signer, sizeof f->signer);
	return accept_open(&f->desk, &desk);
}

void following_close(struct following *f)
{
	accept_close(f->desk);
	f->desk = NULL;
}

/* Our copy against the parent's word. */
static int copy_judge(struct following *f, struct store_txn *t, const struct frame_ledger *theirs,
	uint64_t *position)
{
	uint8_t signer[SIGN_PUBLIC_BYTES], hash[HASH_BYTES];

	if (!sign_position_ok(theirs->signature, f->signer, SIGN_SEAL, theirs->origin,
		    theirs->position, theirs->head))
		return LINK_SIGNER;
	*position = ledger_head(t, theirs->origin).position;
	if (*position == 0)
		return fault_of_err(store_txn_err(t));
	int err = ledger_signer(t, theirs->origin, signer);
	if (err)
		return fault_of_err(err);
	if (memcmp(signer, f->signer, sizeof signer) != 0)
		return LINK_SIGNER;
	if (*position < theirs->position)
		return LINK_OK; /* the chain of what comes will tell */
	err = ledger_hash_at(t, theirs->origin, theirs->position, hash);
	if (err)
		return fault_of_err(err);
	if (memcmp(hash, theirs->head, HASH_BYTES) != 0)
		return LINK_FORK;
	return *position > theirs->position ? LINK_BEHIND : LINK_OK;
}

void following_judge(struct following *f, const struct frame *welcome, struct follow_offer *out)
{
	struct store_txn *t;
	size_t i = 0;

	*out = (struct follow_offer){ 0 };
	while (i < welcome->n_published &&
		(!origin_is_decisions(welcome->published[i].origin) ||
			ledger_is_own(f->ledger, welcome->published[i].origin)))
		i++;
	if (i == welcome->n_published)
		return;
	out->origin = welcome->published[i].origin;
	out->published = welcome->published[i].position;
	if (store_read_begin(ledger_store(f->ledger), &t, READ_MS) != 0) {
		out->fault = LINK_INTERNAL;
		return;
	}
	out->fault = copy_judge(f, t, &welcome->published[i], &out->position);
	store_read_end(t);
}

int following_state(struct following *f, uint32_t origin, struct frame_ledger *out)
{
	struct store_txn *t;

	if (store_read_begin(ledger_store(f->ledger), &t, READ_MS) != 0)
		return LINK_INTERNAL;
	struct ledger_head h = ledger_head(t, origin);
	int err = store_txn_err(t);
	store_read_end(t);
	*out = (struct frame_ledger){ .origin = origin, .position = h.position };
	memcpy(out->head, h.head, HASH_BYTES);
	return fault_of_err(err);
}

int following_take(struct following *f, const struct frame *publish)
{
	struct accept_job *j = accept_take(f->desk);

	if (!j)
		return LINK_INTERNAL;
	int fault = accept_check(j, publish, f->signer);
	if (fault)
		accept_drop(j);
	else
		accept_submit(j);
	return fault;
}

bool following_taken(struct following *f, struct child_event *e)
{
	struct accept_job *j = accept_finished(f->desk);

	if (!j)
		return false;
	*e = (struct child_event){ .kind = CHILD_TAKEN,
		.fault = fault_of_err(j->err),
		.origin = j->batch.origin,
		.position = j->after.position };
	accept_drop(j);
	return true;
}
