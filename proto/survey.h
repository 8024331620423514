/* The bodies of entries about the survey (survey.proto), unpacked and judged. Pure.
 *
 * Each reader returns the message in `a`, or NULL: damaged, over the arena's budget, without what
 * must be there, or with a text that is not one. What it returns can be shown as it is: texts are
 * UTF-8 without control characters and within their lengths, digests have 32 bytes. A period is
 * only known to be a short text: who knows periods parses it. */
#ifndef PROTO_SURVEY_H
#define PROTO_SURVEY_H

#include "proto/arena.h"
#include "proto/survey.pb-c.h"

#define SURVEY_ID_MAX 32     /* bytes of a form's or check's id, and of an edition */
#define SURVEY_PERIOD_MAX 8  /* bytes */
#define SURVEY_NAME_CHARS 64 /* of who signs */
#define SURVEY_ROW_MAX 200   /* bytes */
#define SURVEY_WORDS_CHARS 500
#define SURVEY_DIGEST_BYTES 32
#define SURVEY_QUERIES_MAX 64

/* Must be there: form, edition, period, position, by, approve, digest, parts, and figures when
 * there are parts. */
const Tally__Return *survey_return(struct text body, struct arena *a);
/* form, period, check, words. */
const Tally__Explain *survey_explain(struct text body, struct arena *a);
/* register, refused. */
const Tally__Intake *survey_intake(struct text body, struct arena *a);
/* form, period, area, position, accepted; words when it is sent back. */
const Tally__Decision *survey_decision(struct text body, struct arena *a);
/* form, edition, period, number, class (a short word), positions, digest, parts, and figures when
 * there are parts. */
const Tally__Version *survey_version(struct text body, struct arena *a);

/* 1 to `chars` characters of UTF-8, without control characters and without spaces around them? */
bool survey_words_ok(struct text t, size_t chars);

static inline struct text survey_text(ProtobufCBinaryData b)
{
	return (struct text){ (const char *)b.data, b.len };
}
static inline ProtobufCBinaryData survey_bytes(struct text t)
{
	return (ProtobufCBinaryData){ t.n, (uint8_t *)(uintptr_t)t.p };
}

#endif
