/* Start: the forms are read, then the views opened; at a city they are woken, since entries may
 * have come in before the last stop that were not folded. Stop is the mirror.
 *
 * A fold that stands still (a full disk, a damaged entry) is woken again every RETRY_MS: figures
 * stand still meanwhile, ledgers go on. */
#include "daemon/figures/office.h"

#include <stdio.h>
#include <stdlib.h>

#include "daemon/base/clock.h"
#include "daemon/base/log.h"

#define RETRY_MS 5000
#define STUCK_MS 60000
#define READ_MS 30000
#define CATCH_UP_MS 600000

const struct conf_row office_conf_rows[OFFICE_CONF_ROWS_N] = {
	{ .name = "forms_dir",
		.type = CONF_PATH,
		.example = "\"/etc/tally/forms\"",
		.help_en = "Form files (*.form) that take the place of the ones built in.",
		.help_zh = "报表定义文件（*.form）所在目录；给出后取代内置报表。" },
	{ .name = "calendar",
		.type = CONF_PATH,
		.example = "\"/etc/tally/calendar.tsv\"",
		.help_en = "A file *.tsv with the due days of returns (form, kind of period, days "
			   "after its end) that takes the place of the one built in.",
		.help_zh = "上报日历（*.tsv：表、报告期别、期后天数）；给出后取代内置日历。" },
	{ .name = "rules_dir",
		.type = CONF_PATH,
		.example = "\"/etc/tally/rules\"",
		.help_en =
			"Rule files (*.rule) of the talent database: who gets in (gate), what an "
			"honour opens (chain), what raises an alert. A file takes the place of the "
			"built-in one of its name (gate, chains, alerts, person), others are "
			"added. "
			"The gates must be the same at the city and in all its districts: status "
			"tells (rules.gates). Read at the start.",
		.help_zh = "人才库规则文件（*."
			   "rule）所在目录：入库条件（gate）、荣誉可申请的事项（chain）、"
			   "警示（alert）。与内置文件（gate、chains、alerts、person）同名者取代之，"
			   "其余为"
			   "增补。市与各区的入库条件应一致，可由 status 的 rules.gates "
			   "核对；启动时读取"
			   "。" },
	{ .name = "views_limit",
		.type = CONF_SIZE,
		.preset = "64GiB",
		.least = 64ull << 20,
		.most = 16ull << 40,
		.help_en = "Most that the views' store may hold. A recount needs as much again "
			   "while it runs.",
		.help_zh = "视图库的上限；重算期间另需同样的空间。" },
};

/* ---- parts ---- */

static struct forms *forms_of(const struct conf *c, struct errmsg *m)
{
	return forms_open_place(conf_text(c, "forms_dir"), conf_text(c, "calendar"), m);
}

static struct talent_rules *rules_of(const struct conf *c, struct errmsg *m)
{
	return talent_rules_place(conf_text(c, "rules_dir"), m);
}

int office_check(const struct conf *c, struct errmsg *m)
{
	struct forms *fs = forms_of(c, m);
	struct talent_rules *rules = fs ? rules_of(c, m) : NULL;
	int err = rules ? 0 : ERR_INVALID;

	talent_rules_close(rules);
	forms_close(fs);
	return err;
}

void office_reload(struct daemon *d, const struct conf *next)
{
	struct errmsg m;
	struct talent_rules *rules = rules_of(next, &m);
	struct talent_mark *mark = calloc(1, sizeof(*mark));

	if (rules && mark) {
		talent_mark(mark, rules);
		if (strcmp(mark->all, office_of(d)->mark.all) != 0)
			log_warning("run", "reload: the rules have changed and need a restart");
	}
	free(mark);
	talent_rules_close(rules);
}

static int forms_start(struct daemon *d, struct errmsg *m)
{
	struct office *o = calloc(1, sizeof(*o));

	if (!o)
		return ERR_NOMEM;
	pthread_mutex_init(&o->lock, NULL);
	random_bytes(&o->life, sizeof(o->life));
	o->area = ledger_own(d->ledger);
	o->on_demand = strcmp(d->program->role, "aggregator") != 0;
	o->forms = forms_of(d->conf, m);
	o->rules = o->forms ? rules_of(d->conf, m) : NULL;
	if (!o->rules) {
		forms_close(o->forms);
		free(o);
		return ERR_INVALID;
	}
	talent_mark(&o->mark, o->rules);
	memcpy(d->gates, o->rules->gates_digest, sizeof(d->gates));
	d->has_gates = true;
	if (o->on_demand) { /* nobody looks for talents here */
		talent_rules_close(o->rules);
		o->rules = NULL;
	}
	d->office = o;
	return 0;
}

static void forms_stop(struct daemon *d)
{
	talent_rules_close(office_of(d)->rules);
	forms_close(office_of(d)->forms);
	pthread_mutex_destroy(&office_of(d)->lock);
	free(d->office);
	d->office = NULL;
}

static void retry(void *arg)
{
	struct views_state s;

	views_state(arg, &s);
	if (s.err || s.stopped_origin)
		views_wake(arg);
}

static int views_start(struct daemon *d, struct errmsg *m)
{
	struct office *o = office_of(d);
	char dir[4096];
	struct views_conf conf = { .dir = dir,
		.limit_bytes = conf_number(d->conf, "views_limit"),
		.ledger = d->ledger,
		.forms = o->forms,
		.rules = o->rules,
		.city = o->area };
	int err;

	snprintf(dir, sizeof(dir), "%s/views", conf_text(d->conf, "state_dir"));
	err = views_open(&o->views, &conf, m);
	if (err || o->on_demand)
		return err;
	o->retry = timer_open(d->loop, retry, o->views);
	if (!o->retry) {
		views_close(o->views);
		o->views = NULL;
		return ERR_NOMEM;
	}
	timer_start(o->retry, RETRY_MS, RETRY_MS);
	views_wake(o->views);
	return 0;
}

static void views_stop(struct daemon *d)
{
	struct office *o = office_of(d);

	if (o->retry)
		timer_close(o->retry);
	views_close(o->views);
	o->views = NULL;
}

const struct daemon_part office_parts[OFFICE_PARTS] = {
	{ "forms", forms_start, forms_stop },
	{ "views", views_start, views_stop },
};

/* ---- what a program asks ---- */

void office_children(struct office *o, const uint32_t *areas, size_t n)
{
	uint32_t *copy = n ? calloc(n, sizeof(*copy)) : NULL;

	if (copy)
		memcpy(copy, areas, n * sizeof(*copy));
	pthread_mutex_lock(&o->lock);
	free(o->children);
	o->children = copy;
	o->n_children = copy ? n : 0;
	random_bytes(&o->life, sizeof(o->life));
	pthread_mutex_unlock(&o->lock);
}

size_t office_districts(struct office *o, uint32_t *out, size_t size)
{
	size_t n = 0;

	if (o->on_demand && size)
		out[n++] = o->area;
	pthread_mutex_lock(&o->lock);
	for (size_t i = 0; !o->on_demand && i < o->n_children && n < size; i++)
		out[n++] = o->children[i];
	pthread_mutex_unlock(&o->lock);
	return n;
}

void office_wake(struct daemon *d)
{
	struct office *o = office_of(d);

	if (o && o->views && !o->on_demand)
		views_wake(o->views);
}

int office_read(struct office *o, struct store_txn **t)
{
	int err = o->on_demand ? views_catch_up(o->views, CATCH_UP_MS) : 0;

	return err ? err : store_read_begin(views_store(o->views), t, READ_MS);
}

void office_moment(struct office *o, const struct store_txn *views, char out[OFFICE_MOMENT])
{
	pthread_mutex_lock(&o->lock);
	snprintf(out, OFFICE_MOMENT, "%016llx%llx", (unsigned long long)o->life,
		(unsigned long long)store_read_moment(views));
	pthread_mutex_unlock(&o->lock);
}

int office_backup(struct daemon *d, const char *dir, struct errmsg *m)
{
	char to[4096];

	if ((size_t)snprintf(to, sizeof(to), "%s/views", dir) >= sizeof(to)) {
		errmsg_set(m, "%s: the path is too long", dir);
		return ERR_LIMIT;
	}
	return store_copy(views_store(office_of(d)->views), to, m);
}

bool office_alive(struct daemon *d)
{
	struct store_stats s;
	uint64_t now = clock_mono_ms();

	store_stats(views_store(office_of(d)->views), &s);
	return !s.waiting || s.progress_ms + STUCK_MS > now;
}

static const char *gate_today(const struct office *o)
{
	return talent_mark_gate(&o->mark, clock_date(clock_wall_ms()));
}

void office_status(struct daemon *d, json_t *object)
{
	struct office *o = office_of(d);
	struct views_state s;
	struct store_stats st;

	views_state(o->views, &s);
	store_stats(views_store(o->views), &st);
	json_object_set_new(object, "views",
		json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "state",
			s.err		   ? err_words(s.err)
			: s.stopped_origin ? "stopped"
			: o->on_demand	   ? "on demand"
					   : "running",
			"left", (json_int_t)s.left, "entries", (json_int_t)s.entries, "used_bytes",
			(json_int_t)st.used_bytes, "limit_bytes", (json_int_t)st.limit_bytes,
			"stopped_origin", (json_int_t)s.stopped_origin, "stopped_at",
			(json_int_t)s.stopped_at));
	json_object_set_new(object, "rules",
		json_pack("{s:s, s:s, s:s}", "gate", gate_today(o), "gates", o->mark.gates, "all",
			o->mark.all));
}

void office_metrics(struct daemon *d, struct buf *out)
{
	struct views *v = office_of(d)->views;
	struct store_txn *t;
	struct views_state s;
	char rules[96];

	snprintf(rules, sizeof(rules), "gate=\"%s\",gates=\"%s\",all=\"%s\"",
		gate_today(office_of(d)), office_of(d)->mark.gates, office_of(d)->mark.all);
	metric(out, "tally_rules_info", "gauge",
		"The gate in force today; equal gates, equal people get in.", rules, 1);
	views_state(v, &s);
	metric(out, "tally_fold_entries_total", "counter", "Entries folded since the start.", NULL,
		(double)s.entries);
	metric(out, "tally_fold_chunks_total", "counter",
		"Transactions of the fold since the start.", NULL, (double)s.chunks);
	metric(out, "tally_fold_stopped", "gauge",
		"1 while the fold stands still or a ledger cannot be folded on.", NULL,
		s.err || s.stopped_origin ? 1 : 0);
	if (store_read_begin(views_store(v), &t, READ_MS) != 0)
		return;
	for (int i = VIEW_RECORD; i < VIEW_TABLES; i++) {
		char labels[32];

		snprintf(labels, sizeof(labels), "view=\"%s\"", view_table_names[i]);
		metric(out, "tally_view_rows", "gauge", "Rows of a view.", labels,
			(double)store_count(t, i));
	}
	store_read_end(t);
}

/* ---- areas ---- */

const char *area_name(uint32_t area, bool zh)
{
	const struct code_list *list = code_list_find(TEXT("district"));
	char code[12];
	int i;

	snprintf(code, sizeof(code), "%06u", area);
	i = list ? code_index(list, text_of(code)) : -1;
	if (i < 0)
		return "";
	return zh ? list->at[i].zh : list->at[i].en;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

#define AREA_MOST 999999 /* greater origins are no areas: ledgers of decisions */

size_t office_areas(struct office *o, struct store_txn *views, uint32_t *out, size_t size)
{
	struct fold_bound *folded = calloc(ORIGINS_MAX, sizeof(*folded));
	size_t n = 0, k = 1;

	pthread_mutex_lock(&o->lock);
	for (size_t i = 0; i < o->n_children && n < size; i++)
		out[n++] = o->children[i];
	pthread_mutex_unlock(&o->lock);
	if (folded) {
		size_t n_folded = fold_positions(views, folded, ORIGINS_MAX);

		for (size_t i = 0; i < n_folded && i < ORIGINS_MAX && n < size; i++)
			if (folded[i].origin != o->area && folded[i].origin <= AREA_MOST)
				out[n++] = folded[i].origin;
	}
	free(folded);
	if (n == size)
		n--;
	memmove(out + 1, out, n * sizeof(*out));
	out[0] = o->area;
	qsort(out + 1, n, sizeof(*out), by_number);
	for (size_t i = 1; i <= n; i++)
		if (i == 1 || out[i] != out[k - 1])
			out[k++] = out[i];
	return k;
}

/* ---- routes ---- */

const struct api_route office_routes[OFFICE_ROUTES] = {
	{ .method = "GET",
		.path = "/v1/forms",
		.command = "form list",
		.query = "lang",
		.right = RIGHT_VIEWER,
		.help_en = "The forms of the survey.",
		.help_zh = "调查制度的各张报表。",
		.handle = route_form_list },
	{ .method = "GET",
		.path = "/v1/forms/{form}",
		.command = "form show FORM",
		.query = "period! area cumulative? zeros? version lang",
		.right = RIGHT_VIEWER,
		.help_en = "A form's figures, as the registers say at this moment; in a district "
			   "those of its own ledger. --version N: as they were closed.",
		.help_zh = "一张报表此刻的数字（由登记册汇总；在区里只含本区账本）。--version N："
			   "关账后的某一版。",
		.handle = route_form_show },
	{ .method = "GET",
		.path = "/v1/forms/{form}/workbook",
		.command = "form export FORM",
		.query = "period! area cumulative? version lang",
		.right = RIGHT_VIEWER,
		.help_en =
			"The form in its official lay-out, a sheet an area; with --to FILE.xlsx.",
		.help_zh = "按制度规定格式导出报表（--to 文件.xlsx），每个地区一张工作表。",
		.handle = route_form_export },
	{ .method = "GET",
		.path = "/v1/forms/{form}/checks/{period}",
		.command = "check run FORM PERIOD",
		.query = "area lang",
		.right = RIGHT_VIEWER,
		.help_en = "The form's checks that do not hold: both sides and the imbalance.",
		.help_zh = "不符合的审核关系：两侧数值与差额。",
		.handle = route_check_run },
	{ .method = "GET",
		.path = "/v1/findings",
		.command = "finding list",
		.query = "limit after lang",
		.right = RIGHT_VIEWER,
		.help_en = "Entries that could not be folded, or not in all, with reasons.",
		.help_zh = "未能汇总的条目及原因。",
		.handle = route_findings },
	{ .method = "POST",
		.path = "/v1/recount",
		.command = "recount",
		.right = RIGHT_OPERATOR,
		.help_en = "Folds every ledger anew beside the running views and compares bit by "
			   "bit; exit 1 on any difference.",
		.help_zh = "在旁重新汇总全部账本，并与现有视图逐位比较；有差异时退出码为 1。",
		.handle = route_recount },
};
