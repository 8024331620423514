/* Usage is of tallyctl and fixed; commands, their options and their words come from the route table
 * of the daemon that is asked. */
#include "daemon/ctl/help.h"

#include <stdio.h>
#include <string.h>

#include "daemon/ctl/command.h"
#include "daemon/ctl/width.h"

static const char usage_en[] =
	"usage: tallyctl [-s SOCKET] [-o table|csv|json] [--lang zh|en] COMMAND …\n"
	"\n"
	"  -s SOCKET   the daemon's control socket; else $TALLY_SOCKET, else the one under "
	"/run/tally-*\n"
	"  -o FORM     table, csv or json\n"
	"  --lang L    headers and help in zh or en; else by the locale\n"
	"  --to FILE   what is shown goes into a file: .csv, .json, or .xlsx where there is one\n"
	"  -V          the version\n"
	"\n"
	"  keygen [--pid | --registrar] DIR   make what is missing of a daemon's keys, or a "
	"registrar's pair, print the public halves; "
	"needs no daemon\n"
	"  help [COMMAND]       the commands of the daemon at the socket\n"
	"\n"
	"exit codes: 0 done, 1 failed, 2 wrong usage, 3 done in part (rows were refused), 4 no "
	"daemon, 5 not allowed\n";
static const char usage_zh[] =
	"用法：tallyctl [-s 套接字] [-o table|csv|json] [--lang zh|en] 命令 …\n"
	"\n"
	"  -s 套接字   守护进程的控制套接字；缺省取 $TALLY_SOCKET，再取 /run/tally-* 下唯一的一个\n"
	"  -o 格式     table、csv 或 json\n"
	"  --lang 语言 表头和帮助用 zh 或 en；缺省随区域设置\n"
	"  --to 文件   把显示的内容存入文件：.csv、.json，或有提供时 .xlsx\n"
	"  -V          版本\n"
	"\n"
	"  keygen [--pid | --registrar] 目录  "
	"生成缺少的密钥（或登记员密钥对），显示公开部分；不需要守护进程\n"
	"  help [命令]          套接字上守护进程的命令\n"
	"\n"
	"退出码：0 完成，1 失败，2 用法错误，3 部分完成（有行被拒绝），4 无守护进程，5 无权限\n";

static bool begins_with(const char *command, char *const *words, int n)
{
	for (int i = 0; i < n; i++) {
		size_t len = strlen(words[i]);
		if (strncmp(command, words[i], len) != 0 ||
			(command[len] != ' ' && command[len] != 0))
			return false;
		command += len + (command[len] == ' ');
	}
	return true;
}

static void route_print(const struct command *r, bool zh)
{
	struct buf line = { 0 };
	const char *words = zh && *r->help_zh ? r->help_zh : r->help_en;
	buf_str(&line, "  ");
	command_usage(r, &line);
	buf_str(&line, "\n      ");
	width_put(&line, text_of(words));
	if (*r->right)
		buf_printf(&line, zh ? "（%s）" : " (%s)", r->right);
	buf_str(&line, "\n");
	if (!line.failed)
		fwrite(line.p, 1, line.n, stdout);
	buf_deinit(&line);
}

int help_print(const json_t *routes, char *const *words, int n, const struct ctl_options *o)
{
	struct command r;
	int found = 0;
	if (n == 0 || (n > 0 && strcmp(words[0], "keygen") == 0)) {
		fputs(o->zh ? usage_zh : usage_en, stdout);
		if (n > 0)
			return CTL_DONE;
		if (routes)
			fputs(o->zh ? "\n命令：\n" : "\ncommands:\n", stdout);
	}
	for (size_t i = 0; i < commands_n(routes); i++)
		if (command_at(routes, i, &r) && begins_with(r.command, words, n)) {
			route_print(&r, o->zh);
			found++;
		}
	return found || n == 0
		       ? CTL_DONE
		       : ctl_fail(CTL_USAGE, "there is no command '%s'; 'tallyctl help' lists them",
				 words[0]);
}
