/* The intake: the one door for records and for what is taken back, whatever they come in.
 *
 * A run is one import: begin → header → rows → finish → free. Rows are judged on the caller's
 * thread and committed in chunks by the store's writer, two chunks in flight at most, so that one
 * is parsed while the other is committed and memory stays flat. A row counts as accepted, changed
 * or unchanged only after the commit that holds it. */
#ifndef COLLECTOR_INTAKE_H
#define COLLECTOR_INTAKE_H

#include "daemon/reader/reader.h"
#include "daemon/intake/report.h"
#include "daemon/intake/spool.h"
#include "daemon/intake/take.h"

struct intake;
struct intake_run;

struct intake_conf {
	struct ledger *ledger;
	const struct secrets *secrets;
	int view, older, person, vault, counts, refused; /* tables of the ledger's store */
	int heard;		       /* likewise; 0: nobody asks when who was heard of */
	const struct sealing *sealing; /* NULL: identities are sealed to nobody */
	const char *spool_dir;	 /* on the store's disk; refused rows lie there, nameless, while an
				    import runs */
	void (*grew)(void *arg); /* the ledger became longer: soon after the commit, once for runs
				    that end close together; on the writer thread or the caller's.
				    Not after intake_close() */
	void *arg;
};

/* All pointers in conf are borrowed until intake_close(), to which no run may be open. */
MUST_CHECK int intake_open(struct intake **out, const struct intake_conf *conf);
void intake_close(struct intake *in);
/* Its vault, borrowed until intake_close(). */
const struct vault *intake_vault(const struct intake *in);

struct intake_request {
	const struct reg *reg;
	const char *author;	 /* who brings it in; at most AUTHOR_MAX bytes are kept */
	bool retract;		 /* the rows name records that are to be taken back */
	struct text reason;	 /* for those without a reason of their own; copied */
	bool dry_run;		 /* judge only; nothing is written */
	enum report_form report; /* of a dry run: a report in the place of the refused rows */
	bool english;		 /* reasons */
	enum spool_form form;	 /* of the refused rows */
	/* Asked now and then while waiting for a place; true: give up. May be NULL. */
	bool (*give_up)(void *arg);
	void *arg;
};

/* Waits while INTAKE_RUNS_MAX runs are under way. ERR_NOMEM, ERR_CLOSED (gave up). */
#define INTAKE_RUNS_MAX 32
MUST_CHECK int intake_begin(
	struct intake_run **out, struct intake *in, const struct intake_request *q);

/* The header line. False: the file is refused (intake_finish tells why). */
bool intake_header(struct intake_run *r, const struct reader_row *row);
/* One row behind the header; a row without any content is passed over, and so is the line of hints
 * that a template has below its header. False: stop, something failed. */
#define INTAKE_HINT "※" /* the line's first cell begins with it */
bool intake_row(struct intake_run *r, const struct reader_row *row);
/* The daemon stops: no further row is taken, what is committed stands. */
void intake_interrupt(struct intake_run *r);
/* The file as a whole cannot be read. */
void intake_refuse_file(struct intake_run *r, const char *code, const char *words);
/* It can, but not now, by a fault of ours: an err.h code and words. */
void intake_fail(struct intake_run *r, int err, const char *words);

struct intake_result {
	struct counts counts; /* what is committed; in a dry run what would be */
	bool bad_file;	      /* refused before its first row; `words` says why */
	int err;	      /* 0, or why the run ended early; counts stand */
	const char
		*words; /* for the operator; NULL when all went well. Lives until intake_free() */
	int refused;	/* the refused rows' file, at its beginning; now the caller's. -1: none */
	int report;	/* the dry run's, likewise */
	struct text header; /* CSV: what the answer is when no row was refused. Lives until
			       intake_free() */
};
/* Commits what waits and ends the run. */
void intake_finish(struct intake_run *r, struct intake_result *out);
/* After intake_finish(). */
void intake_free(struct intake_run *r);

/* Takes a record back. ERR_NOTFOUND: nothing stands under that key. Not on the loop, not on the
 * writer thread. */
MUST_CHECK int intake_retract(struct intake *in, const struct reg *reg, struct text key,
	const char *author, struct text reason, uint64_t *position);

#endif
