/* Validations of identity numbers, credit codes and certificate numbers (validation.md of the
 * design; GB 11643, GB 32100, GB 11714, ICAO 9303). Pure functions on normalised or raw input; each
 * normalises for itself. */
#ifndef PROTO_CHECK_H
#define PROTO_CHECK_H

#include "proto/record.h"

enum verdict { VERDICT_OK, VERDICT_SOFT, VERDICT_HARD };

/* Spaces off (also U+3000), full-width letters and digits to half-width; `upper` for identity and
 * credit codes. Into out (size bytes); returns the text, or {NULL,0} when it does not fit. */
struct text normalise(struct text in, bool upper, char *out, size_t size);

/* Bytes: 40 characters of any script (type 990). */
#define DOC_NUMBER_MAX 160
/* Document number by type ("111", "553", "516", "511", "414", "990"). The canonical form goes to
 * out[DOC_NUMBER_MAX + 1] and *canonical; sex and birth_year where the number tells, else 0.
 * `today` yyyymmdd. On SOFT or HARD *code is the fault's code. */
enum verdict doc_check(struct text type, struct text number, int today, char *out,
	struct text *canonical, enum sex *sex, int *birth_year, const char **code);

/* Unified social credit code; canonical (18 bytes) to out[19]. */
enum verdict uscc_check(struct text in, char *out, struct text *canonical, const char **code);
/* The same for a text that must be canonical already. */
enum verdict uscc_judge(struct text canonical, const char **code);

/* Bytes: 40 characters of any script (special, newskill, foreign). */
#define CERTIFICATE_NUMBER_MAX 160
/* Certificate number by kind (patterns: rules.tsv); the inner agreement is checked against issue
 * year, level and province where given (year 0, level {NULL,0}: not compared). Canonical to
 * out[CERTIFICATE_NUMBER_MAX + 1]; {NULL,0} with a hard fault. Adds its faults on `field`. */
struct text certificate_check(struct text kind, struct text number, int issued_year,
	struct text level, char *out, const struct field *field, struct faults *f);

/* What is wrong with a text as stored: the fault's code (E102 UTF-8, E103 control characters, E104
 * longer than 200 characters, E115 empty or with spaces around it), or NULL. */
const char *text_fault(struct text t);

/* Does valid UTF-8 hold a control character (category Cc)? */
bool text_has_control(struct text t);

/* A name's normal form: trimmed, one middle dot (U+00B7 for U+2022 and U+FF0E), otherwise
 * unchanged. Never longer than `in`: out has in.n bytes. */
struct text name_normalise(struct text in, char *out);
/* E201 unless it has 1 to 64 characters of valid text without control characters; else NULL. */
const char *name_fault(struct text t);

/* Is valid UTF-8 nothing but what looks like people's names in Chinese: one, or several one after
 * the other? A name is two to four characters, or more with a middle dot between them. Spaces
 * inside a name (张　三) are looked through, as are the marks between the names of a list. What has
 * anything else in it, a digit, a letter, is a code: 张三 is one, 张三1 and 一车间的张三 are not.
 */
bool text_names_only(struct text t);

/* yyyymmdd of a real calendar date written in any of the accepted forms; 0 when it is none. */
int date_parse(struct text in);
bool date_ok(int yyyymmdd);

#endif
