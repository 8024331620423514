/* Those who are in the talent database already when a registrar key is configured (or another one,
 * or when the rule of who gets in changes): the register view is walked in small steps on the
 * store's writer thread, and whoever is not sealed yet is. What comes in meanwhile is sealed by the
 * intake itself. */
#ifndef INTAKE_CATCH_UP_H
#define INTAKE_CATCH_UP_H

#include "daemon/intake/vault.h"
#include "daemon/intake/view.h"
#include "daemon/loop/loop.h"

struct catch_up;

struct catch_up_conf {
	struct loop *loop;
	struct ledger *ledger;
	const struct sealing *sealing;
	const struct vault *vault;
	struct view view;
	int state;		 /* table for one small row of ours */
	void (*grew)(void *arg); /* the ledger became longer; on the writer thread */
	void *arg;
};

/* Begins by itself, goes on where it was, looks now and then whether the rule is another. All is
 * borrowed until catch_up_close(). On the loop's thread. */
MUST_CHECK int catch_up_open(struct catch_up **out, const struct catch_up_conf *conf);
/* Waits for the step under way. */
void catch_up_close(struct catch_up *c);

/* One step, as the timer takes it; true when everything is done. For tests; not on the writer
 * thread. */
MUST_CHECK int catch_up_step(struct catch_up *c, bool *finished);

#endif
