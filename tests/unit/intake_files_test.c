/* What clerks send: files that are refused as a whole, rows that are refused, how they come back,
 * and what is no fault. */
#include "tests/unit/intake_fixture.h"

#include <jansson.h>

static int setup(void **state)
{
	struct fixture *f = fixture_make();

	fixture_open(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	fixture_remove(*state);
	return 0;
}

static void all_faults_at_once(void **state)
{
	struct fixture *f = *state;
	struct intake_request q = training();
	struct fed_result r;

	r = feed(f->intake, &q, TEXT(HEAD "T9,,,999,1,,cooking,x,y,z,2019-02-31,never,-3,?\n"),
		true);
	assert_int_equal(r.counts.refused, 1);
	for (const char *field = "class_no\0name\0type\0channel\0institution\0status_"
				 "group\0enrolled_on\0ended_on\0hours_online\0result\0";
		*field; field += strlen(field) + 1) {
		char *header_end = strchr(r.refused.p, '\n');

		if (!strstr(header_end, field))
			fail_msg("no fault on %s: %s", field, header_end);
	}
	buf_deinit(&r.refused);
	assert_int_equal(ledger_length(f), 2); /* the note of what was refused */
}

static void replace(struct buf *b, const char *from, const char *to)
{
	struct buf out = { 0 };
	char *at = strstr(b->p, from);

	assert_non_null(at);
	buf_put(&out, b->p, (size_t)(at - b->p));
	buf_str(&out, to);
	buf_str(&out, at + strlen(from));
	buf_deinit(b);
	*b = out;
}

static void refused_file_comes_back(void **state)
{
	struct fixture *f = *state;
	struct intake_request q = training();
	struct buf b = { 0 };
	struct fed_result r, again;

	buf_str(&b, HEAD);
	put_row(&b, 1, 1, 1);
	put_row(&b, 2, 2, 1);
	put_row(&b, 3, 3, 1);
	replace(&b, "T2,C1", "T2,\"=1+1, \"\"x\"\"\"");
	replace(&b, "2019-04-01,1,completed\nT3", "2019-04-31,1,completed\nT3");
	r = feed(f->intake, &q, buf_as_text(&b), true);
	assert_int_equal(r.counts.accepted, 2);
	assert_int_equal(r.counts.refused, 1);
	assert_memory_equal(r.refused.p,
		"\xef\xbb\xbf"
		"enrolment_no,",
		16);
	assert_non_null(strstr(r.refused.p, ",line,code,field,reason\r\n"));
	assert_non_null(strstr(
		r.refused.p, "\r\nT2,\"'=1+1, \"\"x\"\"\",")); /* no formula for a spreadsheet */
	assert_non_null(strstr(r.refused.p, ",3,E105;W403,ended_on;doc_number,"));
	again = feed(f->intake, &q, buf_as_text(&r.refused),
		true); /* not corrected: refused again, in the same form */
	assert_int_equal(again.counts.refused, 1);
	replace(&again.refused, ",2,E105;", ",3,E105;");
	assert_string_equal(again.refused.p, r.refused.p);
	replace(&r.refused, "2019-04-31", "2019-04-30");
	buf_deinit(&again.refused);
	again = feed(f->intake, &q, buf_as_text(&r.refused), true);
	assert_int_equal(again.counts.accepted, 1);
	assert_int_equal(again.counts.refused, 0);
	/* the apostrophe is gone again: the same row from a plain file changes nothing */
	buf_reset(&b);
	buf_str(&b, HEAD);
	put_row(&b, 2, 2, 1);
	replace(&b, "T2,C1", "T2,\"=1+1, \"\"x\"\"\"");
	replace(&b, "2019-04-01", "2019-04-30");
	expect_counts(f->intake, buf_as_text(&b), 0, 0, 1, 0);
	buf_deinit(&b);
	buf_deinit(&r.refused);
	buf_deinit(&again.refused);
}

static void refused_as_json(void **state)
{
	struct fixture *f = *state;
	struct intake_request q = training();
	struct fed_result r;
	json_t *j;
	const char *code, *cell;
	int line;

	q.form = SPOOL_JSON;
	r = feed(f->intake, &q,
		TEXT(HEAD "T1,\"a\"\"\\\n\",n\nT2,C1,\xff\xff,111,310101190301050015,,upgrade,"
			  "individual,91310101MA1T000136,"
			  "employed,2019-03-01,2019-04-01,1,completed\n"),
		true);
	j = json_loads(r.refused.p, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(j);
	assert_int_equal(json_integer_value(json_object_get(j, "refused")), 2);
	assert_int_equal(json_unpack(j, "{s:[{s:i,s:[{s:s}],s:{s:s}}]}", "rows", "line", &line,
				 "faults", "code", &code, "row", "class_no", &cell),
		0);
	assert_int_equal(line, 2);
	assert_string_equal(code, "E003"); /* spans lines and has another number of cells */
	assert_string_equal(cell, "a\"\\\n");
	assert_int_equal(json_unpack(json_array_get(json_object_get(j, "rows"), 1),
				 "{s:i,s:[{s:s}],s:{s:s}}", "line", &line, "faults", "code", &code,
				 "row", "name", &cell),
		0);
	assert_int_equal(line, 4);
	assert_string_equal(code, "E102");
	assert_string_equal(cell, "\xef\xbf\xbd\xef\xbf\xbd");
	json_decref(j);
	buf_deinit(&r.refused);
}

static void file_is_refused(struct fixture *f, struct text file, const char *code, const char *word)
{
	struct intake_request q = training();
	struct fed_result r = feed(f->intake, &q, file, true);

	assert_true(r.bad_file);
	if (strncmp(r.words, code, strlen(code)) != 0 || !strstr(r.words, word))
		fail_msg("%s %s: %s", code, word, r.words);
	assert_int_equal(r.counts.accepted + r.counts.refused, 0);
	buf_deinit(&r.refused);
}

static void files_that_are_refused(void **state)
{
	struct fixture *f = *state;

	file_is_refused(f, TEXT(""), "E001", "empty");
	file_is_refused(f, TEXT("\xef\xbb\xbf\n\n"), "E001", "empty");
	file_is_refused(f, TEXT(HEAD), "E011", "no rows");
	file_is_refused(f, TEXT(HEAD ",,,,,,,,,,,,,\n"), "E011", "no rows");
	file_is_refused(f, TEXT("enrolment_no,salary\n1,2\n"), "E005", "salary");
	file_is_refused(f, TEXT("enrolment_no,,\n1,2,3\n"), "E005", "column 2");
	file_is_refused(f, TEXT("T1,甲乙\n1,2\n"), "E005", "header line missing");
	file_is_refused(f, TEXT("enrolment_no,报名编号\n1,2\n"), "E006", "enrolment_no");
	file_is_refused(f, TEXT("enrolment_no,doc_number\n1,2\n"), "E004", "class_no");
	file_is_refused(f, TEXT("enrolment_no,\xff\n1,2\n"), "E002", "UTF-8");
	file_is_refused(f, TEXT("enrolment_no,\"class_no\n1,2\n"), "E003", "line 1");
	file_is_refused(f, TEXT("PK\3\4xxxxxx"), "E016", "workbook");
	assert_int_equal(ledger_length(f), 1);
	assert_int_equal(stored_counts(f).refused, 0);
}

static void liberties_of_clerks(void **state)
{
	struct fixture *f = *state;
	struct buf b = { 0 };
	char number[19];

	made_up(number, 1);
	/* Chinese headers, another order, no doc_type, blank rows. */
	buf_str(&b, "\xef\xbb\xbf"
		    "培训结果, 报名编号 "
		    ",班次编号,姓名,证件号码,培训类型,补贴通道,培训机构统一社会信用代码,参训身份,"
		    "开班日期,结业日期,线上学时\r\n");
	buf_printf(&b,
		",,,,,,,,,,,\r\n\r\ncompleted,T1,C1,甲1,%s,upgrade,individual,91310101MA1T000136,"
		"employed,2019年3月1日,20190401,1\r\n",
		number);
	expect_counts(f->intake, buf_as_text(&b), 1, 0, 0, 0);
	buf_reset(&b);
	buf_str(&b, HEAD);
	put_row(&b, 1, 1, 1);
	expect_counts(f->intake, buf_as_text(&b), 0, 0, 1, 0);
	buf_deinit(&b);
}

static void rows_as_text_are_refused(void **state)
{
	struct fixture *f = *state;
	struct buf b = { 0 };
	struct intake_request q = training();
	struct fed_result r;

	buf_str(&b, HEAD);
	put_row(&b, 1, 1, 1);
	buf_str(&b, "T2,C1\n");
	buf_str(&b, "T3,,,,,,,,,,,,,,,,,\n");
	buf_str(&b, "T4,");
	for (int i = 0; i < 1000000; i++)
		buf_str(&b, "x");
	buf_str(&b, ",,,,,,,,,,,,\n");
	put_row(&b, 5, 5, 1);
	buf_str(&b, "T6,\"C1\n");
	put_row(&b, 7, 7, 1);
	r = feed(f->intake, &q, buf_as_text(&b), true);
	assert_int_equal(r.counts.accepted, 2);
	assert_int_equal(r.counts.refused, 4);
	assert_non_null(strstr(r.refused.p, ",3,E007,,"));
	assert_non_null(strstr(r.refused.p, ",4,E008,,"));
	assert_non_null(strstr(r.refused.p, ",5,E009,class_no,"));
	assert_non_null(strstr(r.refused.p, ",7,E003,,"));
	assert_true(r.refused.n < 4096);
	assert_int_equal(stored_counts(f).refused, 4);
	buf_deinit(&r.refused);
	buf_deinit(&b);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(all_faults_at_once),
		TEST(refused_file_comes_back),
		TEST(refused_as_json),
		TEST(files_that_are_refused),
		TEST(liberties_of_clerks),
		TEST(rows_as_text_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
