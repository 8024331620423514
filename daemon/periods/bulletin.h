/* A bulletin: a closed version to be carried about, as one JSON text. It holds all that a second
 * node needs to prove it: positions and heads, the figures, the form files, and the VERSION entry
 * under the seal of the ledger of decisions.
 *
 * What counts is what is sealed: the entry names the digests of figures and forms. The other fields
 * repeat it for people, and must agree. */
#ifndef PERIODS_BULLETIN_H
#define PERIODS_BULLETIN_H

#include "daemon/figures/versions.h"

/* Bytes of a bulletin that is read. */
#define BULLETIN_MAX (192u << 20)

/* NULL without memory, or when something of it is broken: *err, *broken as frozen_read(). */
json_t *bulletin_make(struct version_call *c, int *err, uint64_t *broken);

struct bulletin {
	struct version v; /* in the arena */
	uint8_t signer[SIGN_PUBLIC_BYTES];
	struct text figures, forms; /* in `json` */
	json_t *json;
	struct arena arena;
};
/* Reads and judges one: the seal is good under the signer that it names, the entry under the seal,
 * the digests under the entry. Whether that signer is the right one is for the caller to say.
 * ERR_INVALID with words; ERR_NOMEM. bulletin_close() in every case. */
MUST_CHECK int bulletin_open(struct bulletin *b, struct text in, struct errmsg *m);
void bulletin_close(struct bulletin *b);

/* Who signs a ledger here, by its genesis; false: there is none, or it is broken. */
bool ledger_signer_of(struct store_txn *ledgers, uint32_t origin, uint8_t out[SIGN_PUBLIC_BYTES]);

#endif
