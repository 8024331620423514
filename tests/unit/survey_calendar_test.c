/* The calendar: what is due when, and every fault of its file with its line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "daemon/ledger/hash.h"
#include "daemon/survey/calendar.h"

static const char form_text[] =
	"form \"F\" {\n number = n title = t title_en = t issuer = i approver = a approval = a\n"
	" valid_until = \"2030-12-31\" unit = u unit_en = u edition = 1\n"
	" periods = {month, quarter, half, year}\n"
	" dim \"kind\" { zh = k en = k codes = certificate_kind }\n"
	" measure \"1\" { zh = z en = e register = certificate date = issued_on } }\n";
static const char quality_text[] =
	"form \"Q\" {\n number = n title = t title_en = t issuer = i approver = a approval = a\n"
	" valid_until = \"2030-12-31\" unit = u unit_en = u edition = 1 periods = {year}\n"
	" measure \"1\" { zh = z en = e returns = expected }\n"
	" measure \"2\" { zh = z en = e activity = age } }\n";

static struct forms *open_with(const char *calendar, struct errmsg *m)
{
	struct form_source s[] = { { "F.form", form_text }, { "Q.form", quality_text },
		{ "due.tsv", calendar } };

	return forms_open(s, 3, m);
}

static void faults_have_lines(void **state)
{
	static const struct {
		const char *text, *words;
	} rows[] = {
		{ "F month\n", "due.tsv:1: a line is" },
		{ "\n# x\nF month 8 9\n", "due.tsv:3: a line is" },
		{ "G month 8\n", "due.tsv:1: there is no such form: G" },
		{ "F week 8\n", "due.tsv:1: not a kind of period" },
		{ "F month -1\n", "due.tsv:1: not a number of days" },
		{ "F month 367\n", "due.tsv:1: not a number of days" },
		{ "F month 8.5\n", "due.tsv:1: not a number of days" },
		{ "F month 8\nF\tmonth\t9", "due.tsv:2: the form and kind of period stand" },
		{ "Q year 8\n", "due.tsv:1: a form that is made of returns" },
	};
	struct errmsg m;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		m.text[0] = 0;
		assert_null(open_with(rows[i].text, &m));
		if (!strstr(m.text, rows[i].words))
			fail_msg("%s: %s", rows[i].text, m.text);
	}
}

static void days_go_there_and_back(void **state)
{
	(void)state;
	/* The C library as the judge. */
	for (time_t t = -700LL * 86400 * 365; t < 8000LL * 86400 * 10; t += 86400 * 13) {
		struct tm tm;
		int64_t date;

		assert_non_null(gmtime_r(&t, &tm));
		date = (tm.tm_year + 1900) * 10000LL + (tm.tm_mon + 1) * 100 + tm.tm_mday;
		if (date < 19000101)
			continue;
		assert_int_equal(date_of_days(days_of_date(date)), date);
	}
	for (int64_t days = days_of_date(19500101); days < days_of_date(22001231); days++)
		assert_int_equal(days_of_date(date_of_days(days)), days);
}

static int due_of(const struct forms *fs, const char *form, const char *period)
{
	struct period p;

	assert_true(period_parse(&p, text_of(period)));
	return calendar_due(fs, text_of(form), &p);
}

static void due_days(void **state)
{
	struct errmsg m;
	struct forms *fs = open_with("F\tmonth\t8 # soon\r\nF half 0\nF year 366", &m);

	(void)state;
	if (!fs)
		fail_msg("%s", m.text);
	assert_int_equal(due_of(fs, "F", "2019-06"), 20190708);
	assert_int_equal(due_of(fs, "F", "2019-12"), 20200108);
	assert_int_equal(due_of(fs, "F", "2020-02"), 20200308);
	assert_int_equal(due_of(fs, "F", "2019-H1"), 20190630);
	assert_int_equal(due_of(fs, "F", "2019"), 20201231);
	assert_int_equal(due_of(fs, "F", "2018"), 20200101);
	assert_int_equal(due_of(fs, "F", "2019-Q1"), 0);
	assert_int_equal(due_of(fs, "G", "2019"), 0);
	forms_close(fs);
}

struct walked {
	const struct forms *fs;
	int first, last;
	const struct period *in;
	size_t n;
	char seen[4096][PERIOD_TEXT_MAX];
};

static bool walk_one(void *arg, const char *form, const struct period *p, int due)
{
	struct walked *w = arg;

	assert_string_equal(form, "F");
	assert_true(due >= w->first && due <= w->last);
	assert_int_equal(due, calendar_due(w->fs, text_of(form), p));
	period_print(p, w->seen[w->n]);
	for (size_t i = 0; i < w->n; i++)
		assert_string_not_equal(w->seen[i], w->seen[w->n]);
	w->n++;
	return true;
}

/* Every period of many years, the slow way. */
static size_t slow(const struct forms *fs, int first, int last)
{
	size_t n = 0;

	for (int month = 1990 * 12; month < 2060 * 12; month++)
		for (enum period_kind k = 0; k < PERIOD_KINDS; k++) {
			struct period p = period_around(k, month);
			int due = calendar_due(fs, TEXT("F"), &p);

			n += period_first_month(&p) == month && due >= first && due <= last && due;
		}
	return n;
}

static void a_walk_meets_each_once(void **state)
{
	static const int spans[][2] = { { 20190101, 20191231 }, { 20190708, 20190708 },
		{ 20190709, 20190807 }, { 20200101, 20200131 }, { 20201231, 20201231 },
		{ 20150301, 20240229 } };
	struct errmsg m;
	struct forms *fs = open_with("F month 8\nF quarter 15\nF half 20\nF year 366\n", &m);
	struct walked *w = calloc(1, sizeof(*w));
	struct period year = { PERIOD_YEAR, 2019, 1 }, quarter = { PERIOD_QUARTER, 2019, 2 };

	(void)state;
	assert_non_null(fs);
	for (size_t i = 0; i < sizeof(spans) / sizeof(*spans); i++) {
		*w = (struct walked){ .fs = fs, .first = spans[i][0], .last = spans[i][1] };
		calendar_walk(fs, w->first, w->last, walk_one, w);
		assert_int_equal(w->n, slow(fs, w->first, w->last));
	}
	*w = (struct walked){ .fs = fs, .last = 99991231 };
	calendar_walk_in(fs, &year, walk_one, w);
	assert_int_equal(w->n, 12 + 4 + 2 + 1);
	*w = (struct walked){ .fs = fs, .last = 99991231 };
	calendar_walk_in(fs, &quarter, walk_one, w);
	assert_int_equal(w->n, 3 + 1);
	assert_string_equal(w->seen[0], "2019-04");
	free(w);
	forms_close(fs);
}

static void the_one_of_the_program_is_whole(void **state)
{
	struct errmsg m;
	struct forms *fs = forms_open_place("", "", &m), *again;
	char dir[] = "/tmp/tally-forms-XXXXXX", path[64];
	FILE *f;

	(void)state;
	if (!fs)
		fail_msg("%s", m.text);
	assert_int_equal(due_of(fs, "02", "2019-06"), 20190708);
	assert_int_equal(due_of(fs, "12C", "2019-06"), 0);
	/* It travels with the forms. */
	again = forms_open_files(fs->files, &m);
	assert_non_null(again);
	assert_memory_equal(again->digest, fs->digest, sizeof(fs->digest));
	assert_int_equal(due_of(again, "02", "2019-06"), 20190708);
	forms_close(again);
	forms_close(fs);
	/* Lines of forms that are not there are passed over in ours, and in no other. */
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/F.form", dir);
	f = fopen(path, "w");
	fputs(form_text, f);
	fclose(f);
	fs = forms_open_place(dir, "", &m);
	if (!fs)
		fail_msg("%s", m.text);
	assert_int_equal(due_of(fs, "02", "2019-06"), 0);
	forms_close(fs);
	assert_null(forms_open_place(dir, path, &m));
	assert_non_null(strstr(m.text, "a calendar is a file *.tsv"));
	unlink(path);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(faults_have_lines),
		cmocka_unit_test(days_go_there_and_back),
		cmocka_unit_test(due_days),
		cmocka_unit_test(a_walk_meets_each_once),
		cmocka_unit_test(the_one_of_the_program_is_whole),
	};

	if (hash_init() != 0 || registers_init())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
