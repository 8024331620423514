/* Frames: what one ZeroMQ message holds, packed and unpacked with every limit checked. Pure. */
#ifndef LINK_FRAME_H
#define LINK_FRAME_H

#include "daemon/link/link.h"
#include "proto/arena.h"

#define FRAME_PROTOCOL 1
#define FRAME_SESSION_BYTES 16
#define FRAME_LEDGERS_MAX 64
#define FRAME_PUBLISHED_MAX 4 /* read of a WELCOME; further ones are passed over */
#define FRAME_TEXT_MAX 200    /* bytes of `software` and `reason` */
#define FRAME_MAX (LEDGER_BATCH_MAX + 8 * 1024) /* bytes of one packed frame */
#define FRAME_COST_LEAST 4096			/* what a batch costs at least of the credit */
#define FRAME_ARENA (FRAME_MAX + 96 * 1024)	/* what unpacking one frame may take */

struct frame_ledger {
	uint32_t origin;
	uint64_t position;
	uint8_t head[HASH_BYTES];
	bool is_signed;
	uint8_t signature[SIGN_BYTES];
};

/* Fields that a kind does not have are zero. Texts and ledgers point into the arena (unpacked) or
 * are the caller's. */
struct frame {
	uint32_t kind; /* TALLY__FRAME_KIND__… */
	uint8_t session[FRAME_SESSION_BYTES];
	uint32_t protocol;
	struct text software;
	struct text gates; /* HELLO: LINK_GATES_BYTES, or none */
	const struct frame_ledger *ledgers;
	size_t n_ledgers;
	const struct frame_ledger *published;
	size_t n_published;
	uint64_t credit;
	uint32_t origin;
	uint32_t raw_size; /* 0: batch is plain */
	struct text batch;
	uint64_t nonce;
	uint32_t fault;
	struct text reason;
	uint32_t questions; /* WELCOME */
	uint32_t question;
	struct text asked;
	uint32_t answer;
	struct text rule;
};

/* Packs into out (reset first); look at out->failed. */
void frame_pack(const struct frame *f, struct buf *out);
/* 0, LINK_PROTOCOL or LINK_OVERSIZED. Everything its kind must have is there, and of the right
 * length and number; a kind that we do not know comes out with its number and session alone. `a`
 * wants FRAME_ARENA bytes and is the caller's to reset. */
int frame_unpack(struct frame *f, struct text bytes, struct arena *a);

/* What a batch of so many unpacked bytes costs of the credit. */
static inline uint64_t frame_cost(size_t raw)
{
	return raw > FRAME_COST_LEAST ? raw : FRAME_COST_LEAST;
}
/* Bytes of a BATCH's or PUBLISH's batch once unpacked. */
static inline size_t frame_raw(const struct frame *f)
{
	return f->raw_size ? f->raw_size : f->batch.n;
}

/* ---- the batch inside ---- */

struct squeezer; /* a zstd context with its memory, used again and again */
struct squeezer *squeezer_open(void);
void squeezer_close(struct squeezer *s);
/* Compresses `raw` into out (reset first) when that makes it smaller; false: send it plain. */
bool squeeze(struct squeezer *s, struct text raw, struct buf *out);
/* Opens f->batch into out (reset first; limit LEDGER_BATCH_MAX): plain bytes are copied. 0,
 * LINK_PROTOCOL or LINK_INTERNAL. */
int unsqueeze(struct squeezer *s, const struct frame *f, struct buf *out);

#endif
