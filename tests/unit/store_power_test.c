/* Power cuts: the writes and syncs of a store are recorded, of its data and of its journal; for
 * every moment files are made as a disk may leave them (what was synced stands; of the rest some
 * stands, some is torn, some is lost) and opened. What was told by then must stand. What the
 * opening itself writes is recorded too, and cut in its turn. The control leaves the syncs out, and
 * must fail: else this test could not see anything. */
#include "tests/unit/store_test.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/uio.h>

#define OPS_MOST 8000
#define COMMITS 40
#define SECTOR 512
#define LIMIT (16 << 20) /* small: a checkpoint every few commits */
#define IMAGE_ROOM (8 << 20)
#define LARGE 700000 /* bytes: more than a record of the journal may have */

enum { DATA, JOURNAL, FILES };
static const char *const names[FILES] = { "data.mdb", "journal" };

enum kind { WRITE, SYNC, TOLD };

struct op {
	enum kind kind;
	int file;
	off_t at;
	size_t n; /* WRITE: bytes; SYNC: the operations before this one are covered; TOLD: the
		     number */
	uint8_t *bytes;
};

/* What was done to the files from a moment on when they were `base`. */
struct history {
	struct op ops[OPS_MOST];
	size_t n_ops;
	uint8_t *base[FILES];
	size_t base_n[FILES];
};

static struct history commits, opening;
static uint8_t *image[FILES];
static size_t image_n[FILES];

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* the keeper writes, too */
static struct history *_Atomic recording;
static char dir[64], paths[FILES][128];

static struct op *new_op(struct history *h, enum kind kind)
{
	struct op *o;

	assert_true(h->n_ops < OPS_MOST);
	o = &h->ops[h->n_ops++];
	*o = (struct op){ .kind = kind };
	return o;
}

/* Which of our files it is; -1: none. */
static int file_of(int fd)
{
	struct stat is, named;

	for (int f = 0; f < FILES; f++)
		if (fstat(fd, &is) == 0 && stat(paths[f], &named) == 0 &&
			is.st_ino == named.st_ino && is.st_dev == named.st_dev)
			return f;
	return -1;
}

static void record(int fd, const void *p, size_t n, off_t at)
{
	struct history *h = atomic_load(&recording);
	int file = h ? file_of(fd) : -1;
	struct op *o;

	if (file < 0)
		return;
	pthread_mutex_lock(&lock);
	o = new_op(h, WRITE);
	o->file = file;
	o->at = at;
	o->n = n;
	o->bytes = malloc(n);
	memcpy(o->bytes, p, n);
	pthread_mutex_unlock(&lock);
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
	ssize_t (*real)(int, const void *, size_t, off_t) =
		(ssize_t(*)(int, const void *, size_t, off_t))dlsym(RTLD_NEXT, "pwrite");

	record(fd, p, n, at);
	return real(fd, p, n, at);
}

ssize_t writev(int fd, const struct iovec *v, int n)
{
	ssize_t (*real)(int, const struct iovec *, int) =
		(ssize_t(*)(int, const struct iovec *, int))dlsym(RTLD_NEXT, "writev");
	off_t at = lseek(fd, 0, SEEK_CUR);

	for (int i = 0; i < n; at += (off_t)v[i++].iov_len)
		record(fd, v[i].iov_base, v[i].iov_len, at);
	return real(fd, v, n);
}

/* Covers what was written before it was called, and from its end on. */
int fdatasync(int fd)
{
	int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
	struct history *h = atomic_load(&recording);
	int file = h ? file_of(fd) : -1, rc;
	size_t covered;

	pthread_mutex_lock(&lock);
	covered = h ? h->n_ops : 0;
	pthread_mutex_unlock(&lock);
	rc = real(fd);
	if (file < 0)
		return rc;
	pthread_mutex_lock(&lock);
	struct op *o = new_op(h, SYNC);

	o->file = file;
	o->n = covered;
	pthread_mutex_unlock(&lock);
	return rc;
}

/* ---- the history ---- */

static struct store *open_small(void)
{
	struct store_conf conf = conf_of(dir);

	conf.limit_bytes = LIMIT;
	return open_with(&conf);
}

static int step(struct store_txn *t, void *arg)
{
	static char bytes[LARGE];
	uint64_t n = *(uint64_t *)arg;
	uint8_t k[8];
	char *room;

	store_append(t, ORDERED, key_of(k, n), (struct text){ bytes, 300 });
	for (uint64_t i = 0; i < 5; i++)
		store_put(t, RANDOM, key_of(k, (n * 5 + i) * 0x9E3779B97F4A7C15), TEXT("x"));
	if (n % 4 == 0)
		store_put(t, OTHER, key_of(k, n), (struct text){ bytes, 6000 });
	if (n % 16 == 9)
		store_put(t, OTHER, TEXT("large"), (struct text){ bytes, LARGE });
	if (n > 10)
		store_del(t, RANDOM, key_of(k, (n - 10) * 5 * 0x9E3779B97F4A7C15));
	room = store_put_room(t, OTHER, TEXT("room"), 8);
	if (room)
		put_u64((uint8_t *)room, n);
	store_put(t, OTHER, TEXT("last"), key_of(k, n));
	return 0;
}

static uint64_t randoms(uint64_t n)
{
	return n * 5 - (n > 10 ? n - 10 : 0);
}

static size_t read_file(int f, uint8_t *to)
{
	int fd = open(paths[f], O_RDONLY);
	ssize_t n = read(fd, to, IMAGE_ROOM);

	assert_in_range(n, 1, IMAGE_ROOM - 1);
	close(fd);
	return (size_t)n;
}

static int make_history(void **state)
{
	struct store *s;

	(void)state;
	snprintf(dir, sizeof dir, "%s", new_dir());
	for (int f = 0; f < FILES; f++) {
		snprintf(paths[f], sizeof paths[f], "%s/%s", dir, names[f]);
		commits.base[f] = calloc(1, IMAGE_ROOM);
		opening.base[f] = malloc(IMAGE_ROOM);
		image[f] = malloc(IMAGE_ROOM);
	}
	store_close(open_small());
	s = open_small();
	for (int f = 0; f < FILES; f++)
		commits.base_n[f] = read_file(f, commits.base[f]);
	atomic_store(&recording, &commits);
	for (uint64_t n = 1; n <= COMMITS; n++) {
		assert_int_equal(store_write(s, step, &n, 0), 0);
		pthread_mutex_lock(&lock);
		new_op(&commits, TOLD)->n = n;
		pthread_mutex_unlock(&lock);
	}
	atomic_store(&recording, NULL);
	store_close(s);
	return 0;
}

static void forget(struct history *h)
{
	for (size_t i = 0; i < h->n_ops; i++)
		free(h->ops[i].bytes);
	h->n_ops = 0;
}

static int drop_history(void **state)
{
	(void)state;
	forget(&commits);
	forget(&opening);
	for (int f = 0; f < FILES; f++) {
		free(commits.base[f]);
		free(opening.base[f]);
		free(image[f]);
	}
	remove_dir(dir);
	return 0;
}

/* A write may be torn between sectors. */
static void apply(const struct op *o, bool whole)
{
	for (size_t from = 0; from < o->n;) {
		size_t to = (((size_t)o->at + from) / SECTOR + 1) * SECTOR - (size_t)o->at;

		if (to > o->n)
			to = o->n;
		if (whole || random_below(2)) {
			assert_true((size_t)o->at + to <= IMAGE_ROOM);
			memcpy(image[o->file] + o->at + from, o->bytes + from, to - from);
			if ((size_t)o->at + to > image_n[o->file])
				image_n[o->file] = (size_t)o->at + to;
		}
		from = to;
	}
}

/* The files as the disk may hold them after the first `end` operations. Returns what had been told.
 */
static uint64_t make_image(const struct history *h, size_t end, bool syncs)
{
	size_t synced[FILES] = { 0 };
	uint64_t told = 0;

	for (int f = 0; f < FILES; f++) {
		memcpy(image[f], h->base[f], h->base_n[f]);
		memset(image[f] + h->base_n[f], 0, IMAGE_ROOM - h->base_n[f]);
		image_n[f] = h->base_n[f];
	}
	for (size_t i = 0; i < end; i++) {
		const struct op *o = &h->ops[i];

		if (o->kind == SYNC && syncs && o->n > synced[o->file])
			synced[o->file] = o->n;
		if (o->kind == TOLD)
			told = o->n;
	}
	for (size_t i = 0; i < end; i++) {
		const struct op *o = &h->ops[i];
		bool stands = i < synced[o->file];

		if (o->kind == WRITE && (stands || random_below(4)))
			apply(o, stands || random_below(2));
	}
	return told;
}

static void put_image(void)
{
	for (int f = 0; f < FILES; f++) {
		int fd = open(paths[f], O_WRONLY | O_CREAT | O_TRUNC, 0600);

		assert_int_equal(write(fd, image[f], image_n[f]), image_n[f]);
		close(fd);
	}
}

/* Opens what stands in the folder; false when it does not open or lacks what was told. */
static bool holds(uint64_t told)
{
	struct store_conf conf = conf_of(dir);
	struct store_txn *t;
	struct store *s;
	struct errmsg m;
	struct text v;
	uint64_t last = 0;
	bool good;

	conf.limit_bytes = LIMIT;
	if (store_open(&s, &conf, &m))
		return false;
	assert_int_equal(store_read_begin(s, &t, 5000), 0);
	if (store_get(t, OTHER, TEXT("last"), &v) == 0)
		last = get_u64((const uint8_t *)v.p);
	good = last >= told && last <= told + 1 && store_count(t, ORDERED) == last &&
	       store_count(t, RANDOM) == randoms(last);
	if (last > 0)
		good = good && store_get(t, OTHER, TEXT("room"), &v) == 0 &&
		       get_u64((const uint8_t *)v.p) == last;
	if (last >= 9)
		good = good && store_get(t, OTHER, TEXT("large"), &v) == 0 && v.n == LARGE;
	store_read_end(t);
	store_close(s);
	return good;
}

static void what_was_told_outlives_any_cut(void **state)
{
	size_t turns = 0;

	(void)state;
	for (size_t i = 0; i < commits.n_ops; i++)
		turns += commits.ops[i].kind == SYNC && commits.ops[i].file == DATA;
	assert_true(turns >= 3); /* checkpoints: of large commits, and of many pages */
	random_hold(5);
	for (size_t end = 0; end <= commits.n_ops; end++) {
		uint64_t told = make_image(&commits, end, true);

		put_image();
		if (!holds(told))
			fail_msg("cut after operation %zu", end);
	}
	random_release();
}

/* The power goes again while the store is brought back. */
static void and_a_cut_while_it_opens(void **state)
{
	size_t cuts = 0;

	(void)state;
	random_hold(6);
	for (size_t end = 7; end <= commits.n_ops; end += 11) {
		uint64_t told = make_image(&commits, end, true);

		put_image();
		forget(&opening);
		for (int f = 0; f < FILES; f++) {
			memcpy(opening.base[f], image[f], image_n[f]);
			opening.base_n[f] = image_n[f];
		}
		atomic_store(&recording, &opening);
		assert_true(holds(told));
		atomic_store(&recording, NULL);
		for (int i = 0; i < 12; i++, cuts++) {
			make_image(&opening, random_below(opening.n_ops + 1), true);
			put_image();
			if (!holds(told))
				fail_msg("cut after operation %zu, and again", end);
		}
	}
	random_release();
	assert_true(cuts > 400);
}

static void without_syncs_it_does_not(void **state)
{
	size_t lost = 0;

	(void)state;
	random_hold(5);
	for (size_t end = 0; end <= commits.n_ops; end += 3) {
		uint64_t told = make_image(&commits, end, false);

		put_image();
		lost += !holds(told);
	}
	random_release();
	assert_true(lost > commits.n_ops / 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_told_outlives_any_cut),
		cmocka_unit_test(and_a_cut_while_it_opens),
		cmocka_unit_test(without_syncs_it_does_not),
	};

	log_set_level(LOG_LEVEL_ERROR - 1);
	return cmocka_run_group_tests(tests, make_history, drop_history);
}
