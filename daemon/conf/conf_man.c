/* The settings as a part of a man page, in scdoc's source form. */
#include "daemon/conf/conf.h"
#include "daemon/conf/setting.h"

static const char *const forms[] = {
	[CONF_TEXT] = "text",
	[CONF_PATH] = "absolute path",
	[CONF_AREA] = "area code of six digits",
	[CONF_ENDPOINT] = "tcp://HOST:PORT or ipc:///PATH",
	[CONF_SIZE] = "size with a unit: B, KiB, MiB, GiB, TiB",
	[CONF_DURATION] = "duration with a unit: ms, s, m, h, d",
	[CONF_COUNT] = "count",
	[CONF_LIST] = "list of texts: {\"a\", \"b\"}",
	[CONF_NAME] = "name",
	[CONF_CHOICE] = "one of",
	[CONF_Z85] = "public key, 40 signs of Z85",
	[CONF_BASE64] = "public key, 32 bytes in base64",
};

/* scdoc reads * _ \ # as marks. */
static void escaped(FILE *out, const char *s)
{
	for (; *s; s++) {
		if (strchr("*_\\#<>", *s))
			fputc('\\', out);
		fputc(*s, out);
	}
}

static void bounds(const struct conf_row *row, FILE *out)
{
	char least[32], most[32];

	if (row->type == CONF_CHOICE)
		fprintf(out, " %s", row->choices);
	if (row->type != CONF_SIZE && row->type != CONF_DURATION && row->type != CONF_COUNT)
		return;
	setting_print(row->type, row->least, least, sizeof(least));
	setting_print(row->type, row->most, most, sizeof(most));
	if (row->most)
		fprintf(out, ", from %s to %s", least, most);
	else if (row->least)
		fprintf(out, ", at least %s", least);
}

static void setting(const struct conf_row *row, FILE *out)
{
	fprintf(out, "*");
	escaped(out, row->name);
	fprintf(out, "* = _");
	escaped(out, forms[row->type]);
	bounds(row, out);
	fprintf(out, "_%s\n\t", row->required ? " (required)" : "");
	escaped(out, row->help_en ? row->help_en : "");
	if (row->preset) {
		fprintf(out, " Default: ");
		escaped(out, row->preset);
		fputc('.', out);
	}
	if (row->example) {
		fprintf(out, " Example: ");
		escaped(out, row->example);
		fputc('.', out);
	}
	fprintf(out, "\n\n");
}

void conf_man(const struct conf_row *rows, size_t n, FILE *out)
{
	const char *kind = NULL;

	for (size_t i = 0; i < n; i++)
		if (!rows[i].section)
			setting(&rows[i], out);
	for (size_t i = 0; i < n; i++) {
		if (!rows[i].section)
			continue;
		if (!kind || strcmp(kind, rows[i].section) != 0)
			fprintf(out, "## %s _TITLE_ { ... }\n\n", rows[i].section);
		kind = rows[i].section;
		if (!rows[i].name) {
			escaped(out, rows[i].help_en ? rows[i].help_en : "");
			fprintf(out, "\n\n");
			continue;
		}
		setting(&rows[i], out);
	}
}
