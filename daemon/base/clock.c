/* Time and chance come from the kernel, or, while a test holds them, from the test. */
#include "daemon/base/clock.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "daemon/base/log.h"

#define SHANGHAI_MS (8 * 3600 * 1000ULL)
#define DAY_MS (24 * 3600 * 1000ULL)

static _Atomic bool held, seeded;
static _Atomic uint64_t held_mono_us, held_wall_ms, seed_state;

static uint64_t kernel_us(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

uint64_t clock_mono_us(void)
{
	return atomic_load(&held) ? atomic_load(&held_mono_us) : kernel_us(CLOCK_MONOTONIC);
}

uint64_t clock_mono_ms(void)
{
	return clock_mono_us() / 1000;
}

uint64_t clock_wall_ms(void)
{
	return atomic_load(&held) ? atomic_load(&held_wall_ms) : kernel_us(CLOCK_REALTIME) / 1000;
}

void clock_hold(uint64_t mono_us, uint64_t wall_ms)
{
	atomic_store(&held_mono_us, mono_us);
	atomic_store(&held_wall_ms, wall_ms);
	atomic_store(&held, true);
}

void clock_release(void)
{
	atomic_store(&held, false);
}

/* Days since 1970-01-01 → date, in the proleptic Gregorian calendar: years are counted from March,
 * so that the leap day is the last of its year; an era is 400 years = 146,097 days. */
int clock_date(uint64_t wall_ms)
{
	uint64_t days = (wall_ms + SHANGHAI_MS) / DAY_MS + 719468; /* since 0000-03-01 */
	uint64_t era = days / 146097, of_era = days % 146097;
	uint64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	uint64_t of_year = of_era - (365 * year + year / 4 - year / 100);
	uint64_t from_march = (5 * of_year + 2) / 153;
	uint64_t day = of_year - (153 * from_march + 2) / 5 + 1;
	uint64_t month = from_march < 10 ? from_march + 3 : from_march - 9;

	year += era * 400 + (month <= 2 ? 1 : 0);
	return (int)(year * 10000 + month * 100 + day);
}

/* splitmix64: any state is a good one, and threads may step it without a lock. */
static uint64_t seeded_next(void)
{
	uint64_t z = atomic_fetch_add(&seed_state, 0x9E3779B97F4A7C15) + 0x9E3779B97F4A7C15;

	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
	return z ^ (z >> 31);
}

void random_hold(uint64_t seed)
{
	atomic_store(&seed_state, seed);
	atomic_store(&seeded, true);
}

void random_release(void)
{
	atomic_store(&seeded, false);
}

void random_bytes(void *out, size_t n)
{
	unsigned char *p = out;

	while (n > 0) {
		ssize_t got;

		if (atomic_load(&seeded)) {
			uint64_t v = seeded_next();

			got = n < sizeof v ? (ssize_t)n : (ssize_t)sizeof v;
			memcpy(p, &v, (size_t)got);
		} else {
			got = getrandom(p, n, 0);
		}
		if (got < 0) {
			if (errno == EINTR)
				continue;
			log_error("base", "the kernel gives no random bytes: %s", strerror(errno));
			abort();
		}
		p += got;
		n -= (size_t)got;
	}
}

uint64_t random_below(uint64_t n)
{
	uint64_t v, skip = -n % n; /* 2^64 mod n: the part that would favour small results */

	do
		random_bytes(&v, sizeof v);
	while (v < skip);
	return v % n;
}
