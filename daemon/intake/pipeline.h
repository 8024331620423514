/* Two chunks between the thread that reads and the store's writer: one is filled while the other is
 * committed. That bounds memory and is the back-pressure: who is faster waits. */
#ifndef COLLECTOR_PIPELINE_H
#define COLLECTOR_PIPELINE_H

#include <semaphore.h>

#include "daemon/intake/report.h"

struct pipeline;

/* A chunk and the memory of what is in it. */
struct slot {
	struct store_job job;
	struct pipeline *pipeline;
	struct arena arena;
	struct chunk chunk;
	bool posted; /* lent to the writer until `over` */
	int err;     /* of the commit; the writer's, then read after `over` */
	sem_t over;
};

/* What a pipeline works for; borrowed. */
struct pipeline_conf {
	struct take *take;
	struct text reg, author;
	bool retract;		 /* the items are records to be taken back */
	bool dry_run;		 /* judge on a snapshot, write nothing */
	struct report *report;	 /* of a dry run; NULL: only counts */
	void (*grew)(void *arg); /* after a commit that made the ledger longer; on the writer
				    thread; may be NULL */
	void *arg;
};

/* The feeding thread's own. */
struct pipeline {
	struct pipeline_conf conf;
	struct slot *slots[2];
	struct slot *filling; /* NULL: none has been asked for */
	int older;	      /* when both are under way: the one that was posted first */
	struct counts counts; /* of what is committed */
	int err;	      /* the first failure, sticky; words say what it means */
	struct errmsg words;
};

/* One thread feeds a pipeline, and calls all that stands here. It must not move between init and
 * deinit. */
void pipeline_init(struct pipeline *p, const struct pipeline_conf *conf);
/* After pipeline_wait(). */
void pipeline_deinit(struct pipeline *p);
/* The slot to be filled; waits until one is free. NULL: the pipeline has failed. */
struct slot *pipeline_slot(struct pipeline *p);
/* Hands the slot that is being filled to the writer. */
void pipeline_post(struct pipeline *p);
/* Until nothing is under way; p->counts and p->err are final then. */
void pipeline_wait(struct pipeline *p);
void pipeline_fail(struct pipeline *p, int err, const char *what);
static inline bool pipeline_failed(const struct pipeline *p)
{
	return p->err != 0;
}

#endif
