/* The yardsticks: raw LMDB on this disk, at this moment. Every figure of the bench is read as a
 * ratio to them.
 *
 * yardstick DIR: prints `Y1000 <records a second>` (250-byte values, ordered keys, 1,000 a commit)
 * and `Y1 <commits a second>` (the same, one a commit). About two seconds. */
#include <inttypes.h>
#include <lmdb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void must(int rc, const char *what)
{
	if (rc == 0)
		return;
	fprintf(stderr, "yardstick: %s: %s\n", what, mdb_strerror(rc));
	exit(1);
}

/* Writes for about `span` seconds; records a second. */
static double run(const char *path, int per_commit, double span)
{
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;
	char value[250];
	uint64_t n = 0;
	double start, end;

	memset(value, 'x', sizeof(value));
	unlink(path);
	must(mdb_env_create(&env), "create");
	must(mdb_env_set_mapsize(env, (size_t)8 << 30), "mapsize");
	must(mdb_env_open(env, path, MDB_NOSUBDIR, 0600), path);
	must(mdb_txn_begin(env, NULL, 0, &txn), "begin");
	must(mdb_dbi_open(txn, NULL, 0, &dbi), "table");
	must(mdb_txn_commit(txn), "commit");
	start = end = seconds();
	while (end - start < span) {
		must(mdb_txn_begin(env, NULL, 0, &txn), "begin");
		for (int i = 0; i < per_commit; i++, n++) {
			uint64_t big = __builtin_bswap64(n);
			MDB_val key = { sizeof(big), &big }, data = { sizeof(value), value };
			must(mdb_put(txn, dbi, &key, &data, MDB_APPEND), "put");
		}
		must(mdb_txn_commit(txn), "commit");
		end = seconds();
	}
	mdb_env_close(env);
	unlink(path);
	return (double)n / (end - start);
}

int main(int argc, char **argv)
{
	char path[512], lock[520];

	if (argc != 2) {
		fprintf(stderr, "usage: yardstick DIR\n");
		return 64;
	}
	snprintf(path, sizeof(path), "%s/yardstick.mdb", argv[1]);
	snprintf(lock, sizeof(lock), "%s-lock", path);
	printf("Y1000 %.0f\n", run(path, 1000, 1.0));
	printf("Y1 %.0f\n", run(path, 1, 1.0));
	unlink(lock);
	return 0;
}
