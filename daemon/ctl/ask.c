/* What is JSON is gathered and printed by -o; everything else (CSV, metrics, a template) is passed
 * on as it comes, byte for byte. */
#include "daemon/ctl/ask.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "daemon/ctl/save.h"
#include "daemon/ctl/table.h"

static bool passes(void *arg, const struct answer *a)
{
	(void)arg;
	return !answer_is_json(a);
}

static bool pass_on(void *arg, const struct answer *a, const char *p, size_t n)
{
	(void)arg;
	(void)a;
	return fwrite(p, 1, n, stdout) == n;
}

int answer_print(const struct answer *a, const struct ctl_options *o)
{
	if (!answer_is_json(a)) {
		fwrite(a->body.p ? a->body.p : "", 1, a->body.n, stdout);
		return CTL_DONE;
	}
	json_error_t e;
	json_t *v = json_loadb(a->body.p ? a->body.p : "", a->body.n,
		JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &e);
	if (!v)
		return ctl_fail(CTL_FAILED, "the daemon's answer is not JSON (%s)", e.text);
	struct buf out = { 0 };
	int err = 0;
	if (o->output == CTL_TABLE && strcmp(a->type, ANSWER_TABLE) == 0)
		err = table_print(&out, v, o->zh);
	else if (o->output == CTL_TABLE)
		object_print(&out, v);
	else
		json_dumpf(v, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
	if (out.failed)
		err = ERR_NOMEM;
	if (!err && out.n)
		fwrite(out.p, 1, out.n, stdout);
	if (o->output != CTL_TABLE)
		fputc('\n', stdout);
	buf_deinit(&out);
	json_decref(v);
	return err ? ctl_fail(
			     CTL_FAILED, "the daemon's table cannot be printed: %s", err_words(err))
		   : 0;
}

/* ---- into a file ---- */

static bool always(void *arg, const struct answer *a)
{
	(void)arg;
	(void)a;
	return true;
}

struct saving {
	struct save file;
	const char *type; /* what the file's name stands for; NULL: anything */
	bool other;	  /* the answer is of another type */
};

static bool save_on(void *arg, const struct answer *a, const char *p, size_t n)
{
	struct saving *s = arg;

	s->other = s->type && strcmp(a->type, s->type) != 0;
	return !s->other && save_put(&s->file, p, n);
}

static int settle(struct saving *s, const struct answer *a, int code)
{
	if (s->other)
		return ctl_fail(CTL_FAILED,
			"%s: the daemon gives this as %s only; name the file so, or leave out --to",
			s->file.path, a->type);
	if (code || a->status < 200 || a->status >= 300)
		return code;
	if (!s->file.err && save_keep(&s->file))
		return CTL_DONE;
	return ctl_fail(CTL_FAILED, "%s: %s", s->file.path, strerror(s->file.err));
}

/* ---- what is asked for at the terminal ---- */

struct asked {
	struct buf body;
	size_t sent;
};

static size_t asked_read(void *arg, char *p, size_t n)
{
	struct asked *a = arg;
	size_t left = a->body.n - a->sent;

	if (n > left)
		n = left;
	if (n)
		memcpy(p, a->body.p + a->sent, n);
	a->sent += n;
	return n;
}

static void asked_wipe(struct asked *a)
{
	if (a->body.p)
		explicit_bzero(a->body.p, a->body.n);
	buf_deinit(&a->body);
}

/* One line from standard input; at a terminal without an echo. False: it ended. */
static bool line_read(struct text name, char *out, size_t size)
{
	struct termios was, silent;
	bool terminal = tcgetattr(STDIN_FILENO, &was) == 0;
	size_t n = 0;
	char c = 0;

	if (terminal) {
		fprintf(stderr, "%.*s: ", (int)name.n, name.p);
		silent = was;
		silent.c_lflag &= ~(tcflag_t)ECHO;
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
	}
	/* Byte by byte: nothing of it stays in a buffer that nobody wipes. */
	while (n + 1 < size && read(STDIN_FILENO, &c, 1) == 1 && c != '\n')
		out[n++] = c;
	out[n] = 0;
	if (terminal) {
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &was);
		fputc('\n', stderr);
	}
	return c == '\n' || n > 0;
}

static int asked_take(struct asked *a, const struct request *q)
{
	char line[1024];
	int code = 0;

	for (size_t i = 0; i < q->n_asks && !code; i++) {
		if (line_read(q->asks[i], line, sizeof line))
			buf_printf(&a->body, "%.*s=%s\n", (int)q->asks[i].n, q->asks[i].p, line);
		else
			code = ctl_fail(CTL_USAGE,
				"%.*s is asked for; type it, or give it on standard input",
				(int)q->asks[i].n, q->asks[i].p);
	}
	explicit_bzero(line, sizeof line);
	return code;
}

/* ---- one request ---- */

/* The exit code that a status stands for. */
static int refusal(const struct answer *a)
{
	if (a->exit > 0)
		return a->exit;
	return a->status == 403 ? CTL_DENIED : a->status == 400 ? CTL_USAGE : CTL_FAILED;
}

int ask_run(struct client *c, const struct request *q, const struct ctl_options *o)
{
	static const char *const accept[] = { [CTL_TABLE] = ANSWER_TABLE ", application/json;q=0.5",
		[CTL_CSV] = "text/csv",
		[CTL_JSON] = "application/json" };
	struct answer a = { 0 };
	struct call call = { .method = q->method,
		.url = q->url.p,
		.accept = accept[o->output],
		.lang = o->output != CTL_TABLE ? NULL
			: o->zh		       ? "zh"
					       : "en",
		.body = pass_on,
		.wants = passes };
	struct asked asked = { .sent = 0 };
	struct saving s = { .type = q->to ? save_type(q->to) : NULL };
	save_init(&s.file, q->to);
	if (q->to) {
		call.accept = s.type		      ? s.type
			      : o->output == CTL_JSON ? "application/json"
						      : "text/csv";
		call.body = save_on;
		call.wants = always;
		call.arg = &s;
	}
	int code = asked_take(&asked, q);
	if (code)
		goto out;
	if (q->asking) { /* no question (GET): nothing is saved */
		call.read = asked_read;
		call.size = (int64_t)asked.body.n;
		call.type = "text/plain";
		call.arg = &asked;
	}
	code = client_call(c, &call, &a);
	if (q->to && (code == 0 || s.other || s.file.err))
		code = settle(&s, &a, 0);
	else if (code)
		ctl_fail(code, "%s", a.why);
	if (code)
		goto out;
	if (a.status < 200 || a.status >= 300)
		code = ctl_fail(refusal(&a), "%s", answer_error(&a));
	else if (a.body.n)
		code = answer_print(&a, o);
	if (!code && a.exit > 0)
		code = a.exit;
out:
	asked_wipe(&asked);
	save_deinit(&s.file);
	answer_deinit(&a);
	if (fflush(stdout) != 0 || ferror(stdout))
		return ctl_fail(CTL_FAILED, "the answer cannot be written: %s", strerror(errno));
	return code;
}
