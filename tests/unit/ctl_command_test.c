/* Words → request: options, values, files; and what is said of words that fit no command. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "daemon/ctl/command.h"
#include "daemon/ctl/ctl.h"
#include "daemon/ctl/upload.h"

static const struct command form_show = { .method = "GET",
	.path = "/v1/forms/{form}",
	.command = "form show FORM",
	.query = "period! area version cumulative?" };
static const struct command import = { .method = "POST",
	.path = "/v1/records/{register}",
	.command = "import REGISTER FILE…",
	.query = "dry_run? lang",
	.upload = true };
static const struct command retract = { .method = "POST",
	.path = "/v1/records/{register}/{key}/retract",
	.command = "retract REGISTER KEY",
	.query = "reason!" };
static const struct command retract_file = { .method = "POST",
	.path = "/v1/records/{register}/retract",
	.command = "retract REGISTER",
	.query = "file< reason dry_run?",
	.upload = true };
static const struct command verify = { .method = "GET",
	.path = "/v1/ledgers/{origin}",
	.command = "ledger verify [ORIGIN]",
	.query = "" };
static const struct command show_entries = { .method = "GET",
	.path = "/v1/ledgers/{origin}",
	.command = "ledger show ORIGIN",
	.query = "from to" };
static const struct command backup = {
	.method = "POST", .path = "/v1/backup", .command = "backup DIR", .query = "dir!"
};

static const struct command names = { .method = "POST",
	.path = "/v1/talents/names",
	.command = "talent names",
	.query = "purpose name% registrar_key@ limit",
	.upload = true };

/* Two forms of one command. */
static const struct command erase = { .method = "POST",
	.path = "/v1/persons/erase",
	.command = "person erase",
	.query = "purpose doc_type number% lang",
	.upload = true };
static const struct command erase_due = { .method = "POST",
	.path = "/v1/persons/due/erase",
	.command = "person erase",
	.query = "due? persons yes? today lang" };

/* Matches words that stand in one string, parted by '|'. */
static int match(const struct command *c, const char *row, const char *lang, struct request *q)
{
	static char room[1000];
	static char *words[40];
	size_t n = 0;
	snprintf(room, sizeof room, "%s", row);
	for (char *w = strtok(room, "|"); w; w = strtok(NULL, "|"))
		words[n++] = w;
	return command_match(c, words, n, lang, q);
}

static void becomes(const struct command *c, const char *row, const char *url)
{
	struct request q;
	if (match(c, row, NULL, &q) != 0)
		fail_msg("%s: %s", row, q.why);
	assert_string_equal(q.url.p, url);
	request_deinit(&q);
}

static void fails(const struct command *c, const char *row, const char *why)
{
	struct request q;
	assert_int_equal(match(c, row, NULL, &q), ERR_INVALID);
	assert_true(q.named);
	assert_string_equal(q.why, why);
	request_deinit(&q);
}

static void words_become_a_url(void **state)
{
	(void)state;
	becomes(&form_show, "form|show|02|--period|2019-06|--area|310115|--cumulative",
		"/v1/forms/02?period=2019-06&area=310115&cumulative=1");
	becomes(&form_show, "form|--cumulative|show|--period=2019|02",
		"/v1/forms/02?cumulative=1&period=2019");
	becomes(&form_show, "form|show|--period|--area|02", "/v1/forms/02?period=--area");
	becomes(&retract, "retract|training|A/1 ?#%|--reason|写错了&more",
		"/v1/records/training/A%2F1%20%3F%23%25/"
		"retract?reason=%E5%86%99%E9%94%99%E4%BA%86%26more");
	becomes(&retract, "retract|--reason|x|--|training|--key",
		"/v1/records/training/--key/retract?reason=x");
	becomes(&verify, "ledger|verify", "/v1/ledgers");
	becomes(&verify, "ledger|verify|310115", "/v1/ledgers/310115");
}

static void misfits_are_said(void **state)
{
	(void)state;
	fails(&form_show, "form|show", "FORM is missing");
	fails(&form_show, "form|show|02", "--period is missing");
	fails(&form_show, "form|show|02|--period", "--period wants a value");
	fails(&form_show, "form|show|02|--period|1|--period|2", "--period is given twice");
	fails(&form_show, "form|show|02|--period|1|--cumulative=yes",
		"--cumulative takes no value");
	fails(&form_show, "form|show|02|--period|1|--color", "it has no option --color");
	fails(&form_show, "form|show|02|03|--period|1", "the word '03' is one too many");
	fails(&import, "import|training", "FILE is missing");
	struct request q;
	assert_int_equal(match(&form_show, "form|list", NULL, &q), ERR_INVALID);
	assert_false(q.named);
	request_deinit(&q);
	assert_int_equal(command_match(&form_show, NULL, 0, NULL, &q), ERR_INVALID);
	assert_false(q.named);
	request_deinit(&q);
}

static void files_are_what_is_left(void **state)
{
	(void)state;
	struct request q;
	assert_int_equal(match(&import, "import|training|a.csv|--dry-run|b.csv", NULL, &q), 0);
	assert_string_equal(q.url.p, "/v1/records/training?dry_run=1");
	assert_int_equal(q.n_files, 2);
	assert_string_equal(q.files[0], "a.csv");
	assert_string_equal(q.files[1], "b.csv");
	request_deinit(&q);
	assert_string_equal(upload_type("a.csv"), "text/csv");
	assert_string_equal(upload_type("a.txt"), "application/octet-stream");
	assert_string_equal(upload_type("a.NDJSON"), "application/x-ndjson");
	assert_string_equal(upload_type("a.jsonl"), "application/x-ndjson");
	assert_string_equal(upload_type("a.xlsx"),
		"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet");
}

static void files_may_be_named_by_an_option(void **state)
{
	struct request q;
	(void)state;
	assert_int_equal(
		match(&retract_file, "retract|training|--file|a.csv|--reason=x|--file=--b.csv",
			NULL, &q),
		0);
	assert_string_equal(q.url.p, "/v1/records/training/retract?reason=x");
	assert_int_equal(q.n_files, 2);
	assert_string_equal(q.files[0], "a.csv");
	assert_string_equal(q.files[1], "--b.csv");
	request_deinit(&q);
	fails(&retract_file, "retract|training", "--file is missing");
	fails(&retract_file, "retract|training|--file", "--file wants a value");
	fails(&retract_file, "retract|training|T1|--file|a", "the word 'T1' is one too many");
	/* nearer than the command of one record */
	assert_int_equal(
		match(&retract_file, "retract|training|--file|a|--bogus", NULL, &q), ERR_INVALID);
	assert_int_equal(q.literals, 2);
	request_deinit(&q);
	fails(&retract, "retract|training|T1|--reason|x|--file|a", "it has no option --file");
}

static void answers_may_go_into_a_file(void **state)
{
	struct request q;
	(void)state;
	assert_int_equal(match(&form_show, "form|show|02|--to|a.xlsx|--period|2019", NULL, &q), 0);
	assert_string_equal(q.url.p, "/v1/forms/02?period=2019");
	assert_string_equal(q.to, "a.xlsx");
	request_deinit(&q);
	fails(&form_show, "form|show|02|--period|2019|--to|a|--to|b", "--to is given twice");
	fails(&form_show, "form|show|02|--period|2019|--to", "--to wants a value");
	fails(&retract, "retract|training|T1|--reason|x|--to|a", "it has no option --to");
	becomes(&show_entries, "ledger|show|310115|--to|7", "/v1/ledgers/310115?to=7");
}

static void the_language_goes_along_where_it_is_wanted(void **state)
{
	(void)state;
	struct request q;
	assert_int_equal(match(&import, "import|training|a", "en", &q), 0);
	assert_string_equal(q.url.p, "/v1/records/training?lang=en");
	request_deinit(&q);
	assert_int_equal(match(&form_show, "form|show|02|--period|2019", "en", &q), 0);
	assert_string_equal(q.url.p, "/v1/forms/02?period=2019");
	request_deinit(&q);
}

static void local_paths_are_made_whole(void **state)
{
	(void)state;
	char cwd[2000], expected[4000];
	assert_non_null(getcwd(cwd, sizeof cwd));
	struct request q;
	assert_int_equal(match(&backup, "backup|there", NULL, &q), 0);
	snprintf(expected, sizeof expected, "%s/there", cwd);
	struct buf plain = { 0 };
	for (const char *p = q.url.p; *p; p += strncmp(p, "%2F", 3) == 0 ? 3 : 1)
		buf_put(&plain, strncmp(p, "%2F", 3) == 0 ? "/" : p, 1);
	assert_non_null(strstr(plain.p, "/v1/backup?dir=/"));
	assert_non_null(strstr(plain.p, "/there"));
	buf_deinit(&plain);
	request_deinit(&q);
	becomes(&backup, "backup|/there", "/v1/backup?dir=%2Fthere");
}

/* Words that fit neither form are told of the one that was meant, wherever the options stand. */
static void a_misfit_is_told_of_the_form_that_was_meant(void **state)
{
	static const struct {
		const char *words;
		bool due; /* the second form was meant */
	} rows[] = {
		{ "person|erase|--due|--purpose|x", true },
		{ "person|erase|--purpose|x|--due", true },
		{ "person|erase|--due|--purpose|x|--doc-type|111", true },
		{ "person|erase|--due|--persons", true },
		{ "person|erase|--persons|3|--other", true },
		{ "person|erase|--purpose|x|--other", false },
		{ "person|erase|--doc-type|111|--purpose", false },
		{ "person|erase|one|--due", true },
		{ "person|erase|one", false }, /* as near: the first */
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct request first, second;
		assert_int_not_equal(match(&erase, rows[i].words, NULL, &first), 0);
		assert_int_not_equal(match(&erase_due, rows[i].words, NULL, &second), 0);
		assert_true(first.named && second.named);
		if (request_nearer(&second, &first) != rows[i].due)
			fail_msg("%s", rows[i].words);
		request_deinit(&first);
		request_deinit(&second);
	}
}

static void usage_is_written_as_it_is_typed(void **state)
{
	(void)state;
	struct buf b = { 0 };
	command_usage(&form_show, &b);
	assert_string_equal(b.p,
		"form show FORM --period PERIOD [--area AREA] [--version VERSION] [--cumulative]");
	buf_reset(&b);
	command_usage(&import, &b);
	assert_string_equal(b.p, "import REGISTER FILE… [--dry-run] [--lang LANG]");
	buf_reset(&b);
	command_usage(&backup, &b);
	assert_string_equal(b.p, "backup DIR");
	buf_deinit(&b);
}

static void the_list_is_read(void **state)
{
	(void)state;
	struct command c;
	json_t *v = json_loads(
		"{\"routes\": [{\"method\": \"GET\", \"path\": \"/v1/\", \"command\": null},"
		"{\"method\": \"GET\", \"path\": \"/v1/status\", \"command\": \"status\", "
		"\"query\": null, "
		"\"upload\": false}, 3]}",
		0, NULL);
	assert_int_equal(commands_n(v), 3);
	assert_false(command_at(v, 0, &c));
	assert_true(command_at(v, 1, &c));
	assert_string_equal(c.query, "");
	assert_false(command_at(v, 2, &c));
	assert_false(command_at(v, 3, &c));
	assert_int_equal(commands_n(NULL), 0);
	json_decref(v);
}

/* Splits a row into argv and parses it. */
static int options(struct ctl_options *o, const char *row)
{
	static char room[400];
	static char *argv[30];
	int n = 0;
	snprintf(room, sizeof room, "tallyctl|%s", row);
	for (char *w = strtok(room, "|"); w; w = strtok(NULL, "|"))
		argv[n++] = w;
	argv[n] = NULL;
	return options_parse(o, n, argv);
}

static void options_stand_anywhere(void **state)
{
	(void)state;
	struct ctl_options o;
	unsetenv("LC_ALL");
	unsetenv("LC_MESSAGES");
	setenv("LANG", "zh_CN.UTF-8", 1);
	assert_int_equal(options(&o, "status"), 0);
	assert_true(o.zh && !o.lang && !o.socket && o.output == CTL_TABLE);
	assert_int_equal(options(&o, "-s|/x|status|-o|json|--lang|en|--from|3"), 0);
	assert_true(!o.zh && strcmp(o.lang, "en") == 0 && strcmp(o.socket, "/x") == 0 &&
		    o.output == CTL_JSON);
	assert_int_equal(o.n_words, 3);
	assert_string_equal(o.words[2], "3");
	assert_int_equal(options(&o, "-ocsv|-s/y|--lang=zh|a|--|-o|-s"), 0);
	assert_true(o.output == CTL_CSV && strcmp(o.socket, "/y") == 0 && o.zh);
	assert_int_equal(o.n_words, 4);
	setenv("LC_ALL", "C.UTF-8", 1);
	assert_int_equal(options(&o, "status|--help"), 0);
	assert_true(!o.zh && o.help);
	assert_int_equal(options(&o, "status|-o"), CTL_USAGE);
	assert_int_equal(options(&o, "status|-o|xml"), CTL_USAGE);
	assert_int_equal(options(&o, "status|--lang|fr"), CTL_USAGE);
	assert_int_equal(options(&o, "status|-s"), CTL_USAGE);
}

/* What must stand in no list of processes is no option with a value, and never in the URL. */
static void secrets_are_asked_for(void **state)
{
	struct request q;
	struct buf usage = { 0 };
	(void)state;
	assert_int_equal(match(&names, "talent|names|--purpose|x", NULL, &q), 0);
	assert_true(q.asking && q.n_asks == 1 && text_is(q.asks[0], "name"));
	assert_string_equal(q.url.p, "/v1/talents/names?purpose=x");
	request_deinit(&q);
	assert_int_equal(match(&names, "talent|names|--registrar-key|--purpose|x", NULL, &q), 0);
	assert_true(q.n_asks == 2 && text_is(q.asks[1], "registrar_key"));
	assert_string_equal(q.url.p, "/v1/talents/names?purpose=x");
	request_deinit(&q);
	for (const char *const *bad = (const char *const[]){ "talent|names|--name|x",
		     "talent|names|--registrar-key=x", "talent|names|--registrar-key|x",
		     "talent|names|--registrar-key|--registrar-key", NULL };
		*bad; bad++) {
		assert_int_equal(match(&names, *bad, NULL, &q), ERR_INVALID);
		request_deinit(&q);
	}
	assert_int_equal(match(&import, "import|training|f.csv", NULL, &q), 0);
	assert_false(q.asking);
	request_deinit(&q);
	command_usage(&names, &usage);
	assert_string_equal(
		usage.p, "talent names [--purpose PURPOSE] [--registrar-key] [--limit LIMIT]");
	buf_deinit(&usage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_become_a_url),
		cmocka_unit_test(misfits_are_said),
		cmocka_unit_test(files_are_what_is_left),
		cmocka_unit_test(files_may_be_named_by_an_option),
		cmocka_unit_test(answers_may_go_into_a_file),
		cmocka_unit_test(the_language_goes_along_where_it_is_wanted),
		cmocka_unit_test(local_paths_are_made_whole),
		cmocka_unit_test(a_misfit_is_told_of_the_form_that_was_meant),
		cmocka_unit_test(usage_is_written_as_it_is_typed),
		cmocka_unit_test(the_list_is_read),
		cmocka_unit_test(options_stand_anywhere),
		cmocka_unit_test(secrets_are_asked_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
