/* The bytes of a batch on the wire: zstd level 1 over the whole batch when that helps, plain
 * otherwise. A live batch of one or two entries is not worth it and would only wait. The receiver
 * is told the unpacked size, has granted it as credit, and opens into memory of that size: a frame
 * that unpacks to anything else is refused. */
#include "daemon/link/frame.h"

#include <stdlib.h>
#include <zstd.h>

#define SQUEEZE_FROM 512 /* bytes; below it a batch hardly shrinks */
#define SQUEEZE_LEVEL 1

struct squeezer {
	ZSTD_CCtx *pack; /* made when first needed: a parent never packs, a child never opens */
	ZSTD_DCtx *open;
};

struct squeezer *squeezer_open(void)
{
	return calloc(1, sizeof(struct squeezer));
}

void squeezer_close(struct squeezer *s)
{
	if (!s)
		return;
	ZSTD_freeCCtx(s->pack);
	ZSTD_freeDCtx(s->open);
	free(s);
}

bool squeeze(struct squeezer *s, struct text raw, struct buf *out)
{
	buf_reset(out);
	if (raw.n < SQUEEZE_FROM)
		return false;
	if (!s->pack)
		s->pack = ZSTD_createCCtx();
	if (!s->pack)
		return false;
	/* Room for less than the plain bytes: what does not shrink fails, which is the answer. */
	size_t room = raw.n - raw.n / 8;
	void *to = buf_room(out, room);
	if (!to)
		return false;
	size_t n = ZSTD_compressCCtx(s->pack, to, room, raw.p, raw.n, SQUEEZE_LEVEL);
	if (ZSTD_isError(n))
		return false;
	out->n += n;
	return true;
}

int unsqueeze(struct squeezer *s, const struct frame *f, struct buf *out)
{
	buf_reset(out);
	if (f->raw_size == 0) {
		buf_text(out, f->batch);
		return out->failed ? LINK_INTERNAL : LINK_OK;
	}
	if (!s->open)
		s->open = ZSTD_createDCtx();
	void *to = buf_room(out, f->raw_size);
	if (!s->open || !to)
		return LINK_INTERNAL;
	size_t n = ZSTD_decompressDCtx(s->open, to, f->raw_size, f->batch.p, f->batch.n);
	if (ZSTD_isError(n) || n != f->raw_size)
		return LINK_PROTOCOL;
	out->n += n;
	return LINK_OK;
}
