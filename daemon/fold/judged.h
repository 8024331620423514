/* What the city makes of a RECORD entry: the district is not trusted. Pure. */
#ifndef FOLD_JUDGED_H
#define FOLD_JUDGED_H

#include "daemon/fold/record_index.h"
#include "daemon/ledger/ledger.h"
#include "proto/check.h"

struct record_judged {
	const char *code;	   /* of a finding: it is not taken; NULL: it is */
	const struct field *field; /* that the finding is about; or NULL */
	struct record record;
	struct text key; /* as record_key() writes it */
	uint8_t id[RECORD_KEY_BYTES];
};
/* Unpacks and checks by the day on which it was written (its at_ms), not by today: folding again
 * tomorrow must give the same. All memory from `a`. */
void record_judge(const struct entry_view *e, struct arena *a, struct record_judged *out);
/* Under what a record is found. */
void record_id_put(
	uint8_t out[RECORD_KEY_BYTES], uint32_t origin, struct text reg, struct text key);

#endif
