/* The one door to time and chance, so that tests can hold both. Any thread. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

/* Monotonic milliseconds and microseconds: ages, deadlines, retries. */
uint64_t clock_mono_ms(void);
uint64_t clock_mono_us(void);
/* Wall clock, ms since 1970: data, never control. */
uint64_t clock_wall_ms(void);
/* Shanghai's calendar date (UTC+8, no summer time since 1991) of a wall-clock time, yyyymmdd. */
int clock_date(uint64_t wall_ms);

/* Unpredictable bytes (getrandom); ends the process when the kernel has none. */
void random_bytes(void *out, size_t n);
/* Evenly below `n`, n > 0. Not for keys. */
uint64_t random_below(uint64_t n);

/* For tests: from hold to release both clocks stand where they were put, and chance is a sequence
 * that the seed fixes. */
void clock_hold(uint64_t mono_us, uint64_t wall_ms);
void clock_release(void);
void random_hold(uint64_t seed);
void random_release(void);

#endif
