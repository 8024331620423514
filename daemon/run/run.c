/* Start and stop.
 *
 * Start: words → configuration → log → the parts, in the order of the lists below → READY → the
 * loop turns. What fails is said in one line, what stands already is stopped in reverse. Stop
 * (SIGTERM, SIGINT, or a loop_stop()): the parts in reverse; the control socket was opened last and
 * closes first, so that nobody speaks to a daemon half gone. */
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/conf/keys.h"
#include "daemon/run/admin.h"
#include "daemon/run/ledgers.h"
#include "daemon/run/parents.h"
#include "daemon/run/reload.h"
#include "daemon/run/rest.h"
#include "daemon/run/settings.h"
#include "daemon/run/state.h"
#include "daemon/run/status.h"
#include "proto/registers.h"

enum { EXIT_USAGE_ERROR = 64, EXIT_CONFIG = 78 };

#define FILES_WANTED 65536
#define STUCK_MS 60000 /* a writer with work that finishes none of it for so long is stuck */
#define PARTS_MAX 64

/* ---- routes of every daemon ---- */

static const struct api_route common_routes[] = {
	{ .method = "GET",
		.path = "/v1/status",
		.command = "status",
		.right = RIGHT_VIEWER,
		.help_en = "The state of the daemon: ledger, links, store.",
		.help_zh = "显示守护进程的状态：账本、连接、存储。",
		.handle = status_show },
	{ .method = "GET",
		.path = "/v1/ledgers",
		.command = "ledger list",
		.right = RIGHT_VIEWER,
		.help_en = "The ledgers held here: position and head of each.",
		.help_zh = "列出本机保存的账本及其位置和链头。",
		.handle = ledgers_list },
	{ .method = "GET",
		.path = "/v1/ledgers/{origin}",
		.command = "ledger show ORIGIN",
		.query = "from to",
		.right = RIGHT_OPERATOR,
		.help_en = "Entries of a ledger; without --from and --to the last hundred.",
		.help_zh = "显示账本条目；不带 --from 和 --to 时为最后一百条。",
		.handle = ledgers_show },
	{ .method = "POST",
		.path = "/v1/ledgers/verify",
		.command = "ledger verify [ORIGIN]",
		.query = "origin",
		.right = RIGHT_OPERATOR,
		.help_en = "Walks the hash chain and the signatures; exit 1 where one breaks.",
		.help_zh = "检查哈希链和签名；发现断裂时退出码为 1。",
		.handle = ledgers_verify },
	{ .method = "GET",
		.path = "/v1/config",
		.command = "config show",
		.right = RIGHT_OPERATOR,
		.help_en = "The settings in force with their source.",
		.help_zh = "显示生效的设置及其来源。",
		.handle = admin_config_show },
	{ .method = "POST",
		.path = "/v1/config/check",
		.command = "config check FILE…",
		.right = RIGHT_OPERATOR,
		.help_en =
			"Checks a configuration file without using it; exit 1 when it is refused.",
		.help_zh = "检查配置文件但不启用；被拒绝时退出码为 1。",
		.upload = &admin_config_check },
	{ .method = "POST",
		.path = "/v1/backup",
		.command = "backup DIR",
		.query = "dir!",
		.right = RIGHT_ADMIN,
		.help_en = "A consistent copy of the stores, while running, into a new directory. "
			   "Keys are not copied.",
		.help_zh = "在运行中把存储一致地复制到新目录；不含密钥。",
		.handle = admin_backup },
	{ .method = "GET",
		.path = "/v1/metrics",
		.command = "metrics",
		.right = RIGHT_VIEWER,
		.help_en = "Prometheus text.",
		.help_zh = "Prometheus 文本格式的指标。",
		.handle = status_metrics },
	{ .method = "GET",
		.path = "/metrics",
		.right = RIGHT_VIEWER,
		.help_en = "Prometheus text.",
		.help_zh = "Prometheus 文本格式的指标。",
		.handle = status_metrics },
};
#define N_COMMON (sizeof(common_routes) / sizeof(common_routes[0]))

/* ---- parts ---- */

static int loop_start(struct daemon *d, struct errmsg *m)
{
	d->loop = loop_open(m);
	return d->loop ? 0 : ERR_IO;
}

static void loop_end(struct daemon *d)
{
	loop_close(d->loop);
}

static int tables_start(struct daemon *d, struct errmsg *m)
{
	const char *words = registers_init();

	(void)d;
	if (words || hash_init()) {
		errmsg_set(m, "%s", words ? words : "libsodium does not start");
		return ERR_INVALID;
	}
	return 0;
}

static int keys_start(struct daemon *d, struct errmsg *m)
{
	const char *dir = conf_text(d->conf, "keys_dir");
	uint8_t seed[SIGN_SEED_BYTES];
	char text[KEY_TEXT_MAX];
	int err = key_read(dir, "link.key", text, m);

	if (!err) {
		memcpy(d->link_keys.secret_key, text, sizeof(d->link_keys.secret_key) - 1);
		if (strlen(text) != 40 || link_keys_public(&d->link_keys)) {
			errmsg_set(m, "%s/link.key: not a CURVE secret key of 40 signs", dir);
			err = ERR_INVALID;
		}
	}
	if (!err)
		err = key_read(dir, "sign.key", text, m);
	if (!err && base64_get(seed, sizeof(seed), text_of(text))) {
		errmsg_set(m, "%s/sign.key: not a seed of 32 bytes in base64", dir);
		err = ERR_INVALID;
	}
	if (!err)
		sign_key_init(&d->sign, seed);
	else
		explicit_bzero(&d->link_keys, sizeof(d->link_keys));
	explicit_bzero(seed, sizeof(seed));
	explicit_bzero(text, sizeof(text));
	return err;
}

static void keys_end(struct daemon *d)
{
	sign_key_deinit(&d->sign);
	explicit_bzero(&d->link_keys, sizeof(d->link_keys));
}

static int ledger_start(struct daemon *d, struct errmsg *m)
{
	const char *tables[STORE_TABLES_MAX] = { LEDGER_TABLE_NAMES };
	struct store_conf extra = { .tables = tables,
		.n_tables = LEDGER_TABLES + d->program->n_tables,
		.limit_bytes = conf_number(d->conf, "store_limit"),
		.create = d->fresh };
	struct store_stats stats;
	struct errmsg why = { "" };
	char dir[4096];
	int err;

	for (size_t i = 0; i < d->program->n_tables; i++)
		tables[LEDGER_TABLES + i] = d->program->tables[i];
	snprintf(dir, sizeof(dir), "%s/ledger", conf_text(d->conf, "state_dir"));
	service_notify("EXTEND_TIMEOUT_USEC=600000000\nSTATUS=Opening the ledger");
	err = ledger_open(&d->ledger, dir, &d->sign, d->origin, &extra, &why);
	if (err == ERR_NOTFOUND && !d->fresh)
		errmsg_set(m,
			"%s: the ledger's store is gone, and this daemon has run here before. "
			"Nothing is begun anew in "
			"silence: put the store or a backup back; to begin an empty ledger, name "
			"an empty state_dir",
			dir);
	else if (err)
		errmsg_set(m, "%s%s%s", strstr(why.text, dir) ? "" : dir,
			strstr(why.text, dir) ? "" : ": ", why.text[0] ? why.text : err_words(err));
	if (err)
		return err;
	store_stats(ledger_store(d->ledger), &stats);
	d->used_at_start = stats.used_bytes;
	return 0;
}

static void ledger_end(struct daemon *d)
{
	ledger_close(d->ledger);
}

static int net_start(struct daemon *d, struct errmsg *m)
{
	return link_net_open(&d->net, d->loop, &d->link_keys, m);
}

static void net_end(struct daemon *d)
{
	link_net_close(d->net);
}

static void denied(void *arg, const struct api_route *row, const char *user)
{
	struct daemon *d = arg;

	d->program->denied(d, row, user);
}

static int api_start(struct daemon *d, struct errmsg *m)
{
	const struct daemon_program *p = d->program;
	struct api_route *routes = calloc(N_COMMON + p->n_routes, sizeof(*routes));
	struct api_conf conf = { .socket = conf_text(d->conf, "control"),
		.groups = { conf_text(d->conf, "viewer_group"),
			conf_text(d->conf, "operator_group"), conf_text(d->conf, "registrar_group"),
			conf_text(d->conf, "admin_group") },
		.name = p->name,
		.version = TALLY_VERSION,
		.denied = p->denied ? denied : NULL,
		.arg = d };
	int err = ERR_NOMEM;

	if (!routes) {
		errmsg_set(m, "%s", err_words(err));
		return err;
	}
	memcpy(routes, common_routes, sizeof(common_routes));
	if (p->n_routes)
		memcpy(routes + N_COMMON, p->routes, p->n_routes * sizeof(*routes));
	for (size_t i = 0; i < N_COMMON + p->n_routes; i++)
		routes[i].context = d;
	err = api_open(&d->api, &conf, routes, N_COMMON + p->n_routes, m);
	free(routes);
	return err;
}

static void api_end(struct daemon *d)
{
	api_close(d->api);
}

static const struct daemon_part first_parts[] = {
	{ "loop", loop_start, loop_end },
	{ "tables", tables_start, NULL },
	{ "state", state_open, state_close },
	{ "keys", keys_start, keys_end },
	{ "ledger", ledger_start, ledger_end },
};
static const struct daemon_part link_parts[] = {
	{ "marker", state_mark, NULL },
	{ "net", net_start, net_end },
	{ "parents", parents_open, parents_close },
};
static const struct daemon_part last_parts[] = {
	{ "rest", rest_start, rest_end },
	{ "api", api_start, api_end },
};

/* ---- the lists, one after the other ---- */

struct started {
	const struct daemon_part *parts[PARTS_MAX];
	size_t n;
};

static int start_list(struct daemon *d, struct started *s, const struct daemon_part *parts,
	size_t n, struct errmsg *m)
{
	for (size_t i = 0; i < n; i++) {
		int err = s->n < PARTS_MAX ? parts[i].start(d, m) : ERR_LIMIT;

		if (err) {
			log_debug("run", "%s: did not start: %s", parts[i].name, err_words(err));
			return err;
		}
		s->parts[s->n++] = &parts[i];
	}
	return 0;
}

static int start_all(struct daemon *d, struct started *s, struct errmsg *m)
{
	const struct daemon_program *p = d->program;
	int err = start_list(d, s, first_parts, sizeof(first_parts) / sizeof(first_parts[0]), m);

	if (!err)
		err = start_list(d, s, p->before_links, p->n_before_links, m);
	if (!err)
		err = start_list(d, s, link_parts, sizeof(link_parts) / sizeof(link_parts[0]), m);
	if (!err)
		err = start_list(d, s, p->after_links, p->n_after_links, m);
	if (!err)
		err = start_list(d, s, last_parts, sizeof(last_parts) / sizeof(last_parts[0]), m);
	return err;
}

static void stop_all(struct daemon *d, struct started *s)
{
	while (s->n) {
		const struct daemon_part *part = s->parts[--s->n];

		log_debug("run", "stopping %s", part->name);
		if (part->stop)
			part->stop(d);
	}
}

/* ---- while it runs ---- */

static bool alive(void *arg)
{
	struct daemon *d = arg;
	struct store_stats s;
	uint64_t now = clock_mono_ms();

	store_stats(ledger_store(d->ledger), &s);
	if (s.waiting && s.progress_ms < now && now - s.progress_ms > STUCK_MS)
		return false;
	return !d->program->alive || d->program->alive(d);
}

static void run(struct daemon *d)
{
	loop_on_reload(d->loop, reload_file, d);
	service_watchdog(d->loop, alive, d);
	log_info("run", "%s %s of %u is ready at %s", d->program->name, TALLY_VERSION, d->origin,
		conf_text(d->conf, "control"));
	service_notify("READY=1\nSTATUS=Running");
	loop_run(d->loop);
	service_notify("STOPPING=1\nSTATUS=Stopping");
	log_info("run", "stopping");
}

/* ---- main ---- */

/* Memory holds personal values: no core files, unless an administrator's limit file says so
 * afterwards. Few arenas: with one a thread, the threads of the control socket would hold several
 * times what they use. */
static void prepare_process(void)
{
	struct rlimit files, core;

	umask(077);
	mallopt(M_ARENA_MAX, 2);
	if (getrlimit(RLIMIT_CORE, &core) == 0) {
		core.rlim_cur = 0;
		setrlimit(RLIMIT_CORE, &core);
	}
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < FILES_WANTED) {
		files.rlim_cur = files.rlim_max < FILES_WANTED ? files.rlim_max : FILES_WANTED;
		setrlimit(RLIMIT_NOFILE, &files);
	}
}

static int say(const struct daemon_program *p, const struct errmsg *m, int code)
{
	fprintf(stderr, "%s: %s\n", p->name, m->text);
	return code;
}

static int daemon_run(struct daemon *d)
{
	struct started started = { .n = 0 };
	struct errmsg m = { "" };
	int err;

	d->started_ms = clock_mono_ms();
	d->origin = (uint32_t)conf_number(d->conf, d->program->origin_setting);
	d->latest = d->conf;
	d->state_fd = -1;
	pthread_mutex_init(&d->parents_lock, NULL);
	pthread_mutex_init(&d->latest_lock, NULL);
	log_set_level(settings_log_level(d->conf));
	prepare_process();
	err = start_all(d, &started, &m);
	if (err) {
		if (!m.text[0])
			errmsg_set(&m, "%s", err_words(err));
		say(d->program, &m, 1);
	} else {
		run(d);
	}
	stop_all(d, &started);
	if (d->latest != d->conf)
		conf_close(d->latest);
	pthread_mutex_destroy(&d->parents_lock);
	pthread_mutex_destroy(&d->latest_lock);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}

static void usage(FILE *out, const struct daemon_program *p)
{
	fprintf(out,
		"usage: %s -c FILE    runs the daemon\n"
		"       %s -n -c FILE checks the configuration\n"
		"       %s -M         prints its settings, as the source of a man page\n"
		"       %s -V         prints the version\n",
		p->name, p->name, p->name, p->name);
}

int daemon_main(int argc, char **argv, const struct daemon_program *p)
{
	struct daemon d = { .program = p };
	const char *file = NULL;
	bool check_only = false;
	struct errmsg m;
	int option, code;

	opterr = 0;
	while ((option = getopt(argc, argv, "c:nMVh")) != -1) {
		switch (option) {
		case 'c':
			file = optarg;
			break;
		case 'n':
			check_only = true;
			break;
		case 'M':
			conf_man(p->rows, p->n_rows, stdout);
			return EXIT_SUCCESS;
		case 'V':
			printf("%s %s\n", p->name, TALLY_VERSION);
			return EXIT_SUCCESS;
		case 'h':
			usage(stdout, p);
			return EXIT_SUCCESS;
		default:
			errmsg_set(&m,
				"unknown option -%c, or its value is missing; -h shows the options",
				optopt);
			return say(p, &m, EXIT_USAGE_ERROR);
		}
	}
	if (optind < argc)
		errmsg_set(&m, "unexpected '%s'; -h shows the options", argv[optind]);
	else
		errmsg_set(&m, "-c FILE is missing; -h shows the options");
	if (!file || optind < argc)
		return say(p, &m, EXIT_USAGE_ERROR);
	if (settings_open(&d.conf, file, p, &m))
		return say(p, &m, EXIT_CONFIG);
	code = check_only ? EXIT_SUCCESS : daemon_run(&d);
	conf_close(d.conf);
	return code;
}
