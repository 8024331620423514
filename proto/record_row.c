/* A row's cells → a message and the identities.
 *
 *   cell → trim, half-width (normalise) → by type: text into the arena, a number, codes as the
 * table's own strings → a fault where the cell has not the form of its type (the field then says
 * nothing more) identity cells → struct identity, the number in its canonical form → judge():
 * everything that is asked of a message is asked here too
 *
 * What is copied is bounded first: a text that cannot be short enough is refused before it takes
 * memory. A full arena is the only failure that is not a fault. */
#include "proto/check.h"
#include "proto/judge.h"
#include "proto/parse.h"

#define TEXT_BYTES_MAX 800 /* 200 characters of four bytes */
#define NUMBER_BYTES_MAX 64
#define CODES_BYTES_MAX 2048

static bool is_ascii(struct text t)
{
	for (size_t i = 0; i < t.n; i++)
		if ((unsigned char)t.p[i] >= 0x80)
			return false;
	return true;
}

/* The cell's normal form: itself where it is plain, else in buf. {NULL, 1}: too long. */
static struct text plain(struct text cell, char *buf, size_t size)
{
	struct text t = text_trim(cell);

	if (t.n > size)
		return (struct text){ NULL, 1 };
	return is_ascii(t) ? t : normalise(t, false, buf, size);
}

/* Normalised into the arena. */
static struct text kept(struct judgement *j, struct text cell, bool upper)
{
	struct text t = text_trim(cell);
	char *out = arena_alloc(j->arena, t.n);

	if (!out) {
		j->full = true;
		return (struct text){ "", 0 };
	}
	return normalise(t, upper, out, t.n);
}

static void take_text(struct judgement *j, int i, struct text cell)
{
	const struct field *field = &j->reg->fields[i];

	if (text_trim(cell).n > TEXT_BYTES_MAX)
		judge_fault(j, i, "E104");
	else
		message_set_text(j->msg, field->pb, kept(j, cell, field->type == FIELD_USCC));
}

static void take_number(struct judgement *j, int i, struct text cell)
{
	const struct field *field = &j->reg->fields[i];
	char buf[NUMBER_BYTES_MAX];
	struct text t = plain(cell, buf, sizeof buf);
	int64_t value;

	if (t.p && parse_number(field->type, t, &value))
		message_set_number(j->msg, field->pb, value);
	else
		judge_fault(j, i, parse_fault(field->type));
}

static void take_code(struct judgement *j, int i, struct text cell)
{
	const struct field *field = &j->reg->fields[i];
	char buf[256];
	struct text t = plain(cell, buf, sizeof buf);
	int at = t.p ? code_index_any(field->codes, t) : -1;

	if (at < 0)
		judge_fault(j, i, "E301");
	else
		message_set_text(j->msg, field->pb, text_of(field->codes->at[at].code));
}

/* Bytes up to the next ; or ； (EF BC 9B); *gap is the separator's length, 0 at the end. */
static size_t piece(struct text t, size_t *gap)
{
	for (size_t i = 0; i < t.n; i++) {
		*gap = t.p[i] == ';'						 ? 1
		       : t.n - i >= 3 && memcmp(t.p + i, "\xEF\xBC\x9B", 3) == 0 ? 3
										 : 0;
		if (*gap)
			return i;
	}
	*gap = 0;
	return t.n;
}

/* Codes in any order, with repeats → in the order of the list, each once. */
static void take_codes(struct judgement *j, int i, struct text cell)
{
	const struct field *field = &j->reg->fields[i];
	char buf[CODES_BYTES_MAX];
	struct text t = plain(cell, buf, sizeof buf);
	uint32_t set = 0;
	ProtobufCBinaryData *list;
	size_t n = 0;

	for (size_t gap = 1; t.p && t.n;) {
		size_t len = piece(t, &gap);
		struct text one = text_trim((struct text){ t.p, len });
		int at = one.n ? code_index_any(field->codes, one) : -2;
		if (at == -1)
			t.p = NULL;
		if (at < 0 && !t.p)
			break;
		if (at >= 0)
			set |= (uint32_t)1 << at;
		t.p += len + gap;
		t.n -= len + gap;
	}
	if (!t.p) {
		judge_fault(j, i, "E301");
		return;
	}
	list = arena_alloc(j->arena, (size_t)__builtin_popcount(set) * sizeof *list);
	if (!list) {
		j->full = true;
		return;
	}
	for (size_t at = 0; at < field->codes->n; at++)
		if (set >> at & 1) {
			const char *code = field->codes->at[at].code;
			list[n++] =
				(ProtobufCBinaryData){ strlen(code), (uint8_t *)(uintptr_t)code };
		}
	message_set_list(j->msg, field->pb, list, n);
}

static void take_cell(struct judgement *j, int i, struct text cell)
{
	switch (j->reg->fields[i].type) {
	case FIELD_KEY:
	case FIELD_TEXT:
	case FIELD_USCC:
	case FIELD_OCC:
		take_text(j, i, cell);
		break;
	case FIELD_CODE:
		take_code(j, i, cell);
		break;
	case FIELD_CODES:
		take_codes(j, i, cell);
		break;
	default:
		take_number(j, i, cell);
	}
}

/* ---- identity ---- */

/* Presence is told by the cell, whatever becomes of it. */
static bool cell_given(struct judgement *j, const struct row *row, int i)
{
	if (i < 0 || text_trim(row->cells[i]).n == 0)
		return false;
	j->present |= (uint32_t)1 << i;
	return true;
}

static void take_name(struct judgement *j, const struct row *row, int i, struct identity *id)
{
	struct text cell = text_trim(row->cells[i]);
	char *out;

	if (cell.n > TEXT_BYTES_MAX) {
		judge_fault(j, i, "E201");
		return;
	}
	out = arena_alloc(j->arena, cell.n);
	if (!out) {
		j->full = true;
		return;
	}
	id->name = name_normalise(cell, out);
	if (name_fault(id->name))
		judge_fault(j, i, "E201");
}

static void take_doc_type(struct judgement *j, const struct row *row, int i, struct identity *id)
{
	const struct code_list *codes = j->reg->fields[i].codes;
	char buf[256];
	struct text t = plain(row->cells[i], buf, sizeof buf);
	int at = t.p ? code_index_any(codes, t) : -1;

	if (at < 0)
		judge_fault(j, i, "E301");
	else
		id->doc_type = text_of(codes->at[at].code);
}

static void take_doc_number(struct judgement *j, const struct row *row, int i, struct identity *id)
{
	char *out = arena_alloc(j->arena, DOC_NUMBER_MAX + 1);
	const char *code;

	if (!out) {
		j->full = true;
		return;
	}
	doc_check(id->doc_type, row->cells[i], j->today, out, &id->doc_number, &id->sex,
		&id->birth_year, &code);
	if (code)
		judge_fault(j, i, code);
}

static void take_phone(struct judgement *j, const struct row *row, int i, struct identity *id)
{
	const char *code = "E104";

	if (text_trim(row->cells[i]).n <= TEXT_BYTES_MAX) {
		id->phone = kept(j, row->cells[i], false);
		code = j->full ? NULL : text_fault(id->phone);
	}
	if (code)
		judge_fault(j, i, code);
}

static void take_identity(struct judgement *j, const struct row *row, const struct person_group *g,
	struct identity *id)
{
	bool name = cell_given(j, row, g->name), number = cell_given(j, row, g->doc_number);
	bool type = cell_given(j, row, g->doc_type);

	if (name)
		take_name(j, row, g->name, id);
	if (type) {
		take_doc_type(j, row, g->doc_type, id);
	} else if (!row->cells[g->doc_type].p) {
		id->doc_type = TEXT("111"); /* the column is missing */
		j->present |= (uint32_t)1 << g->doc_type;
	}
	if (number && id->doc_type.n)
		take_doc_number(j, row, g->doc_number, id);
	if (cell_given(j, row, g->phone))
		take_phone(j, row, g->phone, id);
	id->present = name && number;
}

int record_from_row(const struct row *row, int today, struct arena *a, struct record *r,
	struct identity ids[REGISTER_PERSONS_MAX], struct faults *f)
{
	const struct reg *reg = row->reg;
	struct judgement j = { .reg = reg, .today = today, .f = f, .arena = a };

	*r = (struct record){ .reg = reg, .msg = arena_alloc(a, reg->pb->sizeof_message) };
	memset(ids, 0, REGISTER_PERSONS_MAX * sizeof *ids);
	if (!r->msg)
		return -1;
	protobuf_c_message_init(reg->pb, r->msg);
	j.msg = r->msg;
	for (size_t i = 0; i < reg->n_fields; i++)
		if (reg->fields[i].pb && text_trim(row->cells[i]).n)
			take_cell(&j, (int)i, row->cells[i]);
	for (size_t i = 0; i < reg->n_persons; i++) {
		take_identity(&j, row, &reg->persons[i], &ids[i]);
		j.birth_year[i] = ids[i].birth_year;
	}
	if (!j.full)
		judge(&j);
	return j.full ? -1 : 0;
}

/* Does the natural key of a register need this column? */
static bool in_key(const struct reg *reg, const struct field *field)
{
	if (field->type == FIELD_DOC_NUMBER || field->type == FIELD_DOC_TYPE) {
		for (int i = 0; reg->key[i] != -2; i++)
			if (reg->key[i] == -1 && field->person == 0)
				return true;
		return false;
	}
	for (int i = 0; reg->key[i] != -2; i++)
		if (reg->key[i] >= 0 && &reg->fields[reg->key[i]] == field)
			return true;
	return false;
}

int record_key_from_row(const struct row *row, int today, struct arena *a, struct record *r,
	struct identity *id, struct faults *f)
{
	struct identity ids[REGISTER_PERSONS_MAX];
	struct faults all = { 0 };
	int full = record_from_row(row, today, a, r, ids, &all);

	for (size_t i = 0; i < all.n && !full; i++) {
		const struct fault *fault = &all.at[i];

		/* E4…: what the rest of the row should be is not asked here. */
		if (fault->def->code[0] == 'E' && fault->def->code[1] != '4' && fault->field &&
			in_key(row->reg, fault->field))
			faults_add(f, fault->def->code, fault->field);
	}
	*id = ids[0];
	return full;
}
