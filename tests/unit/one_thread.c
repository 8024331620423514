/* Linked into the tests of the Makefile's ONE_THREAD: whoever starts a thread in one of them, a
 * library too, learns that the thread sanitizer would not look at it. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

int pthread_create(
	pthread_t *thread, const pthread_attr_t *attr, void *(*routine)(void *), void *arg)
{
	(void)thread;
	(void)attr;
	(void)routine;
	(void)arg;
	fputs("a test that starts threads: take it off ONE_THREAD in the Makefile\n", stderr);
	abort();
}
