/* Records as bytes, keys and facts. Everything goes by descriptor: the layout of a message is
 * registers.proto's matter.
 *
 * A key is its fields as people write them, joined by '/'; the pid as 32 hex digits:
 *   training  enrolment_no                      person  0123…ef/2019-05-01 */
#include <inttypes.h>
#include <stdio.h>

#include "proto/message.h"
#include "proto/record.h"

void record_set_person(struct record *r, size_t i, const struct identity *id,
	const uint8_t pid[PID_BYTES], const uint8_t name_tag[NAME_TAG_BYTES])
{
	const struct person_group *g = &r->reg->persons[i];

	if (!id->present)
		return;
	message_set_text(r->msg, g->pid, (struct text){ (const char *)pid, PID_BYTES });
	message_set_text(
		r->msg, g->name_tag, (struct text){ (const char *)name_tag, NAME_TAG_BYTES });
	if (id->sex != SEX_UNKNOWN)
		message_set_number(r->msg, g->sex, id->sex);
	if (id->birth_year)
		message_set_number(r->msg, g->birth_year, id->birth_year);
}

size_t record_packed_size(const struct record *r)
{
	return protobuf_c_message_get_packed_size(r->msg);
}

size_t record_pack(const struct record *r, uint8_t *out)
{
	return protobuf_c_message_pack(r->msg, out);
}

int record_unpack(const struct reg *reg, struct text body, struct arena *a, struct record *r)
{
	r->reg = reg;
	r->msg = protobuf_c_message_unpack(reg->pb, &a->pb, body.n, (const uint8_t *)body.p);
	return r->msg ? 0 : -1;
}

struct value record_value(const struct record *r, const struct field *f)
{
	struct value v = { .present = false };

	if (!f->pb)
		return v;
	if (f->type == FIELD_CODES) {
		v.list = message_list(r->msg, f->pb, &v.n_list);
		v.present = v.n_list > 0;
		return v;
	}
	v.present = message_has(r->msg, f->pb);
	if (!v.present)
		return v;
	if (f->pb->type == PROTOBUF_C_TYPE_BYTES)
		v.text = message_text(r->msg, f->pb);
	else
		v.number = message_number(r->msg, f->pb);
	return v;
}

struct person_facts record_person(const struct record *r, size_t i)
{
	struct person_facts p = { .sex = SEX_UNKNOWN };
	const struct person_group *g;

	if (i >= r->reg->n_persons)
		return p;
	g = &r->reg->persons[i];
	if (!message_has(r->msg, g->pid) || message_text(r->msg, g->pid).n != PID_BYTES)
		return p;
	p.pid = (const uint8_t *)message_text(r->msg, g->pid).p;
	if (message_has(r->msg, g->name_tag) &&
		message_text(r->msg, g->name_tag).n == NAME_TAG_BYTES)
		p.name_tag = (const uint8_t *)message_text(r->msg, g->name_tag).p;
	if (message_has(r->msg, g->sex) && message_number(r->msg, g->sex) <= SEX_FEMALE)
		p.sex = (enum sex)message_number(r->msg, g->sex);
	if (message_has(r->msg, g->birth_year) && message_number(r->msg, g->birth_year) <= 9999)
		p.birth_year = (int)message_number(r->msg, g->birth_year);
	return p;
}

/* ---- printing ---- */

/* Bytes into a bounded space; `n` counts on beyond it. */
struct sink {
	char *p;
	size_t n, size;
};

static void put(struct sink *s, const char *p, size_t n)
{
	if (s->n < s->size && n)
		memcpy(s->p + s->n, p, n < s->size - s->n ? n : s->size - s->n);
	s->n += n;
}

/* A number with a point before its last `places` digits, or without one. */
static void put_decimal(struct sink *s, int64_t v, int places)
{
	char digits[24];
	uint64_t u = v < 0 ? -(uint64_t)v : (uint64_t)v;
	int n = snprintf(digits, sizeof digits, "%0*" PRIu64, places + 1, u);

	if (v < 0)
		put(s, "-", 1);
	put(s, digits, (size_t)(n - places));
	if (places > 0) {
		put(s, ".", 1);
		put(s, digits + n - places, (size_t)places);
	}
}

/* yyyymmdd, yyyymm: two digits a part behind the year. */
static void put_date(struct sink *s, int64_t v, int parts)
{
	char text[16] = "0000-00-00";
	int at = parts == 2 ? 9 : 6;
	size_t n = parts == 2 ? 10 : 7;

	for (int i = at; i >= 0; i--) {
		if (text[i] == '-')
			continue;
		text[i] = (char)('0' + v % 10);
		v /= 10;
	}
	put(s, text, n);
}

static void put_value(struct sink *s, const struct field *f, const struct value *v)
{
	if (!v->present)
		return;
	switch (f->type) {
	case FIELD_DATE:
		put_date(s, v->number, 2);
		break;
	case FIELD_MONTH:
		put_date(s, v->number, 1);
		break;
	case FIELD_MONEY:
		put_decimal(s, v->number, 2);
		break;
	case FIELD_DEC1:
		put_decimal(s, v->number, 1);
		break;
	case FIELD_YEAR:
	case FIELD_INT:
	case FIELD_BOOL:
		put_decimal(s, v->number, 0);
		break;
	case FIELD_CODES:
		for (size_t i = 0; i < v->n_list; i++) {
			put(s, ";", i > 0);
			put(s, (const char *)v->list[i].data, v->list[i].len);
		}
		break;
	default:
		put(s, v->text.p, v->text.n);
	}
}

size_t value_print(const struct field *f, const struct value *v, char *out, size_t size)
{
	struct sink s = { out, 0, size };

	put_value(&s, f, v);
	return s.n;
}

/* ---- keys ---- */

static void put_key(struct sink *s, const struct record *r)
{
	for (const int *k = r->reg->key; *k != -2; k++) {
		struct value v;
		if (k != r->reg->key)
			put(s, "/", 1);
		if (*k >= 0) {
			v = record_value(r, &r->reg->fields[*k]);
			put_value(s, &r->reg->fields[*k], &v);
			continue;
		}
		const uint8_t *pid = record_person(r, 0).pid;
		for (size_t i = 0; pid && i < PID_BYTES; i++) {
			char hex[2] = { "0123456789abcdef"[pid[i] >> 4],
				"0123456789abcdef"[pid[i] & 15] };
			put(s, hex, 2);
		}
	}
}

struct text record_key(const struct record *r, struct arena *a)
{
	char small[256];
	struct sink s = { small, 0, sizeof small };
	char *p;

	put_key(&s, r);
	p = arena_alloc(a, s.n + 1);
	if (!p)
		return (struct text){ NULL, 0 };
	if (s.n <= sizeof small) {
		memcpy(p, small, s.n);
	} else {
		s = (struct sink){ p, 0, s.n };
		put_key(&s, r);
	}
	return (struct text){ p, s.n };
}
