/* Document numbers: the canonical form, and the facts that a number tells.
 *
 * One row a document type. Each check gets the number normalised (upper case, half-width) and says
 * OK, SOFT or HARD. 111  6 area | 8 birth | 3 order (odd = male) | check        GB 11643; 15 digits
 * have a 2-digit year and no check 553  9 | 2 province | 3 nationality | 8 birth | 3 order | check
 * (version of 2023) 3 letters | 12 digits, the last an ICAO 9303 check over the 14 before (version
 * of 2017) */
#include "proto/check.h"

struct doc {
	struct text number; /* normalised */
	int today;
	char *out; /* canonical form */
	struct text canonical;
	enum sex sex;
	int birth_year;
	const char *code;
};

static enum verdict refuse(struct doc *d, const char *code)
{
	d->code = code;
	return VERDICT_HARD;
}

static enum verdict accept(struct doc *d, const char *p, size_t n)
{
	memmove(d->out, p, n);
	d->canonical = (struct text){ d->out, n };
	return VERDICT_OK;
}

static bool digits(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] < '0' || p[i] > '9')
			return false;
	return true;
}

static bool letters(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] < 'A' || p[i] > 'Z')
			return false;
	return true;
}

static int number(const char *p, size_t n)
{
	int v = 0;

	for (size_t i = 0; i < n; i++)
		v = v * 10 + (p[i] - '0');
	return v;
}

/* The check character over 17 digits (GB 11643, ISO 7064 MOD 11-2). */
static char check_17(const char *p)
{
	static const int weights[17] = { 7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2 };
	int sum = 0;

	for (int i = 0; i < 17; i++)
		sum += (p[i] - '0') * weights[i];
	return "10X98765432"[sum % 11];
}

/* Two-digit province codes of GB/T 2260 in any year, and 83 of the residence permits. */
static bool province_known(int province)
{
	static const uint8_t known[] = { 11, 12, 13, 14, 15, 21, 22, 23, 31, 32, 33, 34, 35, 36, 37,
		41, 42, 43, 44, 45, 46, 50, 51, 52, 53, 54, 61, 62, 63, 64, 65, 71, 81, 82, 83 };

	return memchr(known, province, sizeof known) != NULL;
}

/* Area, birth, check and sex of 18 characters whose first 17 are digits. */
static enum verdict check_18(struct doc *d, const char *p, int province)
{
	int birth = number(p + 6, 8);

	if (!province_known(province))
		return refuse(d, "E203");
	if (!date_ok(birth) || birth > d->today)
		return refuse(d, "E204");
	if (p[17] != check_17(p))
		return refuse(d, "E205");
	d->sex = (p[16] - '0') % 2 ? SEX_MALE : SEX_FEMALE;
	d->birth_year = birth / 10000;
	return accept(d, p, 18);
}

static enum verdict check_111(struct doc *d)
{
	const char *p = d->number.p;
	char full[18];

	if (d->number.n == 15 && digits(p, 15)) {
		memcpy(full, p, 6);
		memcpy(full + 6, "19", 2);
		memcpy(full + 8, p + 6, 9);
		full[17] = check_17(full);
		return check_18(d, full, number(full, 2));
	}
	if (d->number.n != 18 || !digits(p, 17) || !(digits(p + 17, 1) || p[17] == 'X'))
		return refuse(d, "E202");
	return check_18(d, p, number(p, 2));
}

/* ICAO 9303: weights 7 3 1, letters from A = 10, modulo 10. */
static char check_icao(const char *p, size_t n)
{
	static const int weights[3] = { 7, 3, 1 };
	int sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (p[i] >= 'A' ? p[i] - 'A' + 10 : p[i] - '0') * weights[i % 3];
	return (char)('0' + sum % 10);
}

static enum verdict check_553(struct doc *d)
{
	const char *p = d->number.p;

	if (d->number.n == 18 && p[0] == '9' && digits(p, 17) &&
		(digits(p + 17, 1) || p[17] == 'X'))
		return check_18(d, p, number(p + 1, 2));
	if (d->number.n != 15 || !letters(p, 3) || !digits(p + 3, 12))
		return refuse(d, "E202");
	accept(d, p, 15);
	if (p[14] == check_icao(p, 14))
		return VERDICT_OK;
	d->code = "W201";
	return VERDICT_SOFT;
}

/* The last two of ten count reissues: one person keeps the first nine. */
static enum verdict check_516(struct doc *d)
{
	const char *p = d->number.p;
	size_t n = d->number.n;

	if ((n != 9 && n != 11) || (p[0] != 'H' && p[0] != 'M') || !digits(p + 1, n - 1))
		return refuse(d, "E202");
	return accept(d, p, 9);
}

static enum verdict check_511(struct doc *d)
{
	if (d->number.n != 8 || !digits(d->number.p, 8))
		return refuse(d, "E202");
	return accept(d, d->number.p, 8);
}

static enum verdict check_414(struct doc *d)
{
	const char *p = d->number.p;
	size_t n = d->number.n;

	if (n < 5 || n > 17)
		return refuse(d, "E202");
	for (size_t i = 0; i < n; i++)
		if (!digits(p + i, 1) && !letters(p + i, 1))
			return refuse(d, "E202");
	return accept(d, p, n);
}

static enum verdict check_990(struct doc *d)
{
	size_t chars = text_chars(d->number);

	if (text_fault(d->number) || chars < 3 || chars > 40)
		return refuse(d, "E202");
	return accept(d, d->number.p, d->number.n);
}

static const struct {
	const char *type;
	enum verdict (*check)(struct doc *);
} types[] = {
	{ "111", check_111 },
	{ "553", check_553 },
	{ "516", check_516 },
	{ "511", check_511 },
	{ "414", check_414 },
	{ "990", check_990 },
};

enum verdict doc_check(struct text type, struct text in, int today, char *out,
	struct text *canonical, enum sex *sex, int *birth_year, const char **code)
{
	char buf[DOC_NUMBER_MAX];
	struct doc d = {
		.number = normalise(in, true, buf, sizeof buf), .today = today, .out = out
	};
	enum verdict v = VERDICT_HARD;
	size_t i = 0;

	while (i < sizeof types / sizeof *types && !text_is(type, types[i].type))
		i++;
	if (i == sizeof types / sizeof *types)
		refuse(&d, "E206");
	else if (d.number.n == 0)
		refuse(&d, "E202");
	else
		v = types[i].check(&d);
	if (v != VERDICT_HARD)
		out[d.canonical.n] = '\0';
	*canonical = d.canonical;
	*sex = d.sex;
	*birth_year = d.birth_year;
	*code = d.code;
	return v;
}
