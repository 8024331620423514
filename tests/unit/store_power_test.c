/* Power cuts: the writes and syncs of a store are recorded; for every moment files are made as a
 * disk may leave them (what was synced stands; of the rest some stands, some is torn, some is lost)
 * and opened. What was told by then must stand. The control leaves the syncs out, and must fail:
 * else this test could not see anything. */
#include "tests/unit/store_test.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/uio.h>

#define OPS_MOST 4000
#define COMMITS 40
#define SECTOR 512

enum kind { WRITE, SYNC, TOLD };

struct op {
	enum kind kind;
	off_t at;
	size_t n; /* TOLD: the number */
	uint8_t *bytes;
	bool durable; /* written through (O_DSYNC) */
};

static struct op ops[OPS_MOST];
static _Atomic size_t n_ops;
static _Atomic bool recording;

static struct op *new_op(enum kind kind)
{
	struct op *o;

	assert_true(n_ops < OPS_MOST);
	o = &ops[n_ops++];
	*o = (struct op){ .kind = kind };
	return o;
}

static void record(int fd, const void *p, size_t n, off_t at)
{
	struct op *o = new_op(WRITE);

	o->at = at;
	o->n = n;
	o->bytes = malloc(n);
	memcpy(o->bytes, p, n);
	o->durable = fcntl(fd, F_GETFL) & O_DSYNC;
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
	ssize_t (*real)(int, const void *, size_t, off_t) =
		(ssize_t(*)(int, const void *, size_t, off_t))dlsym(RTLD_NEXT, "pwrite");

	if (atomic_load(&recording))
		record(fd, p, n, at);
	return real(fd, p, n, at);
}

ssize_t writev(int fd, const struct iovec *v, int n)
{
	ssize_t (*real)(int, const struct iovec *, int) =
		(ssize_t(*)(int, const struct iovec *, int))dlsym(RTLD_NEXT, "writev");
	off_t at = lseek(fd, 0, SEEK_CUR);

	for (int i = 0; i < n && atomic_load(&recording); at += (off_t)v[i++].iov_len)
		record(fd, v[i].iov_base, v[i].iov_len, at);
	return real(fd, v, n);
}

int fdatasync(int fd)
{
	int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");

	if (atomic_load(&recording))
		new_op(SYNC);
	return real(fd);
}

/* ---- the history ---- */

static char dir[64], path[128];
static uint8_t *base, *image;
static size_t base_n, image_room;

static int step(struct store_txn *t, void *arg)
{
	static char bytes[6000];
	uint64_t n = *(uint64_t *)arg;
	uint8_t k[8];

	store_append(t, ORDERED, key_of(k, n), (struct text){ bytes, 300 });
	for (uint64_t i = 0; i < 5; i++)
		store_put(t, RANDOM, key_of(k, (n * 5 + i) * 0x9E3779B97F4A7C15), TEXT("x"));
	if (n % 4 == 0)
		store_put(t, OTHER, key_of(k, n), (struct text){ bytes, sizeof bytes });
	if (n > 10)
		store_del(t, RANDOM, key_of(k, (n - 10) * 5 * 0x9E3779B97F4A7C15));
	store_put(t, OTHER, TEXT("last"), key_of(k, n));
	return 0;
}

static uint64_t randoms(uint64_t n)
{
	return n * 5 - (n > 10 ? n - 10 : 0);
}

static int make_history(void **state)
{
	struct store *s;
	int fd;

	(void)state;
	snprintf(dir, sizeof dir, "%s", new_dir());
	snprintf(path, sizeof path, "%s/data.mdb", dir);
	store_close(open_at(dir));
	image_room = 8 << 20;
	base = calloc(1, image_room);
	image = malloc(image_room);
	fd = open(path, O_RDONLY);
	base_n = (size_t)read(fd, base, image_room);
	close(fd);
	s = open_at(dir);
	atomic_store(&recording, true);
	for (uint64_t n = 1; n <= COMMITS; n++) {
		assert_int_equal(store_write(s, step, &n, 0), 0);
		new_op(TOLD)->n = n;
	}
	atomic_store(&recording, false);
	store_close(s);
	return 0;
}

static int drop_history(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_ops; i++)
		free(ops[i].bytes);
	free(base);
	free(image);
	remove_dir(dir);
	return 0;
}

/* A write may be torn between sectors. */
static void apply(const struct op *o, bool whole, size_t *n)
{
	for (size_t from = 0; from < o->n;) {
		size_t to = (((size_t)o->at + from) / SECTOR + 1) * SECTOR - (size_t)o->at;

		if (to > o->n)
			to = o->n;
		if (whole || random_below(2)) {
			memcpy(image + o->at + from, o->bytes + from, to - from);
			if ((size_t)o->at + to > *n)
				*n = (size_t)o->at + to;
		}
		from = to;
	}
}

/* The file as the disk may hold it after the first `end` operations. Returns what had been told. */
static uint64_t make_image(size_t end, bool syncs, size_t *n)
{
	size_t synced = 0;
	uint64_t told = 0;

	memcpy(image, base, image_room);
	*n = base_n;
	for (size_t i = 0; i < end; i++) {
		if (ops[i].kind == SYNC && syncs)
			synced = i;
		if (ops[i].kind == TOLD)
			told = ops[i].n;
	}
	for (size_t i = 0; i < end; i++) {
		bool stands = i < synced || (ops[i].durable && syncs);

		if (ops[i].kind == WRITE && (stands || random_below(4)))
			apply(&ops[i], stands || random_below(2), n);
	}
	return told;
}

/* Opens the image; false when it does not open or lacks what was told. */
static bool holds(uint64_t told, size_t n)
{
	struct store_conf conf = conf_of(dir);
	struct store_txn *t;
	struct store *s;
	struct errmsg m;
	struct text v;
	uint64_t last = 0;
	bool good;
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_equal(write(fd, image, n), n);
	close(fd);
	if (store_open(&s, &conf, &m))
		return false;
	assert_int_equal(store_read_begin(s, &t, 5000), 0);
	if (store_get(t, OTHER, TEXT("last"), &v) == 0)
		last = get_u64((const uint8_t *)v.p);
	good = last >= told && last <= told + 1 && store_count(t, ORDERED) == last &&
	       store_count(t, RANDOM) == randoms(last);
	store_read_end(t);
	store_close(s);
	return good;
}

static void what_was_told_outlives_any_cut(void **state)
{
	(void)state;
	random_hold(5);
	for (size_t end = 0; end <= n_ops; end++) {
		size_t n;
		uint64_t told = make_image(end, true, &n);

		if (!holds(told, n))
			fail_msg("cut after operation %zu", end);
	}
	random_release();
}

static void without_syncs_it_does_not(void **state)
{
	size_t lost = 0;

	(void)state;
	random_hold(5);
	for (size_t end = 0; end <= n_ops; end += 3) {
		size_t n;
		uint64_t told = make_image(end, false, &n);

		lost += !holds(told, n);
	}
	random_release();
	assert_true(lost > n_ops / 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_told_outlives_any_cut),
		cmocka_unit_test(without_syncs_it_does_not),
	};

	return cmocka_run_group_tests(tests, make_history, drop_history);
}
