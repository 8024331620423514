/* A number is told by its own check, so that certificate numbers, credit codes and amounts pass:
 * 18 digits at random are a valid identity number once in some thousand times at most, and
 * certificates have 16 or 22 characters. */
#include "daemon/identity/named.h"

#include <string.h>

#include "proto/check.h"

#define TEXT_MAX 1024
#define NUMBER_LEAST 8
#define PHONE_LEAST 11
#define SOME_DAY 20991231 /* births before it: what is no birth yet today will be one */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_resident(struct text run)
{
	char out[DOC_NUMBER_MAX + 1];
	struct text canonical;
	const char *code;
	enum sex sex;
	int birth_year;

	return doc_check(TEXT("111"), run, SOME_DAY, out, &canonical, &sex, &birth_year, &code) !=
	       VERDICT_HARD;
}

bool text_names_somebody(struct text t)
{
	char half[TEXT_MAX];
	struct text n = normalise(t, true, half, sizeof half);

	if (!n.p) /* longer than anything that is taken */
		n = t;
	for (size_t i = 0; i < n.n;) {
		struct text run = { n.p + i, 0 };

		while (i + run.n < n.n && is_digit(run.p[run.n]))
			run.n++;
		if (run.n == 11 && run.p[0] == '1' && run.p[1] >= '3')
			return true;
		if (run.n == 17 && i + 17 < n.n && (run.p[17] == 'X' || run.p[17] == 'x'))
			run.n++;
		if ((run.n == 15 || run.n == 18) && is_resident(run))
			return true;
		i += run.n ? run.n : 1;
	}
	return false;
}

/* ---- a row ---- */

static bool holds(struct text cell, struct text number, size_t least)
{
	return number.n >= least && cell.n >= number.n &&
	       memmem(cell.p, cell.n, number.p, number.n) != NULL;
}

const struct field *row_names_own(
	const struct row *row, const struct identity ids[REGISTER_PERSONS_MAX])
{
	for (size_t k = 0; k < row->reg->n_persons; k++) {
		struct text number = ids[k].doc_number;

		if (!ids[k].present)
			continue;
		if (number.n == 18) /* the last one may be an x or an X */
			number.n--;
		for (size_t i = 0; i < row->reg->n_fields; i++) {
			const struct field *f = &row->reg->fields[i];

			if (f->pb && (holds(row->cells[i], number, NUMBER_LEAST) ||
					     holds(row->cells[i], ids[k].phone, PHONE_LEAST)))
				return f;
		}
	}
	return NULL;
}
