/* The options of every command. They may stand before or behind the command's words (`status -o
 * json`); what is not one of them is left to the command, whose own options only the daemon's route
 * table knows. Behind `--` nothing is an option. */
#include "daemon/ctl/ctl.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/ctl/width.h"

int ctl_fail(int code, const char *format, ...)
{
	char line[2048];
	struct buf clean = { 0 };
	va_list ap;
	va_start(ap, format);
	vsnprintf(line, sizeof line, format, ap);
	va_end(ap);
	width_put(&clean, text_of(line));
	fprintf(stderr, "tallyctl: %s\n", clean.failed ? "out of memory" : clean.p ? clean.p : "");
	buf_deinit(&clean);
	return code;
}

static bool locale_is_zh(void)
{
	static const char *const names[] = { "LC_ALL", "LC_MESSAGES", "LANG" };
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const char *v = getenv(names[i]);
		if (v && *v)
			return strncmp(v, "zh", 2) == 0;
	}
	return false;
}

/* The value of the option at argv[*i]: what follows `name` in the same word, or the next word.
 * NULL: there is none. */
static char *value_of(char **argv, int argc, int *i, const char *name)
{
	size_t n = strlen(name);
	char *rest = argv[*i] + n;
	if (*rest)
		return rest[0] == '=' && n > 2 ? rest + 1 : rest;
	return *i + 1 < argc ? argv[++*i] : NULL;
}

static int output_set(struct ctl_options *o, const char *v)
{
	static const char *const names[] = { "table", "csv", "json" };
	for (int i = 0; i < 3; i++)
		if (v && strcmp(v, names[i]) == 0) {
			o->output = (enum ctl_output)i;
			return 0;
		}
	return ctl_fail(CTL_USAGE, "-o wants table, csv or json");
}

static int lang_set(struct ctl_options *o, const char *v)
{
	if (!v || (strcmp(v, "zh") != 0 && strcmp(v, "en") != 0))
		return ctl_fail(CTL_USAGE, "--lang wants zh or en");
	o->lang = v;
	o->zh = v[0] == 'z';
	return 0;
}

static bool is_lang(const char *w)
{
	return strncmp(w, "--lang", 6) == 0 && (w[6] == 0 || w[6] == '=');
}

int options_parse(struct ctl_options *o, int argc, char **argv)
{
	*o = (struct ctl_options){ .zh = locale_is_zh(), .words = argv + 1 };
	int err = 0;
	for (int i = 1; i < argc && !err; i++) {
		char *w = argv[i];
		if (strcmp(w, "--") == 0) {
			while (i < argc)
				o->words[o->n_words++] = argv[i++];
		} else if (strncmp(w, "-s", 2) == 0) {
			o->socket = value_of(argv, argc, &i, "-s");
			if (!o->socket || !*o->socket)
				err = ctl_fail(CTL_USAGE, "-s wants the path of a control socket");
		} else if (strncmp(w, "-o", 2) == 0) {
			err = output_set(o, value_of(argv, argc, &i, "-o"));
		} else if (is_lang(w)) {
			err = lang_set(o, value_of(argv, argc, &i, "--lang"));
		} else if (strcmp(w, "-h") == 0 || strcmp(w, "--help") == 0) {
			o->help = true;
		} else if (strcmp(w, "-V") == 0) {
			o->version = true;
		} else {
			o->words[o->n_words++] = w;
		}
	}
	return err;
}
