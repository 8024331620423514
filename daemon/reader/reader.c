/* Normal path: pieces go to the tape and past the judge of UTF-8 → at the end: a zip file is a
 * workbook, whatever it is called; other bytes are text: judged (decode.c), read again from the
 * tape in pieces, decoded, and pushed into the reader of their format, whose first row is the
 * header.
 *
 * Because of that order a sender that goes away half-way has brought in nothing, and a file in an
 * encoding of its own is known before its first row. The price is one write and one more read of
 * the file, a few hundredths of what its records cost. */
#include "daemon/reader/reader.h"

#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>

#include "daemon/reader/csv.h"
#include "daemon/reader/decode.h"
#include "daemon/reader/ndjson.h"
#include "daemon/reader/tape.h"
#include "daemon/reader/xlsx.h"

#define PIECE (64 * 1024)

struct reader {
	struct reader_conf conf;
	struct tape tape;
	struct utf8_judge judge;
	struct csv *csv;
	struct ndjson *ndjson;
	bool headed, stopped;
	int err;
	struct errmsg words, warning;
};

/* ---- formats ---- */

struct format_name {
	const char *name;
	enum reader_format format;
};

/* vnd.ms-excel and octet-stream are what browsers call a CSV: they say nothing. */
static const struct format_name types[] = {
	{ "text/csv", READER_CSV },
	{ "application/csv", READER_CSV },
	{ "text/tab-separated-values", READER_TSV },
	{ "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", READER_XLSX },
	{ "application/vnd.ms-excel.sheet.macroenabled.12", READER_XLSX },
	{ "application/x-ndjson", READER_NDJSON },
	{ "application/ndjson", READER_NDJSON },
	{ "application/jsonl", READER_NDJSON },
	{ "application/x-jsonlines", READER_NDJSON },
	{ "application/json", READER_NDJSON },
};

static const struct format_name endings[] = {
	{ ".csv", READER_CSV },
	{ ".tsv", READER_TSV },
	{ ".tab", READER_TSV },
	{ ".xlsx", READER_XLSX },
	{ ".xlsm", READER_XLSX },
	{ ".ndjson", READER_NDJSON },
	{ ".jsonl", READER_NDJSON },
	{ ".json", READER_NDJSON },
};

enum reader_format reader_format_of(const char *content_type, const char *name)
{
	size_t type = content_type ? strcspn(content_type, "; \t") : 0, n = name ? strlen(name) : 0;

	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (content_type && strlen(types[i].name) == type &&
			strncasecmp(types[i].name, content_type, type) == 0)
			return types[i].format;
	for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
		size_t len = strlen(endings[i].name);

		if (n > len && strcasecmp(name + n - len, endings[i].name) == 0)
			return endings[i].format;
	}
	return READER_AUTO;
}

/* The bytes go before the name where they leave no doubt. */
static enum reader_format format_of_bytes(struct reader *r)
{
	char h[64];
	size_t n = tape_read(&r->tape, 0, h, sizeof h), i = 0;

	if (n >= 4 && (memcmp(h, "PK\3\4", 4) == 0 || memcmp(h, "PK\5\6", 4) == 0))
		return READER_XLSX;
	if (r->conf.format != READER_AUTO)
		return r->conf.format;
	if (n >= 3 && memcmp(h, "\xef\xbb\xbf", 3) == 0)
		i = 3;
	while (i < n && memchr(" \t\r\n", h[i], 4))
		i++;
	return i < n && h[i] == '{' && r->conf.n_columns ? READER_NDJSON : READER_CSV;
}

/* ---- opening and filling ---- */

int reader_open(struct reader **out, const struct reader_conf *c)
{
	struct reader *r = calloc(1, sizeof *r);

	if (!r)
		return ERR_NOMEM;
	r->conf = *c;
	if (!r->conf.bytes_max)
		r->conf.bytes_max = READER_BYTES_MAX;
	tape_init(&r->tape, c->dir);
	*out = r;
	return 0;
}

void reader_close(struct reader *r)
{
	if (!r)
		return;
	csv_close(r->csv);
	ndjson_close(r->ndjson);
	tape_deinit(&r->tape);
	free(r);
}

/* The first failure counts. */
static void fail(struct reader *r, int err, const char *words)
{
	if (r->err)
		return;
	r->err = err;
	if (words != r->words.text)
		errmsg_set(&r->words, "%s", words);
}

static void fail_io(struct reader *r, int err)
{
	fail(r, err,
		err == ERR_FULL	   ? "there is no room on the disk to put the file aside"
		: err == ERR_IO	   ? "the file cannot be read or put aside: the disk failed"
		: err == ERR_NOMEM ? "out of memory while reading the file"
				   : err_words(err));
}

static bool over_limit(struct reader *r, uint64_t n)
{
	if (n <= r->conf.bytes_max)
		return false;
	fail(r, ERR_LIMIT, "the file is too large: split it");
	return true;
}

bool reader_feed(struct reader *r, const char *p, size_t n)
{
	if (r->err || over_limit(r, r->tape.n + n))
		return false;
	utf8_judge_feed(&r->judge, p, n);
	tape_put(&r->tape, p, n);
	if (r->tape.err)
		fail_io(r, r->tape.err);
	return !r->err;
}

/* ---- giving out ---- */

static bool on_row(void *arg, const struct reader_row *row)
{
	struct reader *r = arg;
	bool on;

	if (r->stopped)
		return false;
	if (r->headed) {
		on = r->conf.on_row(r->conf.arg, row);
	} else {
		r->headed = true;
		on = r->conf.on_header(r->conf.arg, row);
	}
	r->stopped = !on;
	return on;
}

static bool on_text(void *arg, const char *p, size_t n)
{
	struct reader *r = arg;

	return r->csv ? csv_feed(r->csv, p, n) : ndjson_feed(r->ndjson, p, n);
}

static void read_workbook(struct reader *r)
{
	char head[2] = "";
	int err = tape_seal(&r->tape, true);

	if (err) {
		fail_io(r, err);
		return;
	}
	if (tape_read(&r->tape, 0, head, sizeof head) < 2 || memcmp(head, "PK", 2) != 0) {
		fail(r, ERR_INVALID,
			"the file is no XLSX workbook; an old (XLS) or a password-protected one: "
			"save it as XLSX without a password, or as CSV; text: give it its right "
			"name");
		return;
	}
	err = xlsx_read(r->tape.fd,
		&(struct xlsx_conf){
			.dir = r->conf.dir, .on_row = on_row, .arg = r, .warning = &r->warning },
		&r->words);
	if (err)
		fail(r, err, r->words.text);
}

/* The names of the columns, as a header. */
static bool give_columns(struct reader *r)
{
	static const uint8_t kinds[READER_CELLS_MAX];
	struct text cells[READER_CELLS_MAX];
	struct reader_row row = { .lines = 1,
		.n_cells = r->conf.n_columns,
		.cells = cells,
		.kinds = kinds,
		.flawed = r->conf.n_columns };

	for (size_t i = 0; i < r->conf.n_columns && i < READER_CELLS_MAX; i++)
		cells[i] = text_of(r->conf.columns[i].name);
	return on_row(r, &row);
}

static void open_text(struct reader *r, enum reader_format format)
{
	if (format == READER_NDJSON)
		r->ndjson = ndjson_open(r->conf.columns, r->conf.n_columns, on_row, r);
	else
		r->csv = csv_open(format == READER_TSV, on_row, r);
	if (!r->ndjson && !r->csv)
		fail_io(r, ERR_NOMEM);
}

static void decode(struct reader *r, struct decoder *d)
{
	char *piece = malloc(PIECE);
	bool on = piece != NULL;

	if (!piece)
		fail_io(r, ERR_NOMEM);
	for (uint64_t at = 0; on && at < r->tape.n;) {
		size_t n = tape_read(&r->tape, at, piece, PIECE);

		if (n == 0)
			break;
		on = decoder_feed(d, piece, n);
		at += n;
	}
	free(piece);
	if (r->tape.err)
		fail_io(r, r->tape.err);
	if (on && !r->err && decoder_end(d))
		(void)(r->csv ? csv_end(r->csv) : ndjson_end(r->ndjson));
}

static void read_text(struct reader *r, enum reader_format format)
{
	enum reader_encoding encoding = READER_UTF8;
	struct decoder *d = NULL;
	const char *words;
	int err = tape_seal(&r->tape, false);

	if (!err)
		err = decode_judge(
			&encoding, &r->tape, utf8_judge_good(&r->judge), r->conf.otherwise);
	if (err == ERR_INVALID)
		fail(r, err, "the file is UTF-32 text: save it as UTF-8");
	else if (err)
		fail_io(r, err);
	if (!r->err)
		open_text(r, format);
	if (!r->err)
		err = decoder_open(&d, encoding, on_text, r);
	if (err == ERR_NOTFOUND)
		fail(r, ERR_INVALID,
			"the file is not UTF-8, and this machine has no table of its encoding "
			"(glibc's gconv modules are missing): save it as UTF-8");
	else if (err)
		fail_io(r, err);
	if (!r->err && r->tape.n && (format != READER_NDJSON || give_columns(r)))
		decode(r, d);
	decoder_close(d);
	words = r->csv ? csv_words(r->csv) : r->ndjson ? ndjson_words(r->ndjson) : NULL;
	if (words)
		fail(r, ERR_INVALID, words);
}

bool reader_end(struct reader *r)
{
	enum reader_format format;

	if (r->err)
		return false;
	format = format_of_bytes(r);
	if (format == READER_XLSX && r->tape.n)
		read_workbook(r);
	else
		read_text(r, format);
	return !r->err && !r->stopped;
}

/* ---- a file where it lies ---- */

static bool judge_file(struct reader *r)
{
	char *piece = malloc(PIECE);

	if (!piece)
		fail_io(r, ERR_NOMEM);
	for (uint64_t at = 0; !r->err && at < r->tape.n && !r->judge.bad;) {
		size_t n = tape_read(&r->tape, at, piece, PIECE);

		if (n == 0)
			break;
		utf8_judge_feed(&r->judge, piece, n);
		at += n;
	}
	free(piece);
	if (r->tape.err)
		fail_io(r, r->tape.err);
	return !r->err;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

bool reader_file(struct reader *r, int fd)
{
	struct stat before, after;

	if (fstat(fd, &before) || !S_ISREG(before.st_mode)) {
		fail(r, ERR_INVALID, "it is no file");
		return false;
	}
	if (over_limit(r, (uint64_t)before.st_size))
		return false;
	tape_deinit(&r->tape);
	tape_init_file(&r->tape, fd, (uint64_t)before.st_size);
	if (judge_file(r))
		(void)reader_end(r);
	if (fstat(fd, &after) || !same_file(&before, &after)) {
		r->err = ERR_INVALID;
		errmsg_set(&r->words, "the file changed while it was read: import it again when it "
				      "is finished");
	}
	return !r->err && !r->stopped;
}

/* ---- asking ---- */

int reader_error(const struct reader *r)
{
	return r->err;
}

const char *reader_words(const struct reader *r)
{
	return r->err ? r->words.text : NULL;
}

const char *reader_warning(const struct reader *r)
{
	return r->warning.text[0] ? r->warning.text : NULL;
}
