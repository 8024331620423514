/* The arena against a simple model: pieces do not overlap, are zeroed, aligned, and never cost more
 * than the budget. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "proto/arena.h"

#define PIECES 400

static void random_pieces_keep_their_bytes(void **state)
{
	struct arena a;
	uint64_t seed = 7;

	(void)state;
	arena_init(&a, 4 << 20);
	for (int round = 0; round < 50; round++) {
		unsigned char *piece[PIECES];
		size_t size[PIECES], n = 0, model = 0;
		for (; n < PIECES; n++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			size[n] = (seed >> 33) % (n % 50 ? 300 : 90000);
			model += size[n] ? (size[n] + 15) / 16 * 16 : 16;
			piece[n] = arena_alloc(&a, size[n]);
			if (!piece[n])
				break;
			assert_int_equal((uintptr_t)piece[n] % 16, 0);
			for (size_t i = 0; i < size[n]; i++)
				assert_int_equal(piece[n][i], 0);
			memset(piece[n], (int)(n & 0xFF), size[n]);
			assert_int_equal(a.used, model);
			assert_true(a.used <= a.budget);
		}
		assert_true(n == PIECES || model > a.budget);
		for (size_t k = 0; k < n; k++)
			for (size_t i = 0; i < size[k]; i++)
				assert_int_equal(piece[k][i], k & 0xFF);
		arena_reset(&a);
		assert_int_equal(a.used, 0);
	}
	arena_deinit(&a);
}

static void the_budget_is_hard(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, 100);
	assert_non_null(arena_alloc(&a, 64));
	assert_null(arena_alloc(&a, 64));
	assert_null(arena_alloc(&a, SIZE_MAX));
	assert_null(arena_alloc(&a, SIZE_MAX - 8));
	assert_null(arena_alloc(&a, 35));
	assert_non_null(arena_alloc(&a, 32));
	assert_null(arena_alloc(&a, 1));
	assert_null(a.pb.alloc(a.pb.allocator_data, 1));
	arena_reset(&a);
	assert_non_null(arena_alloc(&a, 90));
	arena_deinit(&a);
	arena_init(&a, 0);
	assert_null(arena_alloc(&a, 0));
	arena_deinit(&a);
}

static void copies_end_with_a_nul(void **state)
{
	struct arena a;
	struct text t;

	(void)state;
	arena_init(&a, 64);
	t = arena_copy(&a, TEXT("tally"));
	assert_true(text_is(t, "tally"));
	assert_int_equal(t.p[t.n], '\0');
	t = arena_copy(&a, (struct text){ NULL, 0 });
	assert_non_null(t.p);
	assert_int_equal(t.n, 0);
	assert_int_equal(t.p[0], '\0');
	assert_null(arena_copy(&a, TEXT("0123456789012345678901234567890123456789")).p);
	arena_deinit(&a);
}

/* What is freed through protobuf-c's allocator stays until the reset. */
static void the_allocator_frees_nothing(void **state)
{
	struct arena a;
	char *p;

	(void)state;
	arena_init(&a, 1000);
	p = a.pb.alloc(a.pb.allocator_data, 10);
	memset(p, 1, 10);
	a.pb.free(a.pb.allocator_data, p);
	assert_ptr_not_equal(arena_alloc(&a, 10), p);
	assert_int_equal(p[9], 1);
	arena_deinit(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_pieces_keep_their_bytes),
		cmocka_unit_test(the_budget_is_hard),
		cmocka_unit_test(copies_end_with_a_nul),
		cmocka_unit_test(the_allocator_frees_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
