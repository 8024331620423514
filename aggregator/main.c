/* tally-aggregator: the city's daemon. Ledgers of all children come in over the link, are folded
 * into views, and shown as the survey's forms. */
#include <stdio.h>
#include <stdlib.h>

#include "aggregator/aggregator.h"
#include "daemon/base/clock.h"
#include "daemon/intake/desk.h"

#define RETRY_MS 5000
#define STUCK_MS 60000

static const struct conf_row own_rows[] = {
	{ .name = "area",
		.type = CONF_AREA,
		.required = true,
		.example = "\"310000\"",
		.help_en = "The area whose records are counted here, all districts together.",
		.help_zh = "本机汇总的地区（全市）的代码。" },
	{ .name = "listen",
		.type = CONF_ENDPOINT,
		.required = true,
		.example = "\"tcp://0.0.0.0:7310\"",
		.help_en = "Where districts connect.",
		.help_zh = "各区连接的地址。" },
	{ .name = "forms_dir",
		.type = CONF_PATH,
		.example = "\"/etc/tally/forms\"",
		.help_en = "Form files (*.form) that take the place of the ones built in.",
		.help_zh = "报表定义文件（*.form）所在目录；给出后取代内置报表。" },
	{ .name = "views_limit",
		.type = CONF_SIZE,
		.preset = "64GiB",
		.least = 64ull << 20,
		.most = 16ull << 40,
		.help_en = "Most that the views' store may hold. A recount needs as much again "
			   "while it runs.",
		.help_zh = "视图库的上限；重算期间另需同样的空间。" },
	{ .section = "child",
		.type = CONF_AREA,
		.most = ORIGINS_MAX - 1,
		.help_en = "A district whose ledger is taken in; the title is its area code. "
			   "Without its section a "
			   "district is not let in; what it sent before stays and counts.",
		.help_zh = "向本机报送账本的区，标题为其地区代码。未列出的区不得接入；其已报送的内"
			   "容保留并照常汇总。" },
	{ .section = "child",
		.name = "key",
		.type = CONF_Z85,
		.required = true,
		.help_en = "Its public key of the link, as its `tallyctl keygen` printed it.",
		.help_zh = "该区的连接公钥，由其 tallyctl keygen 打印。" },
	{ .section = "child",
		.name = "signer",
		.type = CONF_BASE64,
		.required = true,
		.help_en = "Its public key of signatures.",
		.help_zh = "该区的签名公钥。" },
};
#define OWN_ROWS (sizeof(own_rows) / sizeof(*own_rows))

/* ---- parts ---- */

static struct forms *forms_load(const struct conf *c, struct errmsg *m)
{
	const char *dir = conf_text(c, "forms_dir");

	return dir[0] ? forms_open_dir(dir, m) : forms_open(form_sources, form_sources_n, m);
}

static int forms_start(struct daemon *d, struct errmsg *m)
{
	struct aggregator *a = calloc(1, sizeof(*a));

	if (!a)
		return ERR_NOMEM;
	a->city = ledger_own(d->ledger);
	a->forms = forms_load(d->conf, m);
	if (!a->forms) {
		free(a);
		return ERR_INVALID;
	}
	d->own = a;
	return 0;
}

static void forms_stop(struct daemon *d)
{
	forms_close(aggregator_of(d)->forms);
	free(d->own);
	d->own = NULL;
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
	struct aggregator *a = aggregator_of(d);
	char dir[4096];
	struct views_conf conf = { .dir = dir,
		.limit_bytes = conf_number(d->conf, "views_limit"),
		.ledger = d->ledger,
		.forms = a->forms,
		.city = a->city };
	int err;

	snprintf(dir, sizeof(dir), "%s/views", conf_text(d->conf, "state_dir"));
	err = views_open(&a->views, &conf, m);
	if (err)
		return err;
	a->retry = timer_open(d->loop, retry, a->views);
	if (!a->retry) {
		views_close(a->views);
		return ERR_NOMEM;
	}
	timer_start(a->retry, RETRY_MS, RETRY_MS);
	/* What came in before the last stop and was not folded. */
	views_wake(a->views);
	return 0;
}

static void views_stop(struct daemon *d)
{
	timer_close(aggregator_of(d)->retry);
	views_close(aggregator_of(d)->views);
}

static void accepted(void *arg, uint32_t origin, uint64_t position)
{
	(void)origin;
	(void)position;
	views_wake(aggregator_of(arg)->views);
	/* Children's ledgers go on to parents of our own. */
	daemon_ledger_grew(arg);
}

static uint32_t child_origin(const struct conf *c, size_t i)
{
	return (uint32_t)strtoul(conf_title(c, "child", i), NULL, 10);
}

static int by_origin(const void *a, const void *b)
{
	const struct link_peer_conf *x = a, *y = b;

	return x->origin < y->origin ? -1 : x->origin > y->origin;
}

/* The children in the order of their codes; their form was judged when the file was read. */
static int children_read(struct aggregator *a, const struct conf *c)
{
	size_t n = conf_sections(c, "child");

	a->children = calloc(n + 1, sizeof(*a->children));
	if (!a->children)
		return ERR_NOMEM;
	for (size_t i = 0; i < n; i++) {
		struct link_peer_conf *p = &a->children[i];

		p->origin = child_origin(c, i);
		snprintf(p->key, sizeof(p->key), "%s", conf_in_text(c, "child", i, "key"));
		if (base64_get(p->signer, sizeof(p->signer),
			    text_of(conf_in_text(c, "child", i, "signer"))) != 0)
			abort();
	}
	a->n_children = n;
	qsort(a->children, n, sizeof(*a->children), by_origin);
	return 0;
}

static int links_start(struct daemon *d, struct errmsg *m)
{
	struct aggregator *a = aggregator_of(d);
	int err = children_read(a, d->conf);

	if (!err) {
		struct link_parent_conf conf = { .listen = conf_text(d->conf, "listen"),
			.children = a->children,
			.n_children = a->n_children,
			.signer = &d->sign,
			.heartbeat_ms = (uint32_t)conf_number(d->conf, "heartbeat"),
			.on_accept = accepted,
			.arg = d };

		err = link_parent_open(&a->parent, d->net, d->ledger, &conf, m);
	}
	if (err)
		free(a->children);
	return err;
}

static void links_stop(struct daemon *d)
{
	link_parent_close(aggregator_of(d)->parent);
	free(aggregator_of(d)->children);
}

static const struct daemon_part parts[] = {
	{ "forms", forms_start, forms_stop },
	{ "views", views_start, views_stop },
};
static const struct daemon_part children_part[] = {
	{ "children", links_start, links_stop },
};

/* ---- what daemon_main asks ---- */

static const char *const tables[] = { DESK_TABLE_NAMES };

/* The city's own records are folded as its children's. */
static void grew(struct daemon *d)
{
	if (d->own && aggregator_of(d)->views)
		views_wake(aggregator_of(d)->views);
}

static int children_check(const struct conf *c, struct errmsg *m)
{
	size_t n = conf_sections(c, "child");
	uint32_t city = (uint32_t)strtoul(conf_text(c, "area"), NULL, 10);

	for (size_t i = 0; i < n; i++) {
		size_t k = 0;

		while (k < i && child_origin(c, k) != child_origin(c, i) &&
			strcmp(conf_in_text(c, "child", k, "key"),
				conf_in_text(c, "child", i, "key")) != 0)
			k++;
		if (k == i && child_origin(c, i) != city)
			continue;
		errmsg_set(m, "%s:%d: child %s: %s", conf_file(c),
			conf_in_line(c, "child", i, "key"), conf_title(c, "child", i),
			k == i ? "this node's own area cannot be its child"
			       : "its code or its key stands in another child already");
		return ERR_INVALID;
	}
	return 0;
}

static int check(const struct conf *c, struct errmsg *m)
{
	const char *words = registers_init();
	struct forms *fs;
	int err = words || hash_init() ? ERR_INVALID : children_check(c, m);

	if (words)
		errmsg_set(m, "%s", words);
	if (err)
		return err;
	fs = forms_load(c, m);
	forms_close(fs);
	return fs ? 0 : ERR_INVALID;
}

static bool signer_of(struct daemon *d, uint32_t origin, uint8_t signer[SIGN_PUBLIC_BYTES])
{
	const struct aggregator *a = aggregator_of(d);

	for (size_t i = 0; i < a->n_children; i++) {
		if (a->children[i].origin != origin)
			continue;
		memcpy(signer, a->children[i].signer, SIGN_PUBLIC_BYTES);
		return true;
	}
	return false;
}

static int backup(struct daemon *d, const char *dir, struct errmsg *m)
{
	char to[4096];

	if ((size_t)snprintf(to, sizeof(to), "%s/views", dir) >= sizeof(to)) {
		errmsg_set(m, "%s: the path is too long", dir);
		return ERR_LIMIT;
	}
	return store_copy(views_store(aggregator_of(d)->views), to, m);
}

static bool alive(struct daemon *d)
{
	struct store_stats s;
	uint64_t now = clock_mono_ms();

	store_stats(views_store(aggregator_of(d)->views), &s);
	return !s.waiting || s.progress_ms + STUCK_MS > now;
}

static void status(struct daemon *d, json_t *object)
{
	city_status(d, object);
	desk_status(d, object);
}

static void metrics(struct daemon *d, struct buf *out)
{
	city_metrics(d, out);
	desk_metrics(d, out);
}

/* ---- routes ---- */

static const struct api_route routes[] = {
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
		.query = "period! area cumulative? zeros? lang",
		.right = RIGHT_VIEWER,
		.help_en = "A form's figures, as the registers say at this moment.",
		.help_zh = "一张报表此刻的数字（由登记册汇总）。",
		.handle = route_form_show },
	{ .method = "GET",
		.path = "/v1/forms/{form}/overlap",
		.command = "form overlap FORM",
		.query = "period! cumulative? lang",
		.right = RIGHT_VIEWER,
		.help_en = "Persons counted in each two districts, and why the districts do not "
			   "add up to the city.",
		.help_zh = "各区之间重复的人数，以及各区合计不等于全市的原因。",
		.handle = route_form_overlap },
	{ .method = "GET",
		.path = "/v1/forms/{form}/checks/{period}",
		.command = "check run FORM PERIOD",
		.query = "area lang",
		.right = RIGHT_VIEWER,
		.help_en = "The form's checks that do not hold: both sides and the imbalance.",
		.help_zh = "不符合的审核关系：两侧数值与差额。",
		.handle = route_check_run },
	{ .method = "GET",
		.path = "/v1/districts",
		.command = "districts",
		.query = "lang",
		.right = RIGHT_VIEWER,
		.help_en = "A row for each district: its link, how far its ledger stands here, is "
			   "proven equal and folded.",
		.help_zh = "每区一行：连接、账本位置、相符位置、入表位置。",
		.handle = route_districts },
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

#define OWN_PARTS (sizeof(parts) / sizeof(*parts))
#define OWN_ROUTES (sizeof(routes) / sizeof(*routes))

int main(int argc, char **argv)
{
	static struct conf_row rows[OWN_ROWS + DESK_CONF_ROWS_N + DAEMON_CONF_ROWS_N];
	static struct daemon_part all_parts[OWN_PARTS + DESK_PARTS];
	static struct api_route all_routes[OWN_ROUTES + DESK_ROUTES];
	static const struct daemon_program program = {
		.name = "tally-aggregator",
		.role = "aggregator",
		.origin_setting = "area",
		.rows = rows,
		.n_rows = sizeof(rows) / sizeof(*rows),
		.tables = tables,
		.n_tables = sizeof(tables) / sizeof(*tables),
		.before_links = all_parts,
		.n_before_links = sizeof(all_parts) / sizeof(*all_parts),
		.after_links = children_part,
		.n_after_links = 1,
		.check = check,
		.signer_of = signer_of,
		.backup = backup,
		.alive = alive,
		.grew = grew,
		.routes = all_routes,
		.n_routes = sizeof(all_routes) / sizeof(*all_routes),
		.status = status,
		.metrics = metrics,
	};

	memcpy(rows, own_rows, sizeof(own_rows));
	memcpy(rows + OWN_ROWS, desk_conf_rows, sizeof(desk_conf_rows));
	memcpy(rows + OWN_ROWS + DESK_CONF_ROWS_N, daemon_conf_rows, sizeof(daemon_conf_rows));
	memcpy(all_parts, parts, sizeof(parts));
	memcpy(all_parts + OWN_PARTS, desk_parts, sizeof(desk_parts));
	memcpy(all_routes, routes, sizeof(routes));
	memcpy(all_routes + OWN_ROUTES, desk_routes, sizeof(desk_routes));
	return daemon_main(argc, argv, &program);
}
