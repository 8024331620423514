/* Normal path: the rows of the configuration are read once and never changed; the link borrows
 * them. A reload reads new rows, closes the link and opens another one.
 *
 * The address may stay taken for a moment after the closing (ZeroMQ closes in a thread of its own):
 * opening is tried again every AGAIN_MS, and until it goes well every child is simply away. Rows of
 * before are kept until the end: a link that is being closed still looks at them. */
#include "aggregator/children.h"

#include <stdio.h>
#include <stdlib.h>

#include "aggregator/questions.h"
#include "daemon/base/log.h"

#define READ_MS 30000
#define AGAIN_MS 100

struct rows {
	struct rows *before;
	struct link_peer_conf *at; /* in the order of their codes */
	uint32_t *areas;	   /* theirs */
	size_t n;
};

struct children {
	pthread_mutex_t lock; /* guards rows and link: the loop changes them, any thread reads */
	struct rows *rows;
	struct link_parent *link; /* NULL: not open just now */
	struct timer *again;
	struct daemon *daemon;
};

static struct children *children_of(const struct daemon *d)
{
	return d->own;
}

/* ---- rows ---- */

static uint32_t origin_at(const struct conf *c, size_t i)
{
	return (uint32_t)strtoul(conf_title(c, "child", i), NULL, 10);
}

static int by_origin(const void *a, const void *b)
{
	const struct link_peer_conf *x = a, *y = b;

	return x->origin < y->origin ? -1 : x->origin > y->origin;
}

static void rows_free(struct rows *r)
{
	while (r) {
		struct rows *before = r->before;

		free(r->at);
		free(r->areas);
		free(r);
		r = before;
	}
}

/* Their form was judged when the file was read. NULL without memory. */
static struct rows *rows_read(const struct conf *c)
{
	struct rows *r = calloc(1, sizeof(*r));
	size_t n = conf_sections(c, "child");

	if (!r)
		return NULL;
	r->at = calloc(n + 1, sizeof(*r->at));
	r->areas = calloc(n + 1, sizeof(*r->areas));
	if (!r->at || !r->areas) {
		rows_free(r);
		return NULL;
	}
	for (size_t i = 0; i < n; i++) {
		struct link_peer_conf *p = &r->at[i];

		p->origin = origin_at(c, i);
		snprintf(p->key, sizeof(p->key), "%s", conf_in_text(c, "child", i, "key"));
		if (base64_get(p->signer, sizeof(p->signer),
			    text_of(conf_in_text(c, "child", i, "signer"))) != 0)
			abort();
	}
	r->n = n;
	qsort(r->at, n, sizeof(*r->at), by_origin);
	for (size_t i = 0; i < n; i++)
		r->areas[i] = r->at[i].origin;
	return r;
}

static bool rows_same(const struct rows *a, const struct rows *b)
{
	return a->n == b->n && (a->n == 0 || memcmp(a->at, b->at, a->n * sizeof(*a->at)) == 0);
}

int children_check(const struct conf *c, struct errmsg *m)
{
	size_t n = conf_sections(c, "child");
	uint32_t city = (uint32_t)strtoul(conf_text(c, "area"), NULL, 10);

	for (size_t i = 0; i < n; i++) {
		size_t k = 0;

		while (k < i && origin_at(c, k) != origin_at(c, i) &&
			strcmp(conf_in_text(c, "child", k, "key"),
				conf_in_text(c, "child", i, "key")) != 0)
			k++;
		if (k == i && origin_at(c, i) != city)
			continue;
		errmsg_set(m, "%s:%d: child %s: %s", conf_file(c),
			conf_in_line(c, "child", i, "key"), conf_title(c, "child", i),
			k == i ? "this node's own area cannot be its child"
			       : "its code or its key stands in another child already");
		return ERR_INVALID;
	}
	return 0;
}

/* ---- the link ---- */

/* Writer thread of the ledgers. */
static void accepted(void *arg, uint32_t origin, uint64_t position)
{
	(void)origin;
	(void)position;
	office_wake(arg);
	/* Children's ledgers go on to parents of our own. */
	daemon_ledger_grew(arg);
}

static int link_open(struct children *c, struct errmsg *m)
{
	struct daemon *d = c->daemon;
	struct link_parent_conf conf = { .listen = conf_text(d->conf, "listen"),
		.children = c->rows->at,
		.n_children = c->rows->n,
		.signer = &d->sign,
		.heartbeat_ms = (uint32_t)conf_number(d->conf, "heartbeat"),
		.on_accept = accepted,
		.on_question = questions_answer,
		.arg = d };
	struct link_parent *link;
	int err;

	questions_conf(d->conf, &conf.questions);
	err = link_parent_open(&link, d->net, d->ledger, &conf, m);

	if (err)
		return err;
	pthread_mutex_lock(&c->lock);
	c->link = link;
	pthread_mutex_unlock(&c->lock);
	daemon_children(d, link);
	return 0;
}

static void link_close(struct children *c)
{
	struct link_parent *link = c->link;

	daemon_children(c->daemon, NULL);
	pthread_mutex_lock(&c->lock);
	c->link = NULL;
	pthread_mutex_unlock(&c->lock);
	link_parent_close(link);
}

static void rows_put(struct children *c, struct rows *r)
{
	r->before = c->rows;
	pthread_mutex_lock(&c->lock);
	c->rows = r;
	pthread_mutex_unlock(&c->lock);
	office_children(office_of(c->daemon), r->areas, r->n);
}

static void again(void *arg)
{
	struct children *c = arg;
	struct errmsg m = { "" };

	if (c->link || link_open(c, &m) == 0) {
		timer_stop(c->again);
		log_info("link", "children taken over: %zu", c->rows->n);
	}
}

void children_reload(struct daemon *d, const struct conf *next)
{
	struct children *c = children_of(d);
	struct rows *r = rows_read(next);

	if (!r) {
		log_error(
			"link", "reload: the children stay as they were: %s", err_words(ERR_NOMEM));
		return;
	}
	if (rows_same(r, c->rows)) {
		rows_free(r);
		return;
	}
	if (c->link)
		link_close(c);
	rows_put(c, r);
	timer_start(c->again, 1, AGAIN_MS);
}

/* ---- start, stop ---- */

static void children_free(struct daemon *d)
{
	struct children *c = children_of(d);

	office_children(office_of(d), NULL, 0);
	if (c->again)
		timer_close(c->again);
	rows_free(c->rows);
	pthread_mutex_destroy(&c->lock);
	free(c);
	d->own = NULL;
}

static int children_start(struct daemon *d, struct errmsg *m)
{
	struct children *c = calloc(1, sizeof(*c));
	struct rows *r = rows_read(d->conf);
	int err = c && r ? 0 : ERR_NOMEM;

	if (err) {
		free(c);
		rows_free(r);
		return err;
	}
	pthread_mutex_init(&c->lock, NULL);
	c->daemon = d;
	d->own = c;
	rows_put(c, r);
	c->again = timer_open(d->loop, again, c);
	err = c->again ? link_open(c, m) : ERR_NOMEM;
	if (err)
		children_free(d);
	return err;
}

static void children_stop(struct daemon *d)
{
	if (children_of(d)->link)
		link_close(children_of(d));
	children_free(d);
}

const struct daemon_part children_part = { "children", children_start, children_stop };

/* ---- asking ---- */

struct child *children_now(struct daemon *d, size_t *n)
{
	struct children *c = children_of(d);
	struct child *all = NULL;
	struct store_txn *t;

	/* The fold first: it can only be behind what the link says afterwards. */
	if (store_read_begin(views_store(office_of(d)->views), &t, READ_MS) != 0)
		return NULL;
	pthread_mutex_lock(&c->lock);
	*n = c->rows->n;
	all = calloc(*n + 1, sizeof(*all));
	for (size_t i = 0; all && i < *n; i++) {
		all[i].folded = fold_position(t, c->rows->areas[i]);
		if (c->link)
			link_parent_status(c->link, i, &all[i].link);
		else
			snprintf(all[i].link.state, sizeof(all[i].link.state), "absent");
		all[i].link.origin = c->rows->areas[i];
	}
	pthread_mutex_unlock(&c->lock);
	store_read_end(t);
	return all;
}

uint64_t children_refused(struct daemon *d, int fault)
{
	struct children *c = children_of(d);
	uint64_t n;

	pthread_mutex_lock(&c->lock);
	n = c->link ? link_parent_refused(c->link, fault) : 0;
	pthread_mutex_unlock(&c->lock);
	return n;
}

bool children_signer(struct daemon *d, uint32_t origin, uint8_t signer[SIGN_PUBLIC_BYTES])
{
	struct children *c = children_of(d);
	bool found = false;

	pthread_mutex_lock(&c->lock);
	for (size_t i = 0; i < c->rows->n && !found; i++) {
		found = c->rows->areas[i] == origin;
		if (found)
			memcpy(signer, c->rows->at[i].signer, SIGN_PUBLIC_BYTES);
	}
	pthread_mutex_unlock(&c->lock);
	return found;
}
