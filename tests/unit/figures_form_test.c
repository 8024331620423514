/* Form files: what is written right is read, what is not is refused with its line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "daemon/figures/figures.h"
#include "daemon/ledger/hash.h"
#include "proto/registers.pb-c.h"

#define HEAD \
	"form \"13\" {\nnumber = n title = t title_en = t issuer = i approver = a approval = a " \
	"valid_until = \"2030-12-31\"\n" \
	"unit = u unit_en = u edition = 1 periods = {month, year} cumulative = true\n"
#define DIM "dim \"kind\" { zh = k en = k codes = certificate_kind }\n"
#define ONE "measure \"1\" { zh = z en = e register = certificate date = issued_on }\n"
#define TAGS "measure \"1\" { zh = z en = e register = training date = ended_on }\n"

static struct forms *open_one(const char *text, struct errmsg *m)
{
	struct form_source s = { "13.form", text };

	assert_int_equal(hash_init(), 0);
	assert_null(registers_init());
	m->text[0] = 0;
	return forms_open(&s, 1, m);
}

static void refused(const char *text, const char *words)
{
	struct errmsg m;
	struct forms *fs = open_one(text, &m);

	if (fs)
		fail_msg("taken, although: %s\n%s", words, text);
	if (!strstr(m.text, words))
		fail_msg("said: %s\nexpected: %s", m.text, words);
}

static void taken(const char *text)
{
	struct errmsg m;
	struct forms *fs = open_one(text, &m);

	if (!fs)
		fail_msg("refused: %s", m.text);
	forms_close(fs);
}

static void the_forms_of_the_program_are_read(void **state)
{
	struct errmsg m;
	struct forms *fs;
	const struct form *f;

	(void)state;
	assert_int_equal(hash_init(), 0);
	assert_null(registers_init());
	fs = forms_open(form_sources, form_sources_n, &m);
	if (!fs)
		fail_msg("%s", m.text);
	f = forms_find(fs, TEXT("02"));
	assert_non_null(f);
	assert_int_equal(f->n_measures, 15);
	assert_int_equal(form_rows(f), 9 * 5);
	assert_string_equal(f->dims[1].rows[3].code, "self");
	assert_true(f->measures[4].with != 0);
	assert_int_equal(f->measures[3].source, f->measures[4].source);
	f = forms_find(fs, TEXT("03"));
	assert_non_null(f);
	assert_int_equal(form_rows(f), 7 * 9);
	assert_string_equal(f->dims[1].rows[7].code, "_Z");
	assert_null(forms_find(fs, TEXT("13")));
	forms_close(fs);
}

static void syntax_is_told_with_its_line(void **state)
{
	(void)state;
	refused("", "13.form:1: the file is empty");
	refused("# nothing\n", "13.form:1: the file is empty");
	refused("form \"13\" {\n", "13.form:1: this section is never closed");
	refused(HEAD DIM "}\n}\n", "13.form:6: a } that closes nothing");
	refused("form \"13 {\n}\n", "13.form:1: a quoted text does not end on its line");
	refused("form \"1\\n\" {\n}\n", "13.form:1: after \\ only");
	refused("form \"13\" {\n*\n}\n", "13.form:2: a word or a quoted text is expected here");
	refused("form \"13\" {\nperiods = {a b}\n}\n", "13.form:2: a list goes on with ,");
	refused("form \"13\" {\ntitle\n}\n", "13.form:3: = or { is expected after a name");
	refused("form \"13\" {\n\xff}\n", "13.form:1: the file is not valid UTF-8 text");
	refused("a{a{a{a{a{a{a{a{a{a{a{a{}}}}}}}}}}}}", "sections stand too deep");
	refused("title = t\n", "13.form:1: a form file holds one form and nothing else");
	refused(HEAD DIM ONE "}\nform \"14\" {}\n", "a form file holds one form and nothing else");
}

static void settings_are_judged_with_their_line(void **state)
{
	(void)state;
	refused(HEAD "dim \"groups\" { zh=a en=a codes=group }\n" TAGS "}\n",
		"13.form:5: the field holds several codes: its dim needs many = true");
	refused(HEAD "dim \"groups\" { zh=a en=a codes=group many=true\n"
		     "union \"u\" { zh=a en=a of={migrant, veteran} } }\n" TAGS "}\n",
		"13.form:4: a dim over lists has no unions");
	taken(HEAD "dim \"groups\" { zh=a en=a codes=group many=true }\n" TAGS "}\n");
	taken(HEAD DIM ONE "}\n");
	refused("form \"13\" {\ntitle = t\n}\n", "13.form:1: this section lacks a setting: number");
	refused(HEAD "colour = red\n" DIM ONE "}\n", "13.form:4: unknown setting: colour");
	refused(HEAD "title = again\n" DIM ONE "}\n", "13.form:4: stands twice: title");
	refused(HEAD DIM "measure = 3\n}\n", "13.form:5: not what this setting takes: measure");
	refused(HEAD "dim \"kind\" { zh = k\nen = k\ncodes = nothing }\n" ONE "}\n",
		"13.form:6: no such list of codes: nothing");
	refused(HEAD "dim \"kind\" { zh = k en = k codes = certificate_kind\nrows = {special, "
		     "special} }\n" ONE "}\n",
		"13.form:5: stands twice: special");
	refused(HEAD "dim \"kind\" { zh = k en = k codes = certificate_kind\nrows = {gold} }\n" ONE
		     "}\n",
		"13.form:5: not a code of the list: gold");
	refused(HEAD "dim \"colour\" { zh = k en = k codes = certificate_kind }\n" ONE "}\n",
		"13.form:5: the register has no field of the name of a dim: colour");
	refused(HEAD DIM DIM ONE "}\n", "13.form:5: stands twice: kind");
	refused(HEAD DIM "measure \"1\" {\nzh = z en = e register = moon date = issued_on }\n}\n",
		"13.form:6: unknown register: moon");
	refused(HEAD DIM "measure \"1\" { zh = z en = e register = certificate\ndate = kind }\n}\n",
		"13.form:6: not a date: kind");
	refused(HEAD DIM
		"measure \"1\" { zh = z en = e register = certificate\ndate = birthday }\n}\n",
		"13.form:6: the register has no such field: birthday");
	refused(HEAD DIM "measure \"1\" { zh = z en = e register = certificate }\n}\n",
		"13.form:5: a measure names a register and a date");
	refused(HEAD DIM ONE "measure \"2\" { zh = z en = e\nof = 7 }\n}\n",
		"13.form:7: no measure of this number stands before: 7");
	refused(HEAD DIM ONE "measure \"2\" { zh = z en = e of = 1\nregister = training }\n}\n",
		"of brings the register");
	refused(HEAD DIM ONE ONE "}\n", "13.form:6: a measure has a number of its own: 1");
	refused(HEAD DIM ONE "measure \"2\" { zh = z en = e of = 1\nsum = number }\n}\n",
		"13.form:7: not a number that can be summed");
	refused(HEAD DIM ONE "measure \"2\" { zh = z en = e of = 1\ndistinct = {colour} }\n}\n",
		"13.form:7: the register has no such field");
	refused(HEAD DIM ONE "measure \"2\" { zh = z en = e of = 1\ndistinct = {district} }\n}\n",
		"13.form:7: at least one field");
	refused(HEAD DIM ONE "measure \"2\" { zh = z en = e of = 1\nwith \"training\" { date = "
			     "ended_on } }\n}\n",
		"13.form:7: with stands in a count of persons only");
	refused(HEAD "periods = {decade}\n" DIM ONE "}\n", "stands twice: periods");
}

static void conditions_are_judged_with_their_line(void **state)
{
	static const char *const good[] = { "kind = special",
		"kind = special|foreign and not (source = contest)", "sex = 2", "birth_year < 1905",
		"issued_on >= 2019-01-01 or revoked_on absent", "district = 310115",
		"valid_until present", "level != 9", "( ( kind = special ) )" };
	static const struct {
		const char *where, *words;
	} bad[] = { { "", "the condition ends too early" },
		{ "kind", "not something that can be asked" },
		{ "kind = gold", "not a code of the field's list: gold" },
		{ "colour = red", "the register has no such field: colour" },
		{ "name = x", "the register has no such field: name" },
		{ "kind = special and", "the condition ends too early" },
		{ "kind = special foreign", "not understood from here on" },
		{ "(kind = special", "a ( is never closed" },
		{ "kind has special", "has asks a list of codes" },
		{ "kind < special", "not something that can be asked" },
		{ "issued_on = 2019-02-30", "not a value of this field" },
		{ "sex = x", "not a value of this field" },
		{ "issued_on < 2019-01-01|2019-01-02", "an order takes one value" },
		{ "kind = |", "a value is expected" },
		{ "not not not not not not not not not not not not not not not not not kind = "
		  "special",
			"the condition is too deep" } };
	char text[1024], words[256];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		snprintf(text, sizeof(text),
			HEAD DIM ONE "measure \"2\" { zh = z en = e of = 1\nwhere = \"%s\" }\n}\n",
			good[i]);
		taken(text);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		snprintf(text, sizeof(text),
			HEAD DIM ONE "measure \"2\" { zh = z en = e of = 1\nwhere = \"%s\" }\n}\n",
			bad[i].where);
		snprintf(words, sizeof(words), "13.form:7: %s", bad[i].words);
		refused(text, words);
	}
}

static void checks_are_judged_with_their_line(void **state)
{
	static const char *const good[] = { "1 <= 1", "1 = 1 + 1 - 1", "1 within 30% of year_ago 1",
		"cumulative 1 = cumulative_previous 1 + 1", "1 >= previous 1",
		"cumulative 1 = year 1" };
	static const struct {
		const char *rule, *words;
	} bad[] = { { "1", "a relation is one of" }, { "2 = 1", "the form has no such measure: 2" },
		{ "1 = ", "the form has no such measure" },
		{ "1 = 1 1", "not understood from here on: 1" },
		{ "1 < 1", "a relation is one of" },
		{ "1 within x% of 1", "a percentage is expected" },
		{ "1 within 30 of 1", "it is written: within 30% of" } };
	char text[1024], words[256];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		snprintf(text, sizeof(text),
			HEAD DIM ONE "check \"a\" {\nlevel = hard\nrule = \"%s\" }\n}\n", good[i]);
		taken(text);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		snprintf(text, sizeof(text),
			HEAD DIM ONE "check \"a\" {\nlevel = hard\nrule = \"%s\" }\n}\n",
			bad[i].rule);
		snprintf(words, sizeof(words), "13.form:8: %s", bad[i].words);
		refused(text, words);
	}
	refused(HEAD DIM ONE "check \"a\" {\nlevel = strict\nrule = \"1 = 1\" }\n}\n",
		"13.form:7: a check is hard or soft: strict");
	refused(HEAD DIM ONE
		"check \"a\" {\nlevel = hard\nrule = \"1 = 1\"\nperiods = {quarter} }\n}\n",
		"13.form:9: a kind of period that the form does not have");
}

#define STOCK \
	"measure \"1\" { zh = z en = e register = certificate distinct = {person}\n" \
	"stock { from = issued_on until = revoked_on through = valid_until } }\n"

static void stocks_and_formulas_are_judged_with_their_line(void **state)
{
	static const char *const good[] = { "of = 1 at = start", "of = 1 moves = entered",
		"of = 1 whose = \"age <= 35 and sex = 2\"", "of = 1 highest = kind",
		"of = 1 area = {person.as_of, certificate.issued_on}",
		"of = 1 newest \"person\" { date = as_of where = \"status = employed\" }",
		"formula = 1", "formula = \"1 - 1\" per = 1 percent = true",
		"formula = 1 divisor = 2", "of = 1 date = issued_on",
		"of = 1 hidden = true periods = {year}" };
	static const struct {
		const char *measure, *words;
	} bad[] = { { "of = 1 at = noon", "not a word that may stand here: noon" },
		{ "of = 1 at = end moves = left", "at and moves exclude each other" },
		{ "of = 1 moves = gone", "moves = gone is for records" },
		{ "of = 1 whose = \"height = 3\"", "a person is asked for sex, age or birth_year" },
		{ "of = 1 highest = level", "the form has no such dim: level" },
		{ "of = 1 area = {person.status}", "not a date of a register of persons" },
		{ "of = 1 newest \"fund\" { date = year where = x }", "not a register of persons" },
		{ "register = certificate date = issued_on at = end", "only a stock can be asked" },
		{ "register = certificate date = issued_on whose = \"sex = 1\"",
			"only persons in stock can be asked" },
		{ "formula = 7", "the form has no such measure: 7" },
		{ "formula = \"previous 1\"", "a formula is made of columns of the same period" },
		{ "formula = 1 register = certificate", "a formula counts no records: register" },
		{ "formula = 1 divisor = 0", "a divisor is a whole number" },
		{ "of = 1 periods = {quarter}", "a kind of period that the form does not have" },
		{ "of = 1 reported = 9", "no measure of this number stands before: 9" },
		{ "of = 1 quantile = level p = 10", "not a number that has quantiles" },
		{ "register = fund date = year", "no field of the name of a dim" },
		{ "cell \"special\" { form = 99 measure = 1 rows = {_T} }",
			"there is no such form" },
		{ "cell \"gold\" { form = 99 measure = 1 rows = {_T} }",
			"the dim has no such row" },
		{ "forecast = 1", "a forecast is made of a column that refers to other forms" } };
	char text[1024], words[256];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		snprintf(text, sizeof(text),
			HEAD DIM STOCK "measure \"2\" { zh = z en = e\n%s }\n}\n", good[i]);
		taken(text);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		snprintf(text, sizeof(text),
			HEAD DIM STOCK "measure \"2\" { zh = z en = e\n%s }\n}\n", bad[i].measure);
		snprintf(words, sizeof(words), "%s", bad[i].words);
		refused(text, "13.form:");
		refused(text, words);
	}
	refused(HEAD "dim \"kind\" { zh = k en = k codes = certificate_kind\nunion \"all\" { zh = "
		     "z en = e\n"
		     "of = {gold} } }\n" ONE "}\n",
		"13.form:6: the dim has no such row: gold");
	refused(HEAD DIM ONE "check \"a\" { level = hard dim = kind measures = {1}\nrule = \"gold "
			     "= special\" }\n}\n",
		"13.form:7: the dim has no such row: gold");
	refused(HEAD DIM ONE
		"check \"a\" { level = hard dim = kind\nrule = \"special = special\" }\n}\n",
		"dim and measures stand together");
	refused(HEAD DIM ONE
		"publish { unit = number least_units = 1 least_values = 1 largest = 50 }\n}\n",
		"in a form that has quantiles");
}

/* Editions: the one in force at the period's end. */
static void the_edition_depends_on_the_period(void **state)
{
	struct form_source two[] = { { "13-b.form",
					     "form \"13\" {\nvalid_from = \"2020-01-01\" number = "
					     "n title = t title_en = t issuer = i "
					     "approver = a approval = a valid_until = "
					     "\"2030-12-31\" unit = u unit_en = u edition = 2 "
					     "periods = {month, year}\n" DIM ONE "}\n" },
		{ "13.form", HEAD DIM ONE "}\n" } };
	struct period p;
	struct errmsg m;
	struct forms *fs;

	(void)state;
	assert_null(registers_init());
	fs = forms_open(two, 2, &m);
	if (!fs)
		fail_msg("%s", m.text);
	assert_true(period_parse(&p, TEXT("2019-12")));
	assert_string_equal(forms_at(fs, TEXT("13"), &p)->edition, "1");
	assert_true(period_parse(&p, TEXT("2020-01")));
	assert_string_equal(forms_at(fs, TEXT("13"), &p)->edition, "2");
	assert_true(period_parse(&p, TEXT("2020")));
	assert_string_equal(forms_at(fs, TEXT("13"), &p)->edition, "2");
	assert_string_equal(forms_find(fs, TEXT("13"))->edition, "2");
	assert_null(forms_at(fs, TEXT("14"), &p));
	forms_close(fs);
	two[1].name = "13-c.form";
	two[1].text = two[0].text;
	assert_null(forms_open(two, 2, &m));
	assert_non_null(strstr(m.text, "another file has this form from the same day on"));
}

/* Every prefix of a good form, and every form with one byte changed, is either taken or refused
 * with a line: never more. */
static void damaged_forms_are_answers(void **state)
{
	(void)state;
	for (size_t k = 0; k < form_sources_n; k++) {
		const char *whole = form_sources[k].text;
		size_t n = strlen(whole);
		char *text = malloc(n + 1);
		struct errmsg m;

		assert_non_null(text);
		for (size_t i = k; i < n; i += 29) {
			memcpy(text, whole, n + 1);
			text[i] = 0;
			forms_close(open_one(text, &m));
			memcpy(text, whole, n + 1);
			text[i] = "{}\"=# x\xe4"[i % 8];
			forms_close(open_one(text, &m));
		}
		free(text);
	}
}

/* ---- conditions on a record ---- */

static bool asks(const char *where, const Tally__Training *t)
{
	struct record r = { register_find(TEXT("training")), (ProtobufCMessage *)(uintptr_t)t };
	const struct expr *e;
	struct errmsg m;
	struct arena a;
	bool holds;

	arena_init(&a, 1 << 16);
	e = expr_parse(r.reg, text_of(where), &a, &m);
	if (!e)
		fail_msg("%s: %s", where, m.text);
	holds = expr_holds(e, &r, 310115);
	arena_deinit(&a);
	return holds;
}

static void conditions_ask_what_they_say(void **state)
{
	Tally__Training t = TALLY__TRAINING__INIT;
	ProtobufCBinaryData groups[] = { { 7, (uint8_t *)"migrant" }, { 7, (uint8_t *)"veteran" } };

	(void)state;
	assert_null(registers_init());
	t.has_result = t.has_pid = t.has_sex = t.has_enrolled_on = t.has_hours_online = true;
	t.result = (ProtobufCBinaryData){ 9, (uint8_t *)"completed" };
	t.pid = (ProtobufCBinaryData){ 16, (uint8_t *)"0123456789abcdef" };
	t.sex = 2;
	t.enrolled_on = 20190601;
	t.hours_online = 125; /* tenths */
	t.groups = groups;
	t.n_groups = 2;
	assert_true(asks("result = completed", &t));
	assert_true(asks("result = enrolled|completed", &t));
	assert_false(asks("result != completed", &t));
	assert_true(asks("not result = enrolled", &t));
	assert_true(asks("groups has veteran", &t));
	assert_true(asks("groups has disabled|migrant", &t));
	assert_false(asks("groups has disabled", &t));
	assert_true(asks("sex = 2 and district = 310115", &t));
	assert_false(asks("sex = 1 or district = 310101", &t));
	assert_true(asks("sex = 1 or sex = 2 and result = completed", &t));
	assert_true(asks("enrolled_on <= 2019-06-01 and enrolled_on >= 2019-06-01", &t));
	assert_false(asks("enrolled_on < 2019-06-01", &t));
	assert_false(asks("enrolled_on > 2019-06-01", &t));
	assert_true(asks("hours_online = 12.5", &t));
	assert_true(asks("hours_online > 12.4", &t));
	assert_true(asks("ended_on absent and enrolled_on present", &t));
	/* absent: in no order, equal to nothing */
	assert_false(asks("ended_on < 2030-01-01", &t));
	assert_false(asks("ended_on >= 1950-01-01", &t));
	assert_false(asks("channel = self", &t));
	assert_true(asks("channel != self", &t));
	assert_false(asks("birth_year < 2000", &t));
}

static void values_are_printed_as_people_read_them(void **state)
{
	const struct {
		enum measure_format format;
		int64_t v;
		const char *text;
	} rows[] = { { FORMAT_WHOLE, 0, "0" }, { FORMAT_WHOLE, 1234567, "1234567" },
		{ FORMAT_WHOLE, -3, "-3" }, { FORMAT_TENTHS, 120, "12" },
		{ FORMAT_TENTHS, 125, "12.5" }, { FORMAT_TENTHS, -5, "-0.5" },
		{ FORMAT_MONEY, 5, "0.05" }, { FORMAT_MONEY, 123456, "1234.56" },
		{ FORMAT_MONEY, 100, "1.00" }, { FORMAT_MONEY, -100, "-1.00" },
		{ FORMAT_MONEY, INT64_MIN, "-92233720368547758.08" } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char out[FIGURES_TEXT_MAX];
		size_t n = figures_print(rows[i].format, rows[i].v, out, sizeof(out));

		assert_int_equal(n, strlen(rows[i].text));
		assert_string_equal(out, rows[i].text);
	}
}

#define QUALITY(words) "measure \"1\" { zh = z en = e " words " }\n"
static void columns_of_returns_are_judged(void **state)
{
	(void)state;
	taken(HEAD QUALITY("returns = expected") "}\n");
	taken(HEAD QUALITY(
		"activity = age hidden = true") "measure \"2\" { zh = z en = e formula = "
						"\"1 - 1\" }\n}\n");
	refused(HEAD QUALITY("returns = age") "}\n",
		"13.form:4: of returns there are: expected, received, on_time, late, missing, "
		"hard_errors, soft_errors: age");
	refused(HEAD QUALITY("activity = expected") "}\n",
		"13.form:4: of activity there are: entries, corrections, retractions, refused, "
		"age");
	refused(HEAD QUALITY("returns = expected activity = age") "}\n",
		"13.form:4: a column of returns or activity counts no records: activity");
	refused(HEAD QUALITY("returns = expected register = certificate") "}\n",
		"13.form:4: a column of returns or activity counts no records: register");
	refused(HEAD DIM QUALITY("returns = expected") "}\n",
		"13.form:5: a form of returns or activity has no dims");
	refused(HEAD ONE "}\n", "a form without dims has columns of returns and activity only: 1");
	refused(HEAD QUALITY("returns = expected") "check \"c\" { level = hard rule = \"1 = 1\"\n"
						   "only = {x} }\n}\n",
		"13.form:6: the dim has no such row");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_forms_of_the_program_are_read),
		cmocka_unit_test(syntax_is_told_with_its_line),
		cmocka_unit_test(settings_are_judged_with_their_line),
		cmocka_unit_test(conditions_are_judged_with_their_line),
		cmocka_unit_test(checks_are_judged_with_their_line),
		cmocka_unit_test(stocks_and_formulas_are_judged_with_their_line),
		cmocka_unit_test(the_edition_depends_on_the_period),
		cmocka_unit_test(damaged_forms_are_answers),
		cmocka_unit_test(conditions_ask_what_they_say),
		cmocka_unit_test(values_are_printed_as_people_read_them),
		cmocka_unit_test(columns_of_returns_are_judged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
