/* Decoding is glibc's iconv: Python and ICU differ from it on 25 characters, and one table must
 * hold for a file wherever it is read.
 *
 * Normal path of UTF-8: the judge runs along while the file comes in (ASCII eight bytes at a time),
 * and nothing is decoded. Only a file that is not UTF-8 is read once more, to judge GB18030. 0x80
 * and 0xFF begin no character there (iconv refuses them), and a lead byte before a comma or a line
 * end is refused, so that a damaged UTF-8 file hardly ever passes for GB18030: a name of three
 * characters has an odd number of bytes. */
#include "daemon/reader/decode.h"

#include <errno.h>
#include <iconv.h>
#include <stdlib.h>

#define PIECE (16 * 1024)
#define BAD "\xff"
#define CLEARLY 8 /* times more damaged bytes: another encoding */

/* ---- judging ---- */

/* Bytes that a character with this first byte has; 1 for what begins none. */
static size_t wanted(unsigned char lead)
{
	if (lead >= 0xf0)
		return lead <= 0xf4 ? 4 : 1;
	if (lead >= 0xe0)
		return 3;
	return lead >= 0xc2 ? 2 : 1;
}

void utf8_judge_feed(struct utf8_judge *j, const char *p, size_t n)
{
	size_t tail = 0;

	while (n && j->n_open && !j->bad) {
		j->open[j->n_open++] = (unsigned char)*p++;
		n--;
		if (j->n_open < wanted(j->open[0]))
			continue;
		j->bad = !text_utf8_ok((struct text){ (const char *)j->open, j->n_open });
		j->n_open = 0;
	}
	if (j->bad || n == 0)
		return;
	while (tail < n && tail < 3 && ((unsigned char)p[n - 1 - tail] & 0xc0) == 0x80)
		tail++;
	if (tail < n && wanted((unsigned char)p[n - 1 - tail]) > tail + 1)
		tail++;
	else
		tail = 0;
	memcpy(j->open, p + n - tail, tail);
	j->n_open = tail;
	j->bad = !text_utf8_ok((struct text){ p, n - tail });
}

bool utf8_judge_good(const struct utf8_judge *j)
{
	return !j->bad && j->n_open == 0;
}

static bool count_bad(void *arg, const char *p, size_t n)
{
	uint64_t *bad = arg;

	for (const char *at = p; (at = memchr(at, 0xff, n - (size_t)(at - p))); at++)
		++*bad;
	return true;
}

/* *bad = bytes that begin no character of GB18030. */
static int judge_gb18030(uint64_t *bad, struct tape *t, char *piece)
{
	struct decoder *d;
	bool on = true;
	int err = decoder_open(&d, READER_GB18030, count_bad, bad);

	if (err)
		return err;
	for (uint64_t at = 0; on && at < t->n;) {
		size_t n = tape_read(t, at, piece, PIECE);

		if (n == 0)
			break;
		on = decoder_feed(d, piece, n);
		at += n;
	}
	(void)decoder_end(d);
	decoder_close(d);
	return t->err;
}

/* *bad = bytes that begin no character of UTF-8. */
static int judge_utf8(uint64_t *bad, struct tape *t, char *piece)
{
	for (uint64_t at = 0; at < t->n;) {
		size_t n = tape_read(t, at, piece, PIECE), i = 0;

		if (n == 0)
			break;
		while (i < n) {
			size_t want = wanted((unsigned char)piece[i]);

			if (i > 0 && i + want > n && at + n < t->n)
				break; /* the next piece begins with it */
			if (i + want <= n && text_utf8_ok((struct text){ piece + i, want })) {
				i += want;
				continue;
			}
			++*bad;
			i++;
		}
		at += i;
	}
	return t->err;
}

/* Not strict UTF-8. Strict GB18030 is GB18030. When neither is strict, some bytes are damaged: it
 * is GB18030 all the same when UTF-8 would have many times more of them, since it reads nonsense
 * all over such a file. */
static int judge_weigh(enum reader_encoding *out, struct tape *t)
{
	uint64_t gb18030 = 0, utf8 = 0;
	char *piece = malloc(PIECE);
	int err = piece ? judge_gb18030(&gb18030, t, piece) : ERR_NOMEM;

	if (!err && gb18030)
		err = judge_utf8(&utf8, t, piece);
	if (!err && (gb18030 == 0 || gb18030 * CLEARLY < utf8))
		*out = READER_GB18030;
	free(piece);
	return err;
}

int decode_judge(
	enum reader_encoding *out, struct tape *t, bool utf8, enum reader_encoding otherwise)
{
	unsigned char h[4] = { 0 };
	size_t n = tape_read(t, 0, h, sizeof h);
	int err = t->err;

	*out = otherwise;
	if (err)
		return err;
	if (n >= 3 && memcmp(h, "\xef\xbb\xbf", 3) == 0)
		*out = READER_UTF8;
	else if (n == 4 && (memcmp(h, "\xff\xfe\0\0", 4) == 0 || memcmp(h, "\0\0\xfe\xff", 4) == 0))
		return ERR_INVALID;
	else if (n >= 2 && memcmp(h, "\xff\xfe", 2) == 0)
		*out = READER_UTF16LE;
	else if (n >= 2 && memcmp(h, "\xfe\xff", 2) == 0)
		*out = READER_UTF16BE;
	else if (n == 4 && memcmp(h, "\x84\x31\x95\x33", 4) == 0)
		*out = READER_GB18030;
	else if (utf8)
		*out = READER_UTF8;
	else
		err = judge_weigh(out, t);
	return err;
}

/* ---- decoding ---- */

struct decoder {
	iconv_t table; /* (iconv_t)-1: UTF-8 */
	size_t unit;   /* bytes that are passed over with a bad one */
	bool (*on_text)(void *arg, const char *p, size_t n);
	void *arg;
	bool stopped;
	char open[8]; /* the beginning of a character, cut by the end of a piece */
	size_t n_open;
	char out[PIECE];
};

int decoder_open(struct decoder **out, enum reader_encoding encoding,
	bool (*on_text)(void *arg, const char *p, size_t n), void *arg)
{
	static const char *const names[] = { [READER_GB18030] = "GB18030",
		[READER_UTF16LE] = "UTF-16LE",
		[READER_UTF16BE] = "UTF-16BE" };
	struct decoder *d = malloc(sizeof *d);

	if (!d)
		return ERR_NOMEM;
	d->table = (iconv_t)-1;
	d->unit = encoding == READER_GB18030 ? 1 : 2;
	d->on_text = on_text;
	d->arg = arg;
	d->stopped = false;
	d->n_open = 0;
	if (encoding != READER_UTF8) {
		d->table = iconv_open("UTF-8", names[encoding]);
		if (d->table == (iconv_t)-1) {
			free(d);
			return errno == ENOMEM ? ERR_NOMEM : ERR_NOTFOUND;
		}
	}
	*out = d;
	return 0;
}

void decoder_close(struct decoder *d)
{
	if (!d)
		return;
	if (d->table != (iconv_t)-1)
		(void)iconv_close(d->table);
	free(d);
}

static void give(struct decoder *d, const char *p, size_t n)
{
	if (n && !d->stopped && !d->on_text(d->arg, p, n))
		d->stopped = true;
}

/* Decodes what is whole. Returns how many bytes are left: the beginning of a character. */
static size_t convert(struct decoder *d, const char *p, size_t n)
{
	char *in = (char *)(uintptr_t)p;

	while (n && !d->stopped) {
		char *to = d->out;
		size_t room = sizeof d->out, done = iconv(d->table, &in, &n, &to, &room);
		int why = done == (size_t)-1 ? errno : 0;

		give(d, d->out, (size_t)(to - d->out));
		if (why == EINVAL && n < sizeof d->open)
			return n;
		if (why == EILSEQ || why == EINVAL) {
			size_t skip = n < d->unit ? n : d->unit;

			give(d, BAD, 1);
			in += skip;
			n -= skip;
		}
	}
	return 0;
}

bool decoder_feed(struct decoder *d, const char *p, size_t n)
{
	if (d->table == (iconv_t)-1) {
		give(d, p, n);
		return !d->stopped;
	}
	/* An open character is ended byte by byte: four at most. */
	while (n && d->n_open && !d->stopped) {
		size_t left;

		d->open[d->n_open++] = *p++;
		n--;
		left = convert(d, d->open, d->n_open);
		memmove(d->open, d->open + d->n_open - left, left);
		d->n_open = left;
	}
	if (n && !d->stopped) {
		d->n_open = convert(d, p, n);
		memcpy(d->open, p + n - d->n_open, d->n_open);
	}
	return !d->stopped;
}

bool decoder_end(struct decoder *d)
{
	if (d->n_open)
		give(d, BAD, 1);
	d->n_open = 0;
	return !d->stopped;
}
