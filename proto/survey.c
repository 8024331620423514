/* Bodies about the survey: unpacked into an arena with a budget, then judged field by field. A body
 * that fails in one field is damaged as a whole: nobody acts on half a signature. */
#include "proto/survey.h"

#include "proto/check.h"

bool survey_words_ok(struct text t, size_t chars)
{
	return t.n > 0 && t.n <= chars * 4 && text_utf8_ok(t) && text_chars(t) <= chars &&
	       !text_has_control(t) && text_trim(t).n == t.n;
}

/* A text that must be there: at most `max` bytes. */
static bool short_ok(protobuf_c_boolean has, ProtobufCBinaryData b, size_t max)
{
	return has && b.len <= max && survey_words_ok(survey_text(b), max);
}

static bool may(protobuf_c_boolean has, ProtobufCBinaryData b, size_t max)
{
	return !has || short_ok(has, b, max);
}

static bool words_ok(protobuf_c_boolean has, ProtobufCBinaryData b, size_t chars)
{
	return has && survey_words_ok(survey_text(b), chars);
}

static bool digest_ok(protobuf_c_boolean has, ProtobufCBinaryData b)
{
	return has && b.len == SURVEY_DIGEST_BYTES;
}

/* Where the frozen figures stand. */
static bool figures_ok(
	protobuf_c_boolean has, uint64_t figures, protobuf_c_boolean has_parts, uint32_t parts)
{
	return has_parts && (parts ? has && figures > 0 : !has || figures == 0);
}

static void *unpack(const ProtobufCMessageDescriptor *d, struct text body, struct arena *a)
{
	return protobuf_c_message_unpack(d, &a->pb, body.n, (const uint8_t *)body.p);
}

const Tally__Return *survey_return(struct text body, struct arena *a)
{
	const Tally__Return *r = unpack(&tally__return__descriptor, body, a);

	if (!r || !short_ok(r->has_form, r->form, SURVEY_ID_MAX) ||
		!short_ok(r->has_edition, r->edition, SURVEY_ID_MAX) ||
		!short_ok(r->has_period, r->period, SURVEY_PERIOD_MAX) || !r->has_position ||
		!words_ok(r->has_by, r->by, SURVEY_NAME_CHARS) ||
		!words_ok(r->has_approve, r->approve, SURVEY_NAME_CHARS) ||
		!figures_ok(r->has_figures, r->figures, r->has_parts, r->parts) ||
		!digest_ok(r->has_digest, r->digest))
		return NULL;
	return r;
}

const Tally__Explain *survey_explain(struct text body, struct arena *a)
{
	const Tally__Explain *x = unpack(&tally__explain__descriptor, body, a);

	if (!x || !short_ok(x->has_form, x->form, SURVEY_ID_MAX) ||
		!short_ok(x->has_period, x->period, SURVEY_PERIOD_MAX) ||
		!short_ok(x->has_check, x->check, SURVEY_ID_MAX) ||
		!may(x->has_row, x->row, SURVEY_ROW_MAX) ||
		!words_ok(x->has_words, x->words, SURVEY_WORDS_CHARS))
		return NULL;
	return x;
}

const Tally__Intake *survey_intake(struct text body, struct arena *a)
{
	const Tally__Intake *i = unpack(&tally__intake__descriptor, body, a);

	if (!i || !short_ok(i->has_register_, i->register_, SURVEY_ID_MAX) || !i->has_refused)
		return NULL;
	for (size_t k = 0; k < i->n_faults; k++)
		if (!short_ok(i->faults[k]->has_code, i->faults[k]->code, SURVEY_ID_MAX))
			return NULL;
	return i;
}

static bool query_ok(const Tally__Decision__Query *q)
{
	return short_ok(q->has_check, q->check, SURVEY_ID_MAX) &&
	       may(q->has_row, q->row, SURVEY_ROW_MAX) &&
	       may(q->has_left, q->left, SURVEY_ID_MAX) &&
	       may(q->has_right, q->right, SURVEY_ID_MAX);
}

const Tally__Decision *survey_decision(struct text body, struct arena *a)
{
	const Tally__Decision *d = unpack(&tally__decision__descriptor, body, a);

	if (!d || !short_ok(d->has_form, d->form, SURVEY_ID_MAX) ||
		!short_ok(d->has_period, d->period, SURVEY_PERIOD_MAX) || !d->has_area ||
		!d->has_position || d->position == 0 || !d->has_accepted ||
		d->n_queries > SURVEY_QUERIES_MAX)
		return NULL;
	if ((d->has_words || !d->accepted) && !words_ok(d->has_words, d->words, SURVEY_WORDS_CHARS))
		return NULL;
	for (size_t i = 0; i < d->n_queries; i++)
		if (!query_ok(d->queries[i]))
			return NULL;
	return d;
}

static bool positions_ok(const Tally__Version *v)
{
	for (size_t i = 0; i < v->n_positions; i++) {
		const Tally__Version__Position *p = v->positions[i];

		if (!p->has_origin || !p->has_position || !digest_ok(p->has_head, p->head))
			return false;
	}
	return true;
}

const Tally__Version *survey_version(struct text body, struct arena *a)
{
	const Tally__Version *v = unpack(&tally__version__descriptor, body, a);

	if (!v || !short_ok(v->has_form, v->form, SURVEY_ID_MAX) ||
		!short_ok(v->has_edition, v->edition, SURVEY_ID_MAX) ||
		!short_ok(v->has_period, v->period, SURVEY_PERIOD_MAX) || !v->has_number ||
		v->number == 0 || !short_ok(v->has_class_, v->class_, SURVEY_ID_MAX) ||
		(v->has_reason && v->reason.len &&
			!words_ok(v->has_reason, v->reason, SURVEY_WORDS_CHARS)) ||
		!figures_ok(v->has_figures, v->figures, v->has_parts, v->parts) ||
		!digest_ok(v->has_digest, v->digest) || !positions_ok(v))
		return NULL;
	return v;
}
