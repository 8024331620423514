/* See the header. Empty options are as if they were not given. */
#include "daemon/subsidy/claim_call.h"

#include "proto/check.h"

bool claim_take(struct api_call *call, struct claim *c)
{
	const char *at = api_arg(call, "at");
	struct errmsg m;

	*c = (struct claim){ .day = at ? date_parse(text_of(at)) : 0 };
	if (at && !c->day) {
		api_fail(call, 400, "at %s: not a date (2019-06-01)", at);
		return false;
	}
	for (size_t i = 0; i < CLAIM_FIELDS; i++) {
		const char *value = api_arg(call, claim_fields[i].option);
		c->fields[i] = text_of(value ? value : "");
	}
	if (claim_check(c, &m) == 0)
		return true;
	api_fail(call, 400, "%s", m.text);
	return false;
}

bool claim_take_person(struct api_call *call, struct claim *c, const char *id)
{
	if (claim_person(c, text_of(id)))
		return true;
	api_fail(call, 400, "%s: neither a pid (32 hex digits) nor a talent's id", id);
	return false;
}

void claim_answer(struct api_call *call, const char *rule)
{
	api_json(call, rule && rule[0] ? json_pack("{s:s, s:s}", "answer", "no", "rule", rule)
				       : json_pack("{s:s}", "answer", "yes"));
}
