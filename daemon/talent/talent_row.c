/* Items of rows, and what they say on a day.
 *
 * A record makes an item for every clause that takes it, so that nothing of the rules but the
 * numbers of gates, chains and clauses is needed to read a row: the views are folded anew when a
 * rule file changes. What is newest on a day (status, home) is found by the order of the days; on a
 * tie the smaller district counts, then (two linked persons in one district) the code that its list
 * names first: items are read in the order of their bytes. */
#include "daemon/talent/talent_row.h"

#include <stdio.h>
#include <stdlib.h>

enum {
	ITEM_GATE = 1,
	ITEM_CHAIN,
	ITEM_LEVEL,
	ITEM_HONOUR,
	ITEM_PROGRAMME,
	ITEM_AREA,
	ITEM_STATUS,
	ITEM_HOME,
	ITEM_BIRTH
};

struct item {
	unsigned kind, code;
	unsigned from, over; /* days */
	uint32_t value, origin;
};

/* ---- days ---- */

uint16_t talent_day(int yyyymmdd)
{
	int64_t day = days_of_date(yyyymmdd) - days_of_date(19000101);

	if (day < 0)
		return 0;
	return day >= TALENT_DAY_NEVER ? TALENT_DAY_NEVER - 1 : (uint16_t)day;
}

/* ---- items as stored ---- */

static void put_u24(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 16);
	p[1] = (uint8_t)(v >> 8);
	p[2] = (uint8_t)v;
}
static uint32_t get_u24(const uint8_t *p)
{
	return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}

static void item_put(struct buf *row, const struct item *i)
{
	uint8_t out[TALENT_ITEM_BYTES];

	out[0] = (uint8_t)i->kind;
	out[1] = (uint8_t)i->code;
	out[2] = (uint8_t)(i->from >> 8);
	out[3] = (uint8_t)i->from;
	out[4] = (uint8_t)(i->over >> 8);
	out[5] = (uint8_t)i->over;
	put_u24(out + 6, i->value);
	put_u24(out + 9, i->origin);
	buf_put(row, out, sizeof(out));
}

static struct item item_get(const uint8_t *p)
{
	return (struct item){ .kind = p[0],
		.code = p[1],
		.from = (unsigned)p[2] << 8 | p[3],
		.over = (unsigned)p[4] << 8 | p[5],
		.value = get_u24(p + 6),
		.origin = get_u24(p + 9) };
}

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, TALENT_ITEM_BYTES);
}

void talent_row_end(struct buf *row)
{
	size_t n = row->n / TALENT_ITEM_BYTES, kept = 0;
	char *p = row->p;

	if (row->failed || n == 0)
		return;
	qsort(p, n, TALENT_ITEM_BYTES, by_bytes);
	for (size_t i = 0; i < n; i++) {
		char *item = p + i * TALENT_ITEM_BYTES;

		if (kept && by_bytes(item, p + (kept - 1) * TALENT_ITEM_BYTES) == 0)
			continue;
		memmove(p + kept++ * TALENT_ITEM_BYTES, item, TALENT_ITEM_BYTES);
	}
	row->n = kept * TALENT_ITEM_BYTES;
}

/* ---- from records ---- */

static bool days_of(const struct talent_clause *c, const struct talent_record *r, struct item *i)
{
	int from, over;

	if (!talent_clause_days(c, r, &from, &over))
		return false;
	i->from = talent_day(from);
	i->over = over ? talent_day(over) : TALENT_DAY_NEVER;
	return true;
}

static bool clause_item(struct buf *row, const struct talent_clause *c,
	const struct talent_record *r, struct item i)
{
	if (!talent_clause_takes(c, r) || !days_of(c, r, &i))
		return false;
	if (row)
		item_put(row, &i);
	return true;
}

/* Items of gates and chains; without a row it is only asked whether there are any. */
static bool rules_add(struct buf *row, const struct talent_rules *t, const struct talent_record *r)
{
	struct item i = { .kind = ITEM_GATE };
	bool any = false;

	for (const struct talent_gate *g = t->gates; g; g = g->next, i.code++) {
		i.value = 0;
		for (const struct talent_clause *c = g->clauses; c; c = c->next, i.value++)
			any = clause_item(row, c, r, i) || any;
	}
	i = (struct item){ .kind = ITEM_CHAIN };
	for (const struct talent_chain *x = t->chains; x; x = x->next, i.code++) {
		i.value = 0;
		for (const struct talent_clause *c = x->clauses; c; c = c->next)
			any = clause_item(row, c, r, i) || any;
		i.value = 1;
		for (const struct talent_clause *c = row ? x->unless : NULL; c; c = c->next)
			clause_item(row, c, r, i);
	}
	return any;
}

bool talent_row_wants(const struct talent_rules *t, const struct talent_record *r)
{
	return rules_add(NULL, t, r);
}

static struct value value_of(
	const struct record *r, const char *field, const struct code_list **list)
{
	int i = register_field(r->reg, text_of(field));
	struct value none = { 0 };

	if (i < 0 || !r->reg->fields[i].pb)
		return none;
	if (list)
		*list = r->reg->fields[i].codes;
	return record_value(r, &r->reg->fields[i]);
}

/* Place in its list + 1; 0: none. */
static unsigned code_of(const struct record *r, const char *field)
{
	const struct code_list *list = NULL;
	struct value v = value_of(r, field, &list);

	return v.present && list ? (unsigned)(code_index(list, v.text) + 1) : 0;
}

unsigned talent_status_order(const struct record *r)
{
	return code_of(r, "status") << 16 | code_of(r, "industry");
}

static void level_add(struct buf *row, const struct talent_rules *t, const struct talent_record *r)
{
	struct value level, occupation;
	unsigned number;
	uint32_t digits, most;
	const struct talent_clause *c = talent_clause_of(t->level, r, &number);
	struct item i = { .kind = ITEM_LEVEL, .origin = r->origin };
	int rank;

	if (!c)
		return;
	level = value_of(r->record, "level", NULL);
	occupation = value_of(r->record, "occupation", NULL);
	rank = level.present ? level_rank(level.text) : -1;
	if (rank < 1 || !days_of(c, r, &i))
		return;
	if (!occupation.present || !talent_occupation(occupation.text, &digits, &most))
		digits = 0;
	i.code = (unsigned)rank + 1;
	i.value = digits;
	item_put(row, &i);
}

/* Bits of a list of codes; tags hold from the record's day on. */
static void tags_add(
	struct buf *row, const struct record *r, const char *field, unsigned kind, unsigned from)
{
	const struct code_list *list = NULL;
	struct value v = value_of(r, field, &list);
	struct item i = { .kind = kind, .from = from, .over = TALENT_DAY_NEVER };

	for (size_t k = 0; k < v.n_list && list; k++) {
		int at = code_index(
			list, (struct text){ (const char *)v.list[k].data, v.list[k].len });

		if (at >= 0 && at < 24)
			i.value |= 1u << at;
	}
	if (i.value)
		item_put(row, &i);
}

void talent_row_add(struct buf *row, const struct talent_rules *t, const struct talent_record *r)
{
	struct person_facts p = record_person(r->record, 0);
	const struct talent_clause *c;
	struct item i = { 0 };
	unsigned number = 0;

	rules_add(row, t, r);
	level_add(row, t, r);
	c = talent_clause_of(t->profile, r, &number);
	if (c && days_of(c, r, &i)) {
		tags_add(row, r->record, "programme", ITEM_PROGRAMME, i.from);
		tags_add(row, r->record, "area", ITEM_AREA, i.from);
		i.kind = ITEM_HONOUR;
		i.code = code_of(r->record, "title");
		if (i.code)
			item_put(row, &i);
		i = (struct item){ .kind = ITEM_STATUS, .from = i.from, .over = TALENT_DAY_NEVER };
		if (strcmp(r->record->reg->name, "person") == 0) {
			unsigned order = talent_status_order(r->record);

			i.code = order >> 16;
			i.value = order & 0xffff;
			i.origin = r->origin;
			item_put(row, &i);
		}
	}
	c = talent_clause_of(t->home, r, &number);
	i = (struct item){ .kind = ITEM_HOME, .code = number, .origin = r->origin };
	if (c && days_of(c, r, &i)) {
		i.over = TALENT_DAY_NEVER;
		item_put(row, &i);
	}
	i = (struct item){ .kind = ITEM_BIRTH,
		.code = (unsigned)p.sex,
		.over = TALENT_DAY_NEVER,
		.value = (uint32_t)p.birth_year };
	if (p.sex || p.birth_year)
		item_put(row, &i);
}

/* ---- on a day ---- */

/* What is newest so far. */
struct newest {
	bool any;
	unsigned order; /* of homes: the clause; the smaller counts */
	unsigned from;
	uint32_t origin;
};

static bool newer(struct newest *n, const struct item *i, unsigned order)
{
	bool better = !n->any || order < n->order ||
		      (order == n->order &&
			      (i->from > n->from || (i->from == n->from && i->origin < n->origin)));

	if (better)
		*n = (struct newest){ true, order, i->from, i->origin };
	return better;
}

static void occ_add(struct talent_state *s, uint32_t digits, unsigned level)
{
	uint32_t occ = digits | (uint32_t)level << 24;
	size_t k = 0;

	while (k < s->n_occs && (s->occs[k] & 0xffffff) < digits)
		k++;
	if (k < s->n_occs && (s->occs[k] & 0xffffff) == digits) {
		if (s->occs[k] < occ)
			s->occs[k] = occ;
		return;
	}
	if (s->n_occs == TALENT_OCCS_MAX)
		return;
	memmove(&s->occs[k + 1], &s->occs[k], (s->n_occs - k) * sizeof(*s->occs));
	s->occs[k] = occ;
	s->n_occs++;
}

struct reading {
	struct talent_state *s;
	struct newest status, home;
	unsigned gate;
	uint32_t unless;
};

static void item_speaks(struct reading *r, const struct item *i)
{
	struct talent_state *s = r->s;

	switch (i->kind) {
	case ITEM_GATE:
		if (i->code == r->gate && (!s->in || i->value < s->clause)) {
			s->in = true;
			s->clause = (uint8_t)i->value;
		}
		break;
	case ITEM_CHAIN:
		*(i->value ? &r->unless : &s->chains) |= 1u << (i->code & 31);
		break;
	case ITEM_LEVEL:
		if (i->code > s->level)
			s->level = (uint8_t)i->code;
		if (i->value)
			occ_add(s, i->value, i->code);
		break;
	case ITEM_HONOUR:
		s->honours |= 1u << ((i->code - 1) & 31);
		break;
	case ITEM_PROGRAMME:
		s->programmes |= i->value;
		break;
	case ITEM_AREA:
		s->areas |= i->value;
		break;
	case ITEM_STATUS:
		if (newer(&r->status, i, 0)) {
			s->status = (uint8_t)i->code;
			s->industry = (uint8_t)i->value;
		}
		break;
	case ITEM_HOME:
		if (newer(&r->home, i, i->code))
			s->district = i->origin;
		break;
	case ITEM_BIRTH:
		/* One document says one thing; of several the greatest is taken. */
		if (i->value > s->birth_year)
			s->birth_year = (uint16_t)i->value;
		if (i->code > s->sex)
			s->sex = (uint8_t)i->code;
		break;
	default:
		break;
	}
}

bool talent_state_at(
	struct talent_state *s, const struct talent_rules *t, struct text row, int yyyymmdd)
{
	struct reading r = { .s = s, .gate = UINT32_MAX };
	unsigned day = talent_day(yyyymmdd), number = 0;

	memset(s, 0, sizeof(*s));
	s->changes = TALENT_DAY_NEVER;
	if (row.n % TALENT_ITEM_BYTES)
		return false;
	for (const struct talent_gate *g = t->gates; g; g = g->next, number++) {
		unsigned from = talent_day(g->valid_from);

		if (from <= day && r.gate == UINT32_MAX)
			r.gate = number;
		if (from > day && from < s->changes)
			s->changes = (uint16_t)from;
	}
	for (size_t k = 0; k < row.n; k += TALENT_ITEM_BYTES) {
		struct item i = item_get((const uint8_t *)row.p + k);

		if (i.from <= day && day < i.over)
			item_speaks(&r, &i);
		if (i.from > day && i.from < s->changes)
			s->changes = (uint16_t)i.from;
		if (i.from <= day && i.over > day && i.over < s->changes)
			s->changes = (uint16_t)i.over;
	}
	s->chains &= ~r.unless;
	return true;
}

/* ---- occupations ---- */

/* d-dd-dd-dd: where each digit stands. */
bool talent_occupation(struct text prefix, uint32_t *least, uint32_t *most)
{
	static const char form[] = "d-dd-dd-dd";
	uint32_t step = 10000000;

	*least = 0;
	if (prefix.n == 0 || prefix.n >= sizeof(form))
		return false;
	for (size_t i = 0; i < prefix.n; i++) {
		char c = prefix.p[i];

		if (form[i] == '-' ? c != '-' : c < '0' || c > '9')
			return false;
		if (form[i] == '-')
			continue;
		step /= 10;
		*least += step * (uint32_t)(c - '0');
	}
	*most = *least + step - 1;
	return true;
}

void talent_occupation_print(uint32_t digits, char out[12])
{
	snprintf(out, 12, "%u-%02u-%02u-%02u", digits / 1000000 % 10, digits / 10000 % 100,
		digits / 100 % 100, digits % 100);
}

/* ---- ids ---- */

static const char digits32[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

void talent_id_print(const uint8_t pid[PID_BYTES], char out[TALENT_ID_TEXT])
{
	out[0] = 'T';
	for (unsigned i = 0; i < 16; i++) {
		unsigned bit = i * 5, two = (unsigned)pid[bit / 8] << 8 | pid[bit / 8 + 1];

		out[1 + i] = digits32[two >> (11 - bit % 8) & 31];
	}
	out[17] = 0;
}

bool talent_id_parse(struct text t, uint8_t out[TALENT_ID_BYTES])
{
	uint64_t high = 0, low = 0; /* 80 bits */

	if (t.n != TALENT_ID_TEXT - 1 || (t.p[0] != 'T' && t.p[0] != 't'))
		return false;
	for (size_t i = 1; i < t.n; i++) {
		char c = t.p[i] >= 'a' && t.p[i] <= 'z' ? (char)(t.p[i] - 32) : t.p[i];
		const char *at;

		c = c == 'I' || c == 'L' ? '1' : c == 'O' ? '0' : c;
		at = c ? strchr(digits32, c) : NULL;
		if (!at)
			return false;
		high = (high << 5 | low >> 59) & 0xffff;
		low = low << 5 | (uint64_t)(at - digits32);
	}
	out[0] = (uint8_t)(high >> 8);
	out[1] = (uint8_t)high;
	put_u64(out + 2, low);
	return true;
}
