/* tallyctl: words → request → table. It knows no report by name: which commands there are, and what
 * they take, the daemon says (GET /v1/). Only what must work without a daemon is known here: help,
 * the version, and keygen.
 *
 * The list: options, what needs no daemon, socket, the daemon's routes, the route that the words
 * mean, and then one request (ask.c), or one a file (upload.c). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/version.h"
#include "daemon/ctl/ask.h"
#include "daemon/ctl/help.h"
#include "daemon/ctl/keygen.h"
#include "daemon/ctl/upload.h"

/* The daemon's routes; NULL with a CTL_… code in *code, which was said. */
static json_t *routes_get(struct client *c, int *code)
{
	struct answer a = { 0 };
	struct call call = { .method = "GET", .url = "/v1/", .accept = "application/json" };
	json_t *v = NULL;
	*code = client_call(c, &call, &a);
	if (*code) {
		ctl_fail(*code, "%s", a.why);
	} else if (a.status != 200) {
		*code = ctl_fail(a.status == 403 ? CTL_DENIED : CTL_FAILED, "%s", answer_error(&a));
	} else {
		v = json_loadb(a.body.p ? a.body.p : "", a.body.n, JSON_REJECT_DUPLICATES, NULL);
		if (!v)
			*code = ctl_fail(CTL_FAILED,
				"the daemon does not list its commands; is it a tally daemon?");
	}
	answer_deinit(&a);
	return v;
}

static int usage_fail(const struct command *r, const char *why)
{
	struct buf usage = { 0 };
	command_usage(r, &usage);
	int code =
		ctl_fail(CTL_USAGE, "%s; usage: tallyctl %s", why, usage.p ? usage.p : r->command);
	buf_deinit(&usage);
	return code;
}

/* No route fits: say it of the one that came nearest. */
static int match_fail(const struct ctl_options *o, const struct command *nearest, const char *why)
{
	if (nearest)
		return usage_fail(nearest, why);
	if (o->n_words > 1 && strcmp(o->words[0], "config") == 0 &&
		strcmp(o->words[1], "check") == 0)
		return ctl_fail(CTL_USAGE, "this daemon checks no files; use its program: "
					   "tally-collector -n -c FILE, or "
					   "tally-aggregator -n -c FILE");
	return ctl_fail(CTL_USAGE, "there is no command '%s%s%s'; 'tallyctl help' lists them",
		o->words[0], o->n_words > 1 ? " " : "", o->n_words > 1 ? o->words[1] : "");
}

static int run_words(struct client *c, const json_t *routes, const struct ctl_options *o)
{
	struct command r, nearest = { 0 };
	struct request q, near = { 0 };
	int code = -1;
	for (size_t i = 0; i < commands_n(routes) && code < 0; i++) {
		if (!command_at(routes, i, &r))
			continue;
		if (command_match(&r, o->words, (size_t)o->n_words, o->lang, &q) == 0) {
			code = r.upload && !q.asking ? upload_run(c, &q, o) : ask_run(c, &q, o);
		} else if (q.named && request_nearer(&q, &near)) {
			struct request before = near;
			near = q;
			nearest = r;
			q = before;
		}
		request_deinit(&q);
	}
	if (code < 0)
		code = match_fail(o, near.literals ? &nearest : NULL, near.why);
	request_deinit(&near);
	return code;
}

static int run_online(const struct ctl_options *o, bool help)
{
	char socket[4096];
	struct client *c = NULL;
	json_t *routes = NULL;
	int code = client_socket(o->socket, socket, sizeof socket);
	if (!code)
		code = client_open(&c, socket);
	if (!code)
		routes = routes_get(c, &code);
	if (help && (routes || o->n_words == 0))
		code = help_print(routes, o->words, o->n_words, o);
	else if (routes)
		code = run_words(c, routes, o);
	json_decref(routes);
	client_close(c);
	return code;
}

int main(int argc, char **argv)
{
	struct ctl_options o;
	int code = options_parse(&o, argc, argv);
	if (code)
		return code;
	if (o.version || (o.n_words == 1 && strcmp(o.words[0], "--version") == 0)) {
		printf("tallyctl %s\n", TALLY_VERSION);
		return CTL_DONE;
	}
	bool help = o.help;
	if (o.n_words > 0 && strcmp(o.words[0], "help") == 0) {
		help = true;
		o.words++;
		o.n_words--;
	}
	if (o.n_words == 0 && !help)
		return ctl_fail(CTL_USAGE, "a command is missing; 'tallyctl help' lists them");
	if (o.n_words > 0 && strcmp(o.words[0], "keygen") == 0)
		return help ? help_print(NULL, o.words, o.n_words, &o)
			    : keygen_run(o.words + 1, o.n_words - 1, &o);
	return run_online(&o, help);
}
