/* Every check in every row; of what does not hold the first ones are kept for words and queries. */
#include "daemon/returns/hindrance.h"

#include <stdio.h>

#include "daemon/figures/failing.h"

struct finding {
	const struct hindrance_ask *ask;
	struct hindrances *out;
	struct explanations explained;
};

static void copy(char *to, size_t size, struct text from)
{
	snprintf(to, size, "%.*s", (int)(from.n < size ? from.n : size - 1), from.n ? from.p : "");
}

static bool place_take(void *arg, const struct failing *place)
{
	struct finding *f = arg;
	const struct hindrance_ask *ask = f->ask;
	struct hindrances *out = f->out;
	bool explained;

	if (ask->check && strcmp(ask->check, place->check->id) != 0)
		return true;
	explained = !place->check->hard &&
		    explanations_have(&f->explained, text_of(place->check->id), place->row);
	out->hard += place->check->hard;
	out->soft += !place->check->hard && !explained;
	out->explained += explained;
	if (out->n < HINDRANCES_MAX) {
		struct hindrance *h = &out->at[out->n++];

		h->check = place->check;
		h->explained = explained;
		copy(h->row, sizeof(h->row), place->row);
		copy(h->left, sizeof(h->left), place->left);
		copy(h->right, sizeof(h->right), place->right);
	}
	return true;
}

int hindrances_find(const struct hindrance_ask *ask, struct hindrances *out)
{
	struct finding f = { .ask = ask, .out = out };
	int err = explanations_read(
		&f.explained, ask->returns, ask->form->id, &ask->period, ask->area);

	*out = (struct hindrances){ 0 };
	if (!err)
		err = failing_walk(
			ask->form, &ask->period, ask->area, ask->returns->views, place_take, &f);
	explanations_deinit(&f.explained);
	return err;
}

void hindrances_words(const struct hindrances *h, size_t most, struct buf *out)
{
	size_t n = 0;

	for (size_t i = 0; i < h->n && n < most; i++) {
		if (h->at[i].explained)
			continue;
		buf_printf(out, "%s%s%s%s%s: %s against %s", n++ ? "; " : "", h->at[i].check->id,
			h->at[i].row[0] ? " (" : "", h->at[i].row, h->at[i].row[0] ? ")" : "",
			h->at[i].left, h->at[i].right);
	}
	if (n < h->hard + h->soft)
		buf_printf(out, "; … %zu in all", h->hard + h->soft);
}
