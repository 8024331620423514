/* Start: the keys (checked against the store), then the intake. Stop is the mirror. The routes are
 * the only list of what an operator can ask of the desk. */
#include "daemon/intake/desk.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "daemon/intake/admission.h"
#include "daemon/intake/import.h"
#include "daemon/intake/records.h"
#include "daemon/intake/refused.h"
#include "daemon/intake/template.h"
#include "daemon/loop/watch.h"
#include "daemon/talent/talent_place.h"

#define STATUS_MS 5000

/* ---- parts ---- */

static void ledger_grew(void *arg)
{
	daemon_ledger_grew(arg);
}

static bool is_city(const struct daemon *d)
{
	return strcmp(d->program->role, "aggregator") == 0;
}

const char *desk_refuses(const struct daemon *d, const struct reg *reg, struct errmsg *m)
{
	m->text[0] = 0;
	if (is_city(d) && !reg->at_city)
		errmsg_set(
			m, "register %s is entered in the districts, not at the city", reg->name);
	else if (!is_city(d) && !reg->at_district)
		errmsg_set(m, "register %s is entered at the city, not in a district", reg->name);
	else if (reg->n_persons && !desk_of(d)->secrets)
		errmsg_set(m,
			"register %s names persons: put pid.key (the network's) and vault.key into "
			"keys_dir and start again",
			reg->name);
	return m->text[0] ? m->text : NULL;
}

static int secrets_start(struct daemon *d, struct errmsg *m)
{
	/* At the city records may have come in before the keys. */
	static const int holding[] = { TABLE_PERSON, TABLE_VAULT, TABLE_VIEW };
	struct desk *c = calloc(1, sizeof *c);
	int err;

	if (!c) {
		errmsg_set(m, "%s", err_words(ERR_NOMEM));
		return ERR_NOMEM;
	}
	err = secrets_open(&c->secrets, ledger_store(d->ledger), TABLE_INTAKE, holding,
		is_city(d) ? 2 : 3, conf_text(d->conf, "keys_dir"), m);
	if (err == ERR_NOTFOUND && is_city(d))
		err = 0;
	if (err) {
		free(c);
		return err;
	}
	d->desk = c;
	return 0;
}

static void secrets_stop(struct daemon *d)
{
	secrets_close(desk_of(d)->secrets);
	free(d->desk);
	d->desk = NULL;
}

static int intake_start(struct daemon *d, struct errmsg *m)
{
	struct desk *c = desk_of(d);
	int err;

	c->view = (struct view){ .view = TABLE_VIEW, .older = TABLE_OLDER };
	err = intake_open(&c->intake, &(struct intake_conf){ .ledger = d->ledger,
					      .secrets = c->secrets,
					      .view = TABLE_VIEW,
					      .older = TABLE_OLDER,
					      .person = TABLE_PERSON,
					      .vault = TABLE_VAULT,
					      .heard = TABLE_HEARD,
					      .counts = TABLE_INTAKE,
					      .refused = TABLE_REFUSED,
					      .sealing = admission_sealing(c->admission),
					      .spool_dir = conf_text(d->conf, "state_dir"),
					      .grew = ledger_grew,
					      .arg = d });
	if (err)
		errmsg_set(m, "%s", err_words(err));
	return err;
}

static void intake_stop(struct daemon *d)
{
	intake_close(desk_of(d)->intake);
}

/* ---- sealing to the registrar ---- */

static int admission_start(struct daemon *d, struct errmsg *m)
{
	struct desk *c = desk_of(d);
	const char *key = conf_text(d->conf, "registrar");
	int err;

	if (!c->secrets || !(key[0] || conf_number(d->conf, "retention_years")))
		return 0; /* nobody asks who is in the talent database */
	c->rules = talent_rules_place(conf_text(d->conf, "rules_dir"), m);
	if (!c->rules)
		return ERR_INVALID;
	err = key[0] ? admission_open(&c->admission,
			       &(struct sealing){ .ledger = d->ledger,
				       .secrets = c->secrets,
				       .table = TABLE_SEALED },
			       c->rules, text_of(key), m)
		     : 0;
	if (err)
		talent_rules_close(c->rules);
	return err;
}

static void admission_stop(struct daemon *d)
{
	admission_close(desk_of(d)->admission);
	desk_of(d)->admission = NULL;
	talent_rules_close(desk_of(d)->rules);
	desk_of(d)->rules = NULL;
}

static int catch_up_start(struct daemon *d, struct errmsg *m)
{
	struct desk *c = desk_of(d);
	int err;

	if (!c->admission)
		return 0;
	err = catch_up_open(&c->catch_up, &(struct catch_up_conf){ .loop = d->loop,
						  .ledger = d->ledger,
						  .sealing = admission_sealing(c->admission),
						  .vault = intake_vault(c->intake),
						  .view = c->view,
						  .state = TABLE_INTAKE,
						  .grew = ledger_grew,
						  .arg = d });
	if (err)
		errmsg_set(m, "%s", err_words(err));
	return err;
}

static void catch_up_stop(struct daemon *d)
{
	catch_up_close(desk_of(d)->catch_up);
	desk_of(d)->catch_up = NULL;
}

/* ---- the drop folder ---- */

const struct conf_row desk_conf_rows[DESK_CONF_ROWS_N] = {
	{ .name = "drop_dir",
		.type = CONF_PATH,
		.example = "\"/var/spool/tally\"",
		.help_en =
			"The drop folder: a file that is put into drop_dir/REGISTER/ by rename is "
			"taken in by itself and moved to done/, or with its refused rows beside it "
			"to failed/. The folder must stand, and the daemon's user must be allowed "
			"to "
			"write there. Without this setting there is none.",
		.help_zh = "投放目录：以改名方式放入 drop_dir/登记册名/ 的文件自动导入，然后移到 "
			   "done/；"
			   "有被拒绝的行时连同这些行移到 failed/。目录须已存在且守护进程可写；"
			   "不设此项则不启用。" },
	{ .name = "registrar",
		.type = CONF_BASE64,
		.help_en =
			"The public key of the city's registrar (tallyctl keygen --registrar). "
			"When a record lets its person into the talent database, name, document "
			"and phone go into the ledger, sealed so that only the registrar can open "
			"them. Without this setting no identity ever leaves the vault.",
		.help_zh = "市登记员的公钥（tallyctl keygen --registrar）。记录使人员进入人才库时"
			   "，其姓名、"
			   "证件和手机加密后写入账本，只有登记员能打开；不设此项则身份信息不出本机"
			   "。" },
};

static bool takes(void *arg, const struct reg *reg)
{
	struct errmsg m;

	return !desk_refuses(arg, reg, &m);
}

static void came(void *arg)
{
	drop_wake(arg);
}

/* Hints only: the thread looks by itself, too. */
static void watch_folders(struct daemon *d, const char *dir)
{
	struct desk *c = desk_of(d);
	char path[4096];
	size_t n;
	const struct reg *regs = registers(&n);

	for (size_t i = 0; i < n && c->n_watches < DESK_WATCHES; i++) {
		struct watch *w;

		if (!takes(d, &regs[i]))
			continue;
		(void)snprintf(path, sizeof path, "%s/%s", dir, regs[i].name);
		(void)mkdir(path, 0770);
		w = watch_open(d->loop, path, came, c->drop);
		if (w)
			c->watches[c->n_watches++] = w;
	}
}

static int drop_start(struct daemon *d, struct errmsg *m)
{
	struct desk *c = desk_of(d);
	const char *dir = conf_text(d->conf, "drop_dir");
	int err;

	if (!dir[0])
		return 0;
	err = drop_open(&c->drop, &(struct drop_conf){ .dir = dir,
					  .intake = c->intake,
					  .spool_dir = conf_text(d->conf, "state_dir"),
					  .takes = takes,
					  .arg = d });
	if (err)
		errmsg_set(m, "%s", err_words(err));
	else
		watch_folders(d, dir);
	return err;
}

static void drop_stop(struct daemon *d)
{
	struct desk *c = desk_of(d);

	for (size_t i = 0; i < c->n_watches; i++)
		watch_close(c->watches[i]);
	c->n_watches = 0;
	drop_close(c->drop);
	c->drop = NULL;
}

static json_t *drop_last(const struct drop_state *s)
{
	char at[32];

	if (!s->reg)
		return json_null();
	records_time(at, s->at_ms);
	return json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I}", "register", s->reg->name, "at", at,
		"to", s->done ? "done" : "failed", "accepted", (json_int_t)s->counts.accepted,
		"changed", (json_int_t)s->counts.changed, "unchanged",
		(json_int_t)s->counts.unchanged, "refused", (json_int_t)s->counts.refused);
}

static void drop_status(struct daemon *d, json_t *object)
{
	struct drop_state s;

	if (!desk_of(d)->drop)
		return;
	drop_state(desk_of(d)->drop, &s);
	json_object_set_new(object, "drop",
		json_pack("{s:I, s:o, s:s?}", "waiting", (json_int_t)s.waiting, "last",
			drop_last(&s), "error", s.error[0] ? s.error : NULL));
}

const struct daemon_part desk_parts[DESK_PARTS] = {
	{ "secrets", secrets_start, secrets_stop },
	{ "admission", admission_start, admission_stop },
	{ "intake", intake_start, intake_stop },
	{ "catch-up", catch_up_start, catch_up_stop },
	{ "drop", drop_start, drop_stop },
};

/* ---- status and metrics: from the store, so that they are right after a restart ---- */

void desk_status(struct daemon *d, json_t *object)
{
	struct store_txn *t;
	struct counts c;

	drop_status(d, object);
	if (store_read_begin(ledger_store(d->ledger), &t, STATUS_MS))
		return;
	c = counts_total(t, TABLE_INTAKE);
	store_read_end(t);
	json_object_set_new(object, "intake",
		json_pack("{s:I, s:I, s:I, s:I, s:I}", "accepted", (json_int_t)c.accepted,
			"changed", (json_int_t)c.changed, "unchanged", (json_int_t)c.unchanged,
			"refused", (json_int_t)c.refused, "retracted", (json_int_t)c.retracted));
}

#define ROWS_METRIC "tally_intake_rows_total"
#define FAULTS_METRIC "tally_intake_faults_total"

static void rows_metric(struct buf *out, struct text reg, const char *outcome, uint64_t n)
{
	char labels[160];

	(void)snprintf(labels, sizeof labels, "register=\"%.*s\",outcome=\"%s\"", (int)reg.n, reg.p,
		outcome);
	metric(out, ROWS_METRIC, "counter", "Rows taken in or refused, and records retracted.",
		labels, (double)n);
}

static void metric_reg(void *arg, struct text reg, const struct counts *c)
{
	rows_metric(arg, reg, "accepted", c->accepted);
	rows_metric(arg, reg, "changed", c->changed);
	rows_metric(arg, reg, "unchanged", c->unchanged);
	rows_metric(arg, reg, "refused", c->refused);
	rows_metric(arg, reg, "retracted", c->retracted);
}

static void metric_fault(void *arg, struct text reg, struct text code, uint64_t n)
{
	char labels[160];

	(void)snprintf(labels, sizeof labels, "register=\"%.*s\",code=\"%.*s\"", (int)reg.n, reg.p,
		(int)code.n, code.p);
	metric(arg, FAULTS_METRIC, "counter", "Faults found in rows, by code.", labels, (double)n);
}

void desk_metrics(struct daemon *d, struct buf *out)
{
	const struct counts_visitor v = { .reg = metric_reg, .fault = metric_fault, .arg = out };
	struct store_txn *t;

	if (store_read_begin(ledger_store(d->ledger), &t, STATUS_MS))
		return;
	counts_walk(t, TABLE_INTAKE, &v);
	store_read_end(t);
}

/* ---- routes ---- */

const struct api_route desk_routes[DESK_ROUTES] = {
	{ .method = "POST",
		.path = "/v1/records/{register}",
		.command = "import REGISTER FILE…",
		.query = "dry_run? encoding lang",
		.right = RIGHT_OPERATOR,
		.help_en = "Takes in files: CSV, tabs, XLSX or NDJSON. Refused rows come back with "
			   "their reasons. --dry-run takes nothing in and shows what would change.",
		.help_zh = "导入文件（CSV、制表符分隔、XLSX、NDJSON）；被拒绝的行连同原因一并返回。"
			   "--dry-run 只检查不写入，并列出将有的改动。",
		.upload = &import_upload },
	{ .method = "POST",
		.path = "/v1/records/{register}/{key}/retract",
		.command = "retract REGISTER KEY",
		.query = "reason!",
		.right = RIGHT_OPERATOR,
		.help_en = "Takes a record back, as an entry with a reason; its history stays.",
		.help_zh = "撤回一条记录并写明原因；历史仍保留。",
		.handle = records_retract },
	{ .method = "POST",
		.path = "/v1/records/{register}/retract",
		.command = "retract REGISTER",
		.query = "file< reason dry_run? encoding lang",
		.right = RIGHT_OPERATOR,
		.help_en =
			"Takes many records back: the file has a column key, or the columns of the "
			"register's key, and perhaps one called reason.",
		.help_zh = "批量撤回：文件须有“键”一列，或登记册的键所含各列；可另有“原因”一列。",
		.upload = &retract_upload },
	{ .method = "GET",
		.path = "/v1/records/{register}",
		.command = "list REGISTER",
		.query = "limit after",
		.right = RIGHT_OPERATOR,
		.help_en = "Records of a register in the order of their keys, identities masked.",
		.help_zh = "按键的顺序列出登记册的记录，身份信息不显示。",
		.handle = records_list },
	{ .method = "GET",
		.path = "/v1/records/{register}/{key}",
		.command = "get REGISTER KEY",
		.right = RIGHT_OPERATOR,
		.help_en = "One record as facts, identities masked.",
		.help_zh = "显示一条记录，身份信息不显示。",
		.handle = records_get },
	{ .method = "GET",
		.path = "/v1/records/{register}/{key}/history",
		.command = "history REGISTER KEY",
		.right = RIGHT_OPERATOR,
		.help_en = "All versions of a record, oldest first: when, by whom, why.",
		.help_zh = "一条记录的全部版本，从旧到新：时间、经办、原因。",
		.handle = records_history },
	{ .method = "GET",
		.path = "/v1/refused",
		.command = "refused",
		.query = "limit lang",
		.right = RIGHT_OPERATOR,
		.help_en = "Rows refused lately, newest first, with reasons.",
		.help_zh = "最近被拒绝的行及原因，从新到旧。",
		.handle = refused_list },
	{ .method = "GET",
		.path = "/v1/templates/{register}",
		.command = "template REGISTER",
		.query = "format lang",
		.right = RIGHT_VIEWER,
		.help_en =
			"An empty CSV with the register's headers; --lang en for field names. With "
			"--to FILE.xlsx a workbook with hints and lists to choose from.",
		.help_zh = "登记册的空白 CSV 模板（中文表头；--lang en 为英文字段名）；"
			   "--to 文件.xlsx 则为带说明和下拉列表的工作簿。",
		.handle = template_show },
};
