/* Words for findings: the fault table of proto, and the few codes that only the city has. */
#include "daemon/fold/finding.h"

static const struct fault_def own[] = {
	{ FINDING_KIND, "本节点不认识该类条目（可能来自更新的版本）",
		"this kind of entry is not known here (a newer version's?)" },
	{ FINDING_NO_ROW, "表中没有该记录所属的行：未计入该表",
		"a form has no row for this record: it is not counted there" },
	{ FINDING_NO_BIRTH, "出生年份未知：按年龄分组时计入最高年龄组",
		"the year of birth is unknown: counted among the oldest" },
	{ FINDING_LEDGER, "该类条目不应写在此账本中：不予采信",
		"this kind of entry does not belong in this ledger: nothing is made of it" },
	{ FINDING_CASE, "身份核对：该步骤不成立（例如提出人与决定人相同）：未生效",
		"a step on an identity case that may not be taken (who proposed it decided it, "
		"say): without effect" },
};

static const struct fault_def *find(const struct fault_def *defs, size_t n, struct text code)
{
	for (size_t i = 0; i < n; i++)
		if (text_is(code, defs[i].code))
			return &defs[i];
	return NULL;
}

struct finding_words finding_words(struct text code)
{
	size_t n;
	const struct fault_def *defs = fault_defs(&n), *d = find(defs, n, code);

	if (!d)
		d = find(own, sizeof(own) / sizeof(*own), code);
	return d ? (struct finding_words){ d->zh, d->en } : (struct finding_words){ "", "" };
}
