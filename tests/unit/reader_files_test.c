/* One table in every format gives the same cells; a file is also read where it lies.
 *
 * With arguments it is a tool: `reader_files_test FILE…` prints the rows of files as lines of JSON
 * ({"line", "flaws", "kinds", "cells"}, and {"error"} or {"warning"} at the end), `-t FILE…` only
 * how fast they were read and the memory at its highest. tests/system/test_readers_files.py holds
 * them against an independent writer. */
#include "reader_fixture.h"

#include <fcntl.h>
#include <jansson.h>
#include <sys/resource.h>
#include <time.h>

static const struct reader_column columns[] = { { "name", "姓名", false }, { "no", "编号", false },
	{ "groups", "类别", true } };

#define ROWS "#1:姓名|编号|类别\n2:甲子安|1|a;b\n3:乙𠮷|22|\n4:|3|é\n"
#define CSV "姓名,编号,类别\n甲子安,1,a;b\n乙𠮷,22,\n,3,é\n"

static void same_rows(void **state)
{
	struct buf file = { 0 };

	(void)state;
	expect_with((struct reader_conf){ .format = READER_CSV }, TEXT(CSV), ROWS);
	expect_with((struct reader_conf){ .format = READER_AUTO }, TEXT("\xef\xbb\xbf" CSV), ROWS);
	expect_with((struct reader_conf){ .columns = columns, .n_columns = 3 },
		TEXT("{\"姓名\":\"甲子安\",\"编号\":\"1\",\"类别\":[\"a\",\"b\"]}\n"
		     "{\"no\":\"22\",\"name\":\"乙\\ud842\\udfb7\"}\n{\"groups\":\"é\",\"no\":"
		     "\"3\"}"),
		"#0:name|no|groups\n1:甲子安|1|a;b\n2:乙𠮷|22|-\n3:-|3|é\n");
	make_book(&file,
		&(struct book){ .strings = STRINGS("<si><t>姓名</t></si><si><t>编号</t></si><si><t>"
						   "类别</t></si><si><t>甲子安</t></si>"),
			.sheet = SHEET("<row r=\"1\"><c r=\"A1\" t=\"s\"><v>0</v></c><c r=\"B1\" "
				       "t=\"s\"><v>1</v></c><c r=\"C1\" t=\"s\"><v>2</v></c></row>"
				       "<row><c t=\"s\"><v>3</v></c><c t=\"str\"><v>1</v></c><c "
				       "t=\"inlineStr\"><is><t>a;b</t></is></c></row>"
				       "<row><c t=\"str\"><v>乙&#x20BB7;</v></c><c t=\"str\"><v>22"
				       "</v></c></row><row r=\"4\"><c r=\"B4\" t=\"str\"><v>3</v>"
				       "</c><c t=\"str\"><v>é</v></c></row>") });
	expect_with((struct reader_conf){ .format = READER_XLSX }, buf_as_text(&file), ROWS);
	/* The bytes go before a wrong name. */
	expect_with((struct reader_conf){ .format = READER_CSV }, buf_as_text(&file), ROWS);
	expect_with((struct reader_conf){ .format = READER_AUTO }, buf_as_text(&file), ROWS);
	buf_deinit(&file);
}

static void where_it_lies(void **state)
{
	char name[] = "/tmp/reader-XXXXXX";
	int fd = mkstemp(name);
	struct buf b = { 0 };
	struct reader *r;
	struct reader_conf c = { .on_header = write_header, .on_row = write_row, .arg = &b };

	(void)state;
	assert_int_equal(write(fd, CSV, sizeof CSV - 1), sizeof CSV - 1);
	assert_int_equal(reader_open(&r, &c), 0);
	assert_true(reader_file(r, fd));
	assert_string_equal(b.p, ROWS);
	assert_int_equal(fcntl(fd, F_GETFD) >= 0, 1); /* still ours */
	reader_close(r);
	buf_deinit(&b);
	close(fd);
	unlink(name);
}

struct changing {
	int fd;
	int rows;
};

static bool change(void *arg, const struct reader_row *row)
{
	struct changing *c = arg;

	(void)row;
	if (c->rows++ == 1)
		assert_int_equal(write(c->fd, "x", 1), 1);
	return true;
}

static void changed_meanwhile(void **state)
{
	char name[] = "/tmp/reader-XXXXXX";
	struct changing c = { mkstemp(name), 0 };
	struct reader_conf conf = { .on_header = change, .on_row = change, .arg = &c };
	struct reader *r;

	(void)state;
	assert_int_equal(write(c.fd, CSV, sizeof CSV - 1), sizeof CSV - 1);
	assert_int_equal(reader_open(&r, &conf), 0);
	assert_false(reader_file(r, c.fd));
	assert_non_null(strstr(reader_words(r), "changed while it was read"));
	reader_close(r);
	assert_int_equal(reader_open(&r, &conf), 0);
	close(c.fd);
	c.fd = open("/tmp", O_RDONLY);
	assert_false(reader_file(r, c.fd));
	assert_non_null(strstr(reader_words(r), "no file"));
	reader_close(r);
	close(c.fd);
	unlink(name);
}

static bool stop_at_two(void *arg, const struct reader_row *row)
{
	int *n = arg;

	(void)row;
	return ++*n < 2;
}

static void stops_when_told(void **state)
{
	int n = 0;
	struct reader_conf c = {
		.dir = "/tmp", .on_header = stop_at_two, .on_row = stop_at_two, .arg = &n
	};
	struct reader *r;

	(void)state;
	assert_int_equal(reader_open(&r, &c), 0);
	assert_true(reader_feed(r, CSV, sizeof CSV - 1));
	assert_false(reader_end(r));
	assert_int_equal(n, 2);
	assert_int_equal(reader_error(r), 0);
	reader_close(r);
}

static void limits(void **state)
{
	struct buf big = { 0 };

	(void)state;
	expect_with((struct reader_conf){ .bytes_max = 10 }, TEXT("a,b\n1,2\n3"),
		"#1:a|b\n2:1|2\n3:3\n");
	expect_with((struct reader_conf){ .bytes_max = 10 }, TEXT("a,b\n1,2\n3,4"),
		"error 8: the file is too large: split it\n");
	/* No place to put it aside: said, and nothing given out. */
	for (int i = 0; i < 20000; i++)
		buf_str(&big, "a,b,c,d\n");
	expect_with((struct reader_conf){ .dir = "/nowhere" }, buf_as_text(&big),
		"error 2: the file cannot be read or put aside: the disk failed\n");
	buf_deinit(&big);
}

static void formats(void **state)
{
	static const struct {
		const char *type, *name;
		enum reader_format format;
	} rows[] = {
		{ "text/csv; charset=utf-8", "a.xlsx", READER_CSV },
		{ "Text/CSV", NULL, READER_CSV },
		{ NULL, "a.CSV", READER_CSV },
		{ NULL, "a.tsv", READER_TSV },
		{ NULL, "培训.xlsx", READER_XLSX },
		{ "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", NULL,
			READER_XLSX },
		{ "application/x-ndjson", NULL, READER_NDJSON },
		{ "application/vnd.ms-excel", "a.csv", READER_CSV },
		{ "application/octet-stream", NULL, READER_AUTO },
		{ "", "", READER_AUTO },
		{ NULL, ".csv", READER_AUTO },
		{ NULL, NULL, READER_AUTO },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(reader_format_of(rows[i].type, rows[i].name), rows[i].format);
}

/* ---- the tool ---- */

struct tool {
	bool timed;
	uint64_t rows;
};

static bool print_row(void *arg, const struct reader_row *row)
{
	struct tool *t = arg;
	json_t *cells;
	char kinds[READER_CELLS_MAX + 1] = "";

	t->rows++;
	if (t->timed)
		return true;
	cells = json_array();
	for (size_t i = 0; i < row->n_cells && i < READER_CELLS_MAX; i++) {
		kinds[i] = "tndbe"[row->kinds[i]];
		json_array_append_new(
			cells, row->cells[i].p ? json_stringn(row->cells[i].p, row->cells[i].n)
					       : json_null());
	}
	json_t *o = json_pack("{sI si ss so}", "line", (json_int_t)row->line, "flaws",
		(int)row->flaws, "kinds", kinds, "cells", cells);
	json_dumpf(o, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(o);
	return true;
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int tool_file(const char *name, struct tool *t)
{
	struct reader_conf c = { .format = reader_format_of(NULL, name),
		.dir = "/var/tmp",
		.columns = columns,
		.n_columns = 3,
		.on_header = print_row,
		.on_row = print_row,
		.arg = t };
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	double start = seconds();
	struct reader *r;
	struct rusage u;
	json_t *o;

	if (fd < 0 || reader_open(&r, &c)) {
		perror(name);
		return 1;
	}
	(void)reader_file(r, fd);
	close(fd);
	o = json_object();
	if (reader_words(r))
		json_object_set_new(o, "error", json_string(reader_words(r)));
	if (reader_warning(r))
		json_object_set_new(o, "warning", json_string(reader_warning(r)));
	if (t->timed) {
		getrusage(RUSAGE_SELF, &u);
		printf("%s: %llu rows in %.2f s, %.0f a second, %ld KiB at the highest\n", name,
			(unsigned long long)t->rows, seconds() - start,
			(double)t->rows / (seconds() - start), u.ru_maxrss);
	}
	if (json_object_size(o)) {
		json_dumpf(o, stdout, 0);
		putchar('\n');
	}
	json_decref(o);
	reader_close(r);
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_rows),
		cmocka_unit_test(where_it_lies),
		cmocka_unit_test(changed_meanwhile),
		cmocka_unit_test(stops_when_told),
		cmocka_unit_test(limits),
		cmocka_unit_test(formats),
	};
	struct tool t = { .timed = argc > 1 && strcmp(argv[1], "-t") == 0 };
	int failed = 0;

	if (argc == 1)
		return cmocka_run_group_tests(tests, NULL, NULL);
	for (int i = 1 + t.timed; i < argc; i++) {
		t.rows = 0;
		failed |= tool_file(argv[i], &t);
	}
	return failed;
}
