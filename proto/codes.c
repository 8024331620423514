/* Code lists, occupations and areas: look-ups in the embedded tables.
 *
 * Lists have at most some twenty codes: they are walked, the first byte deciding nearly always.
 * Occupations are found by halving over d-dd-dd-dd read as a number of seven digits. Nothing fails
 * but by not being found. */
#include "proto/tables.h"

const struct code_list *code_lists(size_t *n)
{
	*n = table_n_lists;
	return table_lists;
}

const struct code_list *code_list_find(struct text name)
{
	for (size_t i = 0; i < table_n_lists; i++)
		if (text_is(name, table_lists[i].name))
			return &table_lists[i];
	return NULL;
}

/* Cheaper than text_is(): most candidates fall at their first byte. A NUL inside t is no match. */
static bool same(const char *s, struct text t)
{
	return s[0] == t.p[0] && strncmp(s, t.p, t.n) == 0 && s[t.n] == '\0';
}

int code_index(const struct code_list *list, struct text code)
{
	if (code.n == 0 || memchr(code.p, '\0', code.n))
		return -1;
	for (size_t i = 0; i < list->n; i++)
		if (same(list->at[i].code, code))
			return (int)i;
	return -1;
}

int code_index_any(const struct code_list *list, struct text code_or_zh)
{
	int i = code_index(list, code_or_zh);

	if (i >= 0 || code_or_zh.n == 0)
		return i;
	for (size_t k = 0; k < list->n; k++)
		if (text_is(code_or_zh, list->at[k].zh))
			return (int)k;
	return -1;
}

int level_rank(struct text level)
{
	static const char ranks[] = "854321TS";
	const char *at = level.n == 1 && level.p[0] ? strchr(ranks, level.p[0]) : NULL;

	return at ? (int)(at - ranks) : -1;
}

#define SHANGHAI 310000

bool district_known(uint32_t code)
{
	const struct code_list *list = code_list_find(TEXT("district"));
	char text[] = "000000";

	if (code > 999999 || code == SHANGHAI || !list)
		return false;
	for (int i = 5; i >= 0; i--, code /= 10)
		text[i] = (char)('0' + code % 10);
	return code_index(list, text_of(text)) >= 0;
}

uint32_t district_now(uint32_t code)
{
	if (district_known(code))
		return code;
	for (size_t i = 0; i < table_n_districts; i++)
		if (table_districts[i].code == code)
			return table_districts[i].now;
	return 0;
}

/* d-dd-dd-dd as a number of seven digits, or -1. */
static int64_t occupation_number(struct text code)
{
	static const char form[] = "d-dd-dd-dd";
	int64_t number = 0;

	if (code.n != sizeof form - 1)
		return -1;
	for (size_t i = 0; i < code.n; i++) {
		if (form[i] == '-' ? code.p[i] != '-' : (code.p[i] < '0' || code.p[i] > '9'))
			return -1;
		if (form[i] != '-')
			number = number * 10 + (code.p[i] - '0');
	}
	return number;
}

/* Place in the table, or -1. */
static int occupation_find(int64_t number)
{
	size_t low = 0, high = table_n_occupations;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (table_occupations[mid] < number)
			low = mid + 1;
		else
			high = mid;
	}
	return low < table_n_occupations && table_occupations[low] == number ? (int)low : -1;
}

enum occ_verdict occupation_check(struct text code)
{
	int64_t number = occupation_number(code);

	if (number < 0)
		return OCC_BAD;
	return occupation_find(number) >= 0 ? OCC_OK : OCC_UNKNOWN;
}

const char *occupation_name(struct text code)
{
	int i = occupation_find(occupation_number(code));

	return i < 0 ? NULL : table_occupation_names[i];
}
