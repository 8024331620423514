/* Fuzz: a bulletin as somebody hands it in, and the parts of a frozen text. What is taken must be
 * whole: sealed, with the figures and forms of its digests. */
#include "daemon/figures/frozen.h"
#include "daemon/periods/bulletin.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text in = { (const char *)data, size };
	struct errmsg m = { "" };
	struct frozen_line line;
	struct bulletin b;
	struct buf out = { 0 };
	struct arena a;
	struct version v;

	if (bulletin_open(&b, in, &m) != 0 && !m.text[0])
		__builtin_trap(); /* a refusal without words */
	bulletin_close(&b);
	if (frozen_open_part(FROZEN_FIGURES, in, 1, 1, &out) != 0 && out.n)
		__builtin_trap(); /* half a part */
	buf_deinit(&out);
	while (frozen_line_next(&in, &line))
		if (line.n_dims > FORM_DIMS_MAX || line.cell.n > line.whole.n)
			__builtin_trap();
	arena_init(&a, VERSION_MEMORY);
	if (version_read((struct text){ (const char *)data, size }, &a, &v) == 0 &&
		(!v.form[0] || !v.body->n_areas))
		__builtin_trap();
	arena_deinit(&a);
	return 0;
}
