/* A header line is read once: every name is looked up among the register's fields (English or
 * Chinese). A file is refused before its first row when a name is unknown, stands twice, or a
 * required field has no column: half a file read under a wrong understanding of its columns is
 * worse than none. Two exceptions: doc_type may be missing (111, a resident's card), and the four
 * columns that a refused file carries at its end are passed over. */
#include "daemon/intake/columns.h"

const char *const columns_refused[COLUMNS_REFUSED] = { "line", "code", "field", "reason" };

static const char *fault_words(const char *code)
{
	size_t n;
	const struct fault_def *d = fault_defs(&n);

	for (size_t i = 0; i < n; i++)
		if (strcmp(d[i].code, code) == 0)
			return d[i].en;
	return "";
}

static bool refuse(struct errmsg *m, const char *code, const char *column)
{
	errmsg_set(m, "%s: column %s: %s", code, column, fault_words(code));
	return false;
}

/* Headers are names of columns, no values; but a file without a header has a person's values there:
 * what is shown is cut short, and nothing is shown unless another column is known. */
static bool refuse_unknown(
	struct errmsg *m, const struct columns *c, const struct text *cells, size_t n, size_t i)
{
	char shown[61];
	size_t len = cells[i].n < sizeof shown - 1 ? cells[i].n : sizeof shown - 1;
	bool any = false;

	for (size_t k = 0; k < n; k++)
		any = any || register_field(c->reg, text_trim(cells[k])) >= 0;
	if (!any) {
		errmsg_set(m,
			"E005: no column of register %s in the first line: is the header line "
			"missing? (%s)",
			c->reg->name, fault_words("E005"));
		return false;
	}
	if (text_trim(cells[i]).n == 0) {
		errmsg_set(m, "E005: column %zu has no name: %s", i + 1, fault_words("E005"));
		return false;
	}
	while (len < cells[i].n && len > 0 && ((unsigned char)cells[i].p[len] & 0xc0) == 0x80)
		len--;
	memcpy(shown, cells[i].p, len);
	shown[len] = 0;
	return refuse(m, "E005", shown);
}

static bool is_refused_file(const struct text *cells, size_t n)
{
	if (n <= COLUMNS_REFUSED)
		return false;
	for (size_t i = 0; i < COLUMNS_REFUSED; i++)
		if (!text_is(text_trim(cells[n - COLUMNS_REFUSED + i]), columns_refused[i]))
			return false;
	return true;
}

/* doc_type without a column: 111 for whom there is a document number. */
static bool may_be_missing(struct columns *c, const bool *seen, size_t field)
{
	const struct field *f = &c->reg->fields[field];

	if (f->type != FIELD_DOC_TYPE)
		return !f->required;
	for (size_t i = 0; i < c->reg->n_fields; i++)
		if (c->reg->fields[i].type == FIELD_DOC_NUMBER &&
			c->reg->fields[i].person == f->person && seen[i])
			c->doc_type_from[f->person] = (int)i;
	return true;
}

/* What is asked of every header; false: refused. */
static bool begin(struct columns *c, const struct reg *reg, const struct text *cells, size_t n,
	struct errmsg *m)
{
	*c = (struct columns){
		.reg = reg, .n = n, .key = -1, .reason = -1, .doc_type_from = { -1, -1 }
	};
	if (n > COLUMNS_MAX) {
		errmsg_set(m, "E010: the header has %zu columns, more than %d: %s", n, COLUMNS_MAX,
			fault_words("E010"));
		return false;
	}
	for (size_t i = 0; i < n; i++) {
		if (!text_utf8_ok(cells[i])) {
			errmsg_set(m, "E002: line 1: %s", fault_words("E002"));
			return false;
		}
	}
	c->refused_file = is_refused_file(cells, n);
	for (size_t i = 0; i < n; i++)
		c->field[i] = -1;
	return true;
}

/* Columns that are not those that a refused file has behind its own. */
static size_t own_columns(const struct columns *c)
{
	return c->n - (c->refused_file ? COLUMNS_REFUSED : 0);
}

bool columns_init(struct columns *c, const struct reg *reg, const struct text *cells, size_t n,
	struct errmsg *m)
{
	bool seen[REGISTER_FIELDS_MAX] = { false };

	if (!begin(c, reg, cells, n, m))
		return false;
	for (size_t i = 0; i < own_columns(c); i++) {
		int f = c->field[i] = register_field(reg, text_trim(cells[i]));

		if (f < 0)
			return refuse_unknown(m, c, cells, n, i);
		if (seen[f])
			return refuse(m, "E006", reg->fields[f].name);
		seen[f] = true;
	}
	for (size_t i = 0; i < reg->n_fields; i++)
		if (!seen[i] && !may_be_missing(c, seen, i))
			return refuse(m, "E004", reg->fields[i].name);
	return true;
}

/* ---- retractions ---- */

const char *const columns_key[2] = { "key", "键" }, *const columns_reason[2] = { "reason", "原因" };

static bool is_named(struct text cell, const char *const names[2])
{
	return text_is(cell, names[0]) || text_is(cell, names[1]);
}

/* Where a column that is no field goes; NULL: it is unknown. */
static int *place_of(struct columns *c, struct text cell)
{
	return is_named(cell, columns_key)	? &c->key
	       : is_named(cell, columns_reason) ? &c->reason
						: NULL;
}

/* Without the column `key`: all of the natural key. */
static bool whole_key(struct columns *c, const bool *seen, struct errmsg *m)
{
	const struct reg *reg = c->reg;

	for (int i = 0; reg->key[i] != -2; i++) {
		int f = reg->key[i] == -1 ? reg->persons[0].doc_number : reg->key[i];

		if (reg->key[i] == -1 && !seen[reg->persons[0].doc_type])
			(void)may_be_missing(c, seen, (size_t)reg->persons[0].doc_type);
		if (!seen[f] && reg->fields[f].required) {
			errmsg_set(m,
				"E004: column %s (or key): a file of retractions names the records "
				"by their key: %s",
				reg->fields[f].name, fault_words("E004"));
			return false;
		}
	}
	return true;
}

bool columns_init_keys(struct columns *c, const struct reg *reg, const struct text *cells, size_t n,
	struct errmsg *m)
{
	bool seen[REGISTER_FIELDS_MAX] = { false };

	if (!begin(c, reg, cells, n, m))
		return false;
	for (size_t i = 0; i < own_columns(c); i++) {
		struct text name = text_trim(cells[i]);
		int f = register_field(reg, name), *place = f < 0 ? place_of(c, name) : NULL;

		if (f < 0 && !place)
			return refuse_unknown(m, c, cells, n, i);
		if (f < 0 ? *place >= 0 : seen[f])
			return refuse(m, "E006", f < 0 ? columns_key[0] : reg->fields[f].name);
		if (f < 0)
			*place = (int)i;
		else
			seen[f] = true;
		c->field[i] = f;
	}
	return c->key >= 0 || whole_key(c, seen, m);
}

const char *columns_name(const struct columns *c, size_t i)
{
	return c->field[i] >= 0	     ? c->reg->fields[c->field[i]].name
	       : (int)i == c->key    ? columns_key[0]
	       : (int)i == c->reason ? columns_reason[0]
				     : "";
}

/* A refused file guards cells that a spreadsheet would take for a formula with an apostrophe: off
 * again. */
static struct text unguarded(struct text t)
{
	if (t.n > 1 && t.p[0] == '\'' && memchr("=+-@", t.p[1], 4))
		return (struct text){ t.p + 1, t.n - 1 };
	return t;
}

void columns_row(const struct columns *c, const struct text *cells, struct row *out)
{
	*out = (struct row){ .reg = c->reg };
	for (size_t i = 0; i < c->n; i++)
		if (c->field[i] >= 0)
			out->cells[c->field[i]] = c->refused_file ? unguarded(cells[i]) : cells[i];
	for (size_t i = 0; i < c->reg->n_fields; i++) {
		const struct field *f = &c->reg->fields[i];

		if (f->type == FIELD_DOC_TYPE && c->doc_type_from[f->person] >= 0 &&
			(f->required || text_trim(out->cells[c->doc_type_from[f->person]]).n))
			out->cells[i] = TEXT("111");
	}
}
