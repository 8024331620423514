/* What is masked tells no more than it should, whatever the text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/identity/masked.h"

static void expect(struct masked m, const char *text)
{
	if (m.n != strlen(text) || memcmp(m.text, text, m.n) != 0)
		fail_msg("%.*s, not %s", (int)m.n, m.text, text);
}

static void names_and_numbers(void **state)
{
	(void)state;
	expect(masked_name(TEXT("张三")), "张*");
	expect(masked_name(TEXT("王小明")), "王**");
	expect(masked_name(TEXT("甲")), "*");
	expect(masked_name(TEXT("")), "*");
	expect(masked_name(TEXT("Hermann·Müller the First")), "H*********");
	expect(masked_number(TEXT("310101190301050015")), "310101************");
	expect(masked_number(TEXT("E12345678")), "E12******");
	expect(masked_number(TEXT("12")), "**");
	expect(masked_number(TEXT("")), "");
}

/* Random bytes: never more than one character of a name, a third of a number; always within bounds.
 */
static void whatever_the_text(void **state)
{
	char text[400];

	(void)state;
	srand(5);
	for (int round = 0; round < 20000; round++) {
		size_t n = (size_t)rand() % sizeof text, stars = 0;
		struct masked m;

		for (size_t i = 0; i < n; i++)
			text[i] = (char)(rand() % 255 + 1);
		m = masked_name((struct text){ text, n });
		assert_true(m.n <= MASKED_MAX);
		m = masked_number((struct text){ text, n });
		assert_true(m.n <= MASKED_MAX);
		for (size_t i = 0; i < m.n; i++)
			stars += m.text[i] == '*';
		assert_true(m.n == 0 || stars > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_and_numbers),
		cmocka_unit_test(whatever_the_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
