/* Files by name: a city that wants another gate puts gate.rule into its directory, and the one that
 * the program carries is not read; a file of another name is read beside them. What stands twice in
 * two files is refused like what stands twice in one.
 *
 * In the order of names, whatever the order of the directory: the digest of the same files is the
 * same on every machine. */
#include "daemon/talent/talent_place.h"

#include <stdio.h>
#include <stdlib.h>

#include "daemon/base/buf.h"

#define FILES_MAX 64

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct form_source *)a)->name, ((const struct form_source *)b)->name);
}

static bool named(const struct form_source *at, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(at[i].name, name) == 0)
			return true;
	return false;
}

struct talent_rules *talent_rules_place(const char *dir, struct errmsg *m)
{
	struct form_source found[FILES_MAX] = { { 0 } }, all[2 * FILES_MAX];
	struct talent_rules *t = NULL;
	size_t n_found = 0, n = 0;
	int err = dir[0] ? form_dir_files(dir, ".rule", found, FILES_MAX, &n_found, m) : 0;

	for (; n < n_found; n++)
		all[n] = found[n];
	for (size_t i = 0; i < talent_sources_n && n < 2 * FILES_MAX; i++)
		if (!named(found, n_found, talent_sources[i].name))
			all[n++] = talent_sources[i];
	if (!err) {
		qsort(all, n, sizeof(*all), by_name);
		t = talent_rules_open(all, n, m);
	}
	for (size_t i = 0; i < n_found; i++) {
		free((void *)(uintptr_t)found[i].name);
		free((void *)(uintptr_t)found[i].text);
	}
	return t;
}

void talent_mark(struct talent_mark *out, const struct talent_rules *t)
{
	*out = (struct talent_mark){ .n_gates = 0 };
	hex_put(out->all, (const char *)t->digest, TALENT_MARK_CHARS / 2);
	hex_put(out->gates, (const char *)t->gates_digest, TALENT_MARK_CHARS / 2);
	for (const struct talent_gate *g = t->gates; g && out->n_gates < TALENT_GATES_MAX;
		g = g->next) {
		struct talent_mark_gate *at = &out->at[out->n_gates++];

		at->valid_from = g->valid_from;
		(void)snprintf(at->version, sizeof(at->version), "%s", g->version);
	}
}

const char *talent_mark_gate(const struct talent_mark *k, int day)
{
	for (size_t i = 0; i < k->n_gates; i++)
		if (k->at[i].valid_from <= day)
			return k->at[i].version;
	return "";
}
