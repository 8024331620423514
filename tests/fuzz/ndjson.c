/* Fuzz: lines of JSON, in pieces. The first byte sets the size of the pieces; whole or in pieces
 * the rows must be the same, lines must rise, every row has every column, no cell is longer than
 * its line. */
#include "daemon/reader/ndjson.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define COLUMNS 4

struct seen {
	uint64_t line, sum;
	size_t rows;
};

static bool look(void *arg, const struct reader_row *row)
{
	struct seen *s = arg;

	if (row->line <= s->line || row->n_cells != COLUMNS)
		__builtin_trap();
	if ((row->flaws & FLAWS_OF_CELLS) == 0 && row->flawed != COLUMNS)
		__builtin_trap();
	s->line = row->line;
	s->rows++;
	s->sum = s->sum * 31 + row->flaws + row->what.n;
	for (size_t i = 0; i < COLUMNS; i++) {
		if (row->cells[i].n > 2 * NDJSON_LINE_MAX || row->kinds[i] > CELL_ERROR)
			__builtin_trap();
		if (!text_utf8_ok(row->cells[i]))
			__builtin_trap();
		for (size_t k = 0; k < row->cells[i].n; k++)
			s->sum = s->sum * 31 + (uint8_t)row->cells[i].p[k];
		s->sum = s->sum * 31 + row->kinds[i];
	}
	return true;
}

static struct seen read_in(const uint8_t *data, size_t size, size_t piece)
{
	static const struct reader_column columns[COLUMNS] = { { "id", "编号", false },
		{ "name", "姓名", false }, { "groups", "类别", true }, { "n", NULL, false } };
	struct seen s = { 0 };
	struct ndjson *j = ndjson_open(columns, COLUMNS, look, &s);
	bool on = true;

	if (!j)
		return s;
	for (size_t at = 0; on && at < size; at += piece)
		on = ndjson_feed(j, (const char *)data + at, size - at < piece ? size - at : piece);
	if (on)
		ndjson_end(j);
	ndjson_close(j);
	return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	struct seen whole = read_in(data + 1, size - 1, size);
	struct seen pieces = read_in(data + 1, size - 1, 1 + data[0] % 17);
	if (whole.rows != pieces.rows || whole.sum != pieces.sum)
		__builtin_trap();
	return 0;
}
