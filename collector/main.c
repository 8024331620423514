/* tally-collector: a district's daemon. Files come in over the control socket, become entries of
 * the district's ledger, and go from there to the parents. */
#include <stdio.h>
#include <stdlib.h>

#include "collector/collector.h"
#include "daemon/figures/office.h"
#include "daemon/intake/desk.h"
#include "daemon/registrar/registrar.h"
#include "daemon/periods/periods.h"
#include "daemon/returns/routes.h"

static const struct conf_row own_rows[] = {
	{ .name = "district",
		.type = CONF_AREA,
		.required = true,
		.example = "\"310115\"",
		.help_en = "The district whose records are kept here: one of the sixteen district "
			   "codes of Shanghai.",
		.help_zh = "本机所属的区：上海市十六个区的代码之一。" },
};
#define OWN_ROWS (sizeof own_rows / sizeof *own_rows)

static const char *const tables[] = { DESK_TABLE_NAMES };

static const struct api_route own_routes[] = {
	{ .method = "POST",
		.path = "/v1/subsidy-check",
		.command = "subsidy check [PID]",
		.query = CLAIM_QUERY " pid number@ doc_type parent lang",
		.right = RIGHT_OPERATOR,
		.help_en = "May this be paid? Asks the city, which sees all districts: yes, or no "
			   "with the number of the rule. The person by its PID, or by a document "
			   "number that is asked for (--number).",
		.help_zh = "可否拨付：向市级查询各区情况，答是，或否及规则编号。人员以代号（PID）给"
			   "出，或以 --number 由程序询问证件号码。",
		.upload = &subsidy_check_upload },
	{ .method = "GET",
		.path = "/v1/subsidy-check/{pid}",
		.query = CLAIM_QUERY " parent",
		.right = RIGHT_OPERATOR,
		.help_en = "The same for programs, as at the city's socket.",
		.help_zh = "供程序使用，与市级相同。",
		.handle = route_subsidy_ask },
};
#define OWN_ROUTES (sizeof own_routes / sizeof *own_routes)

/* A ledger under a code that is no district could never be taken back: refused before it begins. */
static int check(const struct conf *conf, struct errmsg *m)
{
	const char *district = conf_text(conf, "district"), *words = registers_init();

	if (words) {
		errmsg_set(m, "%s", words);
		return ERR_INVALID;
	}
	if (!district_known((uint32_t)strtoul(district, NULL, 10))) {
		errmsg_set(m,
			"%s:%d: district \"%s\" is not one of the sixteen districts of Shanghai",
			conf_file(conf), conf_line(conf, "district"), district);
		return ERR_INVALID;
	}
	return office_check(conf, m);
}

static void status(struct daemon *d, json_t *object)
{
	desk_status(d, object);
	office_status(d, object);
	registrar_status(d, object);
}

static void metrics(struct daemon *d, struct buf *out)
{
	desk_metrics(d, out);
	office_metrics(d, out);
	registrar_metrics(d, out);
}

int main(int argc, char **argv)
{
	static struct conf_row rows[OWN_ROWS + OFFICE_CONF_ROWS_N + DESK_CONF_ROWS_N +
				    REGISTRAR_CONF_ROWS_N + DAEMON_CONF_ROWS_N];
	static struct daemon_part parts[OFFICE_PARTS + DESK_PARTS + REGISTRAR_PARTS];
	static struct api_route routes[OWN_ROUTES + OFFICE_ROUTES + PERIODS_READ_ROUTES +
				       RETURNS_READ_ROUTES + RETURNS_DISTRICT_ROUTES + DESK_ROUTES +
				       REGISTRAR_ROUTES];
	static const struct daemon_program program = {
		.name = "tally-collector",
		.role = "collector",
		.origin_setting = "district",
		.rows = rows,
		.n_rows = sizeof rows / sizeof *rows,
		.tables = tables,
		.n_tables = sizeof tables / sizeof *tables,
		.before_links = parts,
		.n_before_links = sizeof parts / sizeof *parts,
		.routes = routes,
		.n_routes = sizeof routes / sizeof *routes,
		.status = status,
		.metrics = metrics,
		.check = check,
		.reload = office_reload,
		.backup = office_backup,
		.backup_last = registrar_backup,
		.denied = registrar_denied,
		.alive = office_alive,
	};
	struct conf_row *row = rows;
	struct api_route *route = routes;

	row = mempcpy(row, own_rows, sizeof own_rows);
	row = mempcpy(row, office_conf_rows, sizeof office_conf_rows);
	row = mempcpy(row, desk_conf_rows, sizeof desk_conf_rows);
	row = mempcpy(row, registrar_conf_rows, sizeof registrar_conf_rows);
	memcpy(row, daemon_conf_rows, sizeof daemon_conf_rows);
	memcpy(parts, office_parts, sizeof office_parts);
	memcpy(parts + OFFICE_PARTS, desk_parts, sizeof desk_parts);
	memcpy(parts + OFFICE_PARTS + DESK_PARTS, registrar_parts, sizeof registrar_parts);
	route = mempcpy(route, own_routes, sizeof own_routes);
	route = mempcpy(route, office_routes, sizeof office_routes);
	route = mempcpy(route, periods_read_routes, sizeof periods_read_routes);
	route = mempcpy(route, returns_read_routes, sizeof returns_read_routes);
	route = mempcpy(route, returns_district_routes, sizeof returns_district_routes);
	route = mempcpy(route, desk_routes, sizeof desk_routes);
	memcpy(route, registrar_routes, sizeof registrar_routes);
	return daemon_main(argc, argv, &program);
}
