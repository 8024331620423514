/* An IDENTITY entry of a pid takes the place of the one before in the same ledger: within a ledger
 * entries come in order, and rows of other ledgers stand beside it. The tags of the old one go out,
 * those of the new one come in; a tag's mark is looked up anew each time in two steps of a cursor.
 */
#include "daemon/fold/identities.h"

#include "daemon/fold/finding.h"
#include "daemon/fold/fold.h"
#include "proto/identity.pb-c.h"

#define MARK_BYTES 8
#define SEALED_LEAST 64
#define SEALED_MOST 4096
#define TAG_KEY (1 + IDENTITY_TAG_SIZE)
#define PIDS_SEEN 64 /* members of a linked person whose names are told apart */

static struct text bytes(const void *p, size_t n)
{
	return (struct text){ p, n };
}

bool identity_body_read(struct identity_body *out, struct text body, struct arena *a)
{
	const Tally__Identity *i = tally__identity__unpack(&a->pb, body.n, (const uint8_t *)body.p);

	if (!i || !i->has_pid || i->pid.len != PID_BYTES || !i->has_registrar ||
		i->registrar.len != MARK_BYTES || !i->has_sealed || i->sealed.len < SEALED_LEAST ||
		i->sealed.len > SEALED_MOST || i->n_tags > IDENTITY_ROW_TAGS_MAX)
		return false;
	*out = (struct identity_body){ .pid = i->pid.data,
		.registrar = i->registrar.data,
		.sealed = bytes(i->sealed.data, i->sealed.len),
		.n_tags = i->n_tags };
	for (size_t k = 0; k < i->n_tags; k++) {
		if (i->tags[k].len != IDENTITY_TAG_SIZE)
			return false;
		out->tags[k] = i->tags[k].data;
	}
	return true;
}

/* ---- tags ---- */

#define TAG_ROW (TAG_KEY + PID_BYTES + 4)

static void tag_row(uint8_t key[TAG_ROW], const uint8_t *tag, const uint8_t *pid, uint32_t origin)
{
	key[0] = 'T';
	memcpy(key + 1, tag, IDENTITY_TAG_SIZE);
	memcpy(key + TAG_KEY, pid, PID_BYTES);
	put_u32(key + TAG_KEY + PID_BYTES, origin);
}

/* Do two pids have it? */
static bool tag_shared(struct store_txn *t, const uint8_t *tag)
{
	struct store_cursor *c = store_cursor_open(t, VIEW_CASE);
	uint8_t from[TAG_ROW];
	struct text key, value;
	bool shared = false;

	if (!c)
		return false;
	memset(from, 0, sizeof from);
	from[0] = 'T';
	memcpy(from + 1, tag, IDENTITY_TAG_SIZE);
	if (store_seek(c, bytes(from, TAG_KEY), &key, &value) && key.n == TAG_ROW &&
		memcmp(key.p, from, TAG_KEY) == 0) {
		/* behind every row of the first pid */
		memcpy(from, key.p, TAG_ROW);
		memset(from + TAG_KEY + PID_BYTES, 0xff, 4);
		shared = store_seek(c, bytes(from, TAG_ROW), &key, &value) && key.n == TAG_ROW &&
			 memcmp(key.p, from, TAG_KEY) == 0;
	}
	store_cursor_close(c);
	return shared;
}

static void tag_mark(struct store_txn *t, const uint8_t *tag)
{
	uint8_t key[TAG_KEY] = { 'D' };

	memcpy(key + 1, tag, IDENTITY_TAG_SIZE);
	if (tag_shared(t, tag))
		store_put(t, VIEW_CASE, bytes(key, TAG_KEY), TEXT(""));
	else
		store_del(t, VIEW_CASE, bytes(key, TAG_KEY));
}

static void tags_out(struct store_txn *t, const uint8_t *pid, uint32_t origin, struct text row)
{
	uint8_t old[MARK_BYTES + 8 + IDENTITY_ROW_TAGS_MAX * IDENTITY_TAG_SIZE];
	size_t n = row.n < sizeof old ? row.n : sizeof old;

	memcpy(old, row.p, n); /* what was read goes with the first write */
	for (size_t at = MARK_BYTES + 8; at + IDENTITY_TAG_SIZE <= n; at += IDENTITY_TAG_SIZE) {
		uint8_t key[TAG_ROW];

		tag_row(key, old + at, pid, origin);
		store_del(t, VIEW_CASE, bytes(key, TAG_ROW));
		tag_mark(t, old + at);
	}
}

const char *identity_fold(struct store_txn *t, const struct entry_view *e, struct arena *a)
{
	uint8_t key[PID_BYTES + 4], row[8 + MARK_BYTES + IDENTITY_ROW_TAGS_MAX * IDENTITY_TAG_SIZE];
	struct identity_body i;
	struct text old;
	size_t n = 8 + MARK_BYTES;

	if (origin_is_decisions(e->origin))
		return FINDING_LEDGER;
	if (!identity_body_read(&i, e->body, a))
		return FINDING_BODY;
	memcpy(key, i.pid, PID_BYTES);
	put_u32(key + PID_BYTES, e->origin);
	if (store_get(t, VIEW_IDENTITY, bytes(key, sizeof key), &old) == 0)
		tags_out(t, i.pid, e->origin, old);
	put_u64(row, e->position);
	memcpy(row + 8, i.registrar, MARK_BYTES);
	for (size_t k = 0; k < i.n_tags; k++, n += IDENTITY_TAG_SIZE) {
		uint8_t tag[TAG_ROW];

		memcpy(row + n, i.tags[k], IDENTITY_TAG_SIZE);
		tag_row(tag, i.tags[k], i.pid, e->origin);
		store_put(t, VIEW_CASE, bytes(tag, TAG_ROW), TEXT(""));
		tag_mark(t, i.tags[k]);
	}
	store_put(t, VIEW_IDENTITY, bytes(key, sizeof key), bytes(row, n));
	return NULL;
}

/* ---- names ---- */

/* Facts of FACT_NAME hold a part of the pid (from, till) and the tag (rows). Does one pid have two
 * tags? */
static bool two_names(struct fact_list l)
{
	struct fact_list names = facts_of_source(l, FACT_NAME);
	const uint8_t *first[PIDS_SEEN];
	size_t n = 0;

	for (size_t i = 0; i < names.n; i++) {
		const uint8_t *f = names.at[i];
		size_t k = 0;

		while (k < n && memcmp(first[k] + 6, f + 6, 4) != 0)
			k++;
		if (k < n && memcmp(first[k] + 10, f + 10, NAME_TAG_BYTES) != 0)
			return true;
		if (k == n && n < PIDS_SEEN)
			first[n++] = f;
	}
	return false;
}

void names_mark(struct store_txn *t, const uint8_t pid[PID_BYTES], struct fact_list old,
	struct fact_list new)
{
	bool was = two_names(old), is = two_names(new);
	uint8_t key[1 + PID_BYTES] = { 'N' };

	if (was == is)
		return;
	memcpy(key + 1, pid, PID_BYTES);
	if (is)
		store_put(t, VIEW_CASE, bytes(key, sizeof key), TEXT(""));
	else
		store_del(t, VIEW_CASE, bytes(key, sizeof key));
}

/* ---- reading ---- */

static bool row_read(struct identity_row *out, struct text key, struct text value)
{
	if (key.n != PID_BYTES + 4 || value.n < 8 + MARK_BYTES ||
		(value.n - 8 - MARK_BYTES) % IDENTITY_TAG_SIZE)
		return false;
	memcpy(out->pid, key.p, PID_BYTES);
	out->origin = get_u32((const uint8_t *)key.p + PID_BYTES);
	out->position = get_u64((const uint8_t *)value.p);
	out->registrar = (const uint8_t *)value.p + 8;
	out->tags = (const uint8_t(*)[IDENTITY_TAG_SIZE])(value.p + 8 + MARK_BYTES);
	out->n_tags = (value.n - 8 - MARK_BYTES) / IDENTITY_TAG_SIZE;
	return true;
}

void identity_walk(struct store_txn *t, const uint8_t *pid,
	bool (*fn)(void *arg, const struct identity_row *row), void *arg)
{
	struct store_cursor *c = store_cursor_open(t, VIEW_IDENTITY);
	struct text key, value;

	for (bool more = c && store_seek(c, bytes(pid, pid ? PID_BYTES : 0), &key, &value); more;
		more = store_next(c, &key, &value)) {
		struct identity_row row;

		if (!row_read(&row, key, value)) {
			store_fail(t, ERR_DAMAGED);
			break;
		}
		if ((pid && memcmp(row.pid, pid, PID_BYTES) != 0) || !fn(arg, &row))
			break;
	}
	if (c)
		store_cursor_close(c);
}

void names_walk(struct store_txn *t, bool (*fn)(void *arg, const uint8_t pid[PID_BYTES]), void *arg)
{
	struct store_cursor *c = store_cursor_open(t, VIEW_CASE);
	struct text key, value;

	for (bool more = c && store_seek(c, TEXT("N"), &key, &value); more && key.p[0] == 'N';
		more = store_next(c, &key, &value))
		if (key.n != 1 + PID_BYTES || !fn(arg, (const uint8_t *)key.p + 1))
			break;
	if (c)
		store_cursor_close(c);
}

/* The pids of one tag; false: stop. */
static bool tag_pids(struct store_txn *t, const uint8_t *tag,
	bool (*fn)(void *arg, const uint8_t tag[IDENTITY_TAG_SIZE], const uint8_t pid[PID_BYTES]),
	void *arg)
{
	struct store_cursor *c = store_cursor_open(t, VIEW_CASE);
	uint8_t from[TAG_KEY] = { 'T' }, last[PID_BYTES];
	struct text key, value;
	bool some = false, on = true;

	memcpy(from + 1, tag, IDENTITY_TAG_SIZE);
	for (bool more = c && store_seek(c, bytes(from, TAG_KEY), &key, &value);
		more && on && key.n == TAG_ROW && memcmp(key.p, from, TAG_KEY) == 0;
		more = store_next(c, &key, &value)) {
		if (some && memcmp(last, key.p + TAG_KEY, PID_BYTES) == 0)
			continue;
		some = true;
		memcpy(last, key.p + TAG_KEY, PID_BYTES);
		on = fn(arg, tag, last);
	}
	if (c)
		store_cursor_close(c);
	return on;
}

void tags_walk(struct store_txn *t,
	bool (*fn)(void *arg, const uint8_t tag[IDENTITY_TAG_SIZE], const uint8_t pid[PID_BYTES]),
	void *arg)
{
	struct store_cursor *c = store_cursor_open(t, VIEW_CASE);
	struct text key, value;

	for (bool more = c && store_seek(c, TEXT("D"), &key, &value); more && key.p[0] == 'D';
		more = store_next(c, &key, &value))
		if (key.n != TAG_KEY || !tag_pids(t, (const uint8_t *)key.p + 1, fn, arg))
			break;
	if (c)
		store_cursor_close(c);
}
