/* Registers: the rows of registers.tsv bound to the messages of registers.proto and to the rules of
 * rules.tsv.
 *
 * registers_init() walks the embedded rows once, in their order, into fixed tables; every later
 * look-up walks those. A row that does not fit is a sentence, kept and given back to every caller:
 * a program with it does not start. */
#include <stdio.h>

#include "proto/rules.h"

#define REGISTERS_MAX 24
#define FIELDS_MAX 320
#define RULES_MAX 128

static struct reg regs[REGISTERS_MAX];
static struct field fields[FIELDS_MAX];
static struct rule rules[RULES_MAX];
static size_t n_regs, n_fields, n_rules;
static bool done;
static char sentence[256];

/* How each type is written in registers.tsv, and what its field in a message must be; 0: it has
 * none. */
static const struct type_row {
	const char *name;
	enum field_type type;
	int pb; /* ProtobufCType + 1 */
} type_rows[] = {
	{ "key", FIELD_KEY, PROTOBUF_C_TYPE_BYTES + 1 },
	{ "text", FIELD_TEXT, PROTOBUF_C_TYPE_BYTES + 1 },
	{ "date", FIELD_DATE, PROTOBUF_C_TYPE_UINT32 + 1 },
	{ "month", FIELD_MONTH, PROTOBUF_C_TYPE_UINT32 + 1 },
	{ "year", FIELD_YEAR, PROTOBUF_C_TYPE_UINT32 + 1 },
	{ "int", FIELD_INT, PROTOBUF_C_TYPE_INT64 + 1 },
	{ "dec1", FIELD_DEC1, PROTOBUF_C_TYPE_INT64 + 1 },
	{ "money", FIELD_MONEY, PROTOBUF_C_TYPE_INT64 + 1 },
	{ "code", FIELD_CODE, PROTOBUF_C_TYPE_BYTES + 1 },
	{ "codes", FIELD_CODES, PROTOBUF_C_TYPE_BYTES + 1 },
	{ "uscc", FIELD_USCC, PROTOBUF_C_TYPE_BYTES + 1 },
	{ "occ", FIELD_OCC, PROTOBUF_C_TYPE_BYTES + 1 },
	{ "bool", FIELD_BOOL, PROTOBUF_C_TYPE_BOOL + 1 },
	{ "person.name", FIELD_NAME, 0 },
	{ "person.doc_type", FIELD_DOC_TYPE, 0 },
	{ "person.doc_number", FIELD_DOC_NUMBER, 0 },
	{ "person.phone", FIELD_PHONE, 0 },
};

/* Keeps the first sentence; false, for the caller to return. */
static bool wrong(const char *reg, const char *field, const char *what)
{
	if (!sentence[0])
		snprintf(sentence, sizeof sentence, "registers: %s.%s: %s", reg, field, what);
	return false;
}

static const struct type_row *type_find(const char *name)
{
	for (size_t i = 0; i < sizeof type_rows / sizeof *type_rows; i++)
		if (strcmp(type_rows[i].name, name) == 0)
			return &type_rows[i];
	return NULL;
}

/* The message's field of a name, when it has the type and the label that are asked for. */
static const ProtobufCFieldDescriptor *pb_find(
	const struct reg *reg, const char *name, int type, int label)
{
	const ProtobufCFieldDescriptor *pb =
		protobuf_c_message_descriptor_get_field_by_name(reg->pb, name);

	return pb && (int)pb->type == type && (int)pb->label == label &&
			       !(pb->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
		       ? pb
		       : NULL;
}

static bool bind_field(const struct reg *reg, const struct table_field *row, struct field *f)
{
	const struct type_row *t = type_find(row->type);
	int label = PROTOBUF_C_LABEL_OPTIONAL;
	bool coded;

	if (!t)
		return wrong(reg->name, row->name, "unknown type");
	*f = (struct field){
		.name = row->name, .zh = row->zh, .type = t->type, .person = -1, .notes = row->notes
	};
	f->required = strcmp(row->required, "y") == 0;
	if (!f->required && strcmp(row->required, "n") != 0)
		return wrong(reg->name, row->name, "required is y or n; a condition is a rule");
	coded = f->type == FIELD_CODE || f->type == FIELD_CODES || f->type == FIELD_DOC_TYPE;
	f->codes = coded ? code_list_find(text_of(row->codes)) : NULL;
	if (coded ? !f->codes || f->codes->n > 32 : row->codes[0] != '\0')
		return wrong(reg->name, row->name, "no such code list");
	if (f->type == FIELD_CODES)
		label = PROTOBUF_C_LABEL_REPEATED;
	if (t->pb && !(f->pb = pb_find(reg, row->name, t->pb - 1, label)))
		return wrong(reg->name, row->name, "no field of this type in the message");
	if (register_field(reg, text_of(row->name)) >= 0 ||
		register_field(reg, text_of(row->zh)) >= 0)
		return wrong(reg->name, row->name, "stands twice");
	return true;
}

static const ProtobufCFieldDescriptor *person_pb(
	const struct reg *reg, const char *prefix, const char *what, int type)
{
	char name[64];

	snprintf(name, sizeof name, "%s%s", prefix, what);
	return pb_find(reg, name, type, PROTOBUF_C_LABEL_OPTIONAL);
}

static int person_column(const struct reg *reg, const char *prefix, const char *what)
{
	char name[64];

	snprintf(name, sizeof name, "%s%s", prefix, what);
	return register_field(reg, text_of(name));
}

/* The group whose column is the document number `at`; prefixes are kept for ever, as everything
 * here. */
static bool bind_person(struct reg *reg, int at)
{
	static char prefixes[REGISTERS_MAX * REGISTER_PERSONS_MAX][32];
	static size_t n_prefixes;
	const char *column = reg->fields[at].name;
	size_t n = strlen(column) - strlen("doc_number");
	struct person_group *g = &reg->persons[reg->n_persons];
	char *prefix = prefixes[n_prefixes];
	int parts[4];

	if (reg->n_persons == REGISTER_PERSONS_MAX || n >= sizeof *prefixes)
		return wrong(reg->name, column, "too many persons");
	memcpy(prefix, column, n);
	prefix[n] = '\0';
	n_prefixes++;
	g->prefix = prefix;
	g->pid = person_pb(reg, prefix, "pid", PROTOBUF_C_TYPE_BYTES);
	g->sex = person_pb(reg, prefix, "sex", PROTOBUF_C_TYPE_UINT32);
	g->birth_year = person_pb(reg, prefix, "birth_year", PROTOBUF_C_TYPE_UINT32);
	g->name_tag = person_pb(reg, prefix, "name_tag", PROTOBUF_C_TYPE_BYTES);
	if (!g->pid || !g->sex || !g->birth_year || !g->name_tag)
		return wrong(
			reg->name, column, "no pid, sex, birth_year or name_tag in the message");
	parts[0] = g->name = person_column(reg, prefix, "name");
	parts[1] = g->doc_type = person_column(reg, prefix, "doc_type");
	parts[2] = g->doc_number = at;
	parts[3] = g->phone = person_column(reg, prefix, "phone");
	if (g->name < 0 || g->doc_type < 0)
		return wrong(reg->name, column, "a person has name, doc_type and doc_number");
	for (int i = 0; i < 4; i++)
		if (parts[i] >= 0)
			fields[reg->fields - fields + parts[i]].person = (int)reg->n_persons;
	reg->n_persons++;
	return true;
}

/* Key columns are counted 1, 2, … in registers.tsv. */
static bool bind_key(struct reg *reg, const struct table_field *rows)
{
	int n = 0;

	for (int place = 1; place <= REGISTER_KEY_MAX; place++)
		for (size_t i = 0; i < reg->n_fields; i++)
			if (rows[i].key[0] == '0' + place && !rows[i].key[1] && n == place - 1)
				reg->key[n++] =
					reg->fields[i].type == FIELD_DOC_NUMBER ? -1 : (int)i;
	reg->key[n] = -2;
	for (size_t i = 0; i < reg->n_fields; i++)
		n -= rows[i].key[0] != '\0';
	return (reg->key[0] != -2 && n == 0) ||
	       wrong(reg->name, "key", "columns are counted from 1, at most four");
}

static bool bind_rules(struct reg *reg)
{
	reg->rules = rules + n_rules;
	for (size_t i = 0; i < table_n_rules; i++) {
		const char *what;
		if (strcmp(table_rules[i].reg, reg->name) != 0)
			continue;
		if (n_rules == RULES_MAX)
			return wrong(reg->name, "rules", "too many");
		what = rule_bind(reg, &table_rules[i], &rules[n_rules]);
		if (what)
			return wrong(reg->name, table_rules[i].field, what);
		n_rules++;
		reg->n_rules++;
	}
	return true;
}

/* The rows of a register stand together; `rows` is its first. */
static bool bind_place(struct reg *reg, const struct table_field *rows, size_t n)
{
	const char *at = rows[0].at;

	reg->at_district = strcmp(at, "city") != 0;
	reg->at_city = strcmp(at, "city") == 0 || strcmp(at, "both") == 0;
	for (size_t i = 1; i < n; i++)
		if (rows[i].at[0])
			return wrong(
				reg->name, rows[i].name, "who enters it stands on its first row");
	return !at[0] || reg->at_city || wrong(reg->name, "at", "is city, both or empty");
}

static bool bind_register(
	const struct table_message *message, const struct table_field *rows, size_t n)
{
	struct reg *reg = &regs[n_regs++];
	const struct code_list *names = code_list_find(TEXT("register"));
	int name = names ? code_index(names, text_of(message->reg)) : -1;

	reg->name = message->reg;
	reg->pb = message->pb;
	reg->fields = fields + n_fields;
	if (name < 0)
		return wrong(reg->name, "", "has no row in the code list register");
	reg->zh = names->at[name].zh;
	if (n > REGISTER_FIELDS_MAX || n_fields + n > FIELDS_MAX)
		return wrong(reg->name, "", "too many fields");
	for (size_t i = 0; i < n; i++) {
		if (!bind_field(reg, &rows[i], &fields[n_fields]))
			return false;
		n_fields++;
		reg->n_fields++;
	}
	for (size_t i = 0; i < n; i++)
		if (reg->fields[i].type == FIELD_DOC_NUMBER && !bind_person(reg, (int)i))
			return false;
	for (size_t i = 0; i < n; i++)
		if (reg->fields[i].type >= FIELD_NAME && reg->fields[i].person < 0)
			return wrong(reg->name, reg->fields[i].name, "belongs to no person");
	return bind_place(reg, rows, n) && bind_key(reg, rows) && bind_rules(reg);
}

static bool bind_all(void)
{
	size_t first = 0, bound = 0;

	for (size_t i = 0; i < table_n_messages; i++) {
		size_t n = 0;
		if (n_regs == REGISTERS_MAX)
			return wrong(table_messages[i].reg, "", "too many registers");
		while (first + n < table_n_fields &&
			strcmp(table_fields[first + n].reg, table_messages[i].reg) == 0)
			n++;
		if (!bind_register(&table_messages[i], table_fields + first, n))
			return false;
		first += n;
	}
	if (first != table_n_fields)
		return wrong(table_fields[first].reg, table_fields[first].name,
			"the rows of a register stand together");
	for (size_t i = 0; i < n_regs; i++)
		bound += regs[i].n_rules;
	return bound == table_n_rules ||
	       wrong("rules.tsv", "register", "a rule of an unknown register");
}

const char *registers_init(void)
{
	if (!done) {
		bind_all();
		done = true;
	}
	return sentence[0] ? sentence : NULL;
}

const struct reg *registers(size_t *n)
{
	registers_init();
	*n = n_regs;
	return regs;
}

const struct reg *register_find(struct text name)
{
	registers_init();
	for (size_t i = 0; i < n_regs; i++)
		if (text_is(name, regs[i].name))
			return &regs[i];
	return NULL;
}

int register_field(const struct reg *reg, struct text name_or_zh)
{
	struct text t = text_trim(name_or_zh);

	for (size_t i = 0; i < reg->n_fields; i++)
		if (text_is(t, reg->fields[i].name) || text_is(t, reg->fields[i].zh))
			return (int)i;
	return -1;
}
