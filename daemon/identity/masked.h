/* Masked values: all that a publication list (公示) can hold of a person. A value of this type is
 * made by these functions only, and they let through one character of a name and the first third of
 * a number, six characters at most: who fills a list cannot give away more by mistake. Pure. */
#ifndef IDENTITY_MASKED_H
#define IDENTITY_MASKED_H

#include "proto/text.h"

#define MASKED_MAX 256

struct masked {
	size_t n;
	char text[MASKED_MAX]; /* no NUL; made by masked_…() only */
};

/* 王小明 → 王**: the first character, and a star for each that follows (one at least, nine at
 * most).
 */
struct masked masked_name(struct text name);
/* 310101190301050015 → 310101************. */
struct masked masked_number(struct text number);

#endif
