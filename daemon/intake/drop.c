/* The thread of the drop folder:
 *
 *     look  →  files left in taking, then the oldest of those that wait (at most BATCH)
 *           →  claim, take in, put where it belongs; one after the other  →  look again
 *           →  nothing there: until somebody wakes, or LOOK_MS are over
 *           →  something wrong on our side: said once, tried again with a back-off
 *
 * A file that was written a moment ago is looked at twice: who copies instead of renaming is given
 * time to finish. The folder is locked (flock): of two daemons on one folder one works, the other
 * says so and waits. */
#include "daemon/intake/drop.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/intake/drop_file.h"
#include "daemon/loop/loop.h"

#define LOOK_MS 5000
#define YOUNG_MS 2000
#define STILL_MS 1000
#define BATCH 64
#define RETRY_LEAST_MS 1000
#define RETRY_MOST_MS 60000

struct waiting {
	const struct reg *reg;
	struct stat seen;
	bool taken; /* it lies in taking already */
	char name[NAME_MAX + 1];
};

struct drop {
	struct drop_conf conf;
	pthread_t thread;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t wake;
	bool woken, stop;
	struct drop_state state;

	/* the thread's own */
	int dir; /* locked; -1: not open */
	bool recovered;
	struct waiting *batch; /* BATCH */
	size_t n;
	uint64_t seen; /* files that wait, in all */
	bool strays;   /* something lies there that nobody takes */
	struct backoff backoff;
	char said[512]; /* the error that was logged last */
};

static bool stopping(void *arg)
{
	struct drop *d = arg;
	bool stop;

	pthread_mutex_lock(&d->lock);
	stop = d->stop;
	pthread_mutex_unlock(&d->lock);
	return stop;
}

/* Until `ms` are over, the end has come, or (when asked for) somebody wakes. */
static void pause_for(struct drop *d, uint64_t ms, bool wakes)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += (time_t)(ms / 1000);
	until.tv_nsec += (long)(ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&d->lock);
	while (!d->stop && !(wakes && d->woken))
		if (pthread_cond_timedwait(&d->wake, &d->lock, &until) == ETIMEDOUT)
			break;
	if (wakes)
		d->woken = false;
	pthread_mutex_unlock(&d->lock);
}

/* "" when all is well. Logged when it is another one than before. */
static void say(struct drop *d, const char *words)
{
	if (strcmp(d->said, words) != 0) {
		if (words[0])
			log_warning("drop", "%s", words);
		else
			log_info("drop", "the drop folder works again");
	}
	(void)snprintf(d->said, sizeof d->said, "%s", words);
	pthread_mutex_lock(&d->lock);
	(void)snprintf(d->state.error, sizeof d->state.error, "%s", words);
	pthread_mutex_unlock(&d->lock);
}

/* ---- looking ---- */

static bool open_dir(struct drop *d, struct errmsg *m)
{
	if (d->dir >= 0)
		return true;
	d->dir = open(d->conf.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (d->dir < 0) {
		errmsg_set(m, "%s: %s", d->conf.dir, strerror(errno));
		return false;
	}
	if (flock(d->dir, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
		return true;
	errmsg_set(m, "%s: another daemon works on this folder", d->conf.dir);
	close(d->dir);
	d->dir = -1;
	return false;
}

/* Is the folder that we hold still the one under the name? A disk may have been mounted over it. */
static void check_dir(struct drop *d)
{
	struct stat held, named;

	if (d->dir < 0 || (fstat(d->dir, &held) == 0 && stat(d->conf.dir, &named) == 0 &&
				  held.st_ino == named.st_ino && held.st_dev == named.st_dev))
		return;
	close(d->dir);
	d->dir = -1;
}

static bool ends_in(const char *name, const char *end)
{
	size_t n = strlen(name), e = strlen(end);

	return n >= e && strcasecmp(name + n - e, end) == 0;
}

static bool is_partial(const char *name)
{
	return name[0] == '.' || ends_in(name, ".part") || ends_in(name, ".tmp");
}

/* Files left in taking go first, then the oldest. */
static int by_age(const void *a, const void *b)
{
	const struct waiting *x = a, *y = b;
	const struct timespec *s = &x->seen.st_mtim, *t = &y->seen.st_mtim;

	if (x->taken != y->taken)
		return x->taken ? -1 : 1;
	if (s->tv_sec != t->tv_sec)
		return s->tv_sec < t->tv_sec ? -1 : 1;
	if (s->tv_nsec != t->tv_nsec)
		return s->tv_nsec < t->tv_nsec ? -1 : 1;
	return strcmp(x->name, y->name);
}

/* Among the BATCH oldest? Then it is kept in their order. */
static void keep(struct drop *d, const struct waiting *w)
{
	size_t i;

	d->seen++;
	if (d->n == BATCH && by_age(w, &d->batch[BATCH - 1]) >= 0)
		return;
	if (d->n < BATCH)
		d->n++;
	for (i = d->n - 1; i > 0 && by_age(w, &d->batch[i - 1]) < 0; i--)
		d->batch[i] = d->batch[i - 1];
	d->batch[i] = *w;
}

static void look_into(struct drop *d, int at, const struct reg *reg, bool taken)
{
	int fd = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct waiting w = { .reg = reg, .taken = taken };
	const struct dirent *e;

	if (!dir && fd >= 0)
		close(fd);
	while (dir && (e = readdir(dir)) != NULL) {
		if ((!taken && is_partial(e->d_name)) || strcmp(e->d_name, ".") == 0 ||
			strcmp(e->d_name, "..") == 0 ||
			fstatat(at, e->d_name, &w.seen, AT_SYMLINK_NOFOLLOW) != 0 ||
			!S_ISREG(w.seen.st_mode))
			continue;
		(void)snprintf(w.name, sizeof w.name, "%s", e->d_name);
		keep(d, &w);
	}
	if (dir)
		closedir(dir);
}

static bool is_ours(struct drop *d, const char *name)
{
	const struct reg *reg = register_find(text_of(name));

	return name[0] == '.' || strcmp(name, "taking") == 0 || strcmp(name, "done") == 0 ||
	       strcmp(name, "failed") == 0 || (reg && d->conf.takes(d->conf.arg, reg));
}

/* Files beside the registers' folders, or in one that is misspelt, would wait for ever unseen. */
static void look_for_strays(struct drop *d)
{
	int fd = openat(d->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;

	d->strays = false;
	if (!dir && fd >= 0)
		close(fd);
	while (dir && (e = readdir(dir)) != NULL)
		d->strays = d->strays || !is_ours(d, e->d_name);
	if (dir)
		closedir(dir);
}

#define STRAYS \
	"something in the drop folder lies beside the folders of the registers; nobody takes it " \
	"in: put files into drop_dir/REGISTER/"

/* False: *m says what is wrong. */
static bool look(struct drop *d, struct errmsg *m)
{
	const struct reg *regs;
	struct drop_dirs dirs;
	size_t n;

	d->n = 0;
	d->seen = 0;
	check_dir(d);
	if (!open_dir(d, m))
		return false;
	regs = registers(&n);
	for (size_t i = 0; i < n; i++) {
		if (!d->conf.takes(d->conf.arg, &regs[i]))
			continue;
		if (drop_dirs_open(&dirs, d->dir, &regs[i], m))
			return false;
		if (!d->recovered)
			drop_recover(dirs.failed);
		look_into(d, dirs.taking, &regs[i], true);
		look_into(d, dirs.in, &regs[i], false);
		drop_dirs_close(&dirs);
	}
	d->recovered = true;
	look_for_strays(d);
	pthread_mutex_lock(&d->lock);
	d->state.waiting = d->seen;
	pthread_mutex_unlock(&d->lock);
	return true;
}

static bool is_young(const struct waiting *w)
{
	int64_t now = (int64_t)clock_wall_ms(), written = (int64_t)w->seen.st_mtim.tv_sec * 1000 +
							  w->seen.st_mtim.tv_nsec / 1000000;

	return !w->taken && now - written < YOUNG_MS;
}

/* ---- taking ---- */

static void ended(struct drop *d, const struct waiting *w, const struct counts *c, bool done)
{
	log_info("drop",
		"a file of register %s: accepted %llu, changed %llu, unchanged %llu, refused %llu; "
		"now in %s",
		w->reg->name, (unsigned long long)c->accepted, (unsigned long long)c->changed,
		(unsigned long long)c->unchanged, (unsigned long long)c->refused,
		done ? "done" : "failed");
	pthread_mutex_lock(&d->lock);
	d->state.reg = w->reg;
	d->state.at_ms = clock_wall_ms();
	d->state.done = done;
	d->state.counts = *c;
	if (d->state.waiting)
		d->state.waiting--;
	pthread_mutex_unlock(&d->lock);
}

/* False: m says why it waits, and *all whether the others need not be tried. */
static bool take_one(struct drop *d, const struct waiting *w, struct errmsg *m, bool *all)
{
	const struct load_conf conf = { .intake = d->conf.intake,
		.request = { .reg = w->reg, .form = SPOOL_CSV, .give_up = stopping, .arg = d },
		.dir = d->conf.spool_dir };
	struct drop_dirs dirs;
	struct drop_job job = { .dirs = &dirs, .name = w->name, .conf = &conf };
	enum drop_end end;
	int err = drop_dirs_open(&dirs, d->dir, w->reg, m);

	*all = err != 0;
	if (err)
		return false;
	if (!w->taken)
		err = drop_claim(&dirs, w->name, &w->seen, m);
	if (err) {
		drop_dirs_close(&dirs);
		*all = err == ERR_IO || err == ERR_FULL;
		return !*all; /* else it is gone, or it changes: the next look will tell */
	}
	end = drop_take(&job);
	drop_dirs_close(&dirs);
	if (end != DROP_WAITS) {
		ended(d, w, &job.counts, end == DROP_DONE);
		return true;
	}
	if (job.err == ERR_NOTFOUND)
		return true;
	*m = job.words;
	*all = job.err == ERR_FULL || job.err == ERR_CLOSED;
	return false;
}

/* One look and what it found. False: something waits for us, m says what. */
static bool round_of(struct drop *d, struct errmsg *m)
{
	bool well = look(d, m), all = false, young = false;

	for (size_t i = 0; i < d->n && well; i++)
		young = young || is_young(&d->batch[i]);
	if (young)
		pause_for(d, STILL_MS, false);
	for (size_t i = 0; i < d->n && !all && !stopping(d); i++) {
		struct errmsg one = { "" };

		if (take_one(d, &d->batch[i], &one, &all))
			continue;
		if (well)
			*m = one;
		well = false;
	}
	return well;
}

static void *run(void *arg)
{
	struct drop *d = arg;

	while (!stopping(d)) {
		struct errmsg m = { "" };
		bool well = round_of(d, &m);

		if (stopping(d))
			break;
		say(d, !well ? m.text : d->strays ? STRAYS : "");
		if (!well) {
			pause_for(d, backoff_next(&d->backoff, random_below(UINT32_MAX)), false);
			continue;
		}
		backoff_reset(&d->backoff);
		if (d->n == 0 || d->seen == d->n)
			pause_for(d, LOOK_MS, true);
	}
	return NULL;
}

/* ---- from outside ---- */

int drop_open(struct drop **out, const struct drop_conf *conf)
{
	struct drop *d = calloc(1, sizeof *d);
	pthread_condattr_t attr;

	if (d)
		d->batch = calloc(BATCH, sizeof *d->batch);
	if (!d || !d->batch) {
		free(d);
		return ERR_NOMEM;
	}
	d->conf = *conf;
	d->dir = -1;
	d->backoff = (struct backoff){ .least_ms = RETRY_LEAST_MS, .most_ms = RETRY_MOST_MS };
	pthread_mutex_init(&d->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&d->wake, &attr);
	pthread_condattr_destroy(&attr);
	if (pthread_create(&d->thread, NULL, run, d) != 0) {
		pthread_cond_destroy(&d->wake);
		pthread_mutex_destroy(&d->lock);
		free(d->batch);
		free(d);
		return ERR_NOMEM;
	}
	*out = d;
	return 0;
}

void drop_close(struct drop *d)
{
	if (!d)
		return;
	pthread_mutex_lock(&d->lock);
	d->stop = true;
	pthread_cond_signal(&d->wake);
	pthread_mutex_unlock(&d->lock);
	pthread_join(d->thread, NULL);
	if (d->dir >= 0)
		close(d->dir);
	pthread_cond_destroy(&d->wake);
	pthread_mutex_destroy(&d->lock);
	free(d->batch);
	free(d);
}

void drop_wake(struct drop *d)
{
	pthread_mutex_lock(&d->lock);
	d->woken = true;
	pthread_cond_signal(&d->wake);
	pthread_mutex_unlock(&d->lock);
}

void drop_state(struct drop *d, struct drop_state *out)
{
	pthread_mutex_lock(&d->lock);
	*out = d->state;
	pthread_mutex_unlock(&d->lock);
}
