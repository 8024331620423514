/* The growing buffer against a plain array; limits; hex. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "daemon/base/buf.h"
#include "daemon/base/clock.h"
#include "daemon/base/err.h"

static void random_puts_equal_the_model(void **state)
{
	static char model[200000];

	(void)state;
	random_hold(7);
	for (int round = 0; round < 20; round++) {
		struct buf b = { 0 };
		size_t n = 0;

		for (int i = 0; i < 300; i++) {
			char bytes[300];
			size_t len = random_below(sizeof bytes);
			char *to;

			random_bytes(bytes, len);
			switch (random_below(4)) {
			case 0:
				buf_put(&b, bytes, len);
				break;
			case 1:
				buf_text(&b, (struct text){ bytes, len });
				break;
			case 2:
				to = buf_room(&b, sizeof bytes);
				assert_non_null(to);
				memcpy(to, bytes, len);
				b.n += len;
				break;
			default:
				memset(bytes, 'x', len);
				buf_printf(&b, "%.*s", (int)len, bytes);
				assert_int_equal(b.p[b.n], 0);
			}
			memcpy(model + n, bytes, len);
			n += len;
			assert_int_equal(b.n, n);
		}
		assert_false(b.failed);
		assert_memory_equal(b.p, model, n);
		buf_deinit(&b);
	}
	random_release();
}

static void the_limit_is_sticky(void **state)
{
	struct buf b = { .limit = 10 };

	(void)state;
	buf_str(&b, "0123456789");
	assert_false(b.failed);
	buf_put(&b, "", 0);
	assert_false(b.failed);
	buf_str(&b, "x");
	assert_true(b.failed);
	assert_null(buf_room(&b, 0));
	assert_int_equal(b.n, 10);
	assert_string_equal(b.p, "0123456789");
	buf_reset(&b);
	buf_printf(&b, "%d", 1234567890);
	assert_false(b.failed);
	buf_reset(&b);
	buf_printf(&b, "%s", "12345678901");
	assert_true(b.failed);
	assert_int_equal(b.n, 0);
	buf_deinit(&b);
	b = (struct buf){ 0 };
	assert_null(buf_room(&b, SIZE_MAX));
	assert_true(b.failed);
	buf_deinit(&b);
}

static void hex_goes_there_and_back(void **state)
{
	uint8_t bytes[3] = { 0x00, 0xAB, 0xFF }, back[3];
	char out[7];

	(void)state;
	hex_put(out, bytes, 3);
	assert_string_equal(out, "00abff");
	assert_int_equal(hex_get(back, 3, text_of(out)), 0);
	assert_memory_equal(back, bytes, 3);
	assert_int_equal(hex_get(back, 3, TEXT("00ABFF")), 0);
	assert_memory_equal(back, bytes, 3);
	assert_int_equal(hex_get(back, 3, TEXT("00abf")), ERR_INVALID);
	assert_int_equal(hex_get(back, 3, TEXT("00abff0")), ERR_INVALID);
	assert_int_equal(hex_get(back, 3, TEXT("00abfg")), ERR_INVALID);
	assert_int_equal(hex_get(back, 0, TEXT("")), 0);
}

static void stored_integers_are_big_endian(void **state)
{
	uint8_t p[8];

	(void)state;
	put_u64(p, 0x0102030405060708);
	assert_memory_equal(p, "\1\2\3\4\5\6\7\10", 8);
	assert_true(get_u64(p) == 0x0102030405060708);
	put_u32(p, 0x01020304);
	assert_memory_equal(p, "\1\2\3\4", 4);
	assert_true(get_u32(p) == 0x01020304);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_puts_equal_the_model),
		cmocka_unit_test(the_limit_is_sticky),
		cmocka_unit_test(hex_goes_there_and_back),
		cmocka_unit_test(stored_integers_are_big_endian),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
