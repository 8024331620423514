/* A run, inside the room: what its beginning and end (intake.c) share with those who judge its
 * rows: records (rows.c) and records to be taken back (back.c). */
#ifndef INTAKE_RUN_H
#define INTAKE_RUN_H

#include <pthread.h>

#include "daemon/intake/intake.h"
#include "daemon/intake/pipeline.h"

struct intake {
	struct take take;
	struct pids *pids;
	struct intake_conf conf;
	pthread_mutex_t lock;
	pthread_cond_t left;
	unsigned runs;
	bool telling; /* conf.grew was asked for and did not run yet */
};

struct intake_run {
	struct intake *in;
	const struct reg *reg;
	char author[AUTHOR_MAX + 1];
	struct buf reason; /* of a retraction, for rows without one of their own */
	int today;
	bool retract; /* rows name records that are to be taken back */
	struct columns columns;
	struct spool spool;
	struct report report; /* of a dry run; its form REPORT_NONE: the spool is used */
	struct arena arena;   /* the row's */
	struct pipeline pipeline;
	uint64_t header_line;
	uint64_t rows, refused;
	uint64_t refused_new;		 /* not yet in a chunk */
	struct fault_counts faults;	 /* not yet in a chunk */
	struct refusals refusals;	 /* not yet in a chunk */
	struct fault_counts refused_for; /* of all rows that were refused */
	bool headed, bad_file;
	struct errmsg words; /* of a bad file */
};

static inline bool run_failed(struct intake_run *r)
{
	return r->bad_file || pipeline_failed(&r->pipeline);
}

/* Hands the chunk over, with what was refused since the last one. */
void run_post(struct intake_run *r);
/* Counts and lists a row that is not taken. */
void run_refuse(struct intake_run *r, const struct reader_row *row, const struct faults *f);
/* What is wrong with a row as text; true: nothing. */
bool run_row_ok(const struct intake_run *r, const struct reader_row *row, struct faults *f);

/* A row of a run with r->retract. */
bool back_row(struct intake_run *r, const struct reader_row *row);

#endif
