/* Chunk after chunk into a store that is made for this and goes with it: plan up to the bounds →
 * fold → commit → ask whether to go on. Nothing is synced (the store is derived), and what a kill
 * leaves is removed by the next one.
 *
 * How it fails: an entry that cannot be read ends the fold and is named; a full store or disk ends
 * it too; the running views are never touched. */
#include "daemon/fold/anew.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CHUNK 4096
#define SPANS_MAX 256
#define READ_MS 600000

struct anew {
	struct anew_conf conf;
	char dir[4096];
	struct store *store;
	struct fold *fold;
	const struct fold_bound *bounds; /* of the fold under way */
	size_t n_bounds;
	uint64_t folded; /* by the last chunk */
	uint64_t entries;
	struct fold_bound broken;
	struct fold_span spans[SPANS_MAX];
};

void anew_remove(const char *dir)
{
	DIR *d = opendir(dir);
	char path[4096];

	if (!d)
		return;
	for (struct dirent *e = readdir(d); e; e = readdir(d)) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (snprintf(path, sizeof(path), "%s/%s", dir, e->d_name) < (int)sizeof(path))
			unlink(path);
	}
	closedir(d);
	rmdir(dir);
}

int anew_open(struct anew **out, const struct anew_conf *conf, struct errmsg *m)
{
	struct anew *a = calloc(1, sizeof(*a));
	struct store_conf sc = { .dir = conf->dir,
		.tables = view_table_names,
		.n_tables = VIEW_TABLES,
		.limit_bytes = conf->limit_bytes,
		.create = true,
		.derived = true };
	int err = ERR_NOMEM;

	if (!a)
		return err;
	a->conf = *conf;
	if ((size_t)snprintf(a->dir, sizeof(a->dir), "%s", conf->dir) >= sizeof(a->dir)) {
		free(a);
		return ERR_LIMIT;
	}
	anew_remove(a->dir);
	a->fold = fold_open(conf->forms, conf->city);
	if (a->fold)
		err = conf->rules ? fold_talents(a->fold, conf->rules) : 0;
	if (!err)
		err = store_open(&a->store, &sc, m);
	if (err) {
		fold_close(a->fold);
		free(a);
		return err;
	}
	*out = a;
	return 0;
}

void anew_close(struct anew *a)
{
	if (!a)
		return;
	store_close(a->store);
	anew_remove(a->dir);
	fold_close(a->fold);
	free(a);
}

static int chunk_job(struct store_txn *t, void *arg)
{
	struct anew *a = arg;
	struct store_txn *ledgers;
	uint64_t left;
	size_t n;
	int err = store_read_begin(ledger_store(a->conf.ledger), &ledgers, READ_MS);

	if (err)
		return err;
	a->folded = 0;
	n = fold_plan(t, ledgers, a->bounds, a->n_bounds, CHUNK, a->spans, SPANS_MAX, &left);
	if (n)
		err = fold_chunk(a->fold, t, ledgers, a->spans, n);
	store_read_end(ledgers);
	for (size_t i = 0; i < n && !err; i++) {
		a->folded += a->spans[i].last + 1 - a->spans[i].first;
		err = a->spans[i].err;
		if (err)
			a->broken = (struct fold_bound){ a->spans[i].origin, a->spans[i].last + 1 };
	}
	return err;
}

int anew_fold(struct anew *a, const struct fold_bound *bounds, size_t n)
{
	a->bounds = bounds;
	a->n_bounds = n;
	do {
		int err;

		if (a->conf.stop && a->conf.stop(a->conf.arg, a->entries))
			return ERR_CLOSED;
		err = store_write(a->store, chunk_job, a, 0);
		if (err)
			return err;
		a->entries += a->folded;
	} while (a->folded);
	return 0;
}

struct fold_bound anew_broken(const struct anew *a)
{
	return a->broken;
}

uint64_t anew_entries(const struct anew *a)
{
	return a->entries;
}

struct store *anew_store(struct anew *a)
{
	return a->store;
}
