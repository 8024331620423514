/* tally-aggregator: the city's daemon. Ledgers of all children come in over the link, are folded
 * into views, and shown as the survey's forms. */
#include <stdio.h>
#include <stdlib.h>

#include "aggregator/aggregator.h"
#include "daemon/intake/desk.h"
#include "daemon/periods/periods.h"

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

/* The city's ledger of public decisions, which its districts follow. First: nothing may use the
 * store before it stands. */
static int decisions_start(struct daemon *d, struct errmsg *m)
{
	return ledger_also(d->ledger, ORIGIN_DECISIONS(d->origin), m);
}

static const struct daemon_part decisions_part = { "decisions", decisions_start, NULL };

static void accepted(void *arg, uint32_t origin, uint64_t position)
{
	(void)origin;
	(void)position;
	office_wake(arg);
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
	a->areas = calloc(n + 1, sizeof(*a->areas));
	if (!a->children || !a->areas)
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
	for (size_t i = 0; i < n; i++)
		a->areas[i] = a->children[i].origin;
	return 0;
}

static void children_free(struct daemon *d)
{
	struct aggregator *a = aggregator_of(d);

	office_of(d)->n_children = 0;
	free(a->children);
	free(a->areas);
	free(a);
	d->own = NULL;
}

static int links_start(struct daemon *d, struct errmsg *m)
{
	struct aggregator *a = calloc(1, sizeof(*a));
	int err;

	if (!a)
		return ERR_NOMEM;
	d->own = a;
	err = children_read(a, d->conf);
	if (!err) {
		struct link_parent_conf conf = { .listen = conf_text(d->conf, "listen"),
			.children = a->children,
			.n_children = a->n_children,
			.signer = &d->sign,
			.heartbeat_ms = (uint32_t)conf_number(d->conf, "heartbeat"),
			.on_accept = accepted,
			.arg = d };

		office_of(d)->children = a->areas;
		office_of(d)->n_children = a->n_children;
		err = link_parent_open(&a->parent, d->net, d->ledger, &conf, m);
	}
	if (err)
		children_free(d);
	else
		daemon_children(d, a->parent);
	return err;
}

static void links_stop(struct daemon *d)
{
	daemon_children(d, NULL);
	link_parent_close(aggregator_of(d)->parent);
	children_free(d);
}

static const struct daemon_part children_part[] = {
	{ "children", links_start, links_stop },
};

/* ---- what daemon_main asks ---- */

static const char *const tables[] = { DESK_TABLE_NAMES };

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
	fs = office_forms(c, m);
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

static void status(struct daemon *d, json_t *object)
{
	city_status(d, object);
	office_status(d, object);
	desk_status(d, object);
}

static void metrics(struct daemon *d, struct buf *out)
{
	city_metrics(d, out);
	office_metrics(d, out);
	desk_metrics(d, out);
}

/* ---- routes ---- */

static const struct api_route routes[] = {
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
		.path = "/v1/districts",
		.command = "districts",
		.query = "lang",
		.right = RIGHT_VIEWER,
		.help_en = "A row for each district: its link, how far its ledger stands here, is "
			   "proven equal and folded.",
		.help_zh = "每区一行：连接、账本位置、相符位置、入表位置。",
		.handle = route_districts },
};

#define OWN_ROUTES (sizeof(routes) / sizeof(*routes))

int main(int argc, char **argv)
{
	static struct conf_row
		rows[OWN_ROWS + OFFICE_CONF_ROWS_N + DESK_CONF_ROWS_N + DAEMON_CONF_ROWS_N];
	static struct daemon_part parts[2 + OFFICE_PARTS + DESK_PARTS];
	static struct api_route all_routes[OWN_ROUTES + OFFICE_ROUTES + PERIODS_READ_ROUTES +
					   PERIODS_CITY_ROUTES + DESK_ROUTES];
	static const struct daemon_program program = {
		.name = "tally-aggregator",
		.role = "aggregator",
		.origin_setting = "area",
		.rows = rows,
		.n_rows = sizeof(rows) / sizeof(*rows),
		.tables = tables,
		.n_tables = sizeof(tables) / sizeof(*tables),
		.before_links = parts,
		.n_before_links = sizeof(parts) / sizeof(*parts),
		.after_links = children_part,
		.n_after_links = 1,
		.check = check,
		.signer_of = signer_of,
		.backup = office_backup,
		.alive = office_alive,
		.grew = office_wake,
		.routes = all_routes,
		.n_routes = sizeof(all_routes) / sizeof(*all_routes),
		.status = status,
		.metrics = metrics,
	};
	struct conf_row *row = rows;
	struct api_route *route = all_routes;

	row = mempcpy(row, own_rows, sizeof(own_rows));
	row = mempcpy(row, office_conf_rows, sizeof(office_conf_rows));
	row = mempcpy(row, desk_conf_rows, sizeof(desk_conf_rows));
	memcpy(row, daemon_conf_rows, sizeof(daemon_conf_rows));
	parts[0] = decisions_part;
	memcpy(parts + 1, office_parts, sizeof(office_parts));
	parts[1 + OFFICE_PARTS] = periods_part;
	memcpy(parts + 2 + OFFICE_PARTS, desk_parts, sizeof(desk_parts));
	route = mempcpy(route, routes, sizeof(routes));
	route = mempcpy(route, office_routes, sizeof(office_routes));
	route = mempcpy(route, periods_read_routes, sizeof(periods_read_routes));
	route = mempcpy(route, periods_city_routes, sizeof(periods_city_routes));
	memcpy(route, desk_routes, sizeof(desk_routes));
	return daemon_main(argc, argv, &program);
}
