/* Unpacked, checked, named: or a finding. */
#include "daemon/fold/judged.h"

#include "daemon/base/buf.h"
#include "daemon/base/clock.h"
#include "daemon/fold/finding.h"

void record_id_put(uint8_t out[RECORD_KEY_BYTES], uint32_t origin, struct text reg, struct text key)
{
	hash_key(out, reg, key);
	put_u32(out + KEY_HASH_BYTES, origin);
}

static const struct fault *first_hard(const struct faults *faults)
{
	for (size_t i = 0; i < faults->n; i++)
		if (faults->at[i].def->code[0] == 'E')
			return &faults->at[i];
	return NULL;
}

void record_judge(const struct entry_view *e, struct arena *a, struct record_judged *out)
{
	const struct reg *reg = register_find(e->reg);
	struct faults faults = { .n = 0 };
	const struct fault *hard;

	*out = (struct record_judged){ .code = reg ? FINDING_BODY : FINDING_REGISTER };
	if (!reg || record_unpack(reg, e->body, a, &out->record) != 0)
		return;
	record_check(&out->record, clock_date(e->at_ms), &faults);
	if (faults.hard) {
		hard = first_hard(&faults);
		out->code = hard ? hard->def->code : FINDING_BODY;
		out->field = hard ? hard->field : NULL;
		return;
	}
	out->key = record_key(&out->record, a);
	if (!out->key.p)
		return;
	record_id_put(out->id, e->origin, text_of(reg->name), out->key);
	out->code = NULL;
}
