/* config show: what is in force, with its source. A reload may have read values that only a restart
 * takes over: then the one in force is shown and the note says what the file holds.
 *
 * backup: the program's further stores first, the ledger's store after them — a fold may lag behind
 * its ledger, never lead — then what the ledger's store vouches for, and the marker last: a
 * directory with a marker is a whole backup. Keys are not copied. */
#include "daemon/run/admin.h"

#include <errno.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "daemon/base/log.h"
#include "daemon/run/settings.h"
#include "daemon/run/state.h"

/* ---- config show ---- */

struct show {
	struct api_table *table;
	struct daemon *d;
};

static void show_setting(void *arg, const char *section, const char *title, const char *name,
	const char *value, const char *source)
{
	struct show *s = arg;
	const char *in_force = value;
	bool waits = false;

	if (!section && !settings_reloads(section, name)) {
		in_force = conf_text(s->d->conf, name);
		waits = strcmp(in_force, value) != 0;
	}
	api_cell_str(s->table, section ? section : "");
	api_cell_str(s->table, title ? title : "");
	api_cell_str(s->table, name);
	api_cell_str(s->table, in_force);
	api_cell_str(s->table, source);
	if (waits)
		api_cell_printf(s->table, "the file says %s; this needs a restart", value);
	else
		api_cell_str(s->table, "");
}

void admin_config_show(struct api_call *call)
{
	static const struct api_column columns[] = {
		{ "section", "节", "section", API_TEXT },
		{ "title", "标题", "title", API_TEXT },
		{ "name", "设置", "setting", API_TEXT },
		{ "value", "值", "value", API_TEXT },
		{ "source", "来源", "source", API_TEXT },
		{ "note", "说明", "note", API_TEXT },
	};
	struct daemon *d = api_context(call);
	struct show s = { .d = d };

	s.table = api_table(call, columns, sizeof(columns) / sizeof(columns[0]));
	pthread_mutex_lock(&d->latest_lock);
	conf_each(d->latest, show_setting, &s);
	pthread_mutex_unlock(&d->latest_lock);
	api_table_end(s.table);
}

/* ---- config check ---- */

static void *check_begin(struct api_call *call)
{
	struct buf *text = calloc(1, sizeof(*text));

	if (!text)
		api_fail_err(call, ERR_NOMEM, "the file");
	else
		text->limit = CONF_FILE_MAX + 1;
	return text;
}

static bool check_data(void *state, const char *p, size_t n)
{
	struct buf *text = state;

	buf_put(text, p, n);
	return !text->failed;
}

static void check_end(struct api_call *call, void *state, bool whole)
{
	struct daemon *d = api_context(call);
	const char *name = api_header(call, "Tally-Source");
	struct buf *text = state;
	struct conf *c = NULL;
	struct errmsg m;
	int err = ERR_LIMIT;

	name = name && name[0] && text_utf8_ok(text_of(name)) ? name : "the file";
	if (text->failed)
		errmsg_set(&m, "%s: larger than 1 MiB; this is no configuration file", name);
	else if (whole)
		err = settings_parse(&c, name, buf_as_text(text), d->program, &m);
	if (err && whole) {
		api_set_exit(call, 1);
		api_fail(call, 400, "%s", m.text);
	} else {
		api_json(call, json_pack("{s:s%, s:b}", "file", name, strlen(name), "ok", 1));
	}
	conf_close(c);
	buf_deinit(text);
	free(text);
}

const struct api_upload admin_config_check = { check_begin, check_data, check_end };

/* ---- backup ---- */

static int make_empty_dir(const char *dir, struct errmsg *m)
{
	struct dirent *e;
	bool empty = true;
	DIR *open_dir;

	if (mkdir(dir, 0700) == 0)
		return 0;
	open_dir = errno == EEXIST ? opendir(dir) : NULL;
	if (!open_dir) {
		errmsg_set(m, "%s: %s", dir, strerror(errno));
		return errno == ENOSPC ? ERR_FULL : ERR_DENIED;
	}
	while ((e = readdir(open_dir)))
		empty &= strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0;
	closedir(open_dir);
	if (!empty) {
		errmsg_set(m, "%s: not empty; name a new directory", dir);
		return ERR_EXISTS;
	}
	return 0;
}

static int back_up(struct daemon *d, const char *dir, struct errmsg *m)
{
	char ledger_dir[4096];
	int err;

	if ((size_t)snprintf(ledger_dir, sizeof(ledger_dir), "%s/ledger", dir) >=
		sizeof(ledger_dir)) {
		errmsg_set(m, "the path is too long");
		return ERR_INVALID;
	}
	err = make_empty_dir(dir, m);
	if (!err && d->program->backup)
		err = d->program->backup(d, dir, m);
	if (!err)
		err = store_copy(ledger_store(d->ledger), ledger_dir, m);
	if (!err && d->program->backup_last)
		err = d->program->backup_last(d, dir, m);
	if (!err)
		err = state_mark_in(d, dir, m);
	return err;
}

void admin_backup(struct api_call *call)
{
	struct daemon *d = api_context(call);
	const char *dir = api_arg(call, "dir");
	struct errmsg m = { "" };
	int err;

	if (dir[0] != '/') {
		api_fail(call, 400, "the daemon writes the copy: give an absolute path");
		return;
	}
	err = back_up(d, dir, &m);
	if (err) {
		log_warning("run", "backup: %s", m.text);
		api_set_exit(call, 1);
		api_fail(call,
			err == ERR_INVALID  ? 400
			: err == ERR_EXISTS ? 409
			: err == ERR_FULL   ? 507
					    : 500,
			"%s", m.text);
		return;
	}
	log_info("run", "backup: written to %s", dir);
	api_json(call, json_pack("{s:s, s:s}", "dir", dir, "keys",
			       "not copied: keep the files of keys_dir by other means"));
}
