/* The tables of faults and answers. A fault's number that a newer peer says and we do not know has
 * words too. */
#include "daemon/link/fault.h"

#include <stdio.h>

const char *link_fault_word(int fault)
{
	switch (fault) {
	case LINK_OK:
		return "";
#define X(name, number, word, words) \
	case name: \
		return word;
		LINK_FAULTS(X)
#undef X
	default:
		return "unknown";
	}
}

const char *link_fault_words(int fault)
{
	switch (fault) {
	case LINK_OK:
		return "";
#define X(name, number, word, words) \
	case name: \
		return words;
		LINK_FAULTS(X)
#undef X
	default:
		return "a fault that this version does not know";
	}
}

const char *link_answer_word(int answer)
{
	switch (answer) {
#define X(name, number, word, words) \
	case name: \
		return word;
		LINK_ANSWERS(X)
		LINK_ANSWERS_OWN(X)
#undef X
	default:
		return "unknown";
	}
}

const char *link_answer_words(int answer)
{
	switch (answer) {
#define X(name, number, word, words) \
	case name: \
		return words;
		LINK_ANSWERS(X)
		LINK_ANSWERS_OWN(X)
#undef X
	default:
		return "";
	}
}

int fault_of_err(int err)
{
	switch (err) {
	case 0:
		return LINK_OK;
	case ERR_INVALID:
		return LINK_PROTOCOL;
	case ERR_LIMIT:
		return LINK_OVERSIZED;
	case ERR_SIGNER:
		return LINK_SIGNER;
	case ERR_CHAIN:
		return LINK_CHAIN;
	case ERR_GAP:
		return LINK_GAP;
	case ERR_FORK:
		return LINK_FORK;
	case ERR_FULL:
		return LINK_FULL;
	case ERR_DAMAGED:
		return LINK_DAMAGED;
	default:
		return LINK_INTERNAL;
	}
}

const char *fault_follow_words(int fault)
{
	switch (fault) {
	case LINK_BEHIND:
		return "the parent holds less of its decisions than stands here: restored from an "
		       "old copy?";
	case LINK_FULL:
		return "there is no room here; they wait at the parent";
	case LINK_INTERNAL:
		return "the store could not take them";
	case LINK_UNLISTED:
		return "of a ledger that the parent did not name";
	case LINK_SIGNER:
		return "not signed by the signer that this parent is configured with, or what "
		       "stands here under this number is not";
	default:
		return link_fault_words(fault);
	}
}

bool fault_stops(int fault)
{
	return fault == LINK_FORK || fault == LINK_BEHIND || fault == LINK_DAMAGED;
}

void fault_print(char *out, size_t size, int fault, struct text reason)
{
	char words[201];
	size_t n = reason.n < sizeof words - 1 ? reason.n : sizeof words - 1;

	for (size_t i = 0; i < n; i++)
		words[i] = (unsigned char)reason.p[i] < 0x20 || reason.p[i] == 0x7f ? '?'
										    : reason.p[i];
	words[n] = '\0';
	if (fault == LINK_OK)
		snprintf(out, size, "%s", "");
	else
		snprintf(out, size, "%s: %s", link_fault_word(fault),
			n ? words : link_fault_words(fault));
	if (!text_utf8_ok(text_of(out)))
		snprintf(out, size, "%s: %s", link_fault_word(fault), link_fault_words(fault));
}
