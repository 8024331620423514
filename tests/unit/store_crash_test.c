/* kill -9 at any moment: everything whose `done` ran is there afterwards, nothing half done is. */
#include "tests/unit/store_test.h"

#include <semaphore.h>
#include <signal.h>
#include <sys/wait.h>

#define KILLS 25
#define AT_ONCE 16

struct write {
	struct store_job job;
	uint64_t n;
};

static struct write writes[AT_ONCE];
static struct store *the_store;
static uint64_t next_n;
static int told_fd;

static int put(struct store_txn *t, struct store_job *job)
{
	uint64_t n = ((struct write *)job)->n;
	static char bytes[500];
	uint8_t k[8];

	store_append(t, ORDERED, key_of(k, n), (struct text){ bytes, sizeof bytes });
	store_put(t, RANDOM, key_of(k, n * 0x9E3779B97F4A7C15), TEXT("x"));
	store_put(t, OTHER, TEXT("last"), key_of(k, n));
	return n % 17 == 0 && n % 2 ? ERR_BUSY : 0; /* some are undone again */
}

/* On the writer thread: tells, and posts the next one. */
static void done(struct store_job *job, int err)
{
	struct write *w = (struct write *)job;

	if (err == 0 && write(told_fd, &w->n, sizeof w->n) != sizeof w->n)
		_exit(1);
	w->n = next_n++;
	store_post(the_store, &w->job);
}

static void child(const char *dir, uint64_t from)
{
	sem_t never;

	the_store = open_at(dir);
	next_n = from;
	sem_init(&never, 0, 0);
	for (int i = 0; i < AT_ONCE; i++) {
		writes[i] = (struct write){ .job = { .fn = put, .done = done } };
		writes[i].n = from + (uint64_t)i;
	}
	next_n = from + AT_ONCE; /* before any done can run */
	for (int i = 0; i < AT_ONCE; i++)
		store_post(the_store, &writes[i].job);
	sem_wait(&never);
}

static void what_was_told_stands(void **state)
{
	static uint8_t told[1000000];
	char *dir = new_dir();
	uint64_t from = 1, tells = 0;

	(void)state;
	random_hold(3);
	for (int i = 0; i < KILLS; i++) {
		uint64_t n, stands = 0;
		struct store_txn *t;
		struct store *s;
		struct text v;
		int fd[2], status;
		uint8_t k[8];
		pid_t pid;

		assert_int_equal(pipe(fd), 0);
		pid = fork();
		if (pid == 0) {
			told_fd = fd[1];
			close(fd[0]);
			child(dir, from);
		}
		close(fd[1]);
		usleep((useconds_t)(2000 + random_below(60000)));
		kill(pid, SIGKILL);
		while (read(fd[0], &n, sizeof n) == sizeof n) {
			assert_true(n < sizeof told);
			told[n] = 1;
			tells++;
			if (n >= from)
				from = n + 1;
		}
		close(fd[0]);
		waitpid(pid, &status, 0);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);

		s = open_at(dir);
		assert_int_equal(store_read_begin(s, &t, 10000), 0);
		for (n = 1; n < from + 2000; n++) {
			int rc = store_get(t, ORDERED, key_of(k, n), &v);

			if (told[n])
				assert_int_equal(rc, 0);
			assert_int_equal(
				store_get(t, RANDOM, key_of(k, n * 0x9E3779B97F4A7C15), &v), rc);
			if (rc == 0) { /* stands, told or not yet: never an undone one */
				assert_false(n % 17 == 0 && n % 2);
				stands++;
				if (n >= from)
					from = n + 1;
			}
		}
		assert_int_equal(store_count(t, ORDERED), stands);
		assert_int_equal(store_count(t, RANDOM), stands);
		store_read_end(t);
		store_close(s);
	}
	random_release();
	print_message("%llu told over %d kills\n", (unsigned long long)tells, KILLS);
	assert_true(tells > 100);
	remove_dir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_told_stands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
