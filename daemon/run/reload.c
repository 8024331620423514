/* SIGHUP reads the file again. A file that is refused changes nothing. Otherwise the log level and
 * the links to parents and from children follow at once; what else has changed is named in the log
 * and waits for a restart: d->conf stays as it was at the start, d->latest is what the file said
 * last. */
#include "daemon/run/reload.h"

#include <stdio.h>

#include "daemon/base/log.h"
#include "daemon/run/parents.h"
#include "daemon/run/settings.h"

struct differences {
	const struct conf *before;
	char names[256];
};

/* Named once each: settings whose value is another than at the start. */
static void find_difference(void *arg, const char *section, const char *title, const char *name,
	const char *value, const char *source)
{
	struct differences *diff = arg;
	size_t at = strlen(diff->names);

	(void)title;
	(void)source;
	if (section || settings_reloads(section, name) ||
		strcmp(conf_text(diff->before, name), value) == 0)
		return;
	snprintf(diff->names + at, sizeof(diff->names) - at, "%s%s", at ? ", " : "", name);
}

/* A section that waits for a restart: did any of its values change? */
static void sections_text(void *arg, const char *section, const char *title, const char *name,
	const char *value, const char *source)
{
	(void)source;
	if (section && !settings_reloads(section, name))
		buf_printf(arg, "%s %s %s %s\n", section, title, name, value);
}

static bool same_sections(const struct conf *a, const struct conf *b)
{
	struct buf texts[2] = { { 0 }, { 0 } };
	bool same;

	conf_each(a, sections_text, &texts[0]);
	conf_each(b, sections_text, &texts[1]);
	same = text_eq(buf_as_text(&texts[0]), buf_as_text(&texts[1]));
	buf_deinit(&texts[0]);
	buf_deinit(&texts[1]);
	return same;
}

static void take_over(struct daemon *d, struct conf *next)
{
	struct differences diff = { .before = d->conf };
	struct conf *before = d->latest;

	log_set_level(settings_log_level(next));
	parents_reload(d, before, next);
	if (d->program->reload)
		d->program->reload(d, next);
	conf_each(next, find_difference, &diff);
	if (diff.names[0])
		log_warning("run", "reload: these settings have changed and need a restart: %s",
			diff.names);
	if (!same_sections(d->conf, next))
		log_warning("run", "reload: sections have changed that need a restart");
	pthread_mutex_lock(&d->latest_lock);
	d->latest = next;
	pthread_mutex_unlock(&d->latest_lock);
	if (before != d->conf)
		conf_close(before);
}

void reload_file(void *arg)
{
	struct daemon *d = arg;
	struct errmsg m;
	struct conf *next;

	if (settings_open(&next, conf_file(d->conf), d->program, &m)) {
		log_error("run", "reload refused, nothing has changed: %s", m.text);
		return;
	}
	take_over(d, next);
	log_info("run", "reloaded %s", conf_file(d->conf));
}
