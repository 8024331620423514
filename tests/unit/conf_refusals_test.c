/* Every way in which a configuration file can be wrong is refused with file, line and what to do;
 * and a file that was refused leaves nothing behind for the next one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "daemon/base/clock.h"
#include "daemon/conf/conf.h"

#define KEY "abcdefghijABCDEFGHIJ0123456789${x}.-:+=^"
#define SIGNER "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

static const struct conf_row rows[] = {
	{ .name = "district",
		.type = CONF_AREA,
		.required = true,
		.example = "\"310115\"",
		.help_en = "Own code." },
	{ .name = "state_dir",
		.type = CONF_PATH,
		.required = true,
		.help_en = "Where *all* stands." },
	{ .name = "limit",
		.type = CONF_SIZE,
		.preset = "64MiB",
		.least = 1 << 20,
		.most = 1ull << 40 },
	{ .name = "heartbeat", .type = CONF_DURATION, .preset = "1s", .least = 100, .most = 60000 },
	{ .name = "workers", .type = CONF_COUNT, .preset = "2", .least = 1, .most = 64 },
	{ .name = "log",
		.type = CONF_CHOICE,
		.preset = "info",
		.choices = "error|warning|info|debug" },
	{ .name = "group", .type = CONF_NAME },
	{ .name = "note", .type = CONF_TEXT },
	{ .name = "tags", .type = CONF_LIST },
	{ .section = "parent", .type = CONF_NAME, .most = 2, .help_en = "A parent." },
	{ .section = "parent", .name = "endpoint", .type = CONF_ENDPOINT, .required = true },
	{ .section = "parent", .name = "key", .type = CONF_Z85, .required = true },
	{ .section = "parent", .name = "signer", .type = CONF_BASE64, .required = true },
	{ .section = "child", .type = CONF_AREA },
	{ .section = "child", .name = "key", .type = CONF_Z85, .required = true },
};
#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

#define HEAD "district = 310115\nstate_dir = \"/var/x\"\n"
#define PARENT(title) \
	"parent " title " { endpoint = \"tcp://h:7310\" key = \"" KEY "\" signer = \"" SIGNER \
	"\" }\n"

static int parse(struct conf **c, const char *text, struct errmsg *m)
{
	m->text[0] = 0;
	return conf_parse(c, "x.conf", text_of(text), rows, N_ROWS, m);
}

static const struct refusal {
	const char *text, *words; /* the beginning of the message */
} refusals[] = {
	{ "", "x.conf:1: district is missing; add district = \"310115\"" },
	{ "district = 310115\n", "x.conf:1: state_dir is missing" },
	{ HEAD "colour = red\n", "x.conf:3: unknown setting 'colour'" },
	{ HEAD "# one\n/* two\n three */ // four\ncolour = red\n",
		"x.conf:6: unknown setting 'colour'" },
	{ HEAD "district = 310101\n", "x.conf:3: district stands twice, first in line 1" },
	{ HEAD "tags = {a}\ntags = {b}\n", "x.conf:4: tags stands twice, first in line 3" },
	{ HEAD "tags = a\ntags = b\n", "x.conf:4: tags stands twice" },
	{ HEAD "limit = 64\n", "x.conf:3: limit = \"64\": not a size" },
	{ HEAD "limit = 64MB\n", "x.conf:3: limit = \"64MB\": not a size" },
	{ HEAD "limit = 064MiB\n", "x.conf:3: limit = \"064MiB\": not a size" },
	{ HEAD "limit = -1MiB\n", "x.conf:3: limit = \"-1MiB\": not a size" },
	{ HEAD "limit = \"64 MiB\"\n", "x.conf:3: limit = \"64 MiB\": not a size" },
	{ HEAD "limit = 1KiB\n",
		"x.conf:3: limit = \"1KiB\": out of bounds; write a value from 1MiB to 1TiB" },
	{ HEAD "limit = 2TiB\n", "x.conf:3: limit = \"2TiB\": out of bounds" },
	{ HEAD "limit = 99999999TiB\n", "x.conf:3: limit = \"99999999TiB\": too large" },
	{ HEAD "limit = 99999999999999999999B\n",
		"x.conf:3: limit = \"99999999999999999999B\": not a size" },
	{ HEAD "heartbeat = 30\n", "x.conf:3: heartbeat = \"30\": not a duration" },
	{ HEAD "heartbeat = 1w\n", "x.conf:3: heartbeat = \"1w\": not a duration" },
	{ HEAD "heartbeat = 2m\n",
		"x.conf:3: heartbeat = \"2m\": out of bounds; write a value from 100ms to 1m" },
	{ HEAD "workers = 010\n", "x.conf:3: workers = \"010\": not a count" },
	{ HEAD "workers = 0x10\n", "x.conf:3: workers = \"0x10\": not a count" },
	{ HEAD "workers = 65\n",
		"x.conf:3: workers = \"65\": out of bounds; write a value from 1 to 64" },
	{ HEAD "workers = 3 4\n", "x.conf:3: unknown setting '4'" },
	{ HEAD "log = loud\n", "x.conf:3: log = \"loud\": not one of error|warning|info|debug" },
	{ HEAD "log = info|debug\n", "x.conf:3: '|' has no meaning here" },
	{ HEAD "log = \"info|debug\"\n", "x.conf:3: log = \"info|debug\": not one of" },
	{ HEAD "group = \"two words\"\n", "x.conf:3: group = \"two words\": not a name" },
	{ "district = 31011\nstate_dir = /x\n", "x.conf:1: district = \"31011\": not an area" },
	{ "district = 31011a\nstate_dir = /x\n", "x.conf:1: district = \"31011a\": not an area" },
	{ "district = 310115\nstate_dir = var\n",
		"x.conf:2: state_dir = \"var\": not an absolute path" },
	{ "district = 310115\nstate_dir = \"/x/${HOME}\"\n",
		"x.conf:2: state_dir = \"/x/${HOME}\": variables are" },
	{ "district = 310115\nstate_dir = ${HOME}\n",
		"x.conf:2: $ outside quotes: variables are not expanded" },
	{ HEAD PARENT("city") PARENT("city"), "x.conf:4: a second section has the title 'city'" },
	{ HEAD PARENT("a") PARENT("b") PARENT("c"),
		"x.conf:5: 3 sections parent; there must be 0 to 2" },
	{ HEAD PARENT("\"a b\""), "x.conf:3: the title \"a b\" of section parent: not a name" },
	{ HEAD PARENT(""), "x.conf:3: the section 'parent' needs a title" },
	{ HEAD "parent city { }\n", "x.conf:3: endpoint is missing in section city" },
	{ HEAD "parent city {\n key = \"" KEY "\"\n}\n",
		"x.conf:5: endpoint is missing in section city" },
	{ HEAD "child pudong { key = \"" KEY "\" }\n",
		"x.conf:3: the title \"pudong\" of section child: not an area" },
	{ HEAD "child 310101 { key = \"short\" }\n",
		"x.conf:3: key = \"short\": not a CURVE public key" },
	{ HEAD "child 310101 { key = \"" KEY "\"\n key = \"" KEY "\" }\n",
		"x.conf:4: key stands twice, first in line 3" },
	{ HEAD "child 310101 {\n key = \"" KEY "\"\n\n",
		"x.conf:3: what is opened here with { is never closed" },
	{ HEAD "child 310101 { child 310104 { } }\n", "x.conf:3: unknown setting 'child'" },
	{ HEAD "child 310101 { limit = 1MiB }\n", "x.conf:3: unknown setting 'limit'" },
	{ HEAD "}\n", "x.conf:3: a } without its {" },
	{ HEAD "note = \"left open\n", "x.conf:3: a quote is left open" },
	{ HEAD "note = 'left open", "x.conf:3: a quote is left open" },
	{ HEAD "\n/* left open\n\n", "x.conf:4: a comment is left open" },
	{ HEAD "note = \"a\\n\"\n", "x.conf:3: a backslash has no meaning" },
	{ HEAD "note = \"a\"\"b\"\n", "x.conf:3: something follows a closing quote" },
	{ HEAD "note = \"a\tb\001\"\n", "x.conf:3: a control character" },
	{ HEAD "note = \"\xff\"\n", "x.conf:1: the file is not UTF-8" },
	{ HEAD "note =", "x.conf:3: the file ends inside a setting" },
	{ HEAD "note", "x.conf:3: the file ends inside a setting" },
	{ HEAD "note = {a}\n", "x.conf:3: unexpected token '{'" },
	{ HEAD "tags += {a}\n", "x.conf:3: '+' has no meaning" },
	{ HEAD "include(\"/etc/passwd\")\n", "x.conf:3: '(' has no meaning" },
	{ HEAD "limit = 64MiB*\n", "x.conf:3: '*' has no meaning" },
};

static void every_refusal_has_file_line_and_words(void **state)
{
	struct errmsg m;
	struct conf *c;

	(void)state;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		const struct refusal *r = &refusals[i];

		assert_int_equal(parse(&c, r->text, &m), ERR_INVALID);
		assert_null(c);
		if (strncmp(m.text, r->words, strlen(r->words)) != 0)
			fail_msg("%zu: \"%s\" instead of \"%s\"", i, m.text, r->words);
		assert_int_equal(parse(&c, HEAD PARENT("city"), &m), 0);
		conf_close(c);
	}
}

static void endpoints(void **state)
{
	static const char *const good[] = { "tcp://127.0.0.1:7310", "tcp://*:1",
		"tcp://[::1]:65535", "tcp://a-b.example:80", "ipc:///run/x.sock" };
	static const char *const bad[] = { "tcp://h", "tcp://h:0", "tcp://h:65536", "tcp://:1",
		"tcp://h:1x", "tcp://h:", "ipc://x", "ipc:///", "ipc://@x", "pgm://h:1",
		"inproc://x", "http://h:1", "tcp://h :1", "tcp://h:01", "" };
	char text[1024];
	struct errmsg m;
	struct conf *c;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		snprintf(text, sizeof(text),
			HEAD "parent p { endpoint = \"%s\" key = \"" KEY "\" signer = \"" SIGNER
			     "\" }",
			good[i]);
		assert_int_equal(parse(&c, text, &m), 0);
		assert_string_equal(conf_in_text(c, "parent", 0, "endpoint"), good[i]);
		conf_close(c);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text),
			HEAD "parent p { endpoint = \"%s\" key = \"" KEY "\" signer = \"" SIGNER
			     "\" }",
			bad[i]);
		assert_int_equal(parse(&c, text, &m), ERR_INVALID);
		assert_non_null(strstr(m.text, ": not an endpoint; "));
	}
}

static void files(void **state)
{
	struct errmsg m;
	struct conf *c;
	struct buf big = { 0 };

	(void)state;
	assert_int_equal(conf_open(&c, "/nowhere/x.conf", rows, N_ROWS, &m), ERR_NOTFOUND);
	assert_string_equal(m.text, "/nowhere/x.conf: No such file or directory");
	assert_int_equal(conf_open(&c, "/", rows, N_ROWS, &m), ERR_IO);
	assert_int_equal(conf_open(&c, "/dev/zero", rows, N_ROWS, &m), ERR_LIMIT);
	for (int i = 0; i < (int)CONF_FILE_MAX / 16 + 1; i++)
		buf_str(&big, "# sixteen bytes\n");
	assert_int_equal(conf_parse(&c, "x.conf", buf_as_text(&big), rows, N_ROWS, &m), ERR_LIMIT);
	buf_deinit(&big);
}

/* Whatever bytes come: an answer with file and line, or a configuration; never a crash, never
 * silence. */
static void random_damage(void **state)
{
	static const char whole[] =
		HEAD "limit = 3GiB # x\ntags = {a, \"b\"}\n/* y */ log = 'debug'\n" PARENT(
			"city") "child 310101 { key = \"" KEY "\" }\n";
	static const char signs[] = "{}=,\"'#/*\\ \n$+(a1";
	char text[sizeof(whole) + 8];
	struct errmsg m;
	struct conf *c;
	size_t good = 0;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		memcpy(text, whole, sizeof(whole));
		for (uint64_t n = random_below(4); n; n--)
			text[random_below(sizeof(whole) - 1)] =
				signs[random_below(sizeof(signs) - 1)];
		if (random_below(4) == 0)
			text[random_below(sizeof(whole))] = 0;
		if (parse(&c, text, &m) == 0) {
			good++;
			conf_close(c);
		} else if (strncmp(m.text, "x.conf:", 7) != 0 || m.text[7] < '1' ||
			   m.text[7] > '9') {
			fail_msg("\"%s\" for:\n%s", m.text, text);
		}
	}
	assert_true(good > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_refusal_has_file_line_and_words),
		cmocka_unit_test(endpoints),
		cmocka_unit_test(files),
		cmocka_unit_test(random_damage),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
