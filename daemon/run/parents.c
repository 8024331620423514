/* The writer thread wakes the links (daemon_ledger_grew), the API's threads read them, the loop
 * opens and closes them: a link is put into the list only when it is open, and taken out before it
 * is closed, under the lock. */
#include "daemon/run/parents.h"

#include "daemon/base/log.h"
#include "daemon/run/settings.h"

/* The store's writer thread. */
static void on_followed(void *arg, uint32_t origin, uint64_t position)
{
	struct daemon *d = arg;

	(void)position;
	if (d->program->followed)
		d->program->followed(d, origin);
}

static int open_one(struct daemon *d, const struct conf *c, size_t i, struct errmsg *m)
{
	struct link_child_conf conf;
	struct link_child *link;
	int err;

	settings_parent(c, i, &conf);
	conf.gates = d->has_gates ? d->gates : NULL;
	conf.on_followed = on_followed;
	conf.arg = d;
	err = link_child_open(&link, d->net, d->ledger, &conf, m);
	if (err)
		return err;
	pthread_mutex_lock(&d->parents_lock);
	d->parents[d->n_parents++] = link;
	pthread_mutex_unlock(&d->parents_lock);
	return 0;
}

static void close_one(struct daemon *d, size_t i)
{
	struct link_child *link;

	pthread_mutex_lock(&d->parents_lock);
	link = d->parents[i];
	d->n_parents--;
	for (; i < d->n_parents; i++)
		d->parents[i] = d->parents[i + 1];
	pthread_mutex_unlock(&d->parents_lock);
	link_child_close(link);
}

int parents_open(struct daemon *d, struct errmsg *m)
{
	size_t n = conf_sections(d->conf, "parent");
	int err = 0;

	for (size_t i = 0; i < n && !err; i++)
		err = open_one(d, d->conf, i, m);
	if (err)
		parents_close(d);
	return err;
}

void parents_close(struct daemon *d)
{
	while (d->n_parents)
		close_one(d, d->n_parents - 1);
}

/* Does `c` have the parent of the same name, endpoint and keys? */
static bool stands_in(const struct conf *c, const struct conf *other, size_t i)
{
	static const char *const names[] = { "endpoint", "key", "signer" };
	size_t n = conf_sections(c, "parent"), k = 0;

	while (k < n && strcmp(conf_title(c, "parent", k), conf_title(other, "parent", i)) != 0)
		k++;
	for (size_t s = 0; k < n && s < sizeof(names) / sizeof(names[0]); s++)
		if (strcmp(conf_in_text(c, "parent", k, names[s]),
			    conf_in_text(other, "parent", i, names[s])) != 0)
			return false;
	return k < n;
}

static void close_named(struct daemon *d, const char *name)
{
	struct link_child_status s;

	for (size_t i = 0; i < d->n_parents; i++) {
		link_child_status(d->parents[i], &s);
		if (strcmp(s.name, name) == 0) {
			close_one(d, i);
			return;
		}
	}
}

void parents_reload(struct daemon *d, const struct conf *before, const struct conf *next)
{
	size_t n_before = conf_sections(before, "parent"), n_next = conf_sections(next, "parent");
	struct errmsg m;

	for (size_t i = 0; i < n_before; i++) {
		if (stands_in(next, before, i))
			continue;
		log_info("run", "link to parent %s: closed", conf_title(before, "parent", i));
		close_named(d, conf_title(before, "parent", i));
	}
	for (size_t i = 0; i < n_next; i++) {
		if (stands_in(before, next, i))
			continue;
		if (open_one(d, next, i, &m))
			log_error("run", "link to parent %s: %s", conf_title(next, "parent", i),
				m.text);
		else
			log_info("run", "link to parent %s: opened", conf_title(next, "parent", i));
	}
}

size_t parents_status(struct daemon *d, struct link_child_status out[PARENTS_MAX])
{
	size_t n;

	pthread_mutex_lock(&d->parents_lock);
	n = d->n_parents;
	for (size_t i = 0; i < n; i++)
		link_child_status(d->parents[i], &out[i]);
	pthread_mutex_unlock(&d->parents_lock);
	return n;
}

void daemon_ledger_grew(struct daemon *d)
{
	if (d->program->grew)
		d->program->grew(d);
	pthread_mutex_lock(&d->parents_lock);
	for (size_t i = 0; i < d->n_parents; i++)
		link_child_wake(d->parents[i]);
	if (d->children)
		link_parent_wake(d->children);
	pthread_mutex_unlock(&d->parents_lock);
}

void daemon_children(struct daemon *d, struct link_parent *children)
{
	pthread_mutex_lock(&d->parents_lock);
	d->children = children;
	pthread_mutex_unlock(&d->parents_lock);
}

/* Under the lock. n_parents: there is none. */
static size_t who_answers(struct daemon *d, const char *name, struct link_child_status *which)
{
	size_t first = d->n_parents;

	for (size_t i = 0; i < d->n_parents; i++) {
		link_child_status(d->parents[i], which);
		if (name ? strcmp(which->name, name) == 0 : which->questions.granted > 0)
			return i;
		if (!name && first == d->n_parents)
			first = i;
	}
	if (first < d->n_parents)
		link_child_status(d->parents[first], which);
	return first;
}

int parents_ask(struct daemon *d, const char *name, const struct link_question *q,
	struct link_asked **out, struct link_child_status *which)
{
	size_t i;
	int err;

	*out = NULL;
	pthread_mutex_lock(&d->parents_lock);
	i = who_answers(d, name, which);
	err = i < d->n_parents ? 0 : ERR_NOTFOUND;
	if (!err) {
		*out = link_child_ask(d->parents[i], q);
		err = *out ? 0 : ERR_NOMEM;
	}
	pthread_mutex_unlock(&d->parents_lock);
	return err;
}

bool parents_signer(struct daemon *d, uint32_t origin, uint8_t signer[SIGN_PUBLIC_BYTES])
{
	struct link_child_status s;
	bool found = false;

	pthread_mutex_lock(&d->parents_lock);
	for (size_t i = 0; i < d->n_parents && !found; i++) {
		link_child_status(d->parents[i], &s);
		found = s.decisions.origin == origin && s.decisions.fault != LINK_SIGNER;
		if (found)
			memcpy(signer, s.signer, SIGN_PUBLIC_BYTES);
	}
	pthread_mutex_unlock(&d->parents_lock);
	return found;
}
