/* Searching: today's answers come out of memory, those of another day from a walk over the rows. */
#include <stdlib.h>

#include "aggregator/talents/talents.h"
#include "daemon/base/clock.h"

#define LIMIT_MOST 1000

/* ---- what is asked ---- */

static bool refuse(struct api_call *call, const char *name, const char *value, const char *words)
{
	api_fail(call, 400, "%s %s: %s", name, value, words);
	return false;
}

/* Place in a list + 1. False: api_fail() was called. */
static bool code_ask(
	struct api_call *call, const char *name, const char *list_name, unsigned *place)
{
	const char *value = api_arg(call, name);
	const struct code_list *list = code_list_find(text_of(list_name));
	int i = value && list ? code_index_any(list, text_of(value)) : 0;

	*place = 0;
	if (!value)
		return true;
	if (i < 0)
		return refuse(call, name, value, "no such code");
	*place = (unsigned)i + 1;
	return true;
}

static bool codes_ask(
	struct api_call *call, struct talent_query *q, unsigned *industry, unsigned *status)
{
	unsigned honour, programme, level, sex;
	const char *value = api_arg(call, "sex");

	if (!code_ask(call, "honour", "honour", &honour) ||
		!code_ask(call, "programme", "programme", &programme) ||
		!code_ask(call, "level_min", "level", &level) ||
		!code_ask(call, "industry", "industry", industry) ||
		!code_ask(call, "status", "employment", status))
		return false;
	sex = value ? (unsigned)(value[0] - '0') : 0;
	if (value && (value[1] || (sex != SEX_MALE && sex != SEX_FEMALE)))
		return refuse(call, "sex", value, "1 male, 2 female");
	q->sex = (uint8_t)sex;
	q->honours = honour ? 1u << (honour - 1) : 0;
	q->programmes = programme ? 1u << (programme - 1) : 0;
	if (level) {
		int rank = level_rank(text_of(code_list_find(TEXT("level"))->at[level - 1].code));

		if (rank < 1)
			return refuse(
				call, "level-min", api_arg(call, "level_min"), "5 4 3 2 1 T or S");
		q->level_min = (uint8_t)(rank + 1);
	}
	return true;
}

/* A district, or one of the areas and projects that are tags. */
static bool area_ask(struct api_call *call, struct talent_query *q)
{
	const char *value = api_arg(call, "area");
	const struct code_list *areas = code_list_find(TEXT("area"));
	const struct office *o = office_of(daemon_of(call));
	int i = value ? code_index_any(areas, text_of(value)) : -1;

	if (!value)
		return true;
	if (i >= 0) {
		q->areas = 1u << i;
		return true;
	}
	i = code_index_any(code_list_find(TEXT("district")), text_of(value));
	if (i >= 0)
		value = code_list_find(TEXT("district"))->at[i].code;
	if (strlen(value) != 6 || strspn(value, "0123456789") != 6)
		return refuse(call, "area", value, "a district's code, or an area or project");
	q->district = (uint32_t)strtoul(value, NULL, 10);
	if (q->district == o->area)
		q->district = 0; /* all of them */
	return true;
}

static bool query_ask(struct api_call *call, int day, struct talent_query *q)
{
	const char *occupation = api_arg(call, "occupation");
	unsigned industry, status;
	uint64_t least, most;
	int year = day / 10000;

	*q = (struct talent_query){ .level_min = 0 };
	if (!codes_ask(call, q, &industry, &status) || !area_ask(call, q))
		return false;
	q->industry = (uint8_t)industry;
	q->status = (uint8_t)status;
	if (occupation && !talent_occupation(text_of(occupation), &q->occ_least, &q->occ_most))
		return refuse(call, "occupation", occupation,
			"the code of an occupation, or how one begins (6-18)");
	if (!api_number(call, "age_min", 0, 0, 200, &least) ||
		!api_number(call, "age_max", 0, 0, 200, &most))
		return false;
	if (api_arg(call, "age_min"))
		q->born_to = year - (int)least;
	if (api_arg(call, "age_max"))
		q->born_from = year - (int)most;
	return true;
}

/* ---- how it is shown ---- */

static const struct api_column hit_columns[] = {
	{ "id", "代号", "id", API_TEXT },
	{ "level", "最高等级", "level", API_TEXT },
	{ "occupations", "职业", "occupations", API_TEXT },
	{ "honours", "荣誉", "honours", API_TEXT },
	{ "district", "所在区", "district", API_TEXT },
	{ "status", "就业状态", "status", API_TEXT },
	{ "industry", "行业", "industry", API_TEXT },
	{ "sex", "性别", "sex", API_TEXT },
	{ "birth_year", "出生年", "born", API_INT },
	{ "programmes", "重点领域", "programmes", API_TEXT },
	{ "areas", "重点区域", "areas", API_TEXT },
};

static const char *level_code(unsigned level)
{
	static const char *const codes[] = { NULL, "8", "5", "4", "3", "2", "1", "T", "S" };

	return level < sizeof(codes) / sizeof(*codes) ? codes[level] : NULL;
}

static const char *code_at(const char *list_name, size_t i)
{
	const struct code_list *list = code_list_find(text_of(list_name));

	return list && i < list->n ? list->at[i].code : NULL;
}

static void cell_bits(struct api_table *table, const char *list, uint32_t bits)
{
	struct buf b = { 0 };

	for (; bits; bits &= bits - 1) {
		const char *code = code_at(list, (size_t)__builtin_ctz(bits));

		buf_printf(&b, "%s%s", b.n ? ";" : "", code ? code : "");
	}
	api_cell(table, buf_as_text(&b));
	buf_deinit(&b);
}

static void cell_occs(struct api_table *table, const struct talent_state *s)
{
	struct buf b = { 0 };

	for (size_t i = 0; i < s->n_occs; i++) {
		char code[12];
		const char *level = level_code(s->occs[i] >> 24);

		talent_occupation_print(s->occs[i] & 0xffffff, code);
		buf_printf(&b, "%s%s/%s", i ? ";" : "", code, level ? level : "");
	}
	api_cell(table, buf_as_text(&b));
	buf_deinit(&b);
}

static void hit_row(struct api_table *table, const struct talent_hit *h)
{
	const struct talent_state *s = &h->state;
	char id[TALENT_ID_TEXT];

	talent_id_print(h->pid, id);
	api_cell_str(table, id);
	api_cell_str(table, level_code(s->level));
	cell_occs(table, s);
	cell_bits(table, "honour", s->honours);
	if (s->district)
		api_cell_printf(table, "%06u", s->district);
	else
		api_cell_str(table, NULL);
	api_cell_str(table, s->status ? code_at("employment", s->status - 1) : NULL);
	api_cell_str(table, s->industry ? code_at("industry", s->industry - 1) : NULL);
	api_cell_str(table, s->sex == SEX_MALE ? "1" : s->sex == SEX_FEMALE ? "2" : NULL);
	if (s->birth_year)
		api_cell_int(table, s->birth_year);
	else
		api_cell_str(table, NULL);
	cell_bits(table, "programme", s->programmes);
	cell_bits(table, "area", s->areas);
}

static void found_notes(
	struct api_call *call, struct api_table *table, const struct talent_found *f)
{
	char total[24];

	snprintf(total, sizeof(total), "%llu", (unsigned long long)f->total);
	api_set_header(call, "Tally-Total", total);
	if (talents_zh(call))
		api_note(table, "共 %llu 人，列出 %zu 人（%d）%s", (unsigned long long)f->total,
			f->n, f->day, f->more ? "；其余请加 --after 代号" : "");
	else
		api_note(table, "%zu shown of %llu, on %d%s", f->n, (unsigned long long)f->total,
			f->day, f->more ? "; --after ID for more" : "");
}

/* ---- facets ---- */

static const struct api_column facet_columns[] = {
	{ "facet", "分类", "facet", API_TEXT },
	{ "code", "代码", "code", API_TEXT },
	{ "words", "名称", "words", API_TEXT },
	{ "talents", "人数", "talents", API_INT },
};

static void facet_row(
	struct api_table *table, const char *facet, const char *code, const char *words, uint64_t n)
{
	if (!n)
		return;
	api_cell_str(table, facet);
	api_cell_str(table, code);
	api_cell_str(table, words ? words : "");
	api_cell_int(table, (int64_t)n);
}

/* Counts by place in a list, from `first` on; place first − 1 is none. */
static void facet_list(struct api_table *table, const char *facet, const char *list_name,
	const uint64_t *counts, bool zh)
{
	const struct code_list *list = code_list_find(text_of(list_name));

	for (size_t i = 0; i < list->n && i < 32; i++)
		facet_row(table, facet, list->at[i].code, zh ? list->at[i].zh : list->at[i].en,
			counts[i]);
}

static int by_code(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void facet_places(struct api_table *table, struct talent_facets *f, bool zh)
{
	char code[12];

	qsort(f->districts, f->n_districts, sizeof(*f->districts), by_code);
	for (size_t i = 0; i < f->n_districts; i++) {
		snprintf(code, sizeof(code), "%06u", f->districts[i].code);
		facet_row(table, "district", f->districts[i].code ? code : "_Z",
			area_name(f->districts[i].code, zh), f->districts[i].n);
	}
	facet_list(table, "programme", "programme", f->programmes, zh);
	facet_list(table, "area", "area", f->areas, zh);
	for (size_t i = 0; i < f->n_occs; i++) {
		talent_occupation_print(f->occs[i].digits, code);
		facet_row(table, "occupation", code, occupation_name(text_of(code)), f->occs[i].n);
	}
}

static void facets_show(
	struct api_table *table, const struct talent_found *found, struct talent_facets *f, bool zh)
{
	static const char *const ages[TALENT_AGE_BANDS][3] = { { "-35", "35 岁及以下", "up to 35" },
		{ "36-45", "36–45 岁", "36 to 45" }, { "46-55", "46–55 岁", "46 to 55" },
		{ "56-", "56 岁及以上", "56 and over" }, { "_Z", "不详", "unknown" } };
	const struct code_list *levels = code_list_find(TEXT("level"));

	facet_row(table, "total", "_T", zh ? "合计" : "total", found->total);
	for (unsigned i = 1; i < 16; i++)
		if (level_code(i))
			facet_row(table, "level", level_code(i),
				talents_words(levels, text_of(level_code(i)), zh), f->levels[i]);
	facet_row(table, "level", "_Z", zh ? "无有效等级" : "no valid level", f->levels[0]);
	facet_list(table, "honour", "honour", f->honours, zh);
	facet_list(table, "status", "employment", f->status + 1, zh);
	facet_row(table, "status", "_Z", zh ? "不详" : "unknown", f->status[0]);
	facet_list(table, "industry", "industry", f->industries + 1, zh);
	facet_row(table, "industry", "_Z", zh ? "不详" : "unknown", f->industries[0]);
	for (unsigned i = 0; i < TALENT_AGE_BANDS; i++)
		facet_row(table, "age", ages[i][0], ages[i][zh ? 1 : 2], f->ages[i]);
	facet_places(table, f, zh);
}

/* ---- talent find ---- */

static int search(struct api_call *call, int day, const struct talent_query *q,
	const uint8_t *after, struct talent_hit *hits, uint64_t limit, struct talent_found *found,
	struct talent_facets *facets)
{
	struct office *o = office_of(daemon_of(call));
	struct talents_view v;
	struct talent_index *x;
	int err;

	if (day == clock_date(clock_wall_ms())) {
		x = views_talents(o->views, day, &err);
		/* Where memory is short, or the day is over meanwhile, the rows tell. */
		if (x && talent_index_find(x, q, after, hits, limit, found, facets) == 0 &&
			found->day == day)
			return 0;
		if (facets) {
			talent_facets_deinit(facets);
			memset(facets, 0, sizeof(*facets));
		}
	}
	if (!talents_view_open(&v, call))
		return ERR_CLOSED;
	err = talents_walk(&v, day, q, after, hits, limit, found, facets);
	talents_view_close(&v);
	return err;
}

static void found_answer(struct api_call *call, const struct talent_hit *hits,
	const struct talent_found *found, struct talent_facets *facets)
{
	struct api_table *table;

	if (facets) {
		table = api_table(
			call, facet_columns, sizeof(facet_columns) / sizeof(*facet_columns));
		facets_show(table, found, facets, talents_zh(call));
	} else {
		table = api_table(call, hit_columns, sizeof(hit_columns) / sizeof(*hit_columns));
		for (size_t i = 0; i < found->n; i++)
			hit_row(table, &hits[i]);
		found_notes(call, table, found);
	}
	api_table_end(table);
}

void route_talent_find(struct api_call *call)
{
	struct talent_facets *facets = NULL;
	struct talent_hit *hits;
	struct talent_found found;
	struct talent_query q;
	uint8_t after[PID_BYTES];
	uint64_t limit;
	bool given;
	int day, err;

	if (!talents_day(call, &day) || !query_ask(call, day, &q) ||
		!api_number(call, "limit", 50, 1, LIMIT_MOST, &limit) ||
		!talents_after(call, after, &given))
		return;
	hits = calloc(limit, sizeof(*hits));
	if (api_flag(call, "facets"))
		facets = calloc(1, sizeof(*facets));
	if (!hits || (api_flag(call, "facets") && !facets)) {
		err = ERR_NOMEM;
		api_fail_err(call, err, "the search could not be made");
		goto end;
	}
	err = search(call, day, &q, given ? after : NULL, hits, limit, &found, facets);
	if (facets)
		talent_facets_end(facets);
	if (!err && facets && facets->failed)
		err = ERR_NOMEM;
	if (!err)
		found_answer(call, hits, &found, facets);
	else if (err != ERR_CLOSED)
		api_fail_err(call, err, "the search could not be made");
end:
	if (facets)
		talent_facets_deinit(facets);
	free(facets);
	free(hits);
}
