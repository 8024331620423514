/* tally-aggregator: the city's daemon. Ledgers of all children come in over the link, are folded
 * into views, and shown as the survey's forms. */
#include <stdio.h>
#include <stdlib.h>

#include "aggregator/aggregator.h"
#include "aggregator/children.h"
#include "aggregator/questions.h"
#include "aggregator/talents/talents.h"
#include "daemon/intake/desk.h"
#include "daemon/registrar/registrar.h"
#include "daemon/periods/periods.h"
#include "daemon/returns/routes.h"

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

/* ---- what daemon_main asks ---- */

static const char *const tables[] = { DESK_TABLE_NAMES };

static int check(const struct conf *c, struct errmsg *m)
{
	const char *words = registers_init();
	int err = words || hash_init() ? ERR_INVALID : children_check(c, m);

	if (words)
		errmsg_set(m, "%s", words);
	if (err)
		return err;
	return office_check(c, m);
}

static void reload(struct daemon *d, const struct conf *next)
{
	children_reload(d, next);
	office_reload(d, next);
}

static void status(struct daemon *d, json_t *object)
{
	city_status(d, object);
	office_status(d, object);
	desk_status(d, object);
	registrar_status(d, object);
}

static void metrics(struct daemon *d, struct buf *out)
{
	city_metrics(d, out);
	office_metrics(d, out);
	talents_metrics(d, out);
	desk_metrics(d, out);
	registrar_metrics(d, out);
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
			   "proven equal and folded; whether its gates (who is a talent) are the "
			   "city's.",
		.help_zh = "每区一行：连接、账本位置、相符位置、入表位置，及其人才准入规则是否与"
			   "市级一致。",
		.handle = route_districts },
	{ .method = "GET",
		.path = "/v1/plan",
		.command = "plan",
		.query = "period area lang",
		.right = RIGHT_VIEWER,
		.help_en = "The targets: value, actual, percent, time gone, forecast, and whether "
			   "they are on pace; by itself of the newest year that has targets.",
		.help_zh = "目标任务：目标、完成、完成率、时间进度、全年预计；缺省为最近有目标的年"
			   "度。",
		.handle = route_plan },
	{ .method = "GET",
		.path = "/v1/assessment",
		.command = "assess",
		.query = "period written lang",
		.right = RIGHT_VIEWER,
		.help_en = "The districts side by side: targets, completeness and timeliness of "
			   "returns, quality, with ranks and no weights.",
		.help_zh = "各区考核：目标完成、报送率、及时率、数据质量及位次，不加权。",
		.handle = route_assess },
};

#define OWN_ROUTES (sizeof(routes) / sizeof(*routes))

int main(int argc, char **argv)
{
	static struct conf_row rows[OWN_ROWS + QUESTIONS_CONF_ROWS_N + OFFICE_CONF_ROWS_N +
				    DESK_CONF_ROWS_N + REGISTRAR_CONF_ROWS_N + DAEMON_CONF_ROWS_N];
	static struct daemon_part parts[2 + OFFICE_PARTS + DESK_PARTS + REGISTRAR_PARTS];
	static struct api_route all_routes[OWN_ROUTES + TALENT_ROUTES + OFFICE_ROUTES +
					   PERIODS_READ_ROUTES + PERIODS_CITY_ROUTES +
					   RETURNS_READ_ROUTES + RETURNS_CITY_ROUTES + DESK_ROUTES +
					   REGISTRAR_ROUTES + REGISTRAR_CITY_ROUTES];
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
		.after_links = &children_part,
		.n_after_links = 1,
		.check = check,
		.signer_of = children_signer,
		.reload = reload,
		.backup = office_backup,
		.backup_last = registrar_backup,
		.denied = registrar_denied,
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
	row = mempcpy(row, questions_conf_rows, sizeof(questions_conf_rows));
	row = mempcpy(row, office_conf_rows, sizeof(office_conf_rows));
	row = mempcpy(row, desk_conf_rows, sizeof(desk_conf_rows));
	row = mempcpy(row, registrar_conf_rows, sizeof(registrar_conf_rows));
	memcpy(row, daemon_conf_rows, sizeof(daemon_conf_rows));
	parts[0] = decisions_part;
	memcpy(parts + 1, office_parts, sizeof(office_parts));
	parts[1 + OFFICE_PARTS] = periods_part;
	memcpy(parts + 2 + OFFICE_PARTS, desk_parts, sizeof(desk_parts));
	memcpy(parts + 2 + OFFICE_PARTS + DESK_PARTS, registrar_parts, sizeof(registrar_parts));
	route = mempcpy(route, routes, sizeof(routes));
	route = mempcpy(route, talent_routes, sizeof(talent_routes));
	route = mempcpy(route, office_routes, sizeof(office_routes));
	route = mempcpy(route, periods_read_routes, sizeof(periods_read_routes));
	route = mempcpy(route, periods_city_routes, sizeof(periods_city_routes));
	route = mempcpy(route, returns_read_routes, sizeof(returns_read_routes));
	route = mempcpy(route, returns_city_routes, sizeof(returns_city_routes));
	route = mempcpy(route, desk_routes, sizeof(desk_routes));
	route = mempcpy(route, registrar_routes, sizeof(registrar_routes));
	memcpy(route, registrar_city_routes, sizeof(registrar_city_routes));
	return daemon_main(argc, argv, &program);
}
