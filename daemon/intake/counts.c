/*
 *     "count/" register          → accepted | changed | unchanged | refused | retracted (u64 each)
 *     "fault/" register "/" code → how often (u64)
 *
 * Two or three small values that every commit of the intake moves: they share a page, so a commit
 * pays for one. */
#include "daemon/intake/counts.h"

#include "daemon/base/buf.h"

#define COUNTERS 5
#define COUNT_BYTES (8 * COUNTERS)
#define COUNT_PREFIX TEXT("count/")
#define FAULT_PREFIX TEXT("fault/")

void fault_counts_add(struct fault_counts *f, const struct faults *faults)
{
	size_t n;
	const struct fault_def *defs = fault_defs(&n);

	for (size_t i = 0; i < faults->n; i++) {
		size_t k = (size_t)(faults->at[i].def - defs);

		if (k < FAULT_DEFS_MAX) {
			f->at[k]++;
			f->any = true;
		}
	}
}

static struct text name_of(char *out, struct text prefix, struct text reg, struct text code)
{
	size_t n = 0;

	memcpy(out, prefix.p, prefix.n);
	n += prefix.n;
	memcpy(out + n, reg.p, reg.n);
	n += reg.n;
	if (code.n) {
		out[n++] = '/';
		memcpy(out + n, code.p, code.n);
		n += code.n;
	}
	return (struct text){ out, n };
}

static struct counts unpack(struct text value)
{
	const uint8_t *p = (const uint8_t *)value.p;

	if (value.n != COUNT_BYTES)
		return (struct counts){ 0 };
	return (struct counts){ get_u64(p), get_u64(p + 8), get_u64(p + 16), get_u64(p + 24),
		get_u64(p + 32) };
}

static void add_faults(
	struct store_txn *t, int table, struct text reg, const struct fault_counts *faults)
{
	size_t n;
	const struct fault_def *defs = fault_defs(&n);
	char name[128];
	uint8_t value[8];

	for (size_t i = 0; i < n && i < FAULT_DEFS_MAX; i++) {
		struct text key, stands;
		uint64_t was = 0;

		if (!faults->at[i])
			continue;
		key = name_of(name, FAULT_PREFIX, reg, text_of(defs[i].code));
		if (store_get(t, table, key, &stands) == 0 && stands.n == 8)
			was = get_u64((const uint8_t *)stands.p);
		put_u64(value, was + faults->at[i]);
		store_put(t, table, key, (struct text){ (const char *)value, 8 });
	}
}

void counts_add(struct store_txn *t, int table, struct text reg, const struct counts *c,
	const struct fault_counts *faults)
{
	char name[128];
	struct text key = name_of(name, COUNT_PREFIX, reg, (struct text){ NULL, 0 }), stands;
	struct counts was = { 0 };
	uint8_t value[COUNT_BYTES];

	if (store_get(t, table, key, &stands) == 0)
		was = unpack(stands);
	put_u64(value, was.accepted + c->accepted);
	put_u64(value + 8, was.changed + c->changed);
	put_u64(value + 16, was.unchanged + c->unchanged);
	put_u64(value + 24, was.refused + c->refused);
	put_u64(value + 32, was.retracted + c->retracted);
	store_put(t, table, key, (struct text){ (const char *)value, sizeof value });
	if (faults && faults->any)
		add_faults(t, table, reg, faults);
}

static bool starts(struct text t, struct text prefix)
{
	return t.n > prefix.n && memcmp(t.p, prefix.p, prefix.n) == 0;
}

static struct text behind(struct text t, size_t n)
{
	return (struct text){ t.p + n, t.n - n };
}

void counts_walk(struct store_txn *t, int table, const struct counts_visitor *v)
{
	struct store_cursor *c = store_cursor_open(t, table);
	struct text key, value;

	if (!c)
		return;
	for (bool more = store_seek(c, COUNT_PREFIX, &key, &value);
		more && starts(key, COUNT_PREFIX); more = store_next(c, &key, &value)) {
		struct counts counts = unpack(value);

		v->reg(v->arg, behind(key, COUNT_PREFIX.n), &counts);
	}
	for (bool more = v->fault && store_seek(c, FAULT_PREFIX, &key, &value);
		more && starts(key, FAULT_PREFIX); more = store_next(c, &key, &value)) {
		struct text reg = behind(key, FAULT_PREFIX.n);
		const char *slash = memchr(reg.p, '/', reg.n);

		if (slash && value.n == 8)
			v->fault(v->arg, (struct text){ reg.p, (size_t)(slash - reg.p) },
				behind(reg, (size_t)(slash - reg.p) + 1),
				get_u64((const uint8_t *)value.p));
	}
	store_cursor_close(c);
}

static void sum(void *arg, struct text reg, const struct counts *c)
{
	struct counts *total = arg;

	(void)reg;
	total->accepted += c->accepted;
	total->changed += c->changed;
	total->unchanged += c->unchanged;
	total->refused += c->refused;
	total->retracted += c->retracted;
}

struct counts counts_total(struct store_txn *t, int table)
{
	struct counts total = { 0 };
	const struct counts_visitor v = { .reg = sum, .arg = &total };

	counts_walk(t, table, &v);
	return total;
}
