/* Fuzz: a clerk's file, in pieces. The first byte sets the size of the pieces; whole or in pieces
 * the rows must be the same, line numbers must rise, and no cell may be longer than its limit. */
#include "daemon/reader/csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
	uint64_t line, sum;
	size_t rows;
};

static bool look(void *arg, const struct reader_row *row)
{
	struct seen *s = arg;
	size_t kept = row->n_cells < READER_CELLS_MAX ? row->n_cells : READER_CELLS_MAX;

	if (row->line < s->line && !(row->flaws & FLAW_QUOTE))
		__builtin_trap();
	s->line = row->line;
	s->rows++;
	for (size_t i = 0; i < kept; i++) {
		if (row->cells[i].n > READER_CELL_MAX)
			__builtin_trap();
		for (size_t k = 0; k < row->cells[i].n; k++)
			s->sum = s->sum * 31 + (uint8_t)row->cells[i].p[k];
		s->sum = s->sum * 31 + row->flaws;
	}
	return true;
}

static struct seen read_in(const uint8_t *data, size_t size, size_t piece)
{
	struct seen s = { 0 };
	struct csv *r = csv_open(false, look, &s);
	bool on = true;

	if (!r)
		return s;
	for (size_t at = 0; on && at < size; at += piece)
		on = csv_feed(r, (const char *)data + at, size - at < piece ? size - at : piece);
	if (on)
		csv_end(r);
	csv_close(r);
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
