/* Tables: cells are written straight into the answer's bytes, in the form that was asked for.
 *
 *     JSON  [{"district": "310115", "persons": 12},
 *     CSV   district,persons\r\n310115,12\r\n
 *     vnd   {"columns": […], "rows": [["310115", "12"], …], "notes": […]}
 *
 * In JSON numbers stand bare and an absent cell is null; in CSV text that a spreadsheet would take
 * for a formula gets an apostrophe; in the third form, made for tallyctl, all cells are text. */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/api/call.h"
#include "daemon/api/escape.h"

#define TABLE_MAX ((size_t)256 * 1024 * 1024)

enum form { FORM_JSON, FORM_CSV, FORM_VND };

struct api_table {
	struct api_call *call;
	const struct api_column *columns;
	size_t n, at; /* columns; cells in the row under way */
	size_t rows;
	enum form form;
	struct buf body, notes;
};

static void begin_csv(struct api_table *t)
{
	for (size_t i = 0; i < t->n; i++) {
		buf_str(&t->body, i ? "," : "");
		escape_csv(&t->body, text_of(t->columns[i].name), false);
	}
	buf_str(&t->body, "\r\n");
}

static void begin_vnd(struct api_table *t)
{
	buf_str(&t->body, "{\"columns\": [");
	for (size_t i = 0; i < t->n; i++) {
		const struct api_column *c = &t->columns[i];

		buf_str(&t->body, i ? ", {\"name\": " : "{\"name\": ");
		escape_json(&t->body, text_of(c->name));
		buf_str(&t->body, ", \"zh\": ");
		escape_json(&t->body, text_of(c->zh ? c->zh : c->name));
		buf_str(&t->body, ", \"en\": ");
		escape_json(&t->body, text_of(c->en ? c->en : c->name));
		buf_printf(&t->body, ", \"right\": %s}", c->kind == API_TEXT ? "false" : "true");
	}
	buf_str(&t->body, "],\n\"rows\": [");
}

struct api_table *api_table(struct api_call *call, const struct api_column *columns, size_t n)
{
	const char *accept = api_header(call, "Accept");
	struct api_table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL; /* every call takes NULL; the end answers */
	assert(!call->table && n > 0);
	*t = (struct api_table){
		.call = call, .columns = columns, .n = n, .body.limit = TABLE_MAX
	};
	call->table = t;
	if (accept && strstr(accept, "application/vnd.tally.table+json"))
		t->form = FORM_VND;
	else if (api_wants_csv(call))
		t->form = FORM_CSV;
	if (t->form == FORM_CSV)
		begin_csv(t);
	else if (t->form == FORM_VND)
		begin_vnd(t);
	else
		buf_str(&t->body, "[");
	return t;
}

static void put_json_cell(struct api_table *t, struct text v)
{
	const struct api_column *c = &t->columns[t->at];

	if (t->form == FORM_JSON) {
		buf_str(&t->body, t->at ? ", " : t->rows ? ",\n{" : "\n{");
		escape_json(&t->body, text_of(c->name));
		buf_str(&t->body, ": ");
	} else {
		buf_str(&t->body, t->at ? ", " : t->rows ? ",\n[" : "\n[");
	}
	if (!v.p && t->form == FORM_JSON)
		buf_str(&t->body, "null");
	else if (t->form == FORM_JSON && c->kind != API_TEXT && escape_is_number(v))
		buf_text(&t->body, v);
	else if (t->form == FORM_JSON && c->kind != API_TEXT && !v.n)
		buf_str(&t->body, "null");
	else
		escape_json(&t->body, v);
}

void api_cell(struct api_table *t, struct text v)
{
	if (!t)
		return;
	if (t->form == FORM_CSV) {
		buf_str(&t->body, t->at ? "," : "");
		escape_csv(&t->body, v, t->columns[t->at].kind == API_TEXT);
	} else {
		put_json_cell(t, v);
	}
	if (++t->at < t->n)
		return;
	buf_str(&t->body, t->form == FORM_CSV ? "\r\n" : t->form == FORM_VND ? "]" : "}");
	t->at = 0;
	t->rows++;
}

void api_cell_str(struct api_table *t, const char *v)
{
	api_cell(t, text_of(v));
}

void api_cell_int(struct api_table *t, int64_t v)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", (long long)v);
	api_cell_str(t, text);
}

void api_cell_printf(struct api_table *t, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	api_cell_str(t, text);
}

void api_note(struct api_table *t, const char *format, ...)
{
	char text[512];
	va_list args;

	if (!t || t->form != FORM_VND)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	buf_str(&t->notes, t->notes.n ? ", " : "");
	escape_json(&t->notes, text_of(text));
}

void call_table_drop(struct api_table *t)
{
	t->call->table = NULL;
	buf_deinit(&t->body);
	buf_deinit(&t->notes);
	free(t);
}

void api_table_end(struct api_table *t)
{
	static const char *const types[] = { "application/json", "text/csv; charset=utf-8",
		"application/vnd.tally.table+json" };

	if (!t)
		return; /* call_send() answers 500 */
	assert(t->at == 0);
	if (t->form == FORM_JSON) {
		buf_str(&t->body, "\n]\n");
	} else if (t->form == FORM_VND) {
		buf_str(&t->body, "\n],\n\"notes\": [");
		buf_text(&t->body, buf_as_text(&t->notes));
		buf_str(&t->body, "]}\n");
	}
	call_answer(t->call, 200, types[t->form], &t->body);
	call_table_drop(t);
}
