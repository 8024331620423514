/* Unified social credit codes (GB 32100):
 *
 *   1 department | 1 category | 6 area | 9 organisation code (GB 11714: 8 and a check) | check
 *
 * The alphabet leaves out I O S V Z and counts modulo 31; the inner code counts A = 10 … Z = 35
 * modulo 11. */
#include "proto/check.h"

#define ALPHABET "0123456789ABCDEFGHJKLMNPQRTUWXY"

/* Value of each character plus one; 0: not in the alphabet. */
static const uint8_t value_plus_1[128] = { ['0'] = 1,
	['1'] = 2,
	['2'] = 3,
	['3'] = 4,
	['4'] = 5,
	['5'] = 6,
	['6'] = 7,
	['7'] = 8,
	['8'] = 9,
	['9'] = 10,
	['A'] = 11,
	['B'] = 12,
	['C'] = 13,
	['D'] = 14,
	['E'] = 15,
	['F'] = 16,
	['G'] = 17,
	['H'] = 18,
	['J'] = 19,
	['K'] = 20,
	['L'] = 21,
	['M'] = 22,
	['N'] = 23,
	['P'] = 24,
	['Q'] = 25,
	['R'] = 26,
	['T'] = 27,
	['U'] = 28,
	['W'] = 29,
	['X'] = 30,
	['Y'] = 31 };

/* GB 11714 over the nine characters at p. */
static bool organisation_code_ok(const char *p)
{
	static const int weights[8] = { 3, 7, 9, 10, 5, 8, 4, 2 };
	int sum = 0, check;

	for (int i = 0; i < 8; i++)
		sum += (p[i] >= 'A' ? p[i] - 'A' + 10 : p[i] - '0') * weights[i];
	check = 11 - sum % 11;
	return p[8] == (check == 10 ? 'X' : check == 11 ? '0' : '0' + check);
}

enum verdict uscc_judge(struct text t, const char **code)
{
	static const int weights[17] = { 1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30,
		28 };
	int sum = 0;

	*code = "E211";
	if (t.n != 18)
		return VERDICT_HARD;
	for (int i = 0; i < 18; i++) {
		unsigned char c = (unsigned char)t.p[i];
		if (c >= 128 || value_plus_1[c] == 0)
			return VERDICT_HARD;
		if (i < 17)
			sum += (value_plus_1[c] - 1) * weights[i];
	}
	*code = "E212";
	if (t.p[17] != ALPHABET[(31 - sum % 31) % 31])
		return VERDICT_HARD;
	*code = "E213";
	if (!strchr("123456789ANY", t.p[0]))
		return VERDICT_HARD;
	*code = "W211";
	if (!organisation_code_ok(t.p + 8))
		return VERDICT_SOFT;
	*code = NULL;
	return VERDICT_OK;
}

enum verdict uscc_check(struct text in, char *out, struct text *canonical, const char **code)
{
	struct text t = normalise(in, true, out, 18);
	enum verdict v = uscc_judge(t, code);

	*canonical = v == VERDICT_HARD ? (struct text){ NULL, 0 } : t;
	if (v != VERDICT_HARD)
		out[18] = '\0';
	return v;
}
