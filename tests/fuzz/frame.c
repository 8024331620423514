/* Fuzz: a frame off the wire, and the batch or question that it carries. Nothing may crash, hang,
 * or take more than the limits. */
#include "daemon/link/frame.h"
#include "daemon/subsidy/claim.h"
#include "proto/link.pb-c.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct squeezer *squeezer;
static struct buf raw = { .limit = LEDGER_BATCH_MAX }, again;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	squeezer = squeezer_open();
	return squeezer && hash_init() == 0 && !registers_init() ? 0 : -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t signer[SIGN_PUBLIC_BYTES];
	struct arena a, deep;
	struct frame f;
	struct ledger_batch batch;
	struct claim claim;

	arena_init(&a, FRAME_ARENA);
	arena_init(&deep, 1 << 20);
	if (frame_unpack(&f, (struct text){ (const char *)data, size }, &a) == 0) {
		frame_pack(&f, &again); /* what was taken can be said again */
		if (again.failed)
			__builtin_trap();
		bool carries = f.kind == TALLY__FRAME_KIND__BATCH ||
			       (f.kind == TALLY__FRAME_KIND__PUBLISH && !f.fault);
		if (carries && unsqueeze(squeezer, &f, &raw) == 0 &&
			ledger_batch_check(&batch, buf_as_text(&raw), 310115, signer, &deep) == 0)
			__builtin_trap(); /* nobody can sign for this key by chance */
		arena_reset(&deep);
		if (f.kind == TALLY__FRAME_KIND__QUESTION &&
			claim_unpack(&claim, f.asked, &deep) == 0) {
			claim_pack(&claim, &again);
			if (again.failed)
				__builtin_trap();
		}
	}
	arena_deinit(&deep);
	arena_deinit(&a);
	return 0;
}
