/* What is to be folded next, and how far the fold is. */
#include <stdlib.h>

#include "daemon/fold/fold.h"

static bool fold_row(
	struct text key, struct text value, struct fold_bound *out, const uint8_t **hash)
{
	if (key.n != 4 || value.n != 8 + HASH_BYTES)
		return false;
	out->origin = get_u32((const uint8_t *)key.p);
	out->position = get_u64((const uint8_t *)value.p);
	if (hash)
		*hash = (const uint8_t *)value.p + 8;
	return true;
}

uint64_t fold_position(struct store_txn *views, uint32_t origin)
{
	struct fold_bound b;
	struct text value;
	uint8_t key[4];
	struct text kt = { (const char *)key, sizeof(key) };

	put_u32(key, origin);
	if (store_get(views, VIEW_FOLD, kt, &value) != 0)
		return 0;
	if (!fold_row(kt, value, &b, NULL)) {
		store_fail(views, ERR_DAMAGED);
		return 0;
	}
	return b.position;
}

size_t fold_positions(struct store_txn *views, struct fold_bound *out, size_t size)
{
	struct store_cursor *c = store_cursor_open(views, VIEW_FOLD);
	struct text key, value;
	size_t n = 0;

	if (!c)
		return 0;
	for (bool more = store_seek(c, (struct text){ 0 }, &key, &value); more;
		more = store_next(c, &key, &value)) {
		struct fold_bound b;

		if (fold_row(key, value, &b, NULL) && n++ < size)
			out[n - 1] = b;
	}
	store_cursor_close(c);
	return n;
}

bool fold_fits(struct store_txn *views, struct store_txn *ledgers)
{
	struct store_cursor *c = store_cursor_open(views, VIEW_FOLD);
	struct text key, value;
	bool fits = c != NULL;

	for (bool more = fits && store_seek(c, (struct text){ 0 }, &key, &value); more && fits;
		more = store_next(c, &key, &value)) {
		uint8_t stands[HASH_BYTES];
		const uint8_t *hash;
		struct fold_bound b;

		fits = fold_row(key, value, &b, &hash) &&
		       ledger_hash_at(ledgers, b.origin, b.position, stands) == 0 &&
		       memcmp(stands, hash, HASH_BYTES) == 0;
	}
	if (c)
		store_cursor_close(c);
	return fits;
}

/* How far a ledger may be folded; `at` walks along the bounds. */
static uint64_t end_of(struct store_txn *ledgers, uint32_t origin, const struct fold_bound *most,
	size_t n, size_t *at)
{
	if (!most)
		return ledger_head(ledgers, origin).position;
	while (*at < n && most[*at].origin < origin)
		++*at;
	return *at < n && most[*at].origin == origin ? most[*at].position : 0;
}

size_t fold_plan(struct store_txn *views, struct store_txn *ledgers, const struct fold_bound *most,
	size_t n, size_t budget, struct fold_span *spans, size_t size, uint64_t *left)
{
	static const size_t origins_max = ORIGINS_MAX;
	uint32_t *origins = malloc(origins_max * sizeof(*origins));
	size_t n_origins = origins ? ledger_origins(ledgers, origins, origins_max) : 0, n_spans = 0,
	       at = 0, share;

	*left = 0;
	for (size_t i = 0; i < n_origins && i < origins_max && n_spans < size; i++) {
		uint64_t done = fold_position(views, origins[i]),
			 end = end_of(ledgers, origins[i], most, n, &at);

		if (end > done)
			spans[n_spans++] = (struct fold_span){
				.origin = origins[i], .first = done + 1, .last = end
			};
	}
	free(origins);
	/* Who has little waiting leaves room for the others: a second round shares it out. */
	for (size_t open = n_spans, room = budget; open;) {
		size_t small = 0;

		share = room / open ? room / open : 1;
		for (size_t i = 0; i < n_spans; i++) {
			uint64_t waits = spans[i].last - spans[i].first + 1;

			if (spans[i].err == 0 && waits <= share) {
				spans[i].err = 1; /* placed */
				room -= room < waits ? room : (size_t)waits;
				small++;
			}
		}
		open -= small;
		if (small)
			continue;
		for (size_t i = 0; i < n_spans; i++) {
			if (spans[i].err)
				continue;
			*left += spans[i].last - spans[i].first + 1 - share;
			spans[i].last = spans[i].first + share - 1;
		}
		break;
	}
	for (size_t i = 0; i < n_spans; i++)
		spans[i].err = 0;
	return n_spans;
}
