/* Numbers out of cells. A cell either has the form of its type as a whole or is refused; what is
 * out of range is told apart from what has no form, by number_fault(), which also judges numbers
 * that came in a message. */
#include "proto/parse.h"
#include "proto/check.h"

static bool digit(char c)
{
	return c >= '0' && c <= '9';
}

/* value · 10 + digit, staying at INT64_MAX once there. */
static int64_t shift(int64_t value, char c)
{
	if (value > (INT64_MAX - 9) / 10)
		return INT64_MAX;
	return value * 10 + (c - '0');
}

/* All digits, at least one. */
static bool parse_int(struct text t, int64_t *value)
{
	*value = 0;
	for (size_t i = 0; i < t.n; i++) {
		if (!digit(t.p[i]))
			return false;
		*value = shift(*value, t.p[i]);
	}
	return t.n > 0;
}

/* Digits, then a point and up to `places` digits; value in units of the last place. */
static bool parse_decimal(struct text t, int places, int64_t *value)
{
	size_t i = 0;
	int seen = -1; /* places seen; -1: no point yet */

	*value = 0;
	for (; i < t.n; i++) {
		if (t.p[i] == '.' && seen < 0 && i > 0) {
			seen = 0;
			continue;
		}
		if (!digit(t.p[i]) || seen == places)
			return false;
		*value = shift(*value, t.p[i]);
		seen += seen >= 0;
	}
	if (i == 0 || seen == 0)
		return false;
	for (int p = seen < 0 ? 0 : seen; p < places; p++)
		*value = shift(*value, '0');
	return true;
}

/* Thousands separators stand before every group of three, or nowhere. */
static bool parse_money(struct text t, int64_t *value)
{
	char plain[64];
	const char *point = t.n ? memchr(t.p, '.', t.n) : NULL;
	size_t whole = point ? (size_t)(point - t.p) : t.n, n = 0;
	bool grouped = t.n && memchr(t.p, ',', t.n) != NULL;

	if (grouped && whole % 4 == 0)
		return false;
	for (size_t i = 0; i < t.n; i++) {
		bool place = grouped && i > 0 && i < whole && (whole - i) % 4 == 0;
		if ((t.p[i] == ',') != place)
			return false;
		if (place)
			continue;
		if (n == sizeof plain)
			return false;
		plain[n++] = t.p[i];
	}
	return parse_decimal((struct text){ plain, n }, 2, value);
}

static bool parse_dec1(struct text t, int64_t *value)
{
	bool minus = t.n > 0 && t.p[0] == '-';

	if (minus)
		t = (struct text){ t.p + 1, t.n - 1 };
	if (!parse_decimal(t, 1, value))
		return false;
	if (minus)
		*value = -*value;
	return true;
}

/* A month is a date whose day is left out: 2019-06, 201906, 2019/6, 2019年6月. */
static bool parse_month(struct text t, int64_t *value)
{
	static const char *const days[] = { "01", "-01", "/01", ".01", "01日" };
	char date[64];
	int found = 0;

	for (size_t i = 0; i < sizeof days / sizeof *days && !found; i++) {
		size_t n = strlen(days[i]);
		if (t.n + n > sizeof date)
			return false;
		memcpy(date, t.p, t.n);
		memcpy(date + t.n, days[i], n);
		found = date_parse((struct text){ date, t.n + n });
	}
	*value = found / 100;
	return found != 0;
}

static bool parse_bool(struct text t, int64_t *value)
{
	static const struct {
		const char *word;
		bool value;
	} words[] = { { "1", true }, { "0", false }, { "是", true }, { "否", false },
		{ "yes", true }, { "no", false }, { "true", true }, { "false", false } };
	char lower[8];

	if (t.n > sizeof lower)
		return false;
	for (size_t i = 0; i < t.n; i++)
		lower[i] = t.p[i] >= 'A' && t.p[i] <= 'Z' ? (char)(t.p[i] - 'A' + 'a') : t.p[i];
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (text_is((struct text){ lower, t.n }, words[i].word)) {
			*value = words[i].value;
			return true;
		}
	return false;
}

bool parse_number(enum field_type type, struct text t, int64_t *value)
{
	*value = 0;
	switch (type) {
	case FIELD_DATE:
		*value = date_parse(t);
		return *value != 0;
	case FIELD_MONTH:
		return parse_month(t, value);
	case FIELD_YEAR:
		return t.n == 4 && parse_int(t, value);
	case FIELD_INT:
		return parse_int(t, value);
	case FIELD_DEC1:
		return parse_dec1(t, value);
	case FIELD_MONEY:
		return parse_money(t, value);
	case FIELD_BOOL:
		return parse_bool(t, value);
	default:
		return false;
	}
}

const char *parse_fault(enum field_type type)
{
	switch (type) {
	case FIELD_DATE:
		return "E105";
	case FIELD_MONTH:
		return "E113";
	case FIELD_YEAR:
		return "E112";
	case FIELD_INT:
		return "E109";
	case FIELD_DEC1:
		return "E110";
	case FIELD_MONEY:
		return "E107";
	default:
		return "E111";
	}
}

static bool year_ok(int64_t year, int today)
{
	return year >= YEAR_MIN && year <= today / 10000 + YEARS_AHEAD;
}

const char *number_fault(enum field_type type, int64_t v, int today)
{
	switch (type) {
	case FIELD_DATE:
		if (v > 99991231 || !date_ok((int)v))
			return "E105";
		return year_ok(v / 10000, today) ? NULL : "E106";
	case FIELD_MONTH:
		return year_ok(v / 100, today) && v % 100 >= 1 && v % 100 <= 12 ? NULL : "E113";
	case FIELD_YEAR:
		return year_ok(v, today) ? NULL : "E112";
	case FIELD_INT:
		return v < 0 ? "E109" : v > NUMBER_MAX ? "E114" : NULL;
	case FIELD_DEC1:
		return v < -NUMBER_MAX || v > NUMBER_MAX ? "E114" : NULL;
	case FIELD_MONEY:
		return v < 0 ? "E107" : v > MONEY_MAX ? "E108" : NULL;
	case FIELD_BOOL:
		return v == 0 || v == 1 ? NULL : "E111";
	default:
		return NULL;
	}
}
