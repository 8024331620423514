/* Frames. Unpacking: length, then protobuf-c inside an arena with a hard budget, then what the kind
 * must have. What comes out holds no surprise: lengths are exact, numbers are within their limits,
 * position 0 goes with a head of zeros.
 *
 *     HELLO      protocol, software, 1-64 ledgers; gates
 *     WELCOME    protocol, software, 1-64 ledgers signed, credit; published: 0-4 ledgers sealed;
 *                questions
 *     BATCH      origin, batch; raw_size when it is zstd
 *     ACK        1-64 ledgers signed, credit
 *     PING PONG  nonce
 *     FAULT      fault; reason
 *     FOLLOW     1 ledger
 *     PUBLISH    origin; either as in a BATCH, or as in a FAULT
 *     QUESTION   nonce, question, asked
 *     ANSWER     nonce, answer; rule when it is no
 *
 * and kind and session in each. Another kind is passed over by the machines.
 */
#include "daemon/link/frame.h"

#include "proto/link.pb-c.h"

/* ---- packing ---- */

static ProtobufCBinaryData as_data(const void *p, size_t n)
{
	return (ProtobufCBinaryData){ .len = n, .data = (uint8_t *)p };
}

static void states_put(const struct frame_ledger *ledgers, size_t n, Tally__LedgerState *states,
	Tally__LedgerState **at)
{
	for (size_t i = 0; i < n; i++) {
		const struct frame_ledger *l = &ledgers[i];
		tally__ledger_state__init(&states[i]);
		states[i].origin = l->origin;
		states[i].position = l->position;
		states[i].head = as_data(l->head, HASH_BYTES);
		states[i].has_signature = l->is_signed;
		states[i].signature = as_data(l->signature, SIGN_BYTES);
		at[i] = &states[i];
	}
}

void frame_pack(const struct frame *f, struct buf *out)
{
	Tally__LedgerState states[FRAME_LEDGERS_MAX], *at[FRAME_LEDGERS_MAX];
	Tally__LedgerState published[FRAME_PUBLISHED_MAX], *published_at[FRAME_PUBLISHED_MAX];
	Tally__Frame m = TALLY__FRAME__INIT;
	bool greeting =
		f->kind == TALLY__FRAME_KIND__HELLO || f->kind == TALLY__FRAME_KIND__WELCOME;
	bool question = f->kind == TALLY__FRAME_KIND__QUESTION,
	     answer = f->kind == TALLY__FRAME_KIND__ANSWER;
	bool ping = f->kind == TALLY__FRAME_KIND__PING || f->kind == TALLY__FRAME_KIND__PONG;
	bool publish = f->kind == TALLY__FRAME_KIND__PUBLISH;

	m.kind = f->kind;
	m.session = as_data(f->session, FRAME_SESSION_BYTES);
	m.has_protocol = greeting;
	m.protocol = f->protocol;
	m.has_software = f->software.n > 0;
	m.software = as_data(f->software.p, f->software.n);
	m.has_gates = f->kind == TALLY__FRAME_KIND__HELLO && f->gates.n > 0;
	m.gates = as_data(f->gates.p, f->gates.n);
	states_put(f->ledgers, f->n_ledgers, states, at);
	m.n_ledgers = f->n_ledgers;
	m.ledgers = at;
	states_put(f->published, f->n_published, published, published_at);
	m.n_published = f->n_published;
	m.published = published_at;
	m.has_credit = f->kind == TALLY__FRAME_KIND__WELCOME || f->kind == TALLY__FRAME_KIND__ACK;
	m.credit = f->credit;
	m.has_batch = f->kind == TALLY__FRAME_KIND__BATCH || (publish && !f->fault);
	m.batch = as_data(f->batch.p, f->batch.n);
	m.has_raw_size = m.has_batch && f->raw_size > 0;
	m.raw_size = f->raw_size;
	m.has_origin = m.has_batch || publish;
	m.origin = f->origin;
	m.has_nonce = ping || question || answer;
	m.nonce = f->nonce;
	m.has_fault = f->kind == TALLY__FRAME_KIND__FAULT || (publish && f->fault);
	m.fault = f->fault;
	m.has_reason = f->reason.n > 0;
	m.reason = as_data(f->reason.p, f->reason.n);
	m.has_questions = f->kind == TALLY__FRAME_KIND__WELCOME && f->questions > 0;
	m.questions = f->questions;
	m.has_question = m.has_asked = question;
	m.question = f->question;
	m.asked = as_data(f->asked.p, f->asked.n);
	m.has_answer = answer;
	m.answer = f->answer;
	m.has_rule = answer && f->rule.n > 0;
	m.rule = as_data(f->rule.p, f->rule.n);

	buf_reset(out);
	size_t n = tally__frame__get_packed_size(&m);
	uint8_t *to = buf_room(out, n);
	if (to)
		out->n += tally__frame__pack(&m, to);
}

/* ---- unpacking ---- */

/* Cut to the limit: words for people are not worth a fault. */
static struct text words_get(protobuf_c_boolean has, ProtobufCBinaryData d)
{
	if (!has)
		return (struct text){ 0 };
	return (struct text){ (const char *)d.data,
		d.len < FRAME_TEXT_MAX ? d.len : FRAME_TEXT_MAX };
}

static bool state_get(struct frame_ledger *l, const Tally__LedgerState *s, bool is_signed)
{
	static const uint8_t zeros[HASH_BYTES];

	if (s->head.len != HASH_BYTES)
		return false;
	if (s->position == 0 && memcmp(s->head.data, zeros, HASH_BYTES) != 0)
		return false;
	l->origin = s->origin;
	l->position = s->position;
	memcpy(l->head, s->head.data, HASH_BYTES);
	l->is_signed = is_signed;
	if (!is_signed)
		return true;
	if (!s->has_signature || s->signature.len != SIGN_BYTES)
		return false;
	memcpy(l->signature, s->signature.data, SIGN_BYTES);
	return true;
}

/* n states into the arena. */
static int states_copy(const struct frame_ledger **out, Tally__LedgerState *const *states, size_t n,
	bool is_signed, struct arena *a)
{
	struct frame_ledger *to = arena_alloc(a, n * sizeof *to);
	if (!to)
		return LINK_OVERSIZED;
	for (size_t i = 0; i < n; i++)
		if (!state_get(&to[i], states[i], is_signed))
			return LINK_PROTOCOL;
	*out = to;
	return LINK_OK;
}

static int states_get(struct frame *f, const Tally__Frame *m, bool is_signed, struct arena *a)
{
	if (m->n_ledgers < 1 || m->n_ledgers > FRAME_LEDGERS_MAX)
		return LINK_PROTOCOL;
	f->n_ledgers = m->n_ledgers;
	return states_copy(&f->ledgers, m->ledgers, m->n_ledgers, is_signed, a);
}

/* What a parent publishes beyond the limit is not for this version. */
static int published_get(struct frame *f, const Tally__Frame *m, struct arena *a)
{
	f->n_published =
		m->n_published < FRAME_PUBLISHED_MAX ? m->n_published : FRAME_PUBLISHED_MAX;
	if (f->n_published == 0)
		return LINK_OK;
	return states_copy(&f->published, m->published, f->n_published, true, a);
}

static int greeting_get(struct frame *f, const Tally__Frame *m, bool welcome, struct arena *a)
{
	if (!m->has_protocol || m->has_credit != welcome)
		return LINK_PROTOCOL;
	f->protocol = m->protocol;
	f->software = words_get(m->has_software, m->software);
	/* A mark that we cannot read is no reason to refuse the ledgers. */
	if (!welcome && m->has_gates && m->gates.len == LINK_GATES_BYTES)
		f->gates = (struct text){ (const char *)m->gates.data, m->gates.len };
	f->credit = m->credit;
	f->questions = welcome && m->has_questions ? m->questions : 0;
	int fault = welcome ? published_get(f, m, a) : LINK_OK;
	return fault ? fault : states_get(f, m, welcome, a);
}

static int batch_get(struct frame *f, const Tally__Frame *m)
{
	if (!m->has_batch || !m->has_origin || m->batch.len == 0)
		return LINK_PROTOCOL;
	if (m->has_raw_size && m->raw_size == 0)
		return LINK_PROTOCOL;
	if (m->batch.len > LEDGER_BATCH_MAX || (m->has_raw_size && m->raw_size > LEDGER_BATCH_MAX))
		return LINK_OVERSIZED;
	f->origin = m->origin;
	f->raw_size = m->has_raw_size ? m->raw_size : 0;
	f->batch = (struct text){ (const char *)m->batch.data, m->batch.len };
	return LINK_OK;
}

static int fault_get(struct frame *f, const Tally__Frame *m)
{
	f->fault = m->fault;
	f->reason = words_get(m->has_reason, m->reason);
	return m->has_fault && m->fault != 0 && m->fault <= UINT16_MAX ? LINK_OK : LINK_PROTOCOL;
}

static int publish_get(struct frame *f, const Tally__Frame *m)
{
	if (!m->has_fault)
		return batch_get(f, m);
	f->origin = m->origin;
	return m->has_origin && !m->has_batch ? fault_get(f, m) : LINK_PROTOCOL;
}

static int question_get(struct frame *f, const Tally__Frame *m)
{
	if (!m->has_nonce || !m->has_question || !m->has_asked || m->asked.len == 0)
		return LINK_PROTOCOL;
	if (m->asked.len > LINK_ASKED_MAX)
		return LINK_OVERSIZED;
	f->nonce = m->nonce;
	f->question = m->question;
	f->asked = (struct text){ (const char *)m->asked.data, m->asked.len };
	return LINK_OK;
}

static bool rule_ok(ProtobufCBinaryData rule)
{
	for (size_t i = 0; i < rule.len; i++) {
		uint8_t c = rule.data[i];
		bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
		if (!letter && !(c >= '0' && c <= '9') && c != '.' && c != '_' && c != '-')
			return false;
	}
	return rule.len >= 1 && rule.len <= LINK_RULE_MAX;
}

/* A no names a rule, and nothing else does. */
static int answer_get(struct frame *f, const Tally__Frame *m)
{
	if (!m->has_nonce || !m->has_answer || m->answer == 0 || m->answer > UINT16_MAX)
		return LINK_PROTOCOL;
	if (m->has_rule != (m->answer == LINK_NO) || (m->has_rule && !rule_ok(m->rule)))
		return LINK_PROTOCOL;
	f->nonce = m->nonce;
	f->answer = m->answer;
	if (m->has_rule)
		f->rule = (struct text){ (const char *)m->rule.data, m->rule.len };
	return LINK_OK;
}

static int fields_get(struct frame *f, const Tally__Frame *m, struct arena *a)
{
	switch (m->kind) {
	case TALLY__FRAME_KIND__HELLO:
	case TALLY__FRAME_KIND__WELCOME:
		return greeting_get(f, m, m->kind == TALLY__FRAME_KIND__WELCOME, a);
	case TALLY__FRAME_KIND__BATCH:
		return batch_get(f, m);
	case TALLY__FRAME_KIND__ACK:
		f->credit = m->credit;
		return m->has_credit ? states_get(f, m, true, a) : LINK_PROTOCOL;
	case TALLY__FRAME_KIND__PING:
	case TALLY__FRAME_KIND__PONG:
		f->nonce = m->nonce;
		return m->has_nonce ? LINK_OK : LINK_PROTOCOL;
	case TALLY__FRAME_KIND__FAULT:
		return fault_get(f, m);
	case TALLY__FRAME_KIND__FOLLOW:
		return m->n_ledgers == 1 ? states_get(f, m, false, a) : LINK_PROTOCOL;
	case TALLY__FRAME_KIND__PUBLISH:
		return publish_get(f, m);
	case TALLY__FRAME_KIND__QUESTION:
		return question_get(f, m);
	case TALLY__FRAME_KIND__ANSWER:
		return answer_get(f, m);
	default:
		return LINK_OK;
	}
}

int frame_unpack(struct frame *f, struct text bytes, struct arena *a)
{
	*f = (struct frame){ 0 };
	if (bytes.n > FRAME_MAX)
		return LINK_OVERSIZED;
	Tally__Frame *m = tally__frame__unpack(&a->pb, bytes.n, (const uint8_t *)bytes.p);
	if (!m)
		return LINK_PROTOCOL;
	if (m->session.len != FRAME_SESSION_BYTES)
		return LINK_PROTOCOL;
	f->kind = m->kind;
	memcpy(f->session, m->session.data, FRAME_SESSION_BYTES);
	return fields_get(f, m, a);
}
