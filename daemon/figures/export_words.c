/* The words round an official table, in Chinese and English. */
#include "daemon/base/buf.h"
#include "daemon/figures/export.h"

static const struct {
	const char *zh, *en;
} words[EXPORT_WORDS] = {
	[EXPORT_W_NUMBER] = { "表    号：", "Form: " },
	[EXPORT_W_ISSUER] = { "制定机关：", "Issued by: " },
	[EXPORT_W_APPROVER] = { "批准机关：", "Approved by: " },
	[EXPORT_W_APPROVAL] = { "批准文号：", "Approval: " },
	[EXPORT_W_VALID] = { "有效期至：", "Valid until: " },
	[EXPORT_W_AREA] = { "填报单位：", "Area: " },
	[EXPORT_W_UNIT] = { "计量单位：", "Unit: " },
	[EXPORT_W_CODE] = { "代码", "code" },
	[EXPORT_W_TOTAL] = { "合计", "total" },
	[EXPORT_W_NOTHING] = { "本期无数据", "nothing stands in this period" },
	[EXPORT_W_NOTES] = { "说明：", "Notes: " },
	[EXPORT_W_SIGNS] = { "“0”为零；“" EXPORT_MISSING "”为未报送；“" EXPORT_NONE
			     "”为不适用；“" EXPORT_HELD "”为不予公布。",
		"0 is zero; " EXPORT_MISSING " not reported; " EXPORT_NONE
		" does not apply; " EXPORT_HELD " not given out." },
	[EXPORT_W_HELD] = { "不予公布的，是填报单位或人数过少、或单户占比过大的行，以及可由其推算出"
			    "这些行的行。",
		"Not given out: rows in which too few units or persons answered, or one unit "
		"stands for most of them, and rows from which these could be inferred." },
	[EXPORT_W_DISTINCT] = { "按人、按户、按班计数的指标不重复计数，各区、各行、各月之和不等于合"
				"计。",
		"Persons, units and classes are counted once each: districts, rows and months do "
		"not add up to totals." },
	[EXPORT_W_SOME_ROWS] = { "只列有数据的行。", "Only rows in which something stands." },
	[EXPORT_W_LATER] = { "签报之后该地区又写入 %llu 条，本表为当前数字。",
		"Since it was signed the area has written %llu entries: these are the figures "
		"now." },
	[EXPORT_W_PAGES] = { "&C第 &P 页 共 &N 页", "&Cpage &P of &N" },
};

const char *export_word(enum export_words w, bool zh)
{
	return zh ? words[w].zh : words[w].en;
}

const char *export_letter(size_t column, bool zh)
{
	static const char *const letters[][EXPORT_STUB_MAX] = { { "A", "B", "C", "D", "E" },
		{ "甲", "乙", "丙", "丁", "戊" } };

	return letters[zh][column];
}

void export_period(struct buf *out, const struct period *p, bool cumulative, bool zh)
{
	char text[PERIOD_TEXT_MAX];

	period_print(p, text);
	if (!zh)
		buf_printf(out, cumulative ? "%s, from January" : "%s", text);
	else if (p->kind == PERIOD_YEAR)
		buf_printf(out, "%d年", p->year);
	else if (p->kind == PERIOD_HALF)
		buf_printf(out, "%d年%s半年", p->year, p->index == 1 ? "上" : "下");
	else if (p->kind == PERIOD_QUARTER)
		buf_printf(out, "%d年第%d季度", p->year, p->index);
	else if (cumulative && p->index > 1)
		buf_printf(out, "%d年1—%d月", p->year, p->index);
	else
		buf_printf(out, "%d年%d月", p->year, p->index);
}

void export_sign_line(struct buf *out, const struct export_sign *sign, bool zh)
{
	static const char room[] = "　　　　　　　　";
	const char *approve = sign->approve[0] ? sign->approve : room,
		   *by = sign->by[0] ? sign->by : room;

	buf_printf(out,
		zh ? "单位负责人：%s　　统计负责人：%s　　填表人：%s　　报出日期："
		   : "Head of the unit: %s　　Head of statistics: %s　　Filled in by: %s　　Date: ",
		approve, room, by);
	if (!sign->day)
		buf_str(out, zh ? "　　　　年　　月　　日" : room);
	else
		buf_printf(out, zh ? "%d年%d月%d日" : "%d-%02d-%02d", sign->day / 10000,
			sign->day / 100 % 100, sign->day % 100);
}

size_t export_width(const char *text)
{
	size_t n = 0;

	for (const unsigned char *p = (const unsigned char *)text; *p; p++)
		n += *p < 0x80 ? 1 : *p >= 0xe0 ? 2 : *p >= 0xc0;
	return n;
}

size_t export_word_width(const char *t)
{
	size_t n = 0, most = 0;

	for (; *t; t++) {
		n = (unsigned char)*t > ' ' && (unsigned char)*t < 0x80 ? n + 1 : 0;
		most = n > most ? n : most;
	}
	return most;
}
