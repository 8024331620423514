/*
 *     sealed:  number in the vault (u64) → registrar's mark (8) | position of the entry (u64)
 *
 * A row says: the newest identity that the vault holds stands in the ledger, sealed to that
 * registrar. It moves in the transaction of the vault and the ledger, so it is never ahead of
 * either; who has no row, and does not qualify, costs one look in a small tree, and only when the
 * vault's value changes. */
#include "daemon/intake/sealing.h"

#include "daemon/base/clock.h"
#include "proto/entry.pb-c.h"
#include "proto/identity.pb-c.h"

#define ROW_BYTES (REGISTRAR_MARK_BYTES + 8)

bool sealing_speaks(const struct sealing *s, const struct record *r, int today)
{
	return s && s->rule.speaks(s->rule.arg, r, today);
}

bool sealing_wanted(
	struct store_txn *t, const struct sealing *s, uint64_t number, bool speaks, bool changed)
{
	struct text row;
	uint8_t key[8];

	put_u64(key, number);
	if (store_get(t, s->table, (struct text){ (const char *)key, 8 }, &row))
		return speaks && !store_txn_err(t);
	if (row.n != ROW_BYTES) {
		store_fail(t, ERR_DAMAGED);
		return false;
	}
	return changed || memcmp(row.p, s->registrar.mark, REGISTRAR_MARK_BYTES) != 0;
}

void sealing_append(struct store_txn *t, const struct sealing *s, const struct sealing_person *p)
{
	Tally__Identity body = TALLY__IDENTITY__INIT;
	uint8_t sealed[SEALED_MOST], packed[SEALED_MOST + 128], key[8], row[ROW_BYTES];
	uint8_t tags[IDENTITY_TAGS_MAX][IDENTITY_TAG_BYTES];
	ProtobufCBinaryData tag_list[IDENTITY_TAGS_MAX];
	size_t n = identity_seal(sealed, &s->registrar, p->identity);
	struct entry_draft draft = {
		.kind = TALLY__ENTRY_KIND__IDENTITY, .at_ms = clock_wall_ms(), .author = p->author
	};
	uint64_t position;

	if (n == 0) {
		store_fail(t, ERR_LIMIT);
		return;
	}
	body.n_tags = identity_tags(tags, secrets_birth_key(s->secrets), p->identity);
	for (size_t i = 0; i < body.n_tags; i++)
		tag_list[i] = (ProtobufCBinaryData){ IDENTITY_TAG_BYTES, tags[i] };
	body.tags = tag_list;
	body.has_pid = body.has_registrar = body.has_sealed = 1;
	body.pid = (ProtobufCBinaryData){ PID_BYTES, (uint8_t *)(uintptr_t)p->pid };
	body.registrar = (ProtobufCBinaryData){ REGISTRAR_MARK_BYTES,
		(uint8_t *)(uintptr_t)s->registrar.mark };
	body.sealed = (ProtobufCBinaryData){ n, sealed };
	draft.body = (struct text){ (const char *)packed, tally__identity__pack(&body, packed) };
	position = ledger_append(t, s->ledger, &draft);
	put_u64(key, p->number);
	memcpy(row, s->registrar.mark, REGISTRAR_MARK_BYTES);
	put_u64(row + REGISTRAR_MARK_BYTES, position);
	store_put(t, s->table, (struct text){ (const char *)key, 8 },
		(struct text){ (const char *)row, sizeof row });
}
