/* Rows of the configuration become peers by key; their machines begin with what the store holds. */
#include "daemon/link/parent_peers.h"

#include <stdio.h>
#include <stdlib.h>

#include "daemon/base/clock.h"
#include "daemon/link/fault.h"

#define WINDOW (1024 * 1024)
#define LOG_AGAIN_MS 600000
#define READ_MS 5000

size_t keyed_ledger(const struct keyed *k, uint32_t origin)
{
	size_t i = 0;
	while (i < k->machine.n_ledgers && k->ledgers[i].origin != origin)
		i++;
	return i;
}

static int key_cmp(const void *key, const void *at)
{
	return strcmp(key, ((const struct keyed *)at)->key);
}

struct keyed *peers_find(struct peers *p, const char *key)
{
	if (p->n_keys == 0)
		return NULL;
	return bsearch(key, p->keys, p->n_keys, sizeof *p->keys, key_cmp);
}

int keyed_claims(
	const struct keyed *k, struct store *s, const struct frame *f, struct peer_claim *claims)
{
	struct store_txn *t;

	if (store_read_begin(s, &t, READ_MS) != 0)
		return LINK_INTERNAL;
	for (size_t i = 0; i < f->n_ledgers; i++) {
		claims[i].ledger = keyed_ledger(k, f->ledgers[i].origin);
		if (claims[i].ledger == k->machine.n_ledgers)
			continue;
		struct ledger_head h = ledger_head(t, f->ledgers[i].origin);
		claims[i].stored = h.position;
		memcpy(claims[i].head, h.head, HASH_BYTES);
	}
	int err = store_txn_err(t);
	store_read_end(t);
	return fault_of_err(err);
}

/* ---- open, close ---- */

static int row_cmp(const void *a, const void *b, void *arg)
{
	const struct link_peer_conf *rows = arg;
	const struct link_peer_conf *x = &rows[*(const size_t *)a], *y = &rows[*(const size_t *)b];
	int order = strcmp(x->key, y->key);
	return order ? order : (x->origin > y->origin) - (x->origin < y->origin);
}

static int keyed_open(struct peers *p, struct keyed *k, const size_t *rows, size_t n,
	struct store_txn *t, const struct link_parent_conf *conf)
{
	memcpy(k->key, conf->children[rows[0]].key, sizeof k->key);
	k->ledgers = calloc(n, sizeof *k->ledgers);
	k->signers = calloc(n, sizeof *k->signers);
	k->rows = calloc(n, sizeof *k->rows);
	if (!k->ledgers || !k->signers || !k->rows)
		return ERR_NOMEM;
	for (size_t i = 0; i < n; i++) {
		const struct link_peer_conf *row = &conf->children[rows[i]];
		struct ledger_head h = ledger_head(t, row->origin);
		k->ledgers[i].origin = row->origin;
		k->ledgers[i].stored = k->ledgers[i].expected = h.position;
		memcpy(k->ledgers[i].head, h.head, HASH_BYTES);
		k->signers[i] = row->signer;
		k->rows[i] = rows[i];
		p->status[rows[i]].origin = row->origin;
		p->status[rows[i]].position = h.position;
		memcpy(p->status[rows[i]].head, h.head, HASH_BYTES);
	}
	parent_init(&k->machine, &p->conf, k->ledgers, n);
	return store_txn_err(t);
}

static int rows_group(
	struct peers *p, struct store_txn *t, const struct link_parent_conf *conf, struct errmsg *m)
{
	size_t *order = calloc(conf->n_children, sizeof *order);
	int err = order ? 0 : ERR_NOMEM;

	for (size_t i = 0; i < conf->n_children && !err; i++)
		order[i] = i;
	if (!err)
		qsort_r(order, conf->n_children, sizeof *order, row_cmp, (void *)conf->children);
	for (size_t i = 0, n; i < conf->n_children && !err; i += n) {
		const struct link_peer_conf *row = &conf->children[order[i]];
		for (n = 1; i + n < conf->n_children; n++)
			if (strcmp(conf->children[order[i + n]].key, row->key) != 0)
				break;
		err = n <= FRAME_LEDGERS_MAX
			      ? keyed_open(p, &p->keys[p->n_keys++], &order[i], n, t, conf)
			      : ERR_LIMIT;
		if (err)
			errmsg_set(m, "child %u: %s", row->origin, err_words(err));
	}
	free(order);
	return err;
}

static int origins_check(const struct link_parent_conf *conf, struct errmsg *m)
{
	for (size_t i = 0; i < conf->n_children; i++)
		for (size_t j = 0; j < i; j++)
			if (conf->children[i].origin == conf->children[j].origin) {
				errmsg_set(m, "child %u stands twice", conf->children[i].origin);
				return ERR_EXISTS;
			}
	return 0;
}

int peers_open(
	struct peers *p, struct store *s, const struct link_parent_conf *conf, struct errmsg *m)
{
	struct store_txn *t;

	pthread_mutex_init(&p->lock, NULL);
	p->conf.heartbeat_ms = conf->heartbeat_ms ? conf->heartbeat_ms : 1000;
	p->conf.window = conf->credit_bytes ? conf->credit_bytes : WINDOW;
	if (p->conf.window < 2 * frame_cost(LEDGER_BATCH_MAX))
		p->conf.window = 2 * frame_cost(LEDGER_BATCH_MAX);
	if (conf->on_question && conf->questions.standing && conf->questions.burst)
		p->conf.questions = conf->questions;
	p->n_rows = conf->n_children;
	p->keys = calloc(conf->n_children + 1, sizeof *p->keys);
	p->status = calloc(conf->n_children + 1, sizeof *p->status);
	p->entry_ms = calloc(conf->n_children + 1, sizeof *p->entry_ms);
	if (!p->keys || !p->status || !p->entry_ms)
		return ERR_NOMEM;
	int err = origins_check(conf, m);
	if (err || conf->n_children == 0)
		return err;
	err = store_read_begin(s, &t, READ_MS);
	if (err)
		return err;
	err = rows_group(p, t, conf, m);
	store_read_end(t);
	return err;
}

void peers_close(struct peers *p)
{
	for (size_t i = 0; i < p->n_keys; i++) {
		free(p->keys[i].ledgers);
		free(p->keys[i].signers);
		free(p->keys[i].rows);
	}
	free(p->keys);
	free(p->status);
	free(p->entry_ms);
	pthread_mutex_destroy(&p->lock);
}

void peers_published(struct peers *p, const uint64_t *position, uint32_t origin)
{
	p->conf.published = origin ? position : NULL;
	for (size_t i = 0; i < p->n_keys; i++)
		p->keys[i].machine.conf.published = p->conf.published;
}

/* ---- what people see ---- */

void peers_publish(struct peers *p, struct keyed *k)
{
	const struct peer *m = &k->machine;
	const char *state = m->state == PEER_LIVE ? "streaming" : m->fault ? "fault" : "absent";

	pthread_mutex_lock(&p->lock);
	for (size_t i = 0; i < m->n_ledgers; i++) {
		struct link_peer_status *s = &p->status[k->rows[i]];
		snprintf(s->state, sizeof s->state, "%s", state);
		s->position = k->ledgers[i].stored;
		memcpy(s->head, k->ledgers[i].head, HASH_BYTES);
		s->claimed = k->ledgers[i].claimed;
		s->fault = m->fault;
		s->followed = m->followed;
		s->decisions = m->held;
		s->decisions_fault = m->follow_fault;
		s->told_gates = m->told_gates;
		memcpy(s->gates, m->gates, LINK_GATES_BYTES);
		if (!m->fault)
			s->error[0] = '\0';
	}
	pthread_mutex_unlock(&p->lock);
}

static bool worth_telling(uint64_t *last)
{
	uint64_t now = clock_mono_ms();

	if (*last && now - *last < LOG_AGAIN_MS)
		return false;
	*last = now;
	return true;
}

static bool worth_logging(struct keyed *k, int fault)
{
	return worth_telling(&k->logged_ms[fault > 0 && fault < LINK_FAULT_END ? fault : 0]);
}

void peers_refuse(struct peers *p, struct keyed *k, int fault, struct text reason)
{
	char words[200];

	fault_print(words, sizeof words, fault, reason);
	pthread_mutex_lock(&p->lock);
	p->refused[fault > 0 && fault < LINK_FAULT_END ? fault : 0]++;
	for (size_t i = 0; i < k->machine.n_ledgers; i++) {
		struct link_peer_status *s = &p->status[k->rows[i]];
		s->faults++;
		/* A frame of a session that has ended is no news about the child. */
		if (fault != LINK_SESSION)
			snprintf(s->error, sizeof s->error, "%s", words);
	}
	pthread_mutex_unlock(&p->lock);
	if (fault != LINK_SESSION && worth_logging(k, fault))
		log_warning("link", "child %u: %s", k->ledgers[0].origin, words);
}

void peers_unfit(struct peers *p, struct keyed *k, int fault, const char *words)
{
	peers_count_refused(p, fault > 0 && fault < LINK_FAULT_END ? fault : 0);
	if (worth_logging(k, fault))
		log_warning("link", "child %u: asks for decisions behind position %llu: %s: %s",
			k->ledgers[0].origin, (unsigned long long)k->machine.held,
			link_fault_word(fault), words);
}

void peers_count_refused(struct peers *p, int fault)
{
	pthread_mutex_lock(&p->lock);
	p->refused[fault]++;
	pthread_mutex_unlock(&p->lock);
}

void peers_count_session(struct peers *p, struct keyed *k)
{
	pthread_mutex_lock(&p->lock);
	for (size_t i = 0; i < k->machine.n_ledgers; i++)
		p->status[k->rows[i]].sessions++;
	pthread_mutex_unlock(&p->lock);
}

void peers_count_batch(struct peers *p, struct keyed *k, size_t ledger, size_t bytes)
{
	size_t row = k->rows[ledger];

	pthread_mutex_lock(&p->lock);
	p->status[row].batches++;
	p->status[row].bytes += bytes;
	p->entry_ms[row] = clock_mono_ms();
	pthread_mutex_unlock(&p->lock);
}

void peers_count_question(struct peers *p, struct keyed *k)
{
	pthread_mutex_lock(&p->lock);
	p->status[k->rows[0]].asked++;
	pthread_mutex_unlock(&p->lock);
}

void peers_count_answer(struct peers *p, struct keyed *k, int answer)
{
	pthread_mutex_lock(&p->lock);
	p->status[k->rows[0]].answered[answer]++;
	pthread_mutex_unlock(&p->lock);
	if (answer == LINK_MANY && worth_telling(&k->many_ms))
		log_warning("link", "child %u asks more than it may (questions_rate)",
			k->ledgers[0].origin);
}

bool peers_answer(const struct peers *p)
{
	return p->conf.questions.rate > 0;
}

void peers_reason(const struct keyed *k, int fault, char *out, size_t size)
{
	const struct peer_ledger *l = &k->ledgers[0];

	if ((fault == LINK_BEHIND || fault == LINK_FORK) && k->machine.n_ledgers == 1)
		snprintf(out, size, "%s (the parent holds %llu, the child says %llu)",
			link_fault_words(fault), (unsigned long long)l->stored,
			(unsigned long long)l->claimed);
	else
		snprintf(out, size, "%s", link_fault_words(fault));
}

void peers_status(struct peers *p, size_t row, struct link_peer_status *out)
{
	uint64_t now = clock_mono_ms();

	pthread_mutex_lock(&p->lock);
	*out = p->status[row];
	uint64_t at = p->entry_ms[row];
	pthread_mutex_unlock(&p->lock);
	out->last_entry_age_s = at && now > at ? (double)(now - at) / 1000.0 : at ? 0 : -1;
	if (out->state[0] == '\0')
		snprintf(out->state, sizeof out->state, "absent");
}

uint64_t peers_refused(struct peers *p, int fault)
{
	if (fault <= 0 || fault >= LINK_FAULT_END)
		return 0;
	pthread_mutex_lock(&p->lock);
	uint64_t n = p->refused[fault];
	pthread_mutex_unlock(&p->lock);
	return n;
}
