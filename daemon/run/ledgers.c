/* Ledgers as tables. Entries hold no identities: a person stands there as a pseudonym. A damaged
 * entry is a row that says so; the ones after it are shown. */
#include "daemon/run/ledgers.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "daemon/run/parents.h"
#include "proto/arena.h"
#include "proto/entry.pb-c.h"
#include "proto/record.h"

#define READ_MS 10000
#define RENEW_EVERY 1000
#define SHOWN 100 /* without --from and --to */
#define SHOWN_MOST 100000
#define ARENA_BYTES (256 * 1024)

/* The origin that a request names; false: it was answered. */
static bool take_origin(struct api_call *call, uint32_t *origin)
{
	const char *text = api_arg(call, "origin");

	*origin = 0;
	if (!text)
		return true;
	size_t n = strspn(text, "0123456789");
	if (text[n] == 0 && (n == 6 || n == 7))
		*origin = (uint32_t)strtoul(text, NULL, 10);
	if (n == 7 && !origin_is_decisions(*origin))
		*origin = 0;
	if (!*origin)
		api_fail(call, 400,
			"an origin is an area code of six digits, or one with a 1 behind it (that "
			"area's decisions), as `ledger list` shows them");
	return *origin != 0;
}

/* All origins, or the one; on the heap. Returns how many. */
static size_t take_origins(struct daemon *d, uint32_t only, uint32_t **out, int *err)
{
	struct store_txn *t;
	size_t n = 0, kept = 0;

	*out = calloc(ORIGINS_MAX, sizeof(**out));
	*err = *out ? store_read_begin(ledger_store(d->ledger), &t, READ_MS) : ERR_NOMEM;
	if (*err)
		return 0;
	n = ledger_origins(t, *out, ORIGINS_MAX);
	*err = store_txn_err(t);
	store_read_end(t);
	n = n > ORIGINS_MAX ? ORIGINS_MAX : n;
	for (size_t i = 0; i < n; i++)
		if (!only || (*out)[i] == only)
			(*out)[kept++] = (*out)[i];
	if (!*err && only && !kept)
		*err = ERR_NOTFOUND;
	return kept;
}

/* ---- list ---- */

void ledgers_list(struct api_call *call)
{
	static const struct api_column columns[] = {
		{ "origin", "来源", "origin", API_TEXT },
		{ "position", "位置", "position", API_INT },
		{ "head", "链头", "head", API_TEXT },
		{ "bytes", "字节", "bytes", API_INT },
		{ "own", "本机", "own", API_TEXT },
	};
	struct daemon *d = api_context(call);
	struct api_table *table;
	struct store_txn *t;
	uint32_t *origins;
	int err;
	size_t n = take_origins(d, 0, &origins, &err);

	if (!err)
		err = store_read_begin(ledger_store(d->ledger), &t, READ_MS);
	if (err) {
		api_fail_err(call, err, "the ledgers cannot be read");
		free(origins);
		return;
	}
	table = api_table(call, columns, sizeof(columns) / sizeof(columns[0]));
	for (size_t i = 0; i < n; i++) {
		struct ledger_head h = ledger_head(t, origins[i]);
		char hex[2 * HASH_BYTES + 1];

		hex_put(hex, h.head, HASH_BYTES);
		api_cell_printf(table, "%u", origins[i]);
		api_cell_int(table, (int64_t)h.position);
		api_cell_str(table, hex);
		api_cell_int(table, (int64_t)h.bytes);
		api_cell_str(table, ledger_is_own(d->ledger, origins[i]) ? "yes" : "no");
	}
	store_read_end(t);
	api_table_end(table);
	free(origins);
}

/* ---- show ---- */

static void cell_kind(struct api_table *table, uint32_t kind)
{
	static const char *const names[] = { [TALLY__ENTRY_KIND__GENESIS] = "genesis",
		[TALLY__ENTRY_KIND__RECORD] = "record",
		[TALLY__ENTRY_KIND__RETRACT] = "retract",
		[TALLY__ENTRY_KIND__RETURN] = "return",
		[TALLY__ENTRY_KIND__EXPLAIN] = "explain",
		[TALLY__ENTRY_KIND__INTAKE] = "intake",
		[TALLY__ENTRY_KIND__IDENTITY] = "identity",
		[TALLY__ENTRY_KIND__DECISION] = "decision",
		[TALLY__ENTRY_KIND__VERSION] = "version",
		[TALLY__ENTRY_KIND__FIGURES] = "figures",
		[TALLY__ENTRY_KIND__FORMS] = "forms",
		[TALLY__ENTRY_KIND__CASE] = "case" };

	if (kind < sizeof(names) / sizeof(*names) && names[kind])
		api_cell_str(table, names[kind]);
	else
		api_cell_printf(table, "%u", kind);
}

/* Shanghai's time (UTC+8, no summer time since 1991). */
static void cell_time(struct api_table *table, uint64_t at_ms)
{
	time_t at = (time_t)(at_ms / 1000 + 8 * 3600);
	char text[40];
	struct tm tm;

	if (!at_ms || at_ms / 1000 > 253402300799ull || !gmtime_r(&at, &tm))
		text[0] = 0;
	else
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S+08:00", &tm);
	api_cell_str(table, text);
}

/* The natural key of a record's body. */
static struct text key_of(const struct entry_view *e, struct arena *a)
{
	const struct reg *reg = register_find(e->reg);
	struct record r;

	if (e->key.n || !reg || e->kind != TALLY__ENTRY_KIND__RECORD ||
		record_unpack(reg, e->body, a, &r))
		return e->key;
	return record_key(&r, a);
}

/* A row; false: the entry is damaged. */
static bool show_entry(struct api_table *table, struct store_txn *t, uint32_t origin,
	uint64_t position, struct arena *a)
{
	uint8_t hash[HASH_BYTES];
	char hex[2 * HASH_BYTES + 1];
	struct entry_view e;
	struct text bytes;
	int err = ledger_get(t, origin, position, &bytes);

	arena_reset(a);
	if (!err)
		err = entry_unpack(&e, bytes, a);
	api_cell_int(table, (int64_t)position);
	if (err) {
		api_cell_str(table, "damaged");
		for (int i = 0; i < 6; i++)
			api_cell_str(table, NULL);
		return false;
	}
	hash_entry(hash, bytes);
	hex_put(hex, hash, HASH_BYTES);
	cell_kind(table, e.kind);
	api_cell(table, e.reg);
	cell_time(table, e.at_ms);
	api_cell(table, e.author);
	api_cell(table, key_of(&e, a));
	api_cell(table, e.reason);
	api_cell_str(table, hex);
	return true;
}

/* From and to, within what stands. */
static bool take_range(struct api_call *call, uint64_t head, uint64_t *from, uint64_t *to)
{
	if (!api_number(call, "from", 0, 1, INT64_MAX, from) ||
		!api_number(call, "to", 0, 1, INT64_MAX, to))
		return false;
	if (!*to)
		*to = *from && head - *from >= SHOWN_MOST ? *from + SHOWN_MOST - 1 : head;
	if (*to > head)
		*to = head;
	if (!*from)
		*from = *to > SHOWN ? *to - SHOWN + 1 : 1;
	if (*to >= *from && *to - *from >= SHOWN_MOST) {
		api_fail(call, 400, "at most %d entries at once; narrow --from and --to",
			SHOWN_MOST);
		return false;
	}
	return true;
}

static void show(struct api_call *call, struct store_txn *t, uint32_t origin, struct arena *a)
{
	static const struct api_column columns[] = {
		{ "position", "位置", "position", API_INT },
		{ "kind", "种类", "kind", API_TEXT },
		{ "register", "登记册", "register", API_TEXT },
		{ "time", "时间", "time", API_TEXT },
		{ "author", "经办", "author", API_TEXT },
		{ "key", "键", "key", API_TEXT },
		{ "reason", "原因", "reason", API_TEXT },
		{ "hash", "哈希", "hash", API_TEXT },
	};
	struct ledger_head head = ledger_head(t, origin);
	struct api_table *table;
	uint64_t from, to;

	if (!head.position) {
		api_fail(call, 404,
			"no ledger of origin %u is held here; `ledger list` shows those that are",
			origin);
		return;
	}
	if (!take_range(call, head.position, &from, &to))
		return;
	table = api_table(call, columns, sizeof(columns) / sizeof(columns[0]));
	for (uint64_t p = from; p <= to && !api_stopping(call); p++) {
		if ((p - from) % RENEW_EVERY == RENEW_EVERY - 1 && store_read_renew(t))
			break;
		if (!show_entry(table, t, origin, p, a))
			api_set_exit(call, 1);
	}
	api_note(table, "positions %llu to %llu of %llu", (unsigned long long)from,
		(unsigned long long)to, (unsigned long long)head.position);
	if (store_txn_err(t))
		api_fail_err(call, store_txn_err(t), "the ledger cannot be read");
	else
		api_table_end(table);
}

void ledgers_show(struct api_call *call)
{
	struct daemon *d = api_context(call);
	struct store_txn *t;
	struct arena a;
	uint32_t origin;
	int err;

	if (!take_origin(call, &origin))
		return;
	err = store_read_begin(ledger_store(d->ledger), &t, READ_MS);
	if (err) {
		api_fail_err(call, err, "the ledger cannot be read");
		return;
	}
	arena_init(&a, ARENA_BYTES);
	show(call, t, origin, &a);
	arena_deinit(&a);
	store_read_end(t);
}

/* ---- verify ---- */

static bool known_signer(struct daemon *d, uint32_t origin, uint8_t signer[SIGN_PUBLIC_BYTES])
{
	if (ledger_is_own(d->ledger, origin)) {
		memcpy(signer, d->sign.public_key, SIGN_PUBLIC_BYTES);
		return true;
	}
	return parents_signer(d, origin, signer) ||
	       (d->program->signer_of && d->program->signer_of(d, origin, signer));
}

void ledgers_verify(struct api_call *call)
{
	static const struct api_column columns[] = {
		{ "origin", "来源", "origin", API_TEXT },
		{ "entries", "条目", "entries", API_INT },
		{ "seals", "签封", "seals", API_INT },
		{ "verdict", "结论", "verdict", API_TEXT },
		{ "broken_at", "断裂位置", "broken at", API_INT },
	};
	struct daemon *d = api_context(call);
	struct api_table *table;
	uint32_t origin, *origins;
	bool broken = false;
	size_t n;
	int err;

	if (!take_origin(call, &origin))
		return;
	n = take_origins(d, origin, &origins, &err);
	if (err) {
		api_fail_err(call, err,
			origin ? "no ledger of this origin is held here"
			       : "the ledgers cannot be read");
		free(origins);
		return;
	}
	table = api_table(call, columns, sizeof(columns) / sizeof(columns[0]));
	for (size_t i = 0; i < n && !api_stopping(call); i++) {
		uint8_t signer[SIGN_PUBLIC_BYTES];
		struct ledger_verdict v = { 0 };

		err = ledger_verify(d->ledger, origins[i],
			known_signer(d, origins[i], signer) ? signer : NULL, &v, NULL, NULL);
		if (!err)
			err = v.err;
		broken |= err != 0;
		api_cell_printf(table, "%u", origins[i]);
		api_cell_int(table, (int64_t)v.entries);
		api_cell_int(table, (int64_t)v.seals);
		api_cell_str(table, err ? err_words(err) : "whole");
		if (v.broken_at)
			api_cell_int(table, (int64_t)v.broken_at);
		else
			api_cell_str(table, NULL);
	}
	if (broken)
		api_set_exit(call, 1);
	api_table_end(table);
	free(origins);
}
