/* The rows, from which the parser, `config show` and the man page are made. */
#include "daemon/run/settings.h"

#include <stdlib.h>

#include "daemon/base/log.h"

#define SOCKET_PATH_MAX 107

const struct conf_row daemon_conf_rows[DAEMON_CONF_ROWS_N] = {
	{ .name = "state_dir",
		.type = CONF_PATH,
		.required = true,
		.example = "\"/var/lib/tally\"",
		.help_en = "Directory of the stores: the ledger and what is folded from it. One "
			   "daemon "
			   "a directory, on a local disk.",
		.help_zh = "数据目录：账本及其汇总结果。每个目录只供一个守护进程使用，须为本地磁盘"
			   "。" },
	{ .name = "control",
		.type = CONF_PATH,
		.required = true,
		.example = "\"/run/tally/control.sock\"",
		.help_en = "The control socket, at most 107 bytes. Its directory must stand and "
			   "belong to "
			   "the daemon (mode 0750).",
		.help_zh = "控制套接字的路径，最长 107 字节；所在目录须已存在（权限 0750）。" },
	{ .name = "keys_dir",
		.type = CONF_PATH,
		.preset = "/etc/tally/keys",
		.help_en = "Directory of the key files, each of mode 0600. A systemd credential of "
			   "the "
			   "same name wins.",
		.help_zh = "密钥目录，文件权限须为 0600；同名的 systemd 凭据优先。" },
	{ .name = "log",
		.type = CONF_CHOICE,
		.preset = "info",
		.choices = "error|warning|info|debug",
		.help_en = "What is logged to standard error. Taken over at a reload.",
		.help_zh = "日志级别；重新加载时生效。" },
	{ .name = "store_limit",
		.type = CONF_SIZE,
		.preset = "64GiB",
		.least = 64ull << 20,
		.most = 16ull << 40,
		.help_en = "The most that the ledger's store may take on the disk. Beyond it "
			   "nothing more "
			   "is taken in, and the status says so beforehand.",
		.help_zh = "账本库在磁盘上的上限；超过后不再接收新记录，状态中会提前提示。" },
	{ .name = "heartbeat",
		.type = CONF_DURATION,
		.preset = "1s",
		.least = 100,
		.most = 60000,
		.help_en = "How often a silent link to a parent shows that it lives.",
		.help_zh = "与上级的空闲连接发送心跳的间隔。" },
	{ .name = "viewer_group",
		.type = CONF_NAME,
		.example = "\"tally-viewer\"",
		.help_en = "The Unix group that may read status and figures.",
		.help_zh = "可查看状态和数据的系统用户组。" },
	{ .name = "operator_group",
		.type = CONF_NAME,
		.example = "\"tally-operator\"",
		.help_en = "The Unix group that may also import, sign and run jobs.",
		.help_zh = "还可导入、签发和执行任务的系统用户组。" },
	{ .name = "registrar_group",
		.type = CONF_NAME,
		.example = "\"tally-registrar\"",
		.help_en = "The Unix group that may also read identities, each time with a purpose "
			   "that "
			   "is logged.",
		.help_zh = "还可查阅身份信息的系统用户组；每次须注明用途并记录。" },
	{ .name = "admin_group",
		.type = CONF_NAME,
		.example = "\"tally-admin\"",
		.help_en = "The Unix group that may also handle keys, links, closings and backups.",
		.help_zh = "还可管理密钥、连接、关账和备份的系统用户组。" },
	{ .section = "parent",
		.type = CONF_NAME,
		.most = PARENTS_MAX,
		.help_en = "A parent that gets the ledgers held here; each parent gets everything. "
			   "The "
			   "title is its name in status and log. Taken over at a reload.",
		.help_zh = "上级节点；每个上级都会收到全部账本。标题为其在状态和日志中的名称。重新"
			   "加载时生效。" },
	{ .section = "parent",
		.name = "endpoint",
		.type = CONF_ENDPOINT,
		.required = true,
		.example = "\"tcp://aggregator.example:7310\"",
		.help_en = "Where it listens.",
		.help_zh = "上级的监听地址。" },
	{ .section = "parent",
		.name = "key",
		.type = CONF_Z85,
		.required = true,
		.help_en = "Its CURVE public key, as `tallyctl keygen` prints it.",
		.help_zh = "上级的 CURVE 公钥。" },
	{ .section = "parent",
		.name = "signer",
		.type = CONF_BASE64,
		.required = true,
		.help_en = "Its Ed25519 public key: receipts must be signed by it.",
		.help_zh = "上级的 Ed25519 公钥：回执须由其签名。" },
};

static int judge(const struct conf *c, const struct daemon_program *p, struct errmsg *m)
{
	size_t n = conf_sections(c, "parent");

	if (strlen(conf_text(c, "control")) > SOCKET_PATH_MAX) {
		errmsg_set(m, "%s:%d: control: longer than %d bytes, too long for a socket",
			conf_file(c), conf_line(c, "control"), SOCKET_PATH_MAX);
		return ERR_INVALID;
	}
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < i; k++) {
			if (strcmp(conf_in_text(c, "parent", i, "key"),
				    conf_in_text(c, "parent", k, "key")))
				continue;
			errmsg_set(m, "%s:%d: parents %s and %s have the same key; keep one",
				conf_file(c), conf_in_line(c, "parent", i, "key"),
				conf_title(c, "parent", k), conf_title(c, "parent", i));
			return ERR_INVALID;
		}
	}
	return p->check ? p->check(c, m) : 0;
}

static int judged(struct conf **out, int err, const struct daemon_program *p, struct errmsg *m)
{
	if (!err)
		err = judge(*out, p, m);
	if (err) {
		conf_close(*out);
		*out = NULL;
	}
	return err;
}

int settings_open(
	struct conf **out, const char *file, const struct daemon_program *p, struct errmsg *m)
{
	return judged(out, conf_open(out, file, p->rows, p->n_rows, m), p, m);
}

int settings_parse(struct conf **out, const char *file, struct text text,
	const struct daemon_program *p, struct errmsg *m)
{
	return judged(out, conf_parse(out, file, text, p->rows, p->n_rows, m), p, m);
}

enum log_level settings_log_level(const struct conf *c)
{
	const char *word = conf_text(c, "log");

	return strcmp(word, "error") == 0     ? LOG_LEVEL_ERROR
	       : strcmp(word, "warning") == 0 ? LOG_LEVEL_WARNING
	       : strcmp(word, "debug") == 0   ? LOG_LEVEL_DEBUG
					      : LOG_LEVEL_INFO;
}

void settings_parent(const struct conf *c, size_t i, struct link_child_conf *out)
{
	*out = (struct link_child_conf){ .name = conf_title(c, "parent", i),
		.endpoint = conf_in_text(c, "parent", i, "endpoint"),
		.server_key = conf_in_text(c, "parent", i, "key"),
		.heartbeat_ms = (uint32_t)conf_number(c, "heartbeat") };
	/* its form was judged when the file was read */
	if (base64_get(out->signer, sizeof(out->signer),
		    text_of(conf_in_text(c, "parent", i, "signer"))))
		abort();
}

bool settings_reloads(const char *section, const char *name)
{
	return section ? strcmp(section, "parent") == 0 || strcmp(section, "child") == 0
		       : strcmp(name, "log") == 0;
}
