/* What a clerk's text is encoded in, and that text as UTF-8.
 *
 * The rule: a BOM; else strict UTF-8 over the whole file; else GB18030 over the whole file; else
 * GB18030 when UTF-8 would have many times more damaged bytes; else what the caller says. Guessing
 * from parts is wrong on short Chinese, so that the whole file is judged before its first byte is
 * decoded. */
#ifndef READER_DECODE_H
#define READER_DECODE_H

#include "daemon/reader/reader.h"
#include "daemon/reader/tape.h"

/* ---- judging ---- */

/* Strict UTF-8, in pieces of any size. {0} begins. */
struct utf8_judge {
	bool bad;
	unsigned char open[4]; /* the beginning of a character, cut by the end of a piece */
	size_t n_open;
};
void utf8_judge_feed(struct utf8_judge *j, const char *p, size_t n);
/* No character is open. */
bool utf8_judge_good(const struct utf8_judge *j);

/* Judges a whole, sealed file. `utf8`: all of it is strict UTF-8. 0 and *out; ERR_INVALID: it is
 * UTF-32; ERR_NOMEM, ERR_IO (the tape's). */
MUST_CHECK int decode_judge(
	enum reader_encoding *out, struct tape *t, bool utf8, enum reader_encoding otherwise);

/* ---- decoding ---- */

struct decoder;

/* UTF-8 comes out, a BOM with it; a byte that is none in the encoding comes out as 0xFF, which is
 * none in UTF-8 either, and the next one is tried. on_text returns false to be called no more.
 * UTF-8 goes through as it is. ERR_NOMEM, ERR_NOTFOUND (the C library has no such table). */
MUST_CHECK int decoder_open(struct decoder **out, enum reader_encoding encoding,
	bool (*on_text)(void *arg, const char *p, size_t n), void *arg);
void decoder_close(struct decoder *d);
/* False: on_text said stop. */
bool decoder_feed(struct decoder *d, const char *p, size_t n);
/* A character cut by the end of the file comes out as 0xFF. */
bool decoder_end(struct decoder *d);

#endif
