/* What a record says to an alert: for the files of this room that trace records and look at them.
 */
#ifndef TALENT_TALENT_ALERT_INSIDE_H
#define TALENT_TALENT_ALERT_INSIDE_H

#include "daemon/talent/talent_alert.h"

/* Of a field by its name: 0, or no text, where the record has no such field or says nothing. The
 * text is the record's. */
int64_t alert_number(const struct record *r, const char *field);
struct text alert_text(const struct record *r, const char *field);
/* The rank of its level, -1: none; there are fewer than ten. */
int alert_rank(const struct record *r);

/* Is it a record of a person, of the rule's register and as its `where` says? */
bool alert_looks_at(const struct talent_alert *a, const struct talent_record *r);
/* OVERLAP: a training that filled its days. */
bool alert_full_time(const struct talent_alert *a, const struct record *r);
/* AGE: one that nobody has. */
bool alert_impossible(const struct talent_alert *a, const struct talent_record *r);

#endif
