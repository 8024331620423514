/* A double keeps 15 decimal digits whole, and a spreadsheet shows no more: %.15g is what the clerk
 * saw. Days: a workbook's day 1 is 1 January 1900, and its day 60 is a 29 February that never was,
 * so that from day 61 on the count is one too high. */
#include "daemon/reader/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define DIGITS 15
#define SMALLEST (-30) /* powers of ten below this are nothing */
#define LARGEST 40     /* and those above it nobody typed */

static size_t digits(struct text t, size_t at)
{
	size_t n = 0;

	while (at + n < t.n && t.p[at + n] >= '0' && t.p[at + n] <= '9')
		n++;
	return n;
}

/* Is it a number by its looks? strtod takes more: hex, inf, nan. */
static bool well_formed(struct text t)
{
	size_t i = t.n && (t.p[0] == '-' || t.p[0] == '+'), whole = digits(t, i), part = 0;

	i += whole;
	if (i < t.n && t.p[i] == '.') {
		part = digits(t, i + 1);
		i += 1 + part;
	}
	if (whole + part == 0)
		return false;
	if (i < t.n && (t.p[i] == 'e' || t.p[i] == 'E')) {
		i++;
		i += i < t.n && (t.p[i] == '-' || t.p[i] == '+');
		if (digits(t, i) == 0)
			return false;
		i += digits(t, i);
	}
	return i == t.n;
}

static bool to_double(struct text t, double *x)
{
	char copy[NUMBER_TEXT_MAX];

	if (t.n >= sizeof copy || !well_formed(t))
		return false;
	memcpy(copy, t.p, t.n);
	copy[t.n] = 0;
	*x = strtod(copy, NULL);
	return isfinite(*x);
}

/* Digits "ddd…" (n of them) with the point behind the first one moved by `power`. */
static void lay_out(char *out, const char *d, size_t n, int power)
{
	size_t at = 0;

	if (power < 0) {
		out[at++] = '0';
		out[at++] = '.';
		for (int i = -1; i > power; i--)
			out[at++] = '0';
	}
	for (size_t i = 0; i < n; i++) {
		out[at++] = d[i];
		if (power >= 0 && (int)i == power && i + 1 < n)
			out[at++] = '.';
	}
	for (int i = (int)n; i <= power; i++)
		out[at++] = '0';
	out[at] = 0;
}

enum number_verdict number_plain(char out[NUMBER_TEXT_MAX], struct text t)
{
	char e[40], d[DIGITS];
	double x;
	size_t n = DIGITS;
	int power;
	enum number_verdict verdict = NUMBER_GOOD;

	out[0] = 0;
	if (t.n && t.n <= DIGITS && digits(t, 0) == t.n) {
		memcpy(out, t.p, t.n);
		out[t.n] = 0;
		return NUMBER_GOOD;
	}
	if (!to_double(t, &x))
		return NUMBER_NONE;
	(void)snprintf(e, sizeof e, "%.*e", DIGITS - 1, fabs(x)); /* d.dddddddddddddde±xx */
	power = (int)strtol(strchr(e, 'e') + 1, NULL, 10);
	d[0] = e[0];
	memcpy(d + 1, e + 2, DIGITS - 1);
	while (n > 1 && d[n - 1] == '0')
		n--;
	if (x == 0 || power < SMALLEST) {
		memcpy(out, "0", 2);
		return NUMBER_GOOD;
	}
	if (power >= DIGITS) {
		verdict = NUMBER_LONG;
		if (power > LARGEST) { /* as it stands in the file */
			memcpy(out, t.p, t.n);
			out[t.n] = 0;
			return verdict;
		}
	}
	if (x < 0)
		*out++ = '-';
	lay_out(out, d, n, power);
	return verdict;
}

/* Days since 1970-01-01 to a date (H. Hinnant's civil_from_days). */
static void civil(int64_t day, int *y, int *m, int *d)
{
	int64_t z = day + 719468, era = z / 146097, of_era = z - era * 146097;
	int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
	int64_t month = (5 * of_year + 2) / 153;

	*d = (int)(of_year - (153 * month + 2) / 5 + 1);
	*m = (int)(month < 10 ? month + 3 : month - 9);
	*y = (int)(year + era * 400 + (*m <= 2));
}

bool number_date(char out[DATE_TEXT_MAX], struct text serial, bool since_1904)
{
	double x;
	int64_t day;
	int y, m, d;

	if (!to_double(serial, &x) || x < 0 || x > 2958466)
		return false;
	day = (int64_t)floor(x + 0.5 / 86400);
	if (since_1904) {
		day += -24107; /* 1904-01-01 */
	} else {
		if (day < 1 || day == 60)
			return false;
		day -= day > 60 ? 25569 : 25568;
	}
	civil(day, &y, &m, &d);
	if (y > 9999)
		return false;
	(void)snprintf(out, DATE_TEXT_MAX, "%04u-%02u-%02u", (unsigned)y % 10000, (unsigned)m % 100,
		(unsigned)d % 100);
	return true;
}
