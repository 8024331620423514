/* Certificate numbers: no check digit exists, so the number is held against the pattern of its
 * kind, and what the pattern finds inside (year, level, province) against the fields of the row.
 *
 * Patterns are rows of rules.tsv: d digit, y year, p province, l level, anything else stands for
 * itself; "000+…" numbers are kept with that prefix; "1-40" is any text of so many characters. The
 * first that fits is taken. */
#include <stdlib.h>

#include "proto/check.h"
#include "proto/faults.h"

#define PROVINCE 31

/* What stands inside a number; -1 or NUL: nothing to compare. */
struct inside {
	int year, province;
	char level;
};

static bool digit(char c)
{
	return c >= '0' && c <= '9';
}

static void add_digit(int *value, char c)
{
	*value = (*value < 0 ? 0 : *value * 10) + (c - '0');
}

static bool fits(const char *pattern, struct text number, struct inside *in)
{
	*in = (struct inside){ -1, -1, '\0' };
	if (strlen(pattern) != number.n)
		return false;
	for (size_t i = 0; i < number.n; i++) {
		char c = number.p[i];
		if (pattern[i] == 'l') {
			if (!digit(c) && !(c >= 'A' && c <= 'Z'))
				return false;
			in->level = c;
		} else if (strchr("dyp", pattern[i])) {
			if (!digit(c))
				return false;
			if (pattern[i] == 'y')
				add_digit(&in->year, c);
			else if (pattern[i] == 'p')
				add_digit(&in->province, c);
		} else if (c != pattern[i]) {
			return false;
		}
	}
	return true;
}

/* "1-40": that many printable characters? */
static bool fits_free(const char *pattern, struct text number)
{
	char *end;
	unsigned long low = strtoul(pattern, &end, 10), high = strtoul(end + 1, NULL, 10);
	size_t chars = text_chars(number);

	return !text_fault(number) && chars >= low && chars <= high;
}

/* The canonical form by one pattern; {NULL,0} when it does not fit. `t` lies in `out`. */
static struct text by_pattern(const char *pattern, struct text t, char *out, struct inside *in)
{
	const struct text none = { NULL, 0 };
	const char *plus = strchr(pattern, '+');
	size_t prefix = plus ? (size_t)(plus - pattern) : 0;

	*in = (struct inside){ -1, -1, '\0' };
	if (strchr(pattern, '-'))
		return fits_free(pattern, t) ? t : none;
	if (!fits(plus ? plus + 1 : pattern, t, in))
		return none;
	if (prefix + t.n > CERTIFICATE_NUMBER_MAX)
		return none;
	memmove(out + prefix, t.p, t.n);
	memcpy(out, pattern, prefix);
	return (struct text){ out, prefix + t.n };
}

/* A special-grade technician's number carries a letter where others carry a digit: any letter
 * agrees with T and S. */
static bool level_agrees(char inside, struct text level)
{
	char c = level.p[0];

	return digit(c) ? inside == c : !digit(inside);
}

struct text certificate_check(struct text kind, struct text number, int issued_year,
	struct text level, char *out, const struct field *field, struct faults *f)
{
	struct text t = normalise(number, false, out, CERTIFICATE_NUMBER_MAX);
	const char *fault = NULL;

	for (size_t i = 0; i < table_n_patterns; i++) {
		const struct table_pattern *row = &table_patterns[i];
		struct inside in;
		struct text canonical;
		if (!text_is(kind, row->kind))
			continue;
		fault = row->fault;
		canonical = t.n ? by_pattern(row->pattern, t, out, &in) : t;
		if (!canonical.n)
			continue;
		if (in.year >= 0 && issued_year > 0 && in.year != issued_year % 100)
			faults_add(f, "W221", field);
		if (in.level && level.n && !level_agrees(in.level, level))
			faults_add(f, "W222", field);
		if (in.province >= 0 && in.province != PROVINCE)
			faults_add(f, "W223", field);
		out[canonical.n] = '\0';
		return canonical;
	}
	faults_add(f, fault ? fault : "E221", field);
	return (struct text){ NULL, 0 };
}
