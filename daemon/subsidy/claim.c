/* The rows lead everything: one option, one field of the register, one field of the message, all
 * three texts of the same meaning. The message's fields are optional bytes, so message.h reads and
 * writes them by their descriptors. */
#include "daemon/subsidy/claim.h"

#include "daemon/talent/talent_row.h"
#include "proto/check.h"
#include "proto/link.pb-c.h"
#include "proto/message.h"

const struct claim_field claim_fields[CLAIM_FIELDS] = {
	{ "purpose", "purpose" },
	{ "occupation", "occupation" },
	{ "level", "level" },
	{ "enrolment", "enrolment_no" },
	{ "certificate", "certificate_no" },
	{ "payee", "payee" },
};
enum { CLAIM_PURPOSE = 0, CLAIM_PAYEE = CLAIM_FIELDS - 1 };

static const struct reg *subsidy(void)
{
	return register_find(TEXT("subsidy"));
}

static const struct field *field_named(const char *name)
{
	const struct reg *reg = subsidy();

	return &reg->fields[register_field(reg, text_of(name))];
}

static int field_check(struct text *value, const struct claim_field *row, struct errmsg *m)
{
	const struct field *f = field_named(row->field);
	int code = 0;

	if (text_fault(*value)) {
		errmsg_set(m, "%s: not a text of 1 to 200 characters", row->option);
		return ERR_INVALID;
	}
	if (f->codes)
		code = code_index_any(f->codes, *value);
	if (code < 0 || (f->type == FIELD_OCC && occupation_check(*value) == OCC_BAD)) {
		errmsg_set(m, "%s %.*s: no such code", row->option, (int)value->n, value->p);
		return ERR_INVALID;
	}
	if (f->codes)
		*value = text_of(f->codes->at[code].code);
	return 0;
}

int claim_check(struct claim *c, struct errmsg *m)
{
	for (size_t i = 0; i < CLAIM_FIELDS; i++) {
		int err = c->fields[i].n ? field_check(&c->fields[i], &claim_fields[i], m) : 0;
		if (err)
			return err;
	}
	if (c->fields[CLAIM_PURPOSE].n && (!c->day || date_ok(c->day)))
		return 0;
	errmsg_set(m, "%s",
		c->fields[CLAIM_PURPOSE].n ? "at: not a date (2019-06-01)"
					   : "purpose: must be given");
	return ERR_INVALID;
}

bool claim_person(struct claim *c, struct text id)
{
	c->n_person = PID_BYTES;
	if (hex_get(c->person, PID_BYTES, id) == 0)
		return true;
	c->n_person = TALENT_ID_BYTES;
	return talent_id_parse(id, c->person);
}

/* ---- bytes ---- */

static const ProtobufCFieldDescriptor *asked_field(size_t i)
{
	return protobuf_c_message_descriptor_get_field_by_name(
		&tally__subsidy_question__descriptor, claim_fields[i].field);
}

void claim_pack(const struct claim *c, struct buf *out)
{
	Tally__SubsidyQuestion m = TALLY__SUBSIDY_QUESTION__INIT;

	m.person = (ProtobufCBinaryData){ c->n_person, (uint8_t *)(uintptr_t)c->person };
	for (size_t i = 0; i < CLAIM_FIELDS; i++)
		if (c->fields[i].n)
			message_set_text(&m.base, asked_field(i), c->fields[i]);
	m.has_claimed_on = c->day != 0;
	m.claimed_on = (uint32_t)c->day;
	buf_reset(out);
	size_t n = tally__subsidy_question__get_packed_size(&m);
	uint8_t *to = buf_room(out, n);
	if (to)
		out->n += tally__subsidy_question__pack(&m, to);
}

int claim_unpack(struct claim *c, struct text bytes, struct arena *a)
{
	struct errmsg words;
	Tally__SubsidyQuestion *m =
		tally__subsidy_question__unpack(&a->pb, bytes.n, (const uint8_t *)bytes.p);

	*c = (struct claim){ 0 };
	if (!m)
		return ERR_INVALID;
	if (m->person.len != PID_BYTES && m->person.len != TALENT_ID_BYTES)
		return ERR_INVALID;
	c->n_person = m->person.len;
	memcpy(c->person, m->person.data, m->person.len);
	for (size_t i = 0; i < CLAIM_FIELDS; i++)
		if (message_has(&m->base, asked_field(i)))
			c->fields[i] = message_text(&m->base, asked_field(i));
	if (m->has_claimed_on && (m->claimed_on == 0 || m->claimed_on > 99991231))
		return ERR_INVALID;
	c->day = m->has_claimed_on ? (int)m->claimed_on : 0;
	return claim_check(c, &words);
}

/* ---- the record ---- */

bool claim_record(const struct claim *c, const uint8_t pid[PID_BYTES], int day, struct arena *a,
	struct record *out)
{
	static const uint8_t tag[NAME_TAG_BYTES] = { 0 };
	const struct identity id = { .present = true };

	out->reg = subsidy();
	out->msg = arena_alloc(a, out->reg->pb->sizeof_message);
	if (!out->msg)
		return false;
	protobuf_c_message_init(out->reg->pb, out->msg);
	for (size_t i = 0; i < CLAIM_FIELDS; i++)
		if (c->fields[i].n)
			message_set_text(
				out->msg, field_named(claim_fields[i].field)->pb, c->fields[i]);
	message_set_text(out->msg, field_named("payee_kind")->pb,
		c->fields[CLAIM_PAYEE].n ? TEXT("unit") : TEXT("person"));
	message_set_text(out->msg, field_named("status")->pb, TEXT("approved"));
	message_set_number(out->msg, field_named("claimed_on")->pb, day);
	record_set_person(out, 0, &id, pid, tag);
	return true;
}
