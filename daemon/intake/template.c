/* A workbook:
 *
 *     row 1   headers, frozen; what must be filled is bold
 *     row 2   hints, frozen; its first cell begins with INTAKE_HINT, by which an import knows it
 * and passes it over sheet 2 (hidden) a column for each code list that the register uses: what the
 * drop-down lists show. A list written into the cell's rule would end at 255 characters.
 *
 * Columns of names, numbers that are names, months and texts have the format text: a spreadsheet
 * would take them for amounts or dates, and cut zeros and digits. */
#include "daemon/intake/template.h"

#include <stdio.h>

#include "daemon/book/book.h"
#include "daemon/intake/desk.h"
#include "daemon/intake/records.h"

#define LISTS_SHEET "codes"
#define LAST_ROW 1048575 /* of a sheet, from 0 */

struct form_book {
	struct book file;
	const struct reg *reg;
	bool english;
	lxw_worksheet *sheet, *lists;
	lxw_format *header, *required, *hint, *text, *date;
	const struct code_list *listed[REGISTER_FIELDS_MAX]; /* by column of the lists' sheet */
	size_t n_listed;
};

/* ---- what is said of a column ---- */

static const struct hint {
	enum field_type type;
	const char *zh, *en;
	int width; /* in characters */
	bool text; /* format */
} hints[] = {
	{ FIELD_KEY, "编号，文本", "a number, as text", 20, true },
	{ FIELD_TEXT, "文字", "text", 20, true },
	{ FIELD_DATE, "日期，如 2019-05-01", "a date: 2019-05-01", 13, false },
	{ FIELD_MONTH, "月份，如 2019-05", "a month: 2019-05", 11, true },
	{ FIELD_YEAR, "年份，如 2019", "a year: 2019", 8, false },
	{ FIELD_INT, "整数", "a whole number", 10, false },
	{ FIELD_DEC1, "数值，最多一位小数", "a number, at most one decimal", 12, false },
	{ FIELD_MONEY, "元，最多两位小数", "yuan, at most two decimals", 14, false },
	{ FIELD_CODE, "从列表中选择", "choose from the list", 16, true },
	{ FIELD_CODES, "可填多项，以分号隔开", "several, separated by ;", 24, true },
	{ FIELD_USCC, "18 位统一社会信用代码，文本", "18 characters, as text", 22, true },
	{ FIELD_OCC, "职业代码，如 6-18-01-01", "an occupation: 6-18-01-01", 14, true },
	{ FIELD_BOOL, "是或否", "yes or no", 8, true },
	{ FIELD_NAME, "姓名", "the name", 12, true },
	{ FIELD_DOC_TYPE, "从列表中选择", "choose from the list", 16, true },
	{ FIELD_DOC_NUMBER, "证件号码，文本", "the document's number, as text", 22, true },
	{ FIELD_PHONE, "手机号码，文本", "as text", 15, true },
};

static const struct hint *hint_of(const struct field *f)
{
	for (size_t i = 0; i < sizeof hints / sizeof *hints; i++)
		if (hints[i].type == f->type)
			return &hints[i];
	return &hints[1];
}

/* ---- cells ---- */

static void put(struct form_book *b, lxw_worksheet *sheet, uint32_t row, size_t column,
	const char *t, lxw_format *format)
{
	book_put(&b->file, sheet, row, column, t, format);
}

/* The texts of a list that a cell of several may hold; as many as a hint bears. */
static void put_codes(struct buf *out, const struct code_list *list, bool english)
{
	for (size_t i = 0; i < list->n; i++)
		buf_printf(out, "%s%s",
			i	  ? ";"
			: english ? ": "
				  : "：",
			english ? list->at[i].code : list->at[i].zh);
}

static void put_hint(struct form_book *b, size_t column)
{
	const struct field *f = &b->reg->fields[column];
	const struct hint *h = hint_of(f);
	struct buf words = { 0 };

	if (column == 0)
		buf_str(&words, b->english ? INTAKE_HINT " this line is passed over. "
					   : INTAKE_HINT " 本行为说明，导入时略过。");
	if (f->required)
		buf_str(&words, b->english ? "required; " : "必填；");
	buf_str(&words, b->english ? h->en : h->zh);
	if (f->type == FIELD_CODES)
		put_codes(&words, f->codes, b->english);
	if (words.failed)
		b->file.failed = true;
	else
		put(b, b->sheet, 1, column, words.p, b->hint);
	buf_deinit(&words);
}

/* ---- lists ---- */

/* The list's column on the lists' sheet; written at its first use. */
static size_t list_column(struct form_book *b, const struct code_list *list)
{
	size_t c = 0;

	while (c < b->n_listed && b->listed[c] != list)
		c++;
	if (c < b->n_listed)
		return c;
	b->listed[b->n_listed++] = list;
	for (size_t i = 0; i < list->n; i++)
		put(b, b->lists, (uint32_t)i, c, b->english ? list->at[i].code : list->at[i].zh,
			b->text);
	return c;
}

/* The rule that was just added shall take its list from `where`. The library has a kind of rule for
 * that, whose formula it never frees (1.1.4); so the formula is put over the text of an ordinary
 * list, which it frees. */
static bool list_from(struct form_book *b, const char *where)
{
	const lxw_data_val_obj *rule = STAILQ_FIRST(b->sheet->data_validations);

	while (rule && STAILQ_NEXT(rule, list_pointers))
		rule = STAILQ_NEXT(rule, list_pointers);
	if (!rule || !rule->value_formula || strlen(rule->value_formula) < strlen(where))
		return false;
	memcpy(rule->value_formula, where, strlen(where) + 1);
	return true;
}

static void choose(struct form_book *b, size_t column)
{
	static char *const bools[][3] = { { "是", "否", NULL }, { "yes", "no", NULL } };
	static char *const room[] = { "------------------------------------------------", NULL };
	const struct field *f = &b->reg->fields[column];
	char where[48], letter[8];
	lxw_data_validation v = { .validate = LXW_VALIDATION_TYPE_LIST,
		.ignore_blank = LXW_VALIDATION_ON,
		.error_type = LXW_VALIDATION_ERROR_TYPE_STOP,
		.show_error = LXW_VALIDATION_ON,
		.dropdown = LXW_VALIDATION_ON };

	if (f->type != FIELD_BOOL && f->type != FIELD_CODE && f->type != FIELD_DOC_TYPE)
		return;
	v.value_list = (char **)(uintptr_t)(f->codes ? room : bools[b->english]);
	b->file.failed =
		b->file.failed || worksheet_data_validation_range(b->sheet, 2, (lxw_col_t)column,
					  LAST_ROW, (lxw_col_t)column, &v) != LXW_NO_ERROR;
	if (b->file.failed || !f->codes)
		return;
	lxw_col_to_name(letter, (lxw_col_t)list_column(b, f->codes), LXW_TRUE);
	(void)snprintf(
		where, sizeof where, LISTS_SHEET "!%s$1:%s$%zu", letter, letter, f->codes->n);
	b->file.failed = b->file.failed || !list_from(b, where);
}

/* ---- the workbook ---- */

static void formats(struct form_book *b)
{
	b->header = book_format(&b->file);
	b->required = book_format(&b->file);
	b->hint = book_format(&b->file);
	b->text = book_format(&b->file);
	b->date = book_format(&b->file);
	if (b->file.failed)
		return;
	format_set_bg_color(b->header, 0xDDE6F0);
	format_set_bg_color(b->required, 0xDDE6F0);
	format_set_bold(b->required);
	format_set_num_format(b->header, "@");
	format_set_num_format(b->required, "@");
	format_set_font_color(b->hint, LXW_COLOR_GRAY);
	format_set_text_wrap(b->hint);
	format_set_align(b->hint, LXW_ALIGN_VERTICAL_TOP);
	format_set_num_format(b->hint, "@");
	format_set_num_format(b->text, "@");
	format_set_num_format(b->date, "yyyy-mm-dd");
}

static void columns(struct form_book *b)
{
	for (size_t i = 0; i < b->reg->n_fields && !b->file.failed; i++) {
		const struct field *f = &b->reg->fields[i];
		const struct hint *h = hint_of(f);
		lxw_format *format = h->text ? b->text : f->type == FIELD_DATE ? b->date : NULL;

		if (worksheet_set_column(b->sheet, (lxw_col_t)i, (lxw_col_t)i, h->width, format) !=
			LXW_NO_ERROR)
			b->file.failed = true;
		put(b, b->sheet, 0, i, b->english ? f->name : f->zh,
			f->required ? b->required : b->header);
		put_hint(b, i);
		choose(b, i);
	}
	worksheet_set_row(b->sheet, 1, 60, NULL);
	worksheet_freeze_panes(b->sheet, 2, 0);
	worksheet_hide(b->lists);
}

static void show_workbook(struct api_call *call, const struct reg *reg, bool english)
{
	const struct daemon *d = api_context(call);
	struct form_book b = { .reg = reg, .english = english };
	int err = book_open(&b.file, conf_text(d->conf, "state_dir"), false);

	if (err) {
		api_fail_err(call, err, "the workbook was not written");
		return;
	}
	b.sheet = book_sheet(&b.file, english ? reg->name : reg->zh);
	b.lists = book_sheet(&b.file, LISTS_SHEET);
	if (!b.file.failed)
		formats(&b);
	if (!b.file.failed)
		columns(&b);
	book_answer(call, &b.file);
}

static void show_csv(struct api_call *call, const struct reg *reg, bool english)
{
	struct buf b = { 0 };

	buf_str(&b, "\xef\xbb\xbf");
	for (size_t i = 0; i < reg->n_fields; i++)
		buf_printf(&b, "%s%s", i ? "," : "",
			english ? reg->fields[i].name : reg->fields[i].zh);
	buf_str(&b, "\r\n");
	api_text(call, "text/csv; charset=utf-8", &b);
}

void template_show(struct api_call *call)
{
	const struct reg *reg = records_register(call);
	const char *format = api_arg(call, "format");
	const char *lang = api_arg(call, "lang");
	/* What clerks fill in is Chinese unless asked for otherwise: never by a terminal's locale.
	 */
	bool english = lang && strcmp(lang, "en") == 0;

	if (!reg)
		return;
	if (format && strcmp(format, "csv") != 0 && strcmp(format, "xlsx") != 0)
		api_fail(call, 400, "format is csv or xlsx");
	else if (format ? format[0] == 'x' : book_wanted(call))
		show_workbook(call, reg, english);
	else
		show_csv(call, reg, english);
}
