/*
 *     refused:  number (u64) → at, ms (u64) | line (u64) | n (u8), register | n (u8), author |
 * faults
 *
 * Numbers go up by one; what is REFUSALS_KEPT below the newest is deleted in the same transaction.
 */
#include "daemon/intake/refusals.h"

#include "daemon/base/buf.h"

#define FRONT 16

void refusals_add(struct refusals *r, uint64_t line, const struct faults *faults)
{
	struct refusal *to = &r->at[r->n++ % REFUSALS_MAX];

	to->line = line;
	to->n = 0;
	for (size_t i = 0; i < faults->n; i++) {
		const struct fault *f = &faults->at[i];
		const char *field = f->field ? f->field->name : "";
		size_t code = strlen(f->def->code), name = strlen(field), n = to->n;

		if (n + 2 + code + name > sizeof to->faults)
			break;
		if (n)
			to->faults[n++] = ';';
		memcpy(to->faults + n, f->def->code, code);
		n += code;
		to->faults[n++] = ' ';
		memcpy(to->faults + n, field, name);
		to->n = n + name;
	}
}

static size_t put_short(uint8_t *p, struct text t)
{
	size_t n = t.n < 255 ? t.n : 255;

	p[0] = (uint8_t)n;
	if (n)
		memcpy(p + 1, t.p, n);
	return n + 1;
}

/* Number of the newest, 0 when there is none. */
static uint64_t newest(struct store_txn *t, int table)
{
	struct store_cursor *c = store_cursor_open(t, table);
	struct text key, value;
	uint64_t number = 0;

	if (c && store_before(c, (struct text){ NULL, 0 }, &key, &value) && key.n == 8)
		number = get_u64((const uint8_t *)key.p);
	if (c)
		store_cursor_close(c);
	return number;
}

void refusals_put(struct store_txn *t, int table, const struct refusals *r, struct text reg,
	struct text author, uint64_t at_ms)
{
	uint8_t key[8], value[FRONT + 512 + REFUSAL_FAULTS_MAX];
	uint64_t number;
	size_t first = r->n > REFUSALS_MAX ? r->n - REFUSALS_MAX : 0;

	if (r->n == 0)
		return;
	number = newest(t, table);
	for (size_t i = first; i < r->n; i++) {
		const struct refusal *from = &r->at[i % REFUSALS_MAX];
		size_t n = FRONT;

		put_u64(value, at_ms);
		put_u64(value + 8, from->line);
		n += put_short(value + n, reg);
		n += put_short(value + n, author);
		memcpy(value + n, from->faults, from->n);
		put_u64(key, ++number);
		store_append(t, table, (struct text){ (const char *)key, 8 },
			(struct text){ (const char *)value, n + from->n });
		if (number > REFUSALS_KEPT) {
			put_u64(key, number - REFUSALS_KEPT);
			store_del(t, table, (struct text){ (const char *)key, 8 });
		}
	}
}

/* A text behind its length; false when it does not fit. */
static bool take_short(struct text *from, struct text *out)
{
	size_t n = from->n ? (uint8_t)from->p[0] : 0;

	if (from->n < 1 + n)
		return false;
	*out = (struct text){ from->p + 1, n };
	*from = (struct text){ from->p + 1 + n, from->n - 1 - n };
	return true;
}

void refusals_walk(struct store_txn *t, int table, uint64_t limit,
	bool (*fn)(void *arg, const struct refusal_view *v), void *arg)
{
	struct store_cursor *c = store_cursor_open(t, table);
	struct text before = { NULL, 0 }, key, value;

	while (c && limit-- && store_before(c, before, &key, &value)) {
		struct refusal_view v = { 0 };
		struct text rest;

		before = key;
		if (value.n < FRONT)
			continue;
		v.at_ms = get_u64((const uint8_t *)value.p);
		v.line = get_u64((const uint8_t *)value.p + 8);
		rest = (struct text){ value.p + FRONT, value.n - FRONT };
		if (!take_short(&rest, &v.reg) || !take_short(&rest, &v.author))
			continue;
		v.faults = rest;
		if (!fn(arg, &v))
			break;
	}
	if (c)
		store_cursor_close(c);
}
