/* Who is sealed: the talent rules (daemon/talent), as the intake asks them. */
#ifndef INTAKE_ADMISSION_H
#define INTAKE_ADMISSION_H

#include "daemon/intake/sealing.h"

struct admission;
struct talent_rules;

/* `sealing` without its registrar and rule; `registrar` is base64; the rules are borrowed until
 * admission_close(). ERR_INVALID with words. */
MUST_CHECK int admission_open(struct admission **out, const struct sealing *sealing,
	const struct talent_rules *rules, struct text registrar, struct errmsg *m);
void admission_close(struct admission *a);
/* Borrowed until admission_close(); NULL of NULL. */
const struct sealing *admission_sealing(const struct admission *a);

#endif
