/* Pieces of many sizes come and go: none lies over another, each keeps what was written to it, and
 * what is not used goes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "daemon/base/clock.h"
#include "daemon/talent/talent_pool.h"

#define PIECES 3000

static struct {
	uint8_t *at;
	size_t size;
	uint8_t mark;
} pieces[PIECES];

static void piece_get(struct talent_pool *p, unsigned i)
{
	/* Most of one size. */
	size_t size = random_below(4) ? 5800 : 1 + random_below(POOL_STEP * (POOL_SIZES - 1));

	pieces[i].at = talent_pool_get(p, size);
	assert_non_null(pieces[i].at);
	assert_true((uintptr_t)pieces[i].at % 16 == 0);
	assert_true(talent_pool_room(size) >= size && talent_pool_room(size) / 64 % 2 == 1);
	pieces[i].size = size;
	pieces[i].mark = (uint8_t)random_below(256);
	memset(pieces[i].at, pieces[i].mark, size);
}

static void piece_put(struct talent_pool *p, unsigned i)
{
	for (size_t k = 0; k < pieces[i].size; k++)
		assert_int_equal(pieces[i].at[k], pieces[i].mark);
	talent_pool_put(p, pieces[i].at, pieces[i].size);
	pieces[i].at = NULL;
}

static void pieces_keep_what_they_hold(void **state)
{
	struct talent_pool p = { 0 };

	(void)state;
	random_hold(11);
	talent_pool_put(&p, NULL, 600);
	for (unsigned round = 0; round < 12; round++) {
		/* In turn more come than go, and the other way. */
		for (unsigned k = 0; k < PIECES; k++) {
			unsigned i = (unsigned)random_below(PIECES);

			if (pieces[i].at && random_below(3) <= round % 2)
				piece_put(&p, i);
			else if (!pieces[i].at && random_below(3) > round % 2)
				piece_get(&p, i);
		}
		assert_true(p.n_empty * 3 <= p.slabs);
	}
	for (unsigned i = 0; i < PIECES; i++)
		if (pieces[i].at)
			piece_put(&p, i);
	assert_int_equal(p.slabs, 0);
	talent_pool_deinit(&p);
	random_release();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_keep_what_they_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
