/* Does a text name somebody? For what people type freely and the ledger or the access log then
 * holds in the clear: purposes, reasons, notes; and for the other cells of a person's row. Pure. */
#ifndef IDENTITY_NAMED_H
#define IDENTITY_NAMED_H

#include "proto/record.h"

/* A run of digits in it is a valid resident identity number (15, or 18 with X; GB 11643) or has the
 * form of a mobile phone number (11, from 13 on). Half-width or full-width. Names cannot be told.
 */
bool text_names_somebody(struct text t);

/* For people: what is refused by it. */
#define NAMED_WORDS "it holds a document or phone number: such numbers stand in the open there"

/* The first cell outside the identity columns that holds the document number (8 characters or more)
 * or the phone (11 or more) of the row's own person; NULL: none does. */
const struct field *row_names_own(
	const struct row *row, const struct identity ids[REGISTER_PERSONS_MAX]);

#endif
