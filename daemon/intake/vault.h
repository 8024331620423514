/* The vault: who stands behind a pid. Identities are encrypted person by person under vault.key;
 * the vault never leaves its collector, and is read only for a registrar or to be sealed to one.
 *
 * Two tables: `person` finds (pids.c), `vault` holds (vault.c draws it). The newest name and the
 * newest phone given stand; a row without a phone leaves the one known. */
#ifndef COLLECTOR_VAULT_H
#define COLLECTOR_VAULT_H

#include "daemon/intake/pids.h"
#include "daemon/intake/sealing.h"
#include "daemon/intake/secrets.h"

/* A person to be put; texts borrowed. */
struct vault_item {
	uint8_t pid[PID_BYTES];
	uint8_t name_tag[NAME_TAG_BYTES];
	uint8_t phone_tag[TAG_BYTES]; /* zeros: no phone given */
	uint32_t order;		      /* of two with one pid the greater is newer */
	bool speaks;		      /* its record lets the person into the talent database */
	struct text name, doc_type, doc_number, phone;
};

struct vault {
	const struct secrets *secrets; /* borrowed */
	struct pids *pids;	       /* borrowed; only vault_put() needs it */
	struct pids_tables tables;
	const struct sealing *sealing; /* NULL: no registrar is configured */
	int heard;		       /* table of heard.h; 0: nobody asks when who was heard of */
};

/* Fills pid and tags from a present identity; texts are taken over by reference. */
void vault_item_init(
	struct vault_item *i, const struct vault *v, const struct identity *id, uint32_t order);
/* Sorts by pid and order, as vault_put() asks. */
void vault_items_sort(struct vault_item *at, size_t n);
/* Writes what is new or newer of sorted items, inside a job; may run twice. Errors are sticky in t.
 * Who speaks for the talent database, or was sealed before and has changed, is sealed to the
 * registrar in the same transaction; `author` goes into that entry. */
void vault_put(struct store_txn *t, const struct vault *v, const struct vault_item *at, size_t n,
	struct text author);
/* Seals the identity behind a pid to the registrar, inside a job, unless its newest one is sealed
 * already. A person who is not there, or whose value does not open, is passed over (logged).
 * Returns true when an entry was made. */
bool vault_seal(struct store_txn *t, const struct vault *v, const uint8_t pid[PID_BYTES],
	struct text author);
/* The identity behind a pid, in `a`. ERR_NOTFOUND; ERR_DAMAGED: the sealed bytes do not open;
 * ERR_NOMEM. */
MUST_CHECK int vault_get(struct store_txn *t, const struct vault *v, const uint8_t pid[PID_BYTES],
	struct arena *a, struct identity *out);

/* Is an identity held under this number, and of whom? */
bool vault_holds(
	struct store_txn *t, const struct vault *v, uint64_t number, uint8_t pid[PID_BYTES]);

/* Shreds an identity, inside a job: the value goes, and with it the person's own key; the pid
 * stays, and every record. ERR_NOTFOUND: nothing is held. What lies in pages that the store has
 * freed is gone after store_scrub(). */
MUST_CHECK int vault_erase(
	struct store_txn *t, const struct vault *v, const uint8_t pid[PID_BYTES]);

#endif
