/* tally-collector: a district's daemon. Files come in over the control socket, become entries of
 * the district's ledger, and go from there to the parents. */
#include <stdio.h>
#include <stdlib.h>

#include "daemon/intake/desk.h"

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

/* A ledger under a code that is no district could never be taken back: refused before it begins. */
static int check(const struct conf *conf, struct errmsg *m)
{
	const char *district = conf_text(conf, "district");

	if (district_known((uint32_t)strtoul(district, NULL, 10)))
		return 0;
	errmsg_set(m, "%s:%d: district \"%s\" is not one of the sixteen districts of Shanghai",
		conf_file(conf), conf_line(conf, "district"), district);
	return ERR_INVALID;
}

int main(int argc, char **argv)
{
	static struct conf_row rows[OWN_ROWS + DESK_CONF_ROWS_N + DAEMON_CONF_ROWS_N];
	static const struct daemon_program program = {
		.name = "tally-collector",
		.role = "collector",
		.origin_setting = "district",
		.rows = rows,
		.n_rows = sizeof rows / sizeof *rows,
		.tables = tables,
		.n_tables = sizeof tables / sizeof *tables,
		.before_links = desk_parts,
		.n_before_links = DESK_PARTS,
		.routes = desk_routes,
		.n_routes = DESK_ROUTES,
		.status = desk_status,
		.metrics = desk_metrics,
		.check = check,
	};

	memcpy(rows, own_rows, sizeof own_rows);
	memcpy(rows + OWN_ROWS, desk_conf_rows, sizeof desk_conf_rows);
	memcpy(rows + OWN_ROWS + DESK_CONF_ROWS_N, daemon_conf_rows, sizeof daemon_conf_rows);
	return daemon_main(argc, argv, &program);
}
