/* The judgement on a record: each field by its type, each person, what must be there, then the
 * rules.
 *
 * It runs for every record at the district and again at the city, where nothing about the message
 * may be taken for granted: lengths, encodings, order of lists. It allocates nothing, and a field
 * is only looked at by its row. */
#include "proto/judge.h"
#include "proto/check.h"
#include "proto/parse.h"
#include "proto/rules.h"

void judge_fault(struct judgement *j, int field, const char *code)
{
	if (code[0] == 'E')
		j->bad |= (uint32_t)1 << field;
	faults_add(j->f, code, &j->reg->fields[field]);
}

/* Codes in the order of their list, each once. */
static const char *list_fault(
	const struct code_list *codes, const ProtobufCBinaryData *list, size_t n)
{
	int last = -1;

	for (size_t i = 0; i < n; i++) {
		int at =
			code_index(codes, (struct text){ (const char *)list[i].data, list[i].len });
		if (at < 0)
			return "E301";
		if (at <= last)
			return "E302";
		last = at;
	}
	return NULL;
}

static const char *occupation_fault(struct text t)
{
	switch (occupation_check(t)) {
	case OCC_OK:
		return NULL;
	case OCC_UNKNOWN:
		return "W301";
	default:
		return "E303";
	}
}

/* The fault of a field that is present, or NULL. */
static const char *value_fault(struct judgement *j, int i)
{
	const struct field *field = &j->reg->fields[i];
	const char *code = NULL;
	size_t n;

	switch (field->type) {
	case FIELD_KEY:
	case FIELD_TEXT:
		return text_fault(message_text(j->msg, field->pb));
	case FIELD_USCC:
		uscc_judge(message_text(j->msg, field->pb), &code);
		return code;
	case FIELD_OCC:
		return occupation_fault(message_text(j->msg, field->pb));
	case FIELD_CODE:
		j->code[i] = (int8_t)code_index(field->codes, message_text(j->msg, field->pb));
		return j->code[i] < 0 ? "E301" : NULL;
	case FIELD_CODES: {
		const ProtobufCBinaryData *list = message_list(j->msg, field->pb, &n);
		return list_fault(field->codes, list, n);
	}
	default:
		return number_fault(field->type, message_number(j->msg, field->pb), j->today);
	}
}

static bool field_there(const struct judgement *j, const struct field *field)
{
	size_t n;

	if (field->type != FIELD_CODES)
		return message_has(j->msg, field->pb);
	message_list(j->msg, field->pb, &n);
	return n > 0;
}

static void judge_fields(struct judgement *j)
{
	for (size_t i = 0; i < j->reg->n_fields; i++) {
		const struct field *field = &j->reg->fields[i];
		const char *code;
		if (!field->pb || (j->bad >> i & 1) || !field_there(j, field))
			continue;
		j->present |= (uint32_t)1 << i;
		code = value_fault(j, (int)i);
		if (code)
			judge_fault(j, (int)i, code);
	}
}

/* A message's person: what a district can only have made from a whole identity. */
static void judge_person(struct judgement *j, size_t i)
{
	const struct person_group *g = &j->reg->persons[i];
	bool pid = message_has(j->msg, g->pid), tag = message_has(j->msg, g->name_tag);
	int64_t sex = message_has(j->msg, g->sex) ? message_number(j->msg, g->sex) : 0;
	int64_t year =
		message_has(j->msg, g->birth_year) ? message_number(j->msg, g->birth_year) : 0;

	if (pid && message_text(j->msg, g->pid).n != PID_BYTES)
		judge_fault(j, g->doc_number, "E208");
	if (tag && message_text(j->msg, g->name_tag).n != NAME_TAG_BYTES)
		judge_fault(j, g->name, "E209");
	if (sex > SEX_FEMALE || year > j->today / 10000 || (!pid && (sex || year)))
		judge_fault(j, g->doc_number, "E210");
	else
		j->birth_year[i] = (int)year;
	j->present |= (uint32_t)pid << g->doc_number | (uint32_t)tag << g->name;
	j->present |= (uint32_t)1 << g->doc_type; /* leaves no trace of its own in a message */
}

/* Name, type and number go together; where one is required the row of its field says so. */
static void judge_whole_identity(struct judgement *j, const struct person_group *g)
{
	const int columns[] = { g->name, g->doc_number, g->doc_type };
	bool any = judge_has(j, g->name) || judge_has(j, g->doc_number);

	for (size_t i = 0; i < 3 && any; i++)
		if (!judge_has(j, columns[i]) && !(j->bad >> columns[i] & 1) &&
			!j->reg->fields[columns[i]].required)
			judge_fault(j, columns[i], "E207");
}

static void judge_required(struct judgement *j)
{
	for (size_t i = 0; i < j->reg->n_fields; i++)
		if (j->reg->fields[i].required && !((j->present | j->bad) >> i & 1))
			judge_fault(j, (int)i, "E101");
}

void judge(struct judgement *j)
{
	judge_fields(j);
	for (size_t i = 0; i < j->reg->n_persons; i++) {
		if (!j->arena)
			judge_person(j, i);
		judge_whole_identity(j, &j->reg->persons[i]);
	}
	judge_required(j);
	rules_judge(j);
}

void record_check(const struct record *r, int today, struct faults *f)
{
	struct judgement j;

	j.reg = r->reg;
	j.msg = r->msg;
	j.today = today;
	j.f = f;
	j.arena = NULL;
	j.full = false;
	j.present = j.bad = 0;
	memset(j.birth_year, 0, sizeof j.birth_year);
	judge(&j);
}
