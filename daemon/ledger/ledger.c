/* Opening, appending to one's own ledgers, and taking in another's.
 *
 * Normal path. append: take the head, pack the entry behind it, hash, store, move the head. Every
 * LEDGER_SEAL_ENTRIES entries or LEDGER_SEAL_BYTES bytes, and once more before each commit, the
 * head of each own ledger that grew is sealed: one signature serves all entries of a commit.
 * accept: compare what overlaps by
 * the hash of its last entry (it stands for all before it), store the rest as it came, and the
 * batch's signature as the seal of its last position.
 *
 * The head is read from the ledger's last row: jobs may run twice and transactions may be given up,
 * so a head in memory could be ahead of the truth. A copy serves the appends of one transaction,
 * under the number that the store gave it: it is read once, and moves only with an entry that
 * stands in the transaction (a job that fails after that takes its transaction, and so its number,
 * with it).
 *
 * Failures. An own ledger that does not fit its last seal or its signer is not opened: new entries
 * would fork it. accept writes nothing when the batch does not fit, and its verdict is not sticky:
 * the job may go on. Everything else is sticky in the transaction. The rows are drawn in rows.c. */
#include "daemon/ledger/ledger.h"

#include <stdlib.h>

#include "daemon/base/log.h"
#include "daemon/ledger/rows.h"
#include "proto/entry.pb-c.h"

#define OPEN_DEADLINE_MS 30000

/* A ledger that is written here. But for `last`, which is only ever taken back, all of it belongs
 * to the writer thread. */
struct own {
	uint32_t origin;
	bool last;	   /* its keys are the tables' greatest: entries are appended */
	uint64_t number;   /* of the transaction that `h` is of; 0: none */
	struct row_head h; /* where it stands in that transaction */
};

struct ledger {
	struct store *store;
	const struct sign_key *key;
	struct own own[LEDGER_OWN_MAX]; /* [0]: the node's own area */
	size_t n_own;
	uint8_t value[HASH_BYTES + LEDGER_ENTRY_MAX]; /* the row being built; writer thread */
};

/* ---- appending ---- */

static struct own *own_find(struct ledger *l, uint32_t origin)
{
	for (size_t i = 0; i < l->n_own; i++)
		if (l->own[i].origin == origin)
			return &l->own[i];
	return NULL;
}

static void seal(struct store_txn *t, struct ledger *l, struct own *o)
{
	uint8_t signature[SIGN_BYTES];
	sign_position(signature, l->key, SIGN_SEAL, o->origin, o->h.h.position, o->h.h.head);
	row_seal_put(t, o->origin, &o->h, signature, o->last);
}

/* Every commit that made an own ledger longer ends with a seal. May run twice in a transaction: the
 * second time everything is sealed. */
static void before_commit(struct store_txn *t, void *arg)
{
	struct ledger *l = arg;
	for (size_t i = 0; i < l->n_own; i++) {
		struct own *o = &l->own[i];
		if (o->number != store_txn_number(t) || o->h.sealed >= o->h.h.position)
			continue;
		seal(t, l, o);
	}
}

static ProtobufCBinaryData binary(struct text t)
{
	return (ProtobufCBinaryData){ t.n, (uint8_t *)t.p };
}

/* Packs the entry after o's head into l->value, with its hash in front. Bytes of the entry, 0: too
 * long. */
static size_t entry_pack(struct ledger *l, const struct own *o, const struct entry_draft *d)
{
	Tally__Entry e = TALLY__ENTRY__INIT;
	e.prev = (ProtobufCBinaryData){ HASH_BYTES, (uint8_t *)o->h.h.head };
	e.position = o->h.h.position + 1;
	e.origin = o->origin;
	e.kind = d->kind;
	e.has_at_ms = d->at_ms != 0;
	e.at_ms = d->at_ms;
	e.has_author = d->author.n > 0;
	e.author = binary(d->author);
	e.has_register_ = d->reg.n > 0;
	e.register_ = binary(d->reg);
	e.has_body = d->body.n > 0;
	e.body = binary(d->body);
	e.has_key = d->key.n > 0;
	e.key = binary(d->key);
	e.has_reason = d->reason.n > 0;
	e.reason = binary(d->reason);
	size_t n = tally__entry__get_packed_size(&e);
	if (n > LEDGER_ENTRY_MAX)
		return 0;
	tally__entry__pack(&e, l->value + HASH_BYTES);
	hash_entry(l->value, (struct text){ (const char *)l->value + HASH_BYTES, n });
	return n;
}

/* The head as this transaction has it. 0 or an error. */
static int own_head(struct store_txn *t, struct own *o)
{
	if (o->number == store_txn_number(t))
		return 0;
	int err = row_head_get(t, o->origin, &o->h);
	if (err == ERR_NOTFOUND)
		err = 0;
	o->number = err ? 0 : store_txn_number(t);
	return err;
}

uint64_t ledger_append(struct store_txn *t, struct ledger *l, const struct entry_draft *draft)
{
	struct own *o = own_find(l, draft->origin ? draft->origin : l->own[0].origin);
	int err = store_txn_err(t);
	if (!err)
		err = o ? own_head(t, o) : ERR_DENIED;
	size_t n = err ? 0 : entry_pack(l, o, draft);
	if (n == 0) {
		store_fail(t, err ? err : ERR_LIMIT);
		return 0;
	}
	uint8_t at[ROW_KEY_BYTES];
	struct text key = row_key(at, o->origin, o->h.h.position + 1);
	struct text value = { (const char *)l->value, HASH_BYTES + n };
	if (o->last)
		store_append(t, LEDGER_ENTRY, key, value);
	else
		store_put(t, LEDGER_ENTRY, key, value);
	if (store_txn_err(t))
		return 0;
	o->h.h.position++;
	memcpy(o->h.h.head, l->value, HASH_BYTES);
	o->h.h.bytes += n;
	if (o->h.h.position - o->h.sealed >= LEDGER_SEAL_ENTRIES ||
		o->h.h.bytes - o->h.sealed_bytes >= LEDGER_SEAL_BYTES)
		seal(t, l, o);
	return store_txn_err(t) ? 0 : o->h.h.position;
}

/* ---- taking in ---- */

/* Does the batch fit what stands? 0, or ERR_GAP, ERR_FORK, ERR_DAMAGED. */
static int accept_fits(struct store_txn *t, const struct row_head *h, const struct ledger_batch *b)
{
	uint8_t stands[HASH_BYTES];
	if (b->first > h->h.position + 1)
		return ERR_GAP;
	/* A seal that lost its entry would call an honest child's ledger a fork. */
	int err = ledger_hash_at(t, b->origin, h->h.position, stands);
	if (err == ERR_NOTFOUND || (err == 0 && memcmp(stands, h->h.head, HASH_BYTES) != 0))
		err = ERR_DAMAGED;
	if (err)
		return err;
	if (b->first == h->h.position + 1)
		return memcmp(b->prev, h->h.head, HASH_BYTES) == 0 ? 0 : ERR_FORK;
	if (b->last < h->h.position) {
		err = ledger_hash_at(t, b->origin, b->last, stands);
		if (err)
			return err == ERR_NOTFOUND ? ERR_DAMAGED : err;
		return memcmp(stands, b->hashes[b->n - 1], HASH_BYTES) == 0 ? 0 : ERR_FORK;
	}
	return memcmp(stands, b->hashes[h->h.position - b->first], HASH_BYTES) == 0 ? 0 : ERR_FORK;
}

/* A ledger that stands, or is about to: those before it are no longer the tables' last. */
static void others_stand(struct ledger *l, uint32_t origin)
{
	for (size_t i = 0; i < l->n_own; i++)
		if (row_order(l->own[i].origin, origin) < 0)
			l->own[i].last = false;
}

int ledger_accept(struct store_txn *t, struct ledger *l, const struct ledger_batch *b)
{
	struct row_head h;
	if (own_find(l, b->origin))
		return ERR_DENIED;
	int err = row_head_get(t, b->origin, &h);
	if (err == 0 || err == ERR_NOTFOUND)
		err = accept_fits(t, &h, b);
	if (err || b->last <= h.h.position)
		return err;
	others_stand(l, b->origin);
	for (size_t i = (size_t)(h.h.position + 1 - b->first); i < b->n; i++) {
		uint8_t at[ROW_KEY_BYTES];
		struct text e = b->entries[i];
		uint8_t *room = store_put_room(
			t, LEDGER_ENTRY, row_key(at, b->origin, b->first + i), HASH_BYTES + e.n);
		if (!room)
			return store_txn_err(t);
		memcpy(room, b->hashes[i], HASH_BYTES);
		memcpy(room + HASH_BYTES, e.p, e.n);
		h.h.bytes += e.n;
	}
	h.h.position = b->last;
	memcpy(h.h.head, b->head, HASH_BYTES);
	row_seal_put(t, b->origin, &h, b->signature, false);
	return store_txn_err(t);
}

/* ---- opening ---- */

struct opening {
	struct ledger *l;
	struct own *o;
};

static int genesis_job(struct store_txn *t, void *arg)
{
	const struct opening *g = arg;
	Tally__Genesis genesis = TALLY__GENESIS__INIT;
	uint8_t body[2 + SIGN_PUBLIC_BYTES];
	genesis.signer =
		(ProtobufCBinaryData){ SIGN_PUBLIC_BYTES, (uint8_t *)g->l->key->public_key };
	struct text packed = { (const char *)body, tally__genesis__pack(&genesis, body) };
	struct entry_draft d = {
		.origin = g->o->origin, .kind = TALLY__ENTRY_KIND__GENESIS, .body = packed
	};
	return ledger_append(t, g->l, &d) == 1 ? 0 : store_txn_err(t);
}

static int own_signer_check(
	struct store_txn *t, const struct ledger *l, uint32_t origin, struct errmsg *m)
{
	struct text bytes;
	struct entry_view e;
	int err = ledger_get(t, origin, 1, &bytes);
	if (err || entry_unpack(&e, bytes, NULL) != 0) {
		errmsg_set(m,
			"ledger %u: its first entry is damaged; restore the store from a backup",
			origin);
		return err && err != ERR_NOTFOUND ? err : ERR_DAMAGED;
	}
	const uint8_t *signer = genesis_signer(e.body);
	if (!signer || memcmp(signer, l->key->public_key, SIGN_PUBLIC_BYTES) != 0) {
		errmsg_set(m,
			"ledger %u is signed by another key than sign.key; put the key back that "
			"it began with",
			origin);
		return ERR_SIGNER;
	}
	return 0;
}

/* Is the own ledger one that may be written on? *empty: it has no entry yet. */
static int own_check(
	struct store_txn *t, struct ledger *l, struct own *o, bool *empty, struct errmsg *m)
{
	struct row_head h;
	uint8_t hash[HASH_BYTES];
	struct text key, value;
	uint32_t last;
	struct store_cursor *c = store_cursor_open(t, LEDGER_ENTRY);
	if (c && store_before(c, (struct text){ NULL, 0 }, &key, &value))
		o->last = row_origin(key, &last) && row_order(last, o->origin) <= 0;
	store_cursor_close(c);
	int err = row_head_get(t, o->origin, &h);
	*empty = err == ERR_NOTFOUND;
	if (err && err != ERR_NOTFOUND) {
		errmsg_set(m, "ledger %u: its head is damaged; restore the store from a backup",
			o->origin);
		return err;
	}
	err = ledger_hash_at(t, o->origin, h.h.position, hash);
	bool fits = err == 0 && memcmp(hash, h.h.head, HASH_BYTES) == 0 && h.sealed == h.h.position;
	if (store_txn_err(t))
		return store_txn_err(t);
	if (!fits) {
		errmsg_set(m,
			"ledger %u: its head at position %llu does not fit its entries; restore "
			"the store from a backup",
			o->origin, (unsigned long long)h.h.position);
		return ERR_DAMAGED;
	}
	return *empty ? 0 : own_signer_check(t, l, o->origin, m);
}

/* Adds an own ledger to the list when it may be written on. Its GENESIS may use the reserve: a full
 * store must be able to start. */
static int own_open(struct ledger *l, uint32_t origin, struct errmsg *m)
{
	struct own *o = &l->own[l->n_own];
	struct opening opening = { l, o };
	struct store_txn *t;
	bool empty = false;
	m->text[0] = 0;
	*o = (struct own){ .origin = origin, .last = true };
	int err = store_read_begin(l->store, &t, OPEN_DEADLINE_MS);
	if (err == 0) {
		err = own_check(t, l, o, &empty, m);
		store_read_end(t);
	}
	if (err == 0) {
		others_stand(l, origin);
		l->n_own++;
	}
	if (err == 0 && empty) {
		err = store_write(l->store, genesis_job, &opening, STORE_RESERVE);
		if (err)
			l->n_own--;
	}
	if (err && m->text[0] == 0)
		errmsg_set(m, "ledger %u: %s", origin, err_words(err));
	return err;
}

int ledger_also(struct ledger *l, uint32_t origin, struct errmsg *m)
{
	if (own_find(l, origin))
		return 0;
	if (l->n_own == LEDGER_OWN_MAX) {
		errmsg_set(
			m, "ledger %u: one node writes at most %d ledgers", origin, LEDGER_OWN_MAX);
		return ERR_LIMIT;
	}
	return own_open(l, origin, m);
}

/* The ledger's tables and then the caller's; a caller may name the ledger's own first, they are the
 * same. */
static int tables_join(const char *out[STORE_TABLES_MAX], struct store_conf *conf)
{
	static const char *const ours[LEDGER_TABLES] = { LEDGER_TABLE_NAMES };
	size_t skip = conf->n_tables >= LEDGER_TABLES ? LEDGER_TABLES : 0;
	for (size_t i = 0; i < skip; i++)
		if (strcmp(conf->tables[i], ours[i]) != 0)
			skip = 0;
	size_t n = conf->n_tables - skip;
	if (n > STORE_TABLES_MAX - LEDGER_TABLES)
		return ERR_LIMIT;
	memcpy(out, ours, sizeof ours);
	if (n)
		memcpy(out + LEDGER_TABLES, conf->tables + skip, n * sizeof *out);
	conf->tables = out;
	conf->n_tables = LEDGER_TABLES + n;
	return 0;
}

int ledger_open(struct ledger **out, const char *dir, const struct sign_key *key, uint32_t own,
	const struct store_conf *extra, struct errmsg *m)
{
	const char *tables[STORE_TABLES_MAX];
	struct store_conf conf = *extra;
	*out = NULL;
	if (tables_join(tables, &conf) != 0) {
		errmsg_set(m, "%s: more tables than a store can have", dir);
		return ERR_LIMIT;
	}
	struct ledger *l = calloc(1, sizeof *l);
	if (!l) {
		errmsg_set(m, "%s: out of memory", dir);
		return ERR_NOMEM;
	}
	l->key = key;
	conf.dir = dir;
	conf.before_commit = before_commit;
	conf.arg = l;
	int err = store_open(&l->store, &conf, m);
	if (err)
		goto freed;
	err = own_open(l, own, m);
	if (err)
		goto closed;
	*out = l;
	return 0;
closed:
	store_close(l->store);
freed:
	free(l);
	return err;
}

void ledger_close(struct ledger *l)
{
	if (!l)
		return;
	store_close(l->store);
	free(l);
}

struct store *ledger_store(struct ledger *l)
{
	return l->store;
}

uint32_t ledger_own(const struct ledger *l)
{
	return l->own[0].origin;
}

bool ledger_is_own(const struct ledger *l, uint32_t origin)
{
	for (size_t i = 0; i < l->n_own; i++)
		if (l->own[i].origin == origin)
			return true;
	return false;
}
