/* Start: the access log. A city's desk opens what is sealed and decides cases; a district's answers
 * for its vault; both keep a log. */
#include "daemon/registrar/registrar.h"

#include <stdlib.h>

#include "daemon/base/buf.h"
#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/fold/fold.h"
#include "daemon/intake/desk.h"
#include "daemon/registrar/routes.h"
#include "daemon/talent/talent_alert.h"
#include "daemon/talent/talent_place.h"
#include "daemon/talent/talent_row.h"
#include "daemon/identity/named.h"
#include "proto/check.h"
#include "proto/identity.pb-c.h"

#define ALERTS_MS 60000

const struct conf_row registrar_conf_rows[REGISTRAR_CONF_ROWS_N] = {
	{ .name = "registrar_key",
		.type = CONF_PATH,
		.example = "\"/run/registrar/registrar.key\"",
		.help_en =
			"The registrar's secret key (tallyctl keygen --registrar), on a path of "
			"its "
			"own: a medium that is put in when identities are opened. It is read for "
			"each opening and wiped. Without this setting the key is asked for "
			"(--registrar-key).",
		.help_zh = "登记员的私钥（tallyctl keygen --registrar）所在路径，应另置于专用介质"
			   "。每次打开身份时读取，用后清除；不设此项则由 --registrar-key 询问。" },
	{ .name = "access_hour",
		.type = CONF_COUNT,
		.preset = "0",
		.least = 0,
		.most = 1000000,
		.help_en = "Identities that one user may open within an hour before it is an alert "
			   "(alert list, access alerts); 0: as the rule says (kind reads, A09).",
		.help_zh = "同一用户一小时内打开身份超过此数即报警（alert list、access alerts）；0 "
			   "为按"
			   "规则（reads 类，A09）。" },
	{ .name = "access_day",
		.type = CONF_COUNT,
		.preset = "0",
		.least = 0,
		.most = 1000000,
		.help_en = "The same within a day.",
		.help_zh = "同一用户一日内打开身份超过此数即报警；0 为按规则。" },
	{ .name = "retention_years",
		.type = CONF_COUNT,
		.preset = "0",
		.least = 0,
		.most = 100,
		.help_en =
			"Years for which the vault holds the identity of a person of whom no new "
			"record came in (to the end of that month); 0: for ever. Then person due "
			"lists whoever is due, and person erase --due shreds them: a person does, "
			"nothing happens by itself. Who is in the talent database by the rule of "
			"today, or has something running (section running of the rules), is kept. "
			"Records and figures stay as they are.",
		.help_zh =
			"某人最后一条新记录的当月之后，保险库保存其身份的年数；0 为永久。期满者由 "
			"person due 列出，由人执行 person erase --due "
			"销毁，程序不自动销毁；按现行规"
			"则仍属人才库、或有未了事项（规则的 running "
			"一节）者保留。记录和统计数字不变"
			"。" },
};

/* The limits: the rule's, unless the configuration sets others. */
static int limits_read(struct registry *r, const struct conf *c, struct errmsg *m)
{
	struct talent_rules *rules = talent_rules_place(conf_text(c, "rules_dir"), m);
	const struct talent_alert *a = rules ? rules->alerts : NULL;
	uint64_t hour = conf_number(c, "access_hour"), day = conf_number(c, "access_day");

	while (a && a->kind != ALERT_READS)
		a = a->next;
	if (a)
		(void)snprintf(r->rule, sizeof r->rule, "%s", a->id);
	r->alert_hour = hour ? hour : a ? (uint64_t)a->hour : UINT64_MAX;
	r->alert_day = day ? day : a ? (uint64_t)a->day : UINT64_MAX;
	talent_rules_close(rules);
	return rules ? 0 : ERR_INVALID;
}

static int registrar_start(struct daemon *d, struct errmsg *m)
{
	struct registry *r = calloc(1, sizeof *r);
	int err;

	if (!r) {
		errmsg_set(m, "%s", err_words(ERR_NOMEM));
		return ERR_NOMEM;
	}
	err = limits_read(r, d->conf, m);
	if (!err)
		err = access_open(&r->log,
			&(struct access_conf){ .state_dir = conf_text(d->conf, "state_dir"),
				.sign = &d->sign,
				.ledger = d->ledger,
				.anchor = TABLE_INTAKE },
			m);
	if (err) {
		free(r);
		return err;
	}
	pthread_mutex_init(&r->cases, NULL);
	pthread_mutex_init(&r->alerts, NULL);
	d->registry = r;
	return 0;
}

static void registrar_stop(struct daemon *d)
{
	struct registry *r = registrar_of(d);

	access_close(r->log);
	pthread_mutex_destroy(&r->cases);
	pthread_mutex_destroy(&r->alerts);
	free(r);
	d->registry = NULL;
}

const struct daemon_part registrar_parts[REGISTRAR_PARTS] = {
	{ "registrar", registrar_start, registrar_stop },
};

/* ---- what a program passes on ---- */

void registrar_denied(struct daemon *d, const struct api_route *row, const char *user)
{
	if (row->right == RIGHT_REGISTRAR && registrar_of(d))
		access_denied(registrar_of(d)->log, user);
}

static int by_user(const void *a, const void *b)
{
	return strcmp(((const struct access_load *)a)->user, ((const struct access_load *)b)->user);
}

size_t registrar_bulk(struct registry *r, struct access_load *out, size_t size)
{
	size_t n = access_loads(r->log, out, size), k = 0;

	for (size_t i = 0; i < n; i++)
		if (out[i].hour > r->alert_hour || out[i].day > r->alert_day)
			out[k++] = out[i];
	if (k)
		qsort(out, k, sizeof *out, by_user);
	return k;
}

static uint64_t alerts_count(struct registry *r)
{
	struct access_load *loads = calloc(REGISTRAR_LOADS_MAX, sizeof *loads);
	size_t n = loads ? registrar_bulk(r, loads, REGISTRAR_LOADS_MAX) : 0;

	free(loads);
	return n;
}

/* Status and metrics are asked for all the time: the log is walked again when it has grown, or
 * after a minute. */
static uint64_t alerts_n(struct registry *r)
{
	uint64_t written = access_written(r->log), now = clock_mono_ms(), n;

	pthread_mutex_lock(&r->alerts);
	if (r->alerts_ms == 0 || r->alerts_written != written || now - r->alerts_ms > ALERTS_MS) {
		r->alerts_n = alerts_count(r);
		r->alerts_written = written;
		r->alerts_ms = now;
	}
	n = r->alerts_n;
	pthread_mutex_unlock(&r->alerts);
	return n;
}

void registrar_status(struct daemon *d, json_t *object)
{
	json_object_set_new(object, "access",
		json_pack("{s:I}", "alerts", (json_int_t)alerts_n(registrar_of(d))));
}

void registrar_metrics(struct daemon *d, struct buf *out)
{
	metric(out, "tally_access_alerts", "gauge",
		"Users who opened more identities than the rule on bulk reads lets pass.", NULL,
		(double)alerts_n(registrar_of(d)));
}

int registrar_backup(struct daemon *d, const char *dir, struct errmsg *m)
{
	return access_backup(registrar_of(d)->log, dir, m);
}

/* ---- for the routes ---- */

struct text registrar_purpose(const struct api_call *call)
{
	const char *given = api_arg(call, "purpose");
	struct text t = text_trim(text_of(given ? given : ""));

	if (!text_utf8_ok(t) || text_has_control(t) || text_chars(t) > ACCESS_PURPOSE_CHARS ||
		text_names_somebody(t))
		t.n = 0;
	return t;
}

/* The first key of a table that begins so; n bytes of its pid stand at `at`. */
static bool pid_begins(struct store_txn *t, int table, struct text begin, size_t at, uint8_t *pid)
{
	struct store_cursor *c = store_cursor_open(t, table);
	struct text key, value;
	bool found = c && store_seek(c, begin, &key, &value) && key.n >= at + PID_BYTES &&
		     memcmp(key.p, begin.p, begin.n) == 0;

	if (found)
		memcpy(pid, key.p + at, PID_BYTES);
	if (c)
		store_cursor_close(c);
	return found;
}

bool registrar_named(struct store_txn *views, struct text id, uint8_t pid[PID_BYTES])
{
	uint8_t begin[1 + TALENT_ID_BYTES] = { 'M' };
	struct text own = { (const char *)begin + 1, TALENT_ID_BYTES };

	if (id.n == 2 * PID_BYTES)
		return hex_get(pid, PID_BYTES, id) == 0;
	return talent_id_parse(id, begin + 1) &&
	       (pid_begins(views, VIEW_IDENTITY, own, 0, pid) ||
		       pid_begins(views, VIEW_PERSON, own, 0, pid) ||
		       pid_begins(views, VIEW_CASE,
			       (struct text){ (const char *)begin, sizeof begin }, 1, pid));
}

/* Said once, when an opening takes a user past a limit. */
static void warn(struct registry *r, const struct access_line *line)
{
	struct access_load *loads = calloc(REGISTRAR_LOADS_MAX, sizeof *loads);
	size_t n = loads ? registrar_bulk(r, loads, REGISTRAR_LOADS_MAX) : 0;

	for (size_t i = 0; i < n; i++) {
		bool hour = loads[i].hour > r->alert_hour &&
			    loads[i].hour - line->count <= r->alert_hour,
		     day = loads[i].day > r->alert_day &&
			   loads[i].day - line->count <= r->alert_day;

		if ((hour || day) && strcmp(loads[i].user, line->user) == 0)
			log_warning("access", "%s%suser %s opened %llu identities within %s",
				r->rule, r->rule[0] ? ": " : "", line->user,
				(unsigned long long)(hour ? loads[i].hour : loads[i].day),
				hour ? "an hour" : "a day");
	}
	free(loads);
}

bool registrar_note(struct api_call *call, const struct access_line *line)
{
	struct daemon *d = api_context(call);
	struct access_line own = *line;
	int err;

	own.user = api_user(call);
	err = access_put(registrar_of(d)->log, &own);
	if (err && !line->refused)
		api_fail_err(call, err, "the access log cannot be written: nothing is opened");
	if (!err && !line->refused)
		warn(registrar_of(d), &own);
	return !err;
}

/* ---- routes ---- */

const struct api_route registrar_routes[REGISTRAR_ROUTES] = {
	{ .method = "GET",
		.path = "/v1/access",
		.command = "access list",
		.query = "user limit before lang",
		.right = RIGHT_ADMIN,
		.help_en = "Who opened identities, or asked in vain, and why; newest first. It "
			   "holds no names.",
		.help_zh = "身份查阅日志：何人、何时、因何打开或被拒绝，从新到旧；不含姓名。",
		.handle = route_access_list },
	{ .method = "GET",
		.path = "/v1/access/verify",
		.command = "access verify",
		.query = "lang",
		.right = RIGHT_ADMIN,
		.help_en = "Walks the access log's chain; exit 1 where a line is missing or "
			   "changed.",
		.help_zh = "核对身份查阅日志的哈希链；有缺失或改动时退出码为 1。",
		.handle = route_access_verify },
	{ .method = "GET",
		.path = "/v1/access/alerts",
		.command = "access alerts",
		.query = "lang",
		.right = RIGHT_ADMIN,
		.help_en = "Users who opened many identities within an hour or a day.",
		.help_zh = "一小时或一日内打开身份过多的用户。",
		.handle = route_access_alerts },
	{ .method = "POST",
		.path = "/v1/persons/export",
		.command = "person export",
		.query = "purpose doc_type number% lang",
		.right = RIGHT_REGISTRAR,
		.help_en = "All that this node holds on one document number, which is asked for: "
			   "identity, every version of every record, who looked. A purpose must be "
			   "given; a line in the access log.",
		.help_zh = "导出本机所存某证件号码（由程序询问）的全部信息：身份、各记录的各版本、"
			   "查阅情况；须写明用途，并记入查阅日志。",
		.upload = &export_upload },
	{ .method = "POST",
		.path = "/v1/persons/erase",
		.command = "person erase",
		.query = "purpose doc_type number% lang",
		.right = RIGHT_REGISTRAR,
		.help_en = "Shreds the identity that the vault holds of one document number: its "
			   "key is destroyed. Records and figures stay, under the pseudonym.",
		.help_zh = "销毁保险库中某证件号码的身份信息（销毁其密钥）；记录和统计数字按人员标"
			   "识保留。",
		.upload = &erase_upload },
	{ .method = "GET",
		.path = "/v1/persons/due",
		.command = "person due",
		.query = "limit today lang",
		.right = RIGHT_ADMIN,
		.help_en = "Persons of the vault whose retention_years are over: pseudonym and the "
			   "month in which a record of theirs last came in. --today DATE vouches "
			   "for this machine's clock when the ledger does not.",
		.help_zh = "保存期（retention_years）已满的人员：人员标识和最后一条记录的月份。账"
			   "本不能佐证本机时钟时，以 --today 日期 确认。",
		.handle = route_due_list },
	{ .method = "POST",
		.path = "/v1/persons/due/erase",
		.command = "person erase",
		.query = "due? persons yes? today lang",
		.right = RIGHT_REGISTRAR,
		.help_en = "With --due: shreds all that person due lists, each a line in the "
			   "access log; wants their number (--persons N) or --yes. Records and "
			   "figures stay.",
		.help_zh = "加 --due：销毁 person due 所列全部身份，每人在查阅日志记一行；须给出人"
			   "数（--persons N）或 --yes。记录和统计数字不变。",
		.handle = route_due_erase },
};

const struct api_route registrar_city_routes[REGISTRAR_CITY_ROUTES] = {
	{ .method = "POST",
		.path = "/v1/talents/{id}/identity",
		.command = "talent identify ID",
		.query = "purpose registrar_key@ lang",
		.right = RIGHT_REGISTRAR,
		.help_en = "Opens a talent's identity: asks for a purpose, and is a line in the "
			   "access log before it is answered.",
		.help_zh = "打开一名人才的身份信息：须写明用途，并先记入查阅日志。",
		.upload = &identify_upload },
	{ .method = "POST",
		.path = "/v1/talents/names",
		.command = "talent names",
		.query = "purpose name% registrar_key@ limit lang",
		.right = RIGHT_REGISTRAR,
		.help_en = "Searches talents by a part of their name, which is asked for: opens "
			   "all identities for it, as one line in the access log.",
		.help_zh = "按姓名（部分）查找人才，姓名由程序询问：为此打开全部身份，在查阅日志"
			   "中记一行。",
		.upload = &names_upload },
	{ .method = "POST",
		.path = "/v1/talents/publish",
		.command = "talent publish",
		.query = "ids! purpose registrar_key@ lang",
		.right = RIGHT_REGISTRAR,
		.help_en = "A list for publication of the talents named by --ids A,B,…: names and "
			   "numbers masked, nothing else of an identity.",
		.help_zh = "公示名单（--ids A,B,…）：姓名和证件号码均已隐去，不含其他身份信息。",
		.upload = &publish_upload },
	{ .method = "GET",
		.path = "/v1/cases",
		.command = "case list",
		.query = "all? limit lang",
		.right = RIGHT_OPERATOR,
		.help_en = "Identities that may be one person, or one number that came with two "
			   "names: found by rules, without names.",
		.help_zh = "身份核对清单：可能是同一人的身份，或同一号码出现不同姓名；按规则发现"
			   "，不含姓名。",
		.handle = route_case_list },
	{ .method = "POST",
		.path = "/v1/cases/{a}/{b}/link",
		.command = "case link A B",
		.query = "note lang",
		.right = RIGHT_REGISTRAR,
		.help_en = "Says that two are one person: the first call proposes, another "
			   "person's call decides.",
		.help_zh = "认定两个身份为同一人：先由一人提出，再由另一人决定。",
		.handle = route_case_link },
	{ .method = "POST",
		.path = "/v1/cases/{a}/{b}/unlink",
		.command = "case unlink A B",
		.query = "note lang",
		.right = RIGHT_REGISTRAR,
		.help_en = "Takes a link back, likewise by two persons.",
		.help_zh = "撤销认定，同样须两人先后提出和决定。",
		.handle = route_case_unlink },
	{ .method = "POST",
		.path = "/v1/cases/{a}/{b}/not-same",
		.command = "case not-same A B",
		.query = "note lang",
		.right = RIGHT_REGISTRAR,
		.help_en = "Says that two are not one person (A = B: that a number with two names "
			   "was looked at), likewise by two persons.",
		.help_zh = "认定并非同一人（A 与 B "
			   "相同：同一号码不同姓名已核查），同样须两人先后提出和决定。",
		.handle = route_case_not_same },
};
