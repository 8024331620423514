/* Fuzz: an entry out of a store or off the wire, down to its record's values; and a whole batch.
 * Nothing may crash, hang, or take more than the arena's budget. */
#include "daemon/ledger/ledger.h"
#include "proto/record.h"

#define TODAY 20191231

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	return registers_init() || hash_init() ? -1 : 0;
}

static void read_record(const struct reg *reg, struct text body, struct arena *a)
{
	struct record r;
	struct faults faults = { 0 };
	char out[64];

	if (record_unpack(reg, body, a, &r))
		return;
	record_check(&r, TODAY, &faults);
	if (faults.hard)
		return;
	record_key(&r, a);
	for (size_t i = 0; i < reg->n_fields; i++) {
		if (!reg->fields[i].pb)
			continue;
		struct value v = record_value(&r, &reg->fields[i]);
		if (v.present)
			value_print(&reg->fields[i], &v, out, sizeof(out));
	}
	for (size_t i = 0; i < reg->n_persons; i++)
		record_person(&r, i);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t signer[SIGN_PUBLIC_BYTES];
	struct text bytes = { (const char *)data, size };
	struct arena a;
	struct entry_view e;
	struct ledger_batch batch;
	size_t n;
	const struct reg *all = registers(&n);

	arena_init(&a, 1 << 20);
	if (entry_unpack(&e, bytes, &a) == 0) {
		const struct reg *reg = register_find(e.reg);
		if (reg)
			read_record(reg, e.body, &a);
	}
	arena_reset(&a);
	if (ledger_batch_check(&batch, bytes, 310115, signer, &a) == 0)
		__builtin_trap(); /* nobody can sign for this key by chance */
	for (size_t i = 0; i < n; i++) {
		arena_reset(&a);
		read_record(&all[i], bytes, &a);
	}
	arena_deinit(&a);
	return 0;
}
